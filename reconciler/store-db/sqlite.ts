import { existsSync } from 'node:fs'
import { canonicalJson, sha256, type Digest } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import type { Activation, AuditRecord, GenerationRecord, Hold, InstallRecord, Lease, RetainedRecord, StoreCommit, StoreSnapshot, StoreState } from '../ports.ts'
import { AUDIT_START, chained } from './audit.ts'
import { assertFree, assertToken, isHeld, newLease, renewed } from './fencing.ts'
import { memoryStore } from './memory.ts'
import { connect, transaction, unsynced, type Connection } from './sqlite-connection.ts'
import { SqliteRecords } from './sqlite-records.ts'
import { assertKnown, migrate } from './sqlite-schema.ts'

/** How many generations the database remembers. What happened before stands in the audit. */
const GENERATIONS_REMEMBERED = 100

/**
 * Opens the store state in a SQLite file. With `readOnly` nothing is made or changed: a file or tables that do not
 * exist yet are an empty store, and older tables are read as they are.
 * @throws CatalystError STATE_UNAVAILABLE, STATE_INVALID (newer tables, not a database), READ_ONLY, DISK_FULL, BUSY
 */
export async function openSqlite(path: string, options: { readonly readOnly?: boolean } = {}): Promise<StoreState> {
  if (options.readOnly && !existsSync(path)) return memoryStore()
  const db = await connect(path, options)
  try {
    if (!options.readOnly) migrate(db, path)
    else if (transaction(db, path, 'read', () => assertKnown(db, path)) === 0) {
      db.close()
      return memoryStore()
    }
    return new SqliteStore(db, path)
  } catch (error) {
    if (db.isOpen) db.close()
    throw error
  }
}

type Row = Record<string, string | number | null>

class SqliteStore implements StoreState {
  readonly #db: Connection
  readonly #path: string
  readonly #records: SqliteRecords

  constructor(db: Connection, path: string) {
    this.#db = db
    this.#path = path
    this.#records = new SqliteRecords(db, path)
  }

  async serial(): Promise<number> {
    return this.#in('read', () => Number(this.#one('SELECT serial FROM catalyst_state')?.['serial'] ?? 0))
  }

