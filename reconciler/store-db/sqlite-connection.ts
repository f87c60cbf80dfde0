import type { DatabaseSync } from 'node:sqlite'
import { CatalystError, type ErrorCode } from '../../schemas/errors.ts'

/*
 * The only door to SQLite in this room. It is Node's own: loaded in half a millisecond where a native add-on takes six,
 * nothing to install or to bundle, and the same library that later runs plugin SQL, so that no process ever has two
 * SQLite libraries on one file (closing one would drop the POSIX locks of the other).
 */

export type Connection = DatabaseSync

/** How long a statement waits for another process's short transaction. */
const BUSY_TIMEOUT_MS = 5_000

/**
 * Opens a database file; in write mode it is made when absent. WAL, so that readers never wait for the writer, and a
 * full sync per commit, so that what was recorded survives a power cut.
 * @throws CatalystError STATE_UNAVAILABLE, READ_ONLY, DISK_FULL, BUSY
 */
export async function connect(path: string, options: { readonly readOnly?: boolean } = {}): Promise<Connection> {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  return guarded(path, () => {
    const db = new DatabaseSync(path, { readOnly: options.readOnly ?? false, timeout: BUSY_TIMEOUT_MS })
    try {
      if (!options.readOnly) db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
      return db
    } catch (error) {
      db.close()
      throw error
    }
  })
}

/** Opens a file once more, to read, in a process that had it open before. */
export function reconnect(path: string): Connection {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  return guarded(path, () => new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS }))
}

/** Runs `work` in one transaction: all of it or nothing. `write` takes the write lock at once, so that it cannot fail half-way. */
export function transaction<T>(db: Connection, path: string, mode: 'read' | 'write', work: () => T): T {
  return guarded(path, () => {
    db.exec(mode === 'write' ? 'BEGIN IMMEDIATE' : 'BEGIN')
    try {
      const result = work()
      db.exec('COMMIT')
      return result
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK')
      throw error
    }
  })
}

/** Runs transactions that need not survive a power cut: they stay whole, but are not waited for until they are on disk. */
export function unsynced<T>(db: Connection, work: () => T): T {
  db.exec('PRAGMA synchronous = NORMAL')
  try {
    return work()
  } finally {
    db.exec('PRAGMA synchronous = FULL')
  }
}

// Primary result codes: https://www.sqlite.org/rescode.html
const CODES: Readonly<Record<number, ErrorCode>> = { 5: 'BUSY', 6: 'BUSY', 8: 'READ_ONLY', 11: 'STATE_INVALID', 13: 'DISK_FULL', 26: 'STATE_INVALID' }

function guarded<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof CatalystError) throw error
    const { errcode, message } = error as { errcode?: number; message: string }
    if (errcode === undefined) throw error
    const code = CODES[errcode & 0xff] ?? 'STATE_UNAVAILABLE'
    throw new CatalystError(code, `The store database ${path}: ${message}`, {
      cause: error,
      ...(code === 'BUSY' ? { hint: 'Another process writes to the database for longer than five seconds; run the command again.' } : {}),
      ...(code === 'STATE_INVALID' ? { hint: 'The file is not a sound SQLite database; restore it from a backup or correct `store.database`.' } : {}),
    })
  }
}
