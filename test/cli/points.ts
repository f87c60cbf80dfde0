import { DatabaseSync } from 'node:sqlite'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Published, ReleasePlan } from '../../examples/world/publish.ts'
import type { Shop } from './shop.ts'

/*
 * A plugin with tables: 1.0.0 makes one, 1.1.0 adds a column to it, 1.2.0 renames one (breaking, with a way back). A test
 * says what is odd.
 */

export const POINTS = 'points'
export const ACCOUNTS = 'plg_points__accounts'

const MIGRATIONS = {
  '0001_accounts': [`-- catalyst: expand\nCREATE TABLE ${ACCOUNTS} (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n`, `DROP TABLE ${ACCOUNTS};\n`],
  '0002_tier': [`-- catalyst: expand\nALTER TABLE ${ACCOUNTS} ADD COLUMN tier TEXT NOT NULL DEFAULT 'basic';\n`, `ALTER TABLE ${ACCOUNTS} DROP COLUMN tier;\n`],
  '0003_rename': [`-- catalyst: breaking\nALTER TABLE ${ACCOUNTS} RENAME COLUMN name TO customer;\n`, `ALTER TABLE ${ACCOUNTS} RENAME COLUMN customer TO name;\n`],
} as const

const OF: Readonly<Record<string, number>> = { '1.0.0': 1, '1.1.0': 2, '1.2.0': 3 }

/** Publishes a release of the plugin with the migrations that its version has. `id` may be another one: its tables follow. */
export function releasePoints(shop: Shop, version: '1.0.0' | '1.1.0' | '1.2.0', { id = POINTS, ...odd }: Partial<ReleasePlan> = {}): Promise<Published> {
  const own = Object.entries(MIGRATIONS).slice(0, OF[version])
  const named = (sql: string): string => sql.replaceAll('plg_points__', `plg_${id.replaceAll('-', '_')}__`)
  const files = Object.fromEntries(own.flatMap(([name, [up, down]]) => [[`migrations/${name}.sql`, named(up)], [`migrations/${name}.down.sql`, named(down)]]))
  return shop.release(id, version, { files, manifest: { migrations: own.map(([name]) => name), tables: ['accounts'] }, ...odd })
}

/** Runs SQL in the store's own database, as the plugin's host or anybody else would. Gives the rows. */
export function inDatabase(shop: Shop, sql: string): readonly Record<string, unknown>[] {
  const db = new DatabaseSync(join(shop.dir, 'store.db'))
  try {
    return db.prepare(sql).all() as Record<string, unknown>[]
  } finally {
    db.close()
  }
}

/** Three customers, and a file in the data folder. */
export function fill(shop: Shop, table = ACCOUNTS): void {
  inDatabase(shop, `INSERT INTO ${table} (id, name) VALUES (1, 'Ada'), (2, 'Bob'), (3, 'Cem')`)
  const folder = join(shop.dir, 'plugin-data', POINTS)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'export.csv'), 'Ada;10\n')
}

/** Names in the table, or undefined when there is no such table. */
export function names(shop: Shop, table = ACCOUNTS, column = 'name'): readonly unknown[] | undefined {
  const there = inDatabase(shop, `SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '${table}'`)
  return there.length === 0 ? undefined : inDatabase(shop, `SELECT ${column} AS name FROM ${table} ORDER BY id`).map((row) => row['name'])
}
