import { canonicalJson, sha256, type Digest } from '../../schemas/digest.ts'
import type { InstallRecord, Lease, StoreCommit } from '../ports.ts'
import { AUDIT_START, chained } from './audit.ts'
import type { Query } from './postgres-connection.ts'
import type { PostgresRecords } from './postgres-records.ts'

/* What a write transaction does, after `lockState`. Lists travel as arrays: a commit of a hundred plugins asks as often as one of one. */

/** How many generations the database remembers. What happened before stands in the audit. */
export const GENERATIONS_REMEMBERED = 100

/**
 * Waits until nobody else writes, and keeps others waiting until the transaction ends. The lease is asked for by a
 * statement of its own: one that both waits and reads would read what was there before it waited.
 */
export async function lockState(query: Query): Promise<{ readonly tokens: number; readonly generation: number | undefined; readonly lease: Lease | undefined }> {
  const [state] = await query('SELECT tokens, generation FROM catalyst.state FOR UPDATE')
  const generation = state?.['generation'] ?? undefined
  return { tokens: Number(state?.['tokens']), generation: generation === undefined ? undefined : Number(generation), lease: await presentLease(query) }
}

export async function presentLease(query: Query): Promise<Lease | undefined> {
  const [row] = await query('SELECT holder, token, since, expires_at FROM catalyst.lease')
  return row && { holder: String(row['holder']), token: Number(row['token']), since: String(row['since']), expiresAt: String(row['expires_at']) }
}

export async function writeLease(query: Query, lease: Lease): Promise<Lease> {
  await query('DELETE FROM catalyst.lease')
  await query('INSERT INTO catalyst.lease VALUES (1, $1, $2, $3, $4)', [lease.holder, lease.token, lease.since, lease.expiresAt])
  return lease
}

/** Everything of a commit but its audit. `live` is the generation that was live before. */
export async function writeCommit(query: Query, commit: StoreCommit, live: number | undefined, records: PostgresRecords): Promise<void> {
  const digests = await storeRecords(query, [...commit.installs, ...Object.values(commit.generation.plugins).map((p) => p.record)], records)
  await query('DELETE FROM catalyst.installs')
  await insert(query, 'catalyst.installs', commit.installs.map((record) => [record.id, digests.get(record) ?? '']))
  await writeGeneration(query, commit, live, digests)
  await writeRetained(query, commit)
  await query('DELETE FROM catalyst.holds')
  await insert(query, 'catalyst.holds', commit.holds.map((hold) => [hold.id, hold.from, JSON.stringify(hold)]))
}

/** Appends to the audit and raises the serial: nothing is recorded without both. */
export async function append(query: Query, events: StoreCommit['audit'], at: string, by: string): Promise<{ serial: number; auditHead: Digest }> {
  const [last] = await query('SELECT sequence, chain FROM catalyst.audit ORDER BY sequence DESC LIMIT 1')
  const before = last && { sequence: Number(last['sequence']), chain: last['chain'] as Digest }
  const records = chained(before, events, { at, by })
  await insert(query, 'catalyst.audit', records.map((r) => [r.sequence, r.at, r.by, r.event, r.id ?? null, JSON.stringify(r.details), r.chain]), ['bigint'])
  const [state] = await query('UPDATE catalyst.state SET serial = serial + 1 RETURNING serial')
  return { serial: Number(state?.['serial']), auditHead: records.at(-1)?.chain ?? before?.chain ?? AUDIT_START }
}

/** The digests under which the records stand in the database now. */
async function storeRecords(query: Query, all: readonly InstallRecord[], records: PostgresRecords): Promise<ReadonlyMap<InstallRecord, string>> {
  const digests = new Map<InstallRecord, string>()
  const fresh = new Map<string, string>()
  for (const record of new Set(all)) {
    const known = records.digestOf(record)
    const text = known === undefined ? canonicalJson(record) : ''
    const digest = known ?? sha256(text)
    digests.set(record, digest)
    if (known === undefined) fresh.set(digest, text)
  }
  await insert(query, 'catalyst.records', [...fresh], [], 'ON CONFLICT DO NOTHING')
  return digests
}

async function writeGeneration(query: Query, { generation, activation }: StoreCommit, live: number | undefined, digests: ReadonlyMap<InstallRecord, string>): Promise<void> {
  const plugins = Object.fromEntries(Object.entries(generation.plugins).map(([id, plugin]) => [id, digests.get(plugin.record)]))
  await query('INSERT INTO catalyst.generations VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [generation.number, generation.createdAt, JSON.stringify(plugins)])
  if (live === generation.number) return
  await query('UPDATE catalyst.state SET generation = $1', [generation.number])
  const { at, by, reason } = activation
  await query('INSERT INTO catalyst.activations SELECT coalesce(max(number), 0) + 1, $1, $2, $3, $4 FROM catalyst.activations', [generation.number, at, by, reason])
  await forgetOldGenerations(query)
}

async function forgetOldGenerations(query: Query): Promise<void> {
  const [row] = await query('SELECT number FROM catalyst.generations ORDER BY number DESC LIMIT 1 OFFSET $1', [GENERATIONS_REMEMBERED])
  if (!row) return
  await query('DELETE FROM catalyst.generations WHERE number <= $1 AND number <> (SELECT generation FROM catalyst.state)', [row['number']])
  await query(`DELETE FROM catalyst.records r WHERE NOT EXISTS (SELECT 1 FROM catalyst.installs i WHERE i.digest = r.digest)
    AND r.digest NOT IN (SELECT value FROM catalyst.generations, json_each_text(plugins::json))`)
}

async function writeRetained(query: Query, { removed, retainedNow }: StoreCommit): Promise<void> {
  if (retainedNow) await query('DELETE FROM catalyst.retained')
  const records = new Map([...(retainedNow ?? []), ...removed].map((record) => [record.id, JSON.stringify(record)]))
  await insert(query, 'catalyst.retained', [...records], [], 'ON CONFLICT (id) DO UPDATE SET record = excluded.record')
  await query('DELETE FROM catalyst.retained WHERE id IN (SELECT id FROM catalyst.installs)')
}

/** Inserts rows of one length. `types` are those of the first columns, where they are not text. */
async function insert(query: Query, table: string, rows: readonly (readonly (string | number | null)[])[], types: readonly string[] = [], conflict = ''): Promise<void> {
  const [first] = rows
  if (!first) return
  const columns = first.map((_, i) => `$${i + 1}::${types[i] ?? 'text'}[]`)
  await query(`INSERT INTO ${table} SELECT * FROM unnest(${columns.join(', ')}) ${conflict}`, first.map((_, i) => rows.map((row) => row[i])))
}
