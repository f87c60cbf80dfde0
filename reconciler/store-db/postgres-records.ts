import { CatalystError } from '../../schemas/errors.ts'
import type { InstallRecord } from '../ports.ts'
import type { Query } from './postgres-connection.ts'

/**
 * Install records by digest. All that are referred to are fetched at once, those of old generations too, for nobody can
 * wait for a server where they are looked at; each is parsed when it is first looked at.
 */
export class PostgresRecords {
  readonly #name: string
  readonly #texts = new Map<string, string>()
  readonly #known = new Map<string, InstallRecord>()
  readonly #digests = new WeakMap<InstallRecord, string>()

  /** `name` is the database's, for errors. */
  constructor(name: string) {
    this.#name = name
  }

  /** Fetches what is not here yet: a record never changes under its digest. */
  async fetch(query: Query, digests: readonly string[]): Promise<void> {
    const missing = [...new Set(digests)].filter((digest) => !this.#texts.has(digest))
    if (missing.length === 0) return
    for (const row of await query('SELECT digest, record FROM catalyst.records WHERE digest = ANY ($1::text[])', [missing])) {
      this.#texts.set(String(row['digest']), String(row['record']))
    }
  }

  /** The records of these digests, in their order. @throws CatalystError STATE_INVALID when one is missing or damaged */
  all(digests: readonly string[]): readonly InstallRecord[] {
    return digests.map((digest) => this.#known.get(digest) ?? this.#parse(digest))
  }

  /** The digest of a record that came from here: it need not be serialised to be written back. */
  digestOf(record: InstallRecord): string | undefined {
    return this.#digests.get(record)
  }

  #parse(digest: string): InstallRecord {
    const text = this.#texts.get(digest)
    if (text === undefined) throw new CatalystError('STATE_INVALID', `The store database ${this.#name} lacks the install record ${digest}`)
    const record = parseJson<InstallRecord>(text, this.#name)
    this.#known.set(digest, record)
    this.#digests.set(record, digest)
    return record
  }
}

/** A value that we wrote as JSON text. @throws CatalystError STATE_INVALID */
export function parseJson<T>(text: unknown, name: string): T {
  try {
    return JSON.parse(String(text)) as T
  } catch (cause) {
    throw new CatalystError('STATE_INVALID', `The store database ${name} holds a record that is not JSON`, { cause })
  }
}
