import type { Connection } from '../store-db/sqlite-connection.ts'

/** How long the transaction waits for another process's short one. */
const BUSY_TIMEOUT_MS = 5_000
/** The longest text, blob or row: what a plugin needs more room for belongs into its data folder. */
const MAX_VALUE_BYTES = 16 * 1024 * 1024

/**
 * Opens a store's database for SQL of a plugin: no further files, no code, no way to break the file, values and growth
 * bounded. Foreign keys are not enforced statement by statement, since a table can only be rebuilt by dropping it
 * (https://www.sqlite.org/lang_altertable.html#otheralter) and that would delete the rows that refer to it; they are
 * checked before the commit.
 * @param growthBytes by how much the file may grow
 */
export function connectConfined(path: string, growthBytes: number): Connection {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  const db = new DatabaseSync(path, {
    timeout: BUSY_TIMEOUT_MS,
    allowExtension: false,
    defensive: true,
    enableForeignKeyConstraints: false,
    enableDoubleQuotedStringLiterals: false,
    limits: { attach: 0, length: MAX_VALUE_BYTES, triggerDepth: 50, vdbeOp: 1_000_000 },
  })
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -16000')
  const pages = Number(db.prepare('PRAGMA page_count').get()?.['page_count'])
  const size = Number(db.prepare('PRAGMA page_size').get()?.['page_size'])
  db.exec(`PRAGMA max_page_count = ${pages + Math.ceil(growthBytes / size)}`)
  return db
}
