import { CatalystError } from '../../schemas/errors.ts'
import type { Digest } from '../../schemas/digest.ts'
import type { Approval } from '../../schemas/plugin-set.ts'
import type { InstallRecord, RetainedRecord, StoreCommit, StoreSnapshot } from '../ports.ts'
import { trying } from '../state/disk.ts'
import { openJournal, type Journal } from '../state/journal.ts'
import { removeStamp } from '../state/stamp.ts'
import { hasTree } from '../state/trees.ts'
import type { DataRollback } from '../plan/data-rollback.ts'
import { removalOf } from '../plan/retained.ts'
import { activate, generationOf, isLive, type Recorded } from './activate.ts'
import { sideOf } from './audit-side.ts'
import { holdLease, type HeldLease, type LeaseDeps } from './lease.ts'
import { Pass, type PassDeps } from './pass.ts'
import { recover } from './recover.ts'
import { asItWas } from './standing.ts'
import { differences, holdsAfter, targetOf, touchesData, type RollbackRequest, type RolledBack, type RollbackTarget } from './rollback-target.ts'

/**
 * Rollback needs the store's database and this machine's folder, and nothing else of the world. What outlives code is
 * opened, and plugins.yaml read, only when tables have to change.
 */
export interface RollbackDeps extends LeaseDeps, PassDeps {
  readonly consent: () => Promise<{ readonly storeId: string; readonly approvals: readonly Approval[] }>
}

export interface RollbackResult {
  readonly generation: number
  /** False when everything was so already. */
  readonly activated: boolean
  readonly changes: readonly RolledBack[]
  /** What became of tables, by plugin; empty when no table had to change. */
  readonly data: ReadonlyMap<string, DataRollback>
  readonly recovered: boolean
  readonly serial: number
  readonly auditHead: Digest | undefined
}

/**
 * Goes back: to a whole generation (which is activated again), or one plugin to the code it had before (which makes a
 * new generation). One rename and one transaction; offline; no tree is read again. Each plugin goes back to its whole
 * recorded state (code, on or off, config digest, grant); what is left is held, so that it does not come back by itself.
 * @throws CatalystError GENERATION_UNKNOWN, NOT_INSTALLED, ROLLBACK_IMPOSSIBLE, IN_USE, BUSY, LEASE_LOST, READ_ONLY, DISK_FULL
 */
export async function rollback(request: RollbackRequest, deps: RollbackDeps): Promise<RollbackResult> {
  const lease = await holdLease(deps)
  try {
    const { store, recovered } = await recover(deps, lease.token)
    return { recovered, ...(await goBack(request, store, deps, lease)) }
  } finally {
    await lease.release()
  }
}

/** What a rollback would do to code and to data. */
export interface RollbackPreview {
  readonly changes: readonly RolledBack[]
  /** Empty when no table would have to change; not everything in it need be consented to. */
  readonly data: readonly DataRollback[]
}

/**
 * What `rollback` would do now. Changes nothing, and waits for nobody.
 * @throws CatalystError GENERATION_UNKNOWN, NOT_INSTALLED, ROLLBACK_IMPOSSIBLE, IN_USE
 */
export async function previewRollback(request: RollbackRequest, deps: RollbackDeps): Promise<RollbackPreview> {
  const store = await deps.state.read()
  const target = await targetOf(request, store)
  const changes = differences(store, target.installs)
  assertKept(target, deps)
  if (!touchesData(changes, store)) return { changes, data: [] }
  const [{ approvals }, { dataDecisions }] = await Promise.all([deps.consent(), import('./rollback-data.ts')])
  return { changes, data: await dataDecisions(changes, approvals, store, await deps.data()) }
}

/** Lifts the holds on a plugin: what was rolled back may come again. Gives how many there were. @throws CatalystError BUSY */
export async function liftHolds(id: string, deps: RollbackDeps): Promise<number> {
  const lease = await holdLease(deps)
  try {
    const store = await deps.state.read()
    const lifted = store.holds.filter((hold) => hold.id === id)
    if (lifted.length === 0 || !store.generation) return 0
    trying(`remove ${deps.paths.stamp}`, () => removeStamp(deps.paths))
    await deps.state.commit(
      {
        generation: store.generation,
        activation: { at: deps.clock(), by: deps.by, reason: 'lift' },
        installs: store.installs,
        removed: [],
        holds: store.holds.filter((hold) => hold.id !== id),
        audit: lifted.map((hold) => ({ event: 'hold.lifted', id, details: { from: hold.from, to: hold.to } })),
        token: lease.token,
      },
      deps.clock(),
    )
    return lifted.length
  } finally {
    await lease.release()
  }
}

