import type { SqliteDatabase } from 'kysely'

/*
 * The door to better-sqlite3: what kysely's SQLite dialect speaks to. It is native code, so it is loaded by those who open
 * a catalog in SQLite, and by nobody else.
 */

/** Opens a file, made when absent. WAL, so that readers never wait for the writer; a full sync per commit, so that what was recorded survives a power cut. */
export async function openSqlite(path: string, busyTimeoutMs: number): Promise<SqliteDatabase> {
  const { default: Database } = await import('better-sqlite3')
  const db = new Database(path, { timeout: busyTimeoutMs })
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  return db
}
