import { existsSync } from 'node:fs'

/**
 * The serial of a store database by one cheap question, for the path on which nothing is to do. 0 where no database
 * exists. Undefined whenever it cannot be told (locked, damaged, no tables of ours): the caller then looks properly.
 * Opens, asks and closes; writes nothing; never throws.
 */
export function quickSerial(path: string): number | undefined {
  if (!existsSync(path)) return 0
  const serial = quickly(path, 'SELECT serial FROM catalyst_state', 'serial')
  return typeof serial === 'number' ? serial : undefined
}

/** The key under which values are compared (`StoreState.referenceKey`), in the same way; undefined whenever it cannot be told. */
export function quickReferenceKey(path: string): string | undefined {
  const key = existsSync(path) ? quickly(path, 'SELECT key FROM catalyst_key', 'key') : undefined
  return typeof key === 'string' ? key : undefined
}

function quickly(path: string, sql: string, column: string): unknown {
  try {
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
    const db = new DatabaseSync(path, { readOnly: true, timeout: 0 })
    try {
      return db.prepare(sql).get()?.[column]
    } finally {
      db.close()
    }
  } catch {
    return undefined
  }
}
