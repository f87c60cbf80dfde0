import fc from 'fast-check'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import type { Fence, Migration } from '../../../reconciler/data-ports.ts'
import { connectConfined } from '../../../reconciler/tables/sqlite-confined.ts'
import { digestTables } from '../../../reconciler/tables/sqlite-digest.ts'
import { migrate, revert, type MigrationRun } from '../../../reconciler/tables/sqlite-migration.ts'
import { migration } from '../../contracts/plugin-tables.ts'
import { newSqliteStore, type SqliteStore } from './sqlite-store.ts'

/** The same transactions as in the child, in this process: there only texts of ours run. */
async function inProcess<T>(plugin: string, work: (run: MigrationRun, store: SqliteStore) => Promise<T>): Promise<T> {
  const store = await newSqliteStore()
  const fence = await store.lease()
  const db = connectConfined(store.path, 1024 ** 3)
  try {
    return await work({ db, path: store.path, plugin, fence, check: () => undefined }, store)
  } finally {
    db.close()
    await store.remove()
  }
}

/** Steps that can be undone; `n` makes names of their own. */
const STEPS: readonly ((n: number) => readonly [string, string])[] = [
  (n) => [`CREATE TABLE plg_p__t${n} (id INTEGER PRIMARY KEY, s TEXT DEFAULT 'x;y')`, `DROP TABLE plg_p__t${n}`],
  (n) => [`CREATE TABLE plg_p__w${n} (a TEXT, b REAL, PRIMARY KEY (a, b)) WITHOUT ROWID; INSERT INTO plg_p__w${n} VALUES ('a', 1.5)`, `DROP TABLE plg_p__w${n}`],
  (n) => [`ALTER TABLE plg_p__base ADD COLUMN c${n} INTEGER NOT NULL DEFAULT ${n}`, `ALTER TABLE plg_p__base DROP COLUMN c${n}`],
  (n) => [`CREATE INDEX plg_p__i${n} ON plg_p__base (s, id)`, `DROP INDEX plg_p__i${n}`],
  (n) => [`CREATE VIEW plg_p__v${n} AS SELECT id FROM plg_p__base`, `DROP VIEW plg_p__v${n}`],
  (n) => [`CREATE TRIGGER plg_p__g${n} AFTER DELETE ON plg_p__base WHEN OLD.id < 0 BEGIN UPDATE plg_p__base SET s = ';'; END`, `DROP TRIGGER plg_p__g${n}`],
  (n) => [`INSERT INTO plg_p__base (id, s) VALUES (${n + 100}, x'00ff')`, `DELETE FROM plg_p__base WHERE id = ${n + 100}`],
  (n) => [`UPDATE plg_p__base SET s = 'at ${n}' WHERE id = 1`, `UPDATE plg_p__base SET s = 'first' WHERE id = 1`],
]

test('any history that is undone step by step passes through the same digests', async () => {
  const BASE = migration('0000_base', "CREATE TABLE plg_p__base (id INTEGER PRIMARY KEY, s TEXT); INSERT INTO plg_p__base (id, s) VALUES (1, 'first')", 'DROP TABLE plg_p__base')
  await fc.assert(
    // Two updates of the same row would undo each other: the last kind of step stands once at most.
    fc.asyncProperty(fc.array(fc.nat(STEPS.length - 2), { maxLength: 8 }), fc.boolean(), async (kinds, update) => {
      await inProcess('p', async (run) => {
        const texts = [...kinds, ...(update ? [STEPS.length - 1] : [])].map((kind, n) => STEPS[kind]?.(n) ?? ['', ''])
        const history: Migration[] = [BASE, ...texts.map(([up, down], n) => migration(`${String(n + 1).padStart(4, '0')}_step`, up, down))]
        const seen: string[] = [await digestTables(run.db, 'p')]
        for (const one of history) {
          migrate(run, one)
          seen.push(await digestTables(run.db, 'p'))
        }
        expect(new Set(seen).size).toBe(seen.length)
        for (const one of history.toReversed()) {
          seen.pop()
          revert(run, one.id)
          expect(await digestTables(run.db, 'p')).toBe(seen.at(-1))
        }
      })
    }),
    { numRuns: 20 },
  )
})

test('one that is killed at any time stands wholly or not at all, and so does its record', async () => {
  const store = await newSqliteStore()
  const tables = await store.open()
  const fence: Fence = await store.lease()
  await tables.migrate('p', migration('0001_a', 'CREATE TABLE plg_p__a (id INTEGER PRIMARY KEY, s TEXT)'), fence, { timeoutMs: 60_000 })
  const rows = Array.from({ length: 200 }, (_, i) => `INSERT INTO plg_p__a VALUES (${i}, hex(randomblob(2000)));`).join('\n')
  const states = new Set<boolean>()
  for (let round = 0, id = 1; round < 12; round++) {
    const before = await tables.digest('p')
    const next = migration(`${String(++id).padStart(4, '0')}_b`, `DELETE FROM plg_p__a;\n${rows}`)
    const stopped = await tables.migrate('p', next, fence, { timeoutMs: 60_000, signal: AbortSignal.timeout(20 + round * 20) }).then(() => false, (error: unknown) => (expect(error).toMatchObject({ code: 'MIGRATION_TIMEOUT' }), true))
    states.add(stopped)
    expect((await tables.applied('p')).at(-1)?.id === next.id).toBe(!stopped)
    expect((await tables.digest('p')) === before).toBe(stopped)
  }
  expect(states.has(true)).toBe(true)
  await tables.close()
  await store.remove()
})

test('the migrations of a real plugin run, one after the other, and back', async () => {
  const folder = resolve(import.meta.dirname, '../../../examples/plugins/loyalty-points/migrations/sqlite')
  const ids = readdirSync(folder).filter((name) => !name.endsWith('.down.sql')).map((name) => name.replace(/\.sql$/, '')).sort()
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
  await inProcess('loyalty-points', async (run) => {
    const seen = [await digestTables(run.db, 'loyalty-points')]
    for (const id of ids) {
      migrate(run, migration(id, read(`${id}.sql`), read(`${id}.down.sql`)))
      seen.push(await digestTables(run.db, 'loyalty-points'))
    }
    expect(new Set(seen).size).toBe(ids.length + 1)
    for (const id of ids.toReversed()) revert(run, id)
    expect(await digestTables(run.db, 'loyalty-points')).toBe(seen[0])
  })
})
