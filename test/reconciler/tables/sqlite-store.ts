import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Fence } from '../../../reconciler/data-ports.ts'
import { openSqlite } from '../../../reconciler/store-db/sqlite.ts'
import { openSqliteTables, type SqliteTablesOptions } from '../../../reconciler/tables/sqlite.ts'
import type { TablesUnderTest } from '../../contracts/plugin-tables.ts'
import { T0 } from '../../contracts/records.ts'

/** A store's database in a temporary folder. */
export interface SqliteStore extends TablesUnderTest {
  readonly path: string
}

export async function newSqliteStore(options: SqliteTablesOptions = {}): Promise<SqliteStore> {
  const folder = mkdtempSync(join(tmpdir(), 'catalyst-tables-'))
  const path = join(folder, 'store.db')
  await (await openSqlite(path)).close()
  return {
    path,
    open: async () => openSqliteTables(path, options),
    lease: () => takeLease(path),
    sql: async (text) => using(path, (db) => (/^\s*(select|with)\b/i.test(text) ? db.prepare(text).all().map((row) => ({ ...row })) : (db.exec(text), []))),
    world: async () => using(path, worldOf),
    remove: async () => rmSync(folder, { recursive: true }),
  }
}

/** Relative to the repository. */
export const SOURCE_CHILD = 'reconciler/tables/sqlite-child.ts'

let holders = 0

async function takeLease(path: string): Promise<Fence> {
  const state = await openSqlite(path)
  try {
    await state.breakLease(T0, 'test')
    const { token } = await state.acquireLease(`test ${++holders}`, T0, 60_000)
    return { token, now: T0 }
  } finally {
    await state.close()
  }
}

/** The file as another process sees it, without enforcing anything. */
export function using<T>(path: string, work: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(path, { enableForeignKeyConstraints: false, timeout: 5_000 })
  try {
    return work(db)
  } finally {
    db.close()
  }
}

function worldOf(db: DatabaseSync): unknown {
  const objects = db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name').all()
  const tables = objects.filter((o) => o['type'] === 'table').map((o) => String(o['name']))
  return { objects, rows: tables.map((name) => [name, db.prepare(`SELECT * FROM "${name}"`).all()]) }
}