async function goBack(request: RollbackRequest, store: StoreSnapshot, deps: RollbackDeps, lease: HeldLease): Promise<Omit<RollbackResult, 'recovered'>> {
  const target = await targetOf(request, store)
  const changes = differences(store, target.installs)
  const known = target.generation ?? generationOf(target.installs, store, deps.clock())
  if (changes.length === 0 && isLive(deps.paths, known)) return { generation: known.number, activated: false, changes, data: new Map(), serial: store.serial, auditHead: undefined }
  assertKept(target, deps)
  trying(`remove ${deps.paths.stamp}`, () => removeStamp(deps.paths))
  deps.onBoundary?.('stamp-removed')
  const journal = openJournal(deps.paths.journal)
  const said: Said = { request, changes, store, target }
  const { recorded, number, data } = touchesData(changes, store) ? await goBackWithData(said, deps, lease, journal) : { ...(await switchBack(said, store, deps, { lease, journal })), data: new Map() }
  journal.clear()
  deps.onBoundary?.('cleared')
  return { generation: number, activated: true, changes, data, serial: recorded?.serial ?? store.serial, auditHead: recorded?.auditHead }
}

/** What was asked, and what it comes to. */
interface Said {
  readonly request: RollbackRequest
  readonly target: RollbackTarget
  readonly changes: readonly RolledBack[]
  /** As it was when this was asked. */
  readonly store: StoreSnapshot
}

/** Makes the target live and records it. `present` is what is recorded now: plugins may have been switched off for their tables. */
async function switchBack(said: Said, present: StoreSnapshot, deps: RollbackDeps, held: { readonly lease: HeldLease; readonly journal: Journal }): Promise<{ readonly recorded: Recorded | undefined; readonly number: number }> {
  const now = deps.clock()
  const next = said.target.generation ?? generationOf(said.target.installs, present, now)
  const isNews = said.changes.length > 0 || present.generation?.number !== next.number
  const commit = isNews ? commitOf(said, Object.values(next.plugins).map((p) => p.record), next.number, deps, now) : undefined
  return { recorded: await activate(next, commit, deps, held), number: next.number }
}

/** Tables go back before the code does. When that fails, everything is as before, or off where it cannot be. */
async function goBackWithData(said: Said, deps: RollbackDeps, lease: HeldLease, journal: Journal): Promise<{ readonly recorded: Recorded | undefined; readonly number: number; readonly data: ReadonlyMap<string, DataRollback> }> {
  // Loaded only now: most rollbacks are one rename.
  const [{ storeId, approvals }, { decideData, withData }] = await Promise.all([deps.consent(), import('./rollback-data.ts')])
  const pass = new Pass(deps, { storeId, lease, journal, signal: lease.signal, store: said.store })
  try {
    const data = await decideData(said.changes, approvals, pass)
    const done = await withData(said.changes, data, pass, async () => switchBack(said, await pass.store(), deps, { lease, journal }))
    return { ...done, data }
  } catch (error) {
    await pass.giveUp()
    if (!lease.signal.aborted) journal.clear()
    throw error
  }
}

function commitOf({ request, store, changes }: Said, installs: readonly InstallRecord[], generation: number, { by }: RollbackDeps, now: string): Omit<StoreCommit, 'generation' | 'token'> {
  // Of a plugin that was off only for its tables, the state that is left is the one before.
  const was = new Map(asItWas(store, changes.map((change) => change.id)).map((record) => [record.id, record]))
  const left = changes.map((change) => ({ ...change, before: was.get(change.id) ?? change.before }))
  return {
    activation: { at: now, by, reason: 'to' in request ? `rollback to ${request.to}` : `rollback ${request.id}` },
    installs,
    removed: changes.flatMap(({ id, before, after }) => (before && !after ? [takenOut({ id, block: before.block, removedAt: now, generation }, by)] : [])),
    holds: holdsAfter(store, left, now),
    audit: left.map(({ id, before, after }) => ({ event: 'rollback', id, details: { generation, from: sideOf(before), to: sideOf(after) } })),
  }
}

/** All of it is kept, and found again when the plugin comes back. */
function takenOut(record: RetainedRecord, by: string): RetainedRecord {
  return { ...record, removal: { ...removalOf(record), by } }
}

/** The code of everything that would be live must still be here; whether it is whole is not read again: it went live whole. */
function assertKept({ installs }: RollbackTarget, { paths }: RollbackDeps): void {
  const gone = installs.filter((record) => record.enabled && !hasTree(paths, record.block.tree))
  if (gone.length === 0) return
  const names = gone.map((record) => `${record.id} ${record.block.version}`).join(', ')
  throw new CatalystError('ROLLBACK_IMPOSSIBLE', `The code of ${names} is not on this machine any more`)
}
