import { existsSync } from 'node:fs'

/**
 * The serial of a store database by one cheap question, for the path on which nothing is to do. 0 where no database
 * exists. Undefined whenever it cannot be told (locked, damaged, no tables of ours): the caller then looks properly.
 * Opens, asks and closes; writes nothing; never throws.
 */
export function quickSerial(path: string): number | undefined {
  if (!existsSync(path)) return 0
  try {
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
    const db = new DatabaseSync(path, { readOnly: true, timeout: 0 })
    try {
      const serial = db.prepare('SELECT serial FROM catalyst_state').get()?.['serial']
      return typeof serial === 'number' ? serial : undefined
    } finally {
      db.close()
    }
  } catch {
    return undefined
  }
}
