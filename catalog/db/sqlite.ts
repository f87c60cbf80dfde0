import type { SqliteDatabase } from 'kysely'
import { CatalystError } from '../../schemas/errors.ts'

/*
 * The door to better-sqlite3: what kysely's SQLite dialect speaks to. It is native code, so it is loaded by those who open
 * a catalog in SQLite, and by nobody else.
 */

/**
 * Opens a file, made when absent. WAL, so that readers never wait for the writer; a full sync per commit, so that what was
 * recorded survives a power cut. @throws CatalystError STATE_UNAVAILABLE when the package is not installed
 */
export async function openSqlite(path: string, busyTimeoutMs: number): Promise<SqliteDatabase> {
  const { default: Database } = await import('better-sqlite3').catch((error: unknown) => {
    throw new CatalystError('STATE_UNAVAILABLE', 'A catalog in SQLite needs the package better-sqlite3, which is not installed', { cause: error, hint: 'Run `npm i better-sqlite3@13.2.0`, or name a PostgreSQL database.' })
  })
  const db = new Database(path, { timeout: busyTimeoutMs })
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  return db
}
