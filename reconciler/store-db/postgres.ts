import type { Digest } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import type { Activation, AuditRecord, GenerationRecord, Hold, Lease, RetainedRecord, StoreCommit, StoreSnapshot, StoreState } from '../ports.ts'
import { assertFree, assertToken, isHeld, newLease, renewed } from './fencing.ts'
import { memoryStore } from './memory.ts'
import { append, GENERATIONS_REMEMBERED, lockState, presentLease, writeCommit, writeLease } from './postgres-commit.ts'
import { PostgresConnection, type PostgresRow, type Query } from './postgres-connection.ts'
import { parseJson, PostgresRecords } from './postgres-records.ts'
import { migrate, schemaVersion } from './postgres-schema.ts'

/**
 * Opens the store state in a PostgreSQL database. With `readOnly` nothing is made or changed: a database without our
 * tables is an empty store.
 * @throws CatalystError STATE_UNAVAILABLE, STATE_INVALID (newer tables), READ_ONLY, DISK_FULL, BUSY
 */
export async function openPostgres(url: string, options: { readonly readOnly?: boolean } = {}): Promise<StoreState> {
  const db = new PostgresConnection(url)
  try {
    if (!options.readOnly) await migrate(db)
    else if ((await schemaVersion(db)) === 0) {
      await db.close()
      return memoryStore()
    }
    return new PostgresStore(db, options.readOnly ?? false)
  } catch (error) {
    await db.close()
    throw error
  }
}

class PostgresStore implements StoreState {
  readonly #db: PostgresConnection
  readonly #readOnly: boolean
  readonly #records: PostgresRecords

  constructor(db: PostgresConnection, readOnly: boolean) {
    this.#db = db
    this.#readOnly = readOnly
    this.#records = new PostgresRecords(db.name)
  }

  async serial(): Promise<number> {
    const [row] = await this.#db.ask('SELECT serial FROM catalyst.state')
    return Number(row?.['serial'] ?? 0)
  }

  async read(): Promise<StoreSnapshot> {
    return this.#db.transaction('read', async (query) => {
      const [state] = await query('SELECT serial, generation FROM catalyst.state')
      const installs = (await query('SELECT digest FROM catalyst.installs ORDER BY id')).map((row) => String(row['digest']))
      const generations = await this.#generations(query, installs)
      const live = state?.['generation'] ?? undefined
      return {
        serial: Number(state?.['serial'] ?? 0),
        installs: this.#records.all(installs),
        retained: (await query('SELECT record FROM catalyst.retained ORDER BY id')).map((row) => this.#parse<RetainedRecord>(row['record'])),
        holds: (await query('SELECT hold FROM catalyst.holds ORDER BY id, "from"')).map((row) => this.#parse<Hold>(row['hold'])),
        generation: live === undefined ? undefined : generations.find((g) => g.number === Number(live)),
        generations,
        activations: await activations(query),
      }
    })
  }

  async commit(commit: StoreCommit, now: string): Promise<{ serial: number; auditHead: Digest }> {
    return this.#write(async (query) => {
      const { lease, generation } = await lockState(query)
      assertToken(lease, commit.token)
      await writeCommit(query, commit, generation, this.#records)
      return append(query, commit.audit, now, commit.activation.by)
    })
  }

  async acquireLease(holder: string, now: string, ttlMs: number): Promise<Lease> {
    return this.#write(async (query) => {
      const { lease, tokens } = await lockState(query)
      assertFree(lease, now)
      await query('UPDATE catalyst.state SET tokens = $1', [tokens + 1])
      return writeLease(query, newLease(holder, tokens + 1, now, ttlMs))
    })
  }

  async renewLease(lease: Lease, now: string, ttlMs: number): Promise<Lease> {
    return this.#write(async (query) => {
      assertToken((await lockState(query)).lease, lease.token)
      return writeLease(query, renewed(lease, now, ttlMs))
    })
  }

  async releaseLease(lease: Lease): Promise<void> {
    await this.#write(async (query) => {
      await lockState(query)
      await query('DELETE FROM catalyst.lease WHERE token = $1', [lease.token])
    })
  }

  async lease(now: string): Promise<Lease | undefined> {
    const lease = await this.#db.transaction('read', presentLease)
    return isHeld(lease, now) ? lease : undefined
  }

  async breakLease(now: string, by: string): Promise<void> {
    await this.#write(async (query) => {
      const { lease } = await lockState(query)
      if (!lease) return
      await query('DELETE FROM catalyst.lease')
      await query('UPDATE catalyst.state SET tokens = tokens + 1')
      await append(query, [{ event: 'lease.broken', id: undefined, details: { holder: lease.holder, token: lease.token } }], now, by)
    })
  }

  async audit({ limit }: { readonly limit: number }): Promise<readonly AuditRecord[]> {
    const rows = await this.#db.ask('SELECT * FROM catalyst.audit ORDER BY sequence DESC LIMIT $1', [Math.max(0, limit)])
    return rows.toReversed().map((row) => ({
      sequence: Number(row['sequence']),
      at: String(row['at']),
      by: String(row['by']),
      event: String(row['event']),
      id: row['id'] === null ? undefined : String(row['id']),
      details: this.#parse(row['details']),
      chain: row['chain'] as Digest,
    }))
  }

  async referenceKey(): Promise<string | undefined> {
    const [row] = await this.#db.ask('SELECT key FROM catalyst.key')
    return row === undefined ? undefined : String(row['key'])
  }

  close(): Promise<void> {
    return this.#db.close()
  }

  /** With `installs`, the digests whose records are needed besides those of generations: all are fetched together. */
  async #generations(query: Query, installs: readonly string[]): Promise<readonly GenerationRecord[]> {
    const rows = await query('SELECT number, created_at, plugins FROM catalyst.generations ORDER BY number')
    const digests = rows.map((row) => Object.values(this.#parse<Record<string, string>>(row['plugins'])))
    await this.#records.fetch(query, [...installs, ...digests.flat()])
    return rows.map((row, i) => this.#generation(row, digests[i] ?? []))
  }

  #generation(row: PostgresRow, digests: readonly string[]): GenerationRecord {
    const read = (): GenerationRecord['plugins'] => Object.fromEntries(this.#records.all(digests).map((record) => [record.id, { version: record.block.version, tree: record.block.tree, record }]))
    let plugins: GenerationRecord['plugins'] | undefined
    return {
      number: Number(row['number']),
      createdAt: String(row['created_at']),
      get plugins() {
        return (plugins ??= read())
      },
    }
  }

  #write<T>(work: (query: Query) => Promise<T>): Promise<T> {
    if (this.#readOnly) throw new CatalystError('READ_ONLY', `The store database ${this.#db.name} was opened to read`)
    return this.#db.transaction('write', work)
  }

  #parse<T>(text: unknown): T {
    return parseJson<T>(text, this.#db.name)
  }
}

async function activations(query: Query): Promise<readonly Activation[]> {
  const rows = await query('SELECT number, generation, at, by, reason FROM catalyst.activations ORDER BY number DESC LIMIT $1', [GENERATIONS_REMEMBERED])
  return rows.toReversed().map((row) => ({
    number: Number(row['number']),
    generation: Number(row['generation']),
    at: String(row['at']),
    by: String(row['by']),
    reason: String(row['reason']),
  }))
}