  async read(): Promise<StoreSnapshot> {
    return this.#in('read', () => {
      const state = this.#one('SELECT serial, generation FROM catalyst_state')
      const generations = this.#generations()
      return {
        serial: Number(state?.['serial'] ?? 0),
        installs: this.#records.all(this.#all('SELECT digest FROM catalyst_installs ORDER BY id').map((row) => String(row['digest']))),
        retained: this.#all('SELECT record FROM catalyst_retained ORDER BY id').map((row) => this.#parse<RetainedRecord>(row['record'])),
        holds: this.#all('SELECT hold FROM catalyst_holds ORDER BY id, "from"').map((row) => this.#parse<Hold>(row['hold'])),
        generation: generations.find((g) => g.number === state?.['generation']),
        generations,
        activations: this.#activations(),
      }
    })
  }

  async commit(commit: StoreCommit, now: string): Promise<{ serial: number; auditHead: Digest }> {
    return this.#in('write', () => {
      assertToken(this.#lease(), commit.token)
      this.#writeInstalls(commit)
      this.#writeGeneration(commit)
      this.#writeRetained(commit)
      this.#run('DELETE FROM catalyst_holds')
      for (const hold of commit.holds) this.#run('INSERT INTO catalyst_holds VALUES (?, ?, ?)', hold.id, hold.from, JSON.stringify(hold))
      const auditHead = this.#append(commit.audit, now, commit.activation.by)
      return { serial: Number(this.#one('SELECT serial FROM catalyst_state')?.['serial']), auditHead }
    })
  }

  async acquireLease(holder: string, now: string, ttlMs: number): Promise<Lease> {
    return this.#passing(() => {
      assertFree(this.#lease(), now)
      this.#run('UPDATE catalyst_state SET tokens = tokens + 1')
      const token = Number(this.#one('SELECT tokens FROM catalyst_state')?.['tokens'])
      return this.#writeLease(newLease(holder, token, now, ttlMs))
    })
  }

  async renewLease(lease: Lease, now: string, ttlMs: number): Promise<Lease> {
    return this.#passing(() => {
      assertToken(this.#lease(), lease.token)
      return this.#writeLease(renewed(lease, now, ttlMs))
    })
  }

  async releaseLease(lease: Lease): Promise<void> {
    this.#passing(() => this.#run('DELETE FROM catalyst_lease WHERE token = ?', lease.token))
  }

  async lease(now: string): Promise<Lease | undefined> {
    const lease = this.#in('read', () => this.#lease())
    return isHeld(lease, now) ? lease : undefined
  }

  async breakLease(now: string, by: string): Promise<void> {
    this.#in('write', () => {
      const lease = this.#lease()
      if (!lease) return
      this.#run('DELETE FROM catalyst_lease')
      this.#run('UPDATE catalyst_state SET tokens = tokens + 1')
      this.#append([{ event: 'lease.broken', id: undefined, details: { holder: lease.holder, token: lease.token } }], now, by)
    })
  }

  async audit({ limit }: { readonly limit: number }): Promise<readonly AuditRecord[]> {
    const rows = this.#in('read', () => this.#all('SELECT * FROM catalyst_audit ORDER BY sequence DESC LIMIT ?', Math.max(0, limit)))
    return rows.reverse().map((row) => ({
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
    const key = this.#in('read', () => {
      const made = this.#one(`SELECT 1 FROM sqlite_master WHERE name = 'catalyst_key'`) // not in a store of an older version
      return made && this.#one('SELECT key FROM catalyst_key')?.['key']
    })
    return key === undefined ? undefined : String(key)
  }

  async close(): Promise<void> {
    if (this.#db.isOpen) this.#db.close()
  }

  // ---- reading ---------------------------------------------------------------------------------------------------

  #generations(): readonly GenerationRecord[] {
    return this.#all('SELECT * FROM catalyst_generations ORDER BY number').map((row) => {
      let plugins: GenerationRecord['plugins'] | undefined
      const read = (): GenerationRecord['plugins'] => this.#plugins(row['plugins'])
      return {
        number: Number(row['number']),
        createdAt: String(row['created_at']),
        get plugins() {
          return (plugins ??= read())
        },
      }
    })
  }

  #plugins(text: unknown): GenerationRecord['plugins'] {
    const digests = this.#parse<Record<string, string>>(text)
    const records = this.#records.all(Object.values(digests))
    const plugins = records.map((record) => [record.id, { version: record.block.version, tree: record.block.tree, record }] as const)
    return Object.fromEntries(plugins)
  }

  #activations(): readonly Activation[] {
    const rows = this.#all('SELECT * FROM catalyst_activations ORDER BY number DESC LIMIT ?', GENERATIONS_REMEMBERED)
    return rows.reverse().map((row) => ({
      number: Number(row['number']),
      generation: Number(row['generation']),
      at: String(row['at']),
      by: String(row['by']),
      reason: String(row['reason']),
    }))
  }

  #lease(): Lease | undefined {
    const row = this.#one('SELECT * FROM catalyst_lease')
    return row && { holder: String(row['holder']), token: Number(row['token']), since: String(row['since']), expiresAt: String(row['expires_at']) }
  }

  // ---- writing, always inside a transaction ------------------------------------------------------------------------

  #writeInstalls(commit: StoreCommit): void {
    this.#run('DELETE FROM catalyst_installs')
    for (const record of commit.installs) this.#run('INSERT INTO catalyst_installs VALUES (?, ?)', record.id, this.#store(record))
  }

  #writeGeneration({ generation, activation }: StoreCommit): void {
    const plugins = Object.fromEntries(Object.entries(generation.plugins).map(([id, plugin]) => [id, this.#store(plugin.record)]))
    this.#run('INSERT OR IGNORE INTO catalyst_generations VALUES (?, ?, ?)', generation.number, generation.createdAt, JSON.stringify(plugins))
    if (this.#one('SELECT generation FROM catalyst_state')?.['generation'] === generation.number) return
    this.#run('UPDATE catalyst_state SET generation = ?', generation.number)
    const { at, by, reason } = activation
    this.#run('INSERT INTO catalyst_activations (generation, at, by, reason) VALUES (?, ?, ?, ?)', generation.number, at, by, reason)
    this.#forgetOldGenerations()
  }

  #forgetOldGenerations(): void {
    const oldest = this.#one('SELECT number FROM catalyst_generations ORDER BY number DESC LIMIT 1 OFFSET ?', GENERATIONS_REMEMBERED)?.['number']
    if (oldest === undefined) return
    this.#run('DELETE FROM catalyst_generations WHERE number <= ? AND number <> (SELECT generation FROM catalyst_state)', oldest)
    this.#run(`DELETE FROM catalyst_records WHERE digest NOT IN (SELECT digest FROM catalyst_installs)
      AND digest NOT IN (SELECT value FROM catalyst_generations, json_each(catalyst_generations.plugins))`)
  }

  #writeRetained({ removed, retainedNow }: StoreCommit): void {
    if (retainedNow) this.#run('DELETE FROM catalyst_retained')
    for (const record of [...(retainedNow ?? []), ...removed]) this.#run('INSERT OR REPLACE INTO catalyst_retained VALUES (?, ?)', record.id, JSON.stringify(record))
    this.#run('DELETE FROM catalyst_retained WHERE id IN (SELECT id FROM catalyst_installs)')
  }

  /** Digests of written records are not remembered, for their transaction may fail. */
  #store(record: InstallRecord): string {
    const known = this.#records.digestOf(record)
    if (known) return known
    const text = canonicalJson(record)
    const digest = sha256(text)
    this.#run('INSERT OR IGNORE INTO catalyst_records VALUES (?, ?)', digest, text)
    return digest
  }

  #writeLease(lease: Lease): Lease {
    this.#run('INSERT OR REPLACE INTO catalyst_lease VALUES (1, ?, ?, ?, ?)', lease.holder, lease.token, lease.since, lease.expiresAt)
    return lease
  }

  /** Appends to the audit and raises the serial: nothing is recorded without both. */
  #append(events: StoreCommit['audit'], at: string, by: string): Digest {
    const last = this.#one('SELECT sequence, chain FROM catalyst_audit ORDER BY sequence DESC LIMIT 1')
    const before = last && { sequence: Number(last['sequence']), chain: last['chain'] as Digest }
    const records = chained(before, events, { at, by })
    for (const r of records) {
      this.#run('INSERT INTO catalyst_audit VALUES (?, ?, ?, ?, ?, ?, ?)', r.sequence, r.at, r.by, r.event, r.id ?? null, JSON.stringify(r.details), r.chain)
    }
    this.#run('UPDATE catalyst_state SET serial = serial + 1')
    return records.at(-1)?.chain ?? before?.chain ?? AUDIT_START
  }

  // ---- SQL -------------------------------------------------------------------------------------------------------

  readonly #statements = new Map<string, ReturnType<Connection['prepare']>>()

  #prepare(sql: string): ReturnType<Connection['prepare']> {
    const known = this.#statements.get(sql)
    if (known) return known
    const statement = this.#db.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  #all(sql: string, ...params: (string | number | null)[]): Row[] {
    return this.#prepare(sql).all(...params) as Row[]
  }

  #one(sql: string, ...params: (string | number | null)[]): Row | undefined {
    return this.#prepare(sql).get(...params) as Row | undefined
  }

  #run(sql: string, ...params: (string | number | null)[]): void {
    this.#prepare(sql).run(...params)
  }

  #in<T>(mode: 'read' | 'write', work: () => T): T {
    return transaction(this.#db, this.#path, mode, work)
  }

  /** Writes what a power cut may take back: leases, whose holders it stops too. Not worth a sync. */
  #passing<T>(work: () => T): T {
    return unsynced(this.#db, () => this.#in('write', work))
  }

  #parse<T>(text: unknown): T {
    try {
      return JSON.parse(String(text)) as T
    } catch (cause) {
      throw new CatalystError('STATE_INVALID', `The store database ${this.#path} holds a record that is not JSON`, { cause })
    }
  }
}
