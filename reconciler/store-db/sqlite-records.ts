import { CatalystError } from '../../schemas/errors.ts'
import type { InstallRecord } from '../ports.ts'
import { reconnect, type Connection } from './sqlite-connection.ts'

/**
 * Install records by digest, read when they are first looked at: a store remembers a hundred generations, and most
 * passes look at one or two. A record never changes under its digest, so when it is read does not matter; should the
 * store have been closed meanwhile, its file is opened once more for the question.
 */
export class SqliteRecords {
  readonly #db: Connection
  readonly #path: string
  readonly #known = new Map<string, InstallRecord>()
  readonly #digests = new WeakMap<InstallRecord, string>()

  constructor(db: Connection, path: string) {
    this.#db = db
    this.#path = path
  }

  /** The records of these digests, in their order. @throws CatalystError STATE_INVALID when one is missing or damaged */
  all(digests: readonly string[]): readonly InstallRecord[] {
    const missing = digests.filter((digest) => !this.#known.has(digest))
    if (missing.length > 0) this.#load(missing)
    return digests.map((digest) => this.#known.get(digest) ?? this.#lacking(digest))
  }

  /** The digest of a record that came from here: it need not be serialised to be written back. */
  digestOf(record: InstallRecord): string | undefined {
    return this.#digests.get(record)
  }

  #load(digests: readonly string[]): void {
    for (const row of this.#rows(JSON.stringify(digests))) {
      const record = this.#parse(String(row['record']))
      this.#known.set(String(row['digest']), record)
      this.#digests.set(record, String(row['digest']))
    }
  }

  #rows(digests: string): readonly Record<string, unknown>[] {
    const db = this.#db.isOpen ? this.#db : reconnect(this.#path)
    try {
      return db.prepare('SELECT digest, record FROM catalyst_records WHERE digest IN (SELECT value FROM json_each(?))').all(digests)
    } finally {
      if (db !== this.#db) db.close()
    }
  }

  #parse(text: string): InstallRecord {
    try {
      return JSON.parse(text) as InstallRecord
    } catch (cause) {
      throw new CatalystError('STATE_INVALID', `The store database ${this.#path} holds an install record that is not JSON`, { cause })
    }
  }

  #lacking(digest: string): never {
    throw new CatalystError('STATE_INVALID', `The store database ${this.#path} lacks the install record ${digest}`)
  }
}
