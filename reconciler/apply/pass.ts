import { CatalystError } from '../../schemas/errors.ts'
import type { Fence, PluginData } from '../data-ports.ts'
import type { Hold, InstallRecord, Progress, RetainedRecord, StoreCommit, StoreSnapshot } from '../ports.ts'
import { buildGeneration, liveSet, switchTo } from '../state/generations.ts'
import type { Journal } from '../state/journal.ts'
import { activate, generationOf, isLive, type ActivateDeps, type Recorded } from './activate.ts'
import type { HeldLease } from './lease.ts'
import { followStore } from './recover.ts'
import type { Step } from './steps.ts'

export interface PassDeps extends ActivateDeps {
  readonly by: string
  readonly progress: Progress
  /** Tables, backups and data folders; opened when something of them is first needed. */
  readonly data: () => Promise<PluginData>
}

/** What goes on record with a new set of plugins, or without one. */
export interface Entry {
  readonly reason: string
  readonly audit: StoreCommit['audit']
  readonly removed?: readonly RetainedRecord[]
  readonly retainedNow?: readonly RetainedRecord[]
  /** All holds that stand then; absent: those that stand now. */
  readonly holds?: readonly Hold[]
}

/** What is to be said of steps that go live together, in a generation of that number. */
export type EntryOf = (steps: readonly Step[], generation: number) => Entry

/** One pass under the lease: what the store's database says now, and the ways to change it. */
export class Pass {
  readonly deps: PassDeps
  /** `store.id` of plugins.yaml. */
  readonly storeId: string
  readonly lease: HeldLease
  readonly journal: Journal
  /** Aborted when the lease is lost or somebody wants us to stop. */
  readonly signal: AbortSignal
  recorded: Recorded | undefined
  #store: StoreSnapshot
  #stale = false
  #data: Promise<PluginData> | undefined

  constructor(deps: PassDeps, { storeId, lease, journal, signal, store }: { readonly storeId: string; readonly lease: HeldLease; readonly journal: Journal; readonly signal: AbortSignal; readonly store: StoreSnapshot }) {
    this.deps = deps
    this.storeId = storeId
    this.lease = lease
    this.journal = journal
    this.signal = signal
    this.#store = store
  }

  /** What is recorded now. */
  async store(): Promise<StoreSnapshot> {
    if (this.#stale) this.#store = await this.deps.state.read()
    this.#stale = false
    return this.#store
  }

  /** What is recorded, asked anew: after a failure nobody knows what of it was written. */
  async again(): Promise<StoreSnapshot> {
    this.#stale = true
    return this.store()
  }

  data(): Promise<PluginData> {
    return (this.#data ??= this.deps.data())
  }

  fence(): Fence {
    return { token: this.lease.token, now: this.deps.clock() }
  }

  /** Brings exactly these records live and records it; gives the generation. Nothing is written when all of it is so already. */
  async goLive(installs: readonly InstallRecord[], said: Entry | ((generation: number) => Entry)): Promise<number> {
    const store = await this.store()
    const now = this.deps.clock()
    const next = generationOf(installs, store, now)
    const entry = typeof said === 'function' ? said(next.number) : said
    const isNews = next.number !== store.generation?.number || entry.audit.length > 0
    if (!isNews && isLive(this.deps.paths, next)) return next.number
    const commit = { activation: { at: now, by: this.deps.by, reason: entry.reason }, installs: Object.values(next.plugins).map((p) => p.record), removed: entry.removed ?? [], retainedNow: entry.retainedNow, holds: entry.holds ?? store.holds, audit: entry.audit }
    this.recorded = (await activate(next, isNews ? commit : undefined, this.deps, this)) ?? this.recorded
    this.#stale = true
    return next.number
  }

  /** Makes exactly these live on this machine, and records nothing yet: after a pass that stops here, what is recorded is live again. */
  async goAhead(installs: readonly InstallRecord[]): Promise<void> {
    const next = generationOf(installs, await this.store(), this.deps.clock())
    await this.lease.confirm()
    this.journal.intent(`ahead:${next.number}`, this.deps.clock())
    buildGeneration(this.deps.paths, next.number, liveSet(next))
    switchTo(this.deps.paths, next.number)
    this.at('gone ahead')
  }

  /** Makes live again what is recorded. */
  async comeBack(): Promise<void> {
    followStore(this.deps.paths, await this.again())
  }

  /** The same at the end of a pass that failed, as far as it can be done: the failure is what is told, and the next pass sees to the rest. */
  async giveUp(): Promise<void> {
    await this.comeBack().catch(() => undefined)
  }

  /** Writes down what changed without another set of plugins. */
  async record(entry: Entry): Promise<void> {
    const { generation, installs, holds } = await this.store()
    if (!generation) throw new CatalystError('INTERNAL', 'nothing was ever installed here, and something is to be recorded of it')
    const now = this.deps.clock()
    this.recorded = await this.deps.state.commit(
      { generation, activation: { at: now, by: this.deps.by, reason: entry.reason }, installs, removed: entry.removed ?? [], retainedNow: entry.retainedNow, holds: entry.holds ?? holds, audit: entry.audit, token: this.lease.token },
      now,
    )
    this.#stale = true
  }

  /** One effect outside our own records: intent, effect, observation. */
  async effect<T>(key: string, work: () => Promise<T>): Promise<T> {
    this.signal.throwIfAborted()
    await this.lease.confirm()
    this.journal.intent(key, this.deps.clock())
    this.at(`begun ${key}`)
    const done = await work()
    this.at(`done ${key}`)
    this.journal.observed(key, this.deps.clock())
    return done
  }

  at(boundary: string): void {
    this.deps.onBoundary?.(boundary)
  }
}
