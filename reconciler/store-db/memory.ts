import { byCodeUnit, type Digest } from '../../schemas/digest.ts'
import { randomBytes } from 'node:crypto'
import type { Activation, AuditRecord, GenerationRecord, Hold, InstallRecord, Lease, RetainedRecord, StoreCommit, StoreSnapshot, StoreState } from '../ports.ts'
import { AUDIT_START, chained } from './audit.ts'
import { assertFree, assertToken, isHeld, newLease, renewed } from './fencing.ts'

/** A store state that lives as long as the process: for tests, and what a read command sees where no database exists yet. */
export function memoryStore(): StoreState {
  return new MemoryStore()
}

class MemoryStore implements StoreState {
  readonly #key = randomBytes(32).toString('hex')
  #serial = 0
  #tokens = 0
  #lease: Lease | undefined
  #installs: readonly InstallRecord[] = []
  #retained = new Map<string, RetainedRecord>()
  #holds: readonly Hold[] = []
  #current: number | undefined
  #generations = new Map<number, GenerationRecord>()
  #activations: Activation[] = []
  #audit: AuditRecord[] = []

  async serial(): Promise<number> {
    return this.#serial
  }

  async read(): Promise<StoreSnapshot> {
    return {
      serial: this.#serial,
      installs: this.#installs,
      retained: [...this.#retained.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
      holds: this.#holds,
      generation: this.#current === undefined ? undefined : this.#generations.get(this.#current),
      generations: [...this.#generations.values()].sort((a, b) => a.number - b.number),
      activations: [...this.#activations],
    }
  }

  async commit(commit: StoreCommit, now: string): Promise<{ serial: number; auditHead: Digest }> {
    assertToken(this.#lease, commit.token)
    const { number } = commit.generation
    if (!this.#generations.has(number)) this.#generations.set(number, commit.generation)
    if (this.#current !== number) this.#activations.push({ number: this.#activations.length + 1, generation: number, ...commit.activation })
    this.#current = number
    this.#installs = [...commit.installs].sort((a, b) => (a.id < b.id ? -1 : 1))
    if (commit.retainedNow) this.#retained.clear()
    for (const record of [...(commit.retainedNow ?? []), ...commit.removed]) this.#retained.set(record.id, record)
    for (const record of commit.installs) this.#retained.delete(record.id)
    this.#holds = [...commit.holds].sort((a, b) => byCodeUnit(a.id, b.id) || byCodeUnit(a.from, b.from))
    this.#append(commit.audit, now, commit.activation.by)
    return { serial: this.#serial, auditHead: this.#audit.at(-1)?.chain ?? AUDIT_START }
  }

  async acquireLease(holder: string, now: string, ttlMs: number): Promise<Lease> {
    assertFree(this.#lease, now)
    return (this.#lease = newLease(holder, ++this.#tokens, now, ttlMs))
  }

  async renewLease(lease: Lease, now: string, ttlMs: number): Promise<Lease> {
    assertToken(this.#lease, lease.token)
    return (this.#lease = renewed(lease, now, ttlMs))
  }

  async releaseLease(lease: Lease): Promise<void> {
    if (this.#lease?.token === lease.token) this.#lease = undefined
  }

  async lease(now: string): Promise<Lease | undefined> {
    return isHeld(this.#lease, now) ? this.#lease : undefined
  }

  async breakLease(now: string, by: string): Promise<void> {
    if (!this.#lease) return
    const { holder, token } = this.#lease
    this.#lease = undefined
    this.#tokens += 1
    this.#append([{ event: 'lease.broken', id: undefined, details: { holder, token } }], now, by)
  }

  async audit({ limit }: { readonly limit: number }): Promise<readonly AuditRecord[]> {
    return limit > 0 ? this.#audit.slice(-limit) : []
  }

  async referenceKey(): Promise<string | undefined> {
    return this.#tokens > 0 ? this.#key : undefined
  }

  async close(): Promise<void> {}

  #append(events: StoreCommit['audit'], at: string, by: string): void {
    this.#serial += 1
    this.#audit.push(...chained(this.#audit.at(-1), events, { at, by }))
  }
}
