import type { CatalystError } from '../../schemas/errors.ts'
import type { Digest } from '../../schemas/digest.ts'
import type { StoreSnapshot } from '../ports.ts'
import { trying } from '../state/disk.ts'
import { openJournal, type Journal } from '../state/journal.ts'
import { removeStamp } from '../state/stamp.ts'
import { doubtfulTrees, hasTree, markProven, quarantineFolder } from '../state/trees.ts'
import { activate, generationOf, isLive, type ActivateDeps, type Recorded } from './activate.ts'
import { bounded } from './bounded.ts'
import { holdLease, type HeldLease, type LeaseDeps } from './lease.ts'
import { auditOf, installsAfter, retainedBy } from './record.ts'
import { recover, type RepairIntent } from './recover.ts'
import { settle, type ChangeOutcome } from './settle.ts'
import { isBeside, place, unstage, type Staged } from './stage.ts'
import { PARALLEL, stageAndProbe, type BringInDeps } from './stage-and-probe.ts'
import { stepsOf, type ApplyInput, type Step } from './steps.ts'

/** The world as apply needs it. */
export interface ApplyDeps extends LeaseDeps, ActivateDeps, BringInDeps {
  readonly signal?: AbortSignal | undefined
}

export interface ApplyResult {
  /** One per change of the plan, in its order, then repairs that nobody asked for. */
  readonly outcomes: readonly ChangeOutcome[]
  /** An interrupted pass was found, and finished or undone. */
  readonly recovered: boolean
  /** The generation that is live now. */
  readonly generation: number | undefined
  /** True when another generation went live in this pass. */
  readonly activated: boolean
  readonly serial: number
  /** Head of the audit chain after this pass, absent when nothing was recorded. */
  readonly auditHead: Digest | undefined
}

/**
 * Does what the plan says. One bad release leaves its plugin (and its group) as it was, the others go on; the caller
 * reads the outcomes for its exit code and writes the stamp when nothing is left to do.
 * @throws CatalystError BUSY, LEASE_LOST, DISK_FULL, READ_ONLY, STATE_*; then what was live before is live
 */
export async function apply(input: ApplyInput, deps: ApplyDeps): Promise<ApplyResult> {
  const lease = await holdLease(deps)
  try {
    return await applyHolding(input, deps, lease)
  } finally {
    await lease.release()
  }
}

async function applyHolding(input: ApplyInput, deps: ApplyDeps, lease: HeldLease): Promise<ApplyResult> {
  const at = deps.onBoundary ?? (() => undefined)
  at('leased')
  const { store, recovered } = await recover(deps, lease.token)
  if (recovered) deps.progress({ stage: 'recover', message: 'an interrupted pass was undone or finished' })
  at('recovered')
  const { steps: planned, failed } = stepsOf(input, store, deps.clock())
  const steps = [...planned, ...(await unplannedRepairs(planned, store, deps))]
  const errors = new Map(failed.map(({ step, error }) => [step.id, error]))
  const journal = begin(input, store, steps, deps)
  const signal = AbortSignal.any([lease.signal, ...(deps.signal ? [deps.signal] : [])])
  const staged = await stageAndProbe(steps, errors, deps, signal)
  at('probed')
  signal.throwIfAborted()
  const outcomes = inPlanOrder(input, settle([...steps, ...failed.map((f) => f.step)], errors))
  return finish({ input, store, steps, staged, outcomes, recovered }, deps, lease, journal)
}

/** From here on something may change: the stamp goes first, then the intent is on disk before anything else is. */
function begin({ plan }: ApplyInput, { generation }: StoreSnapshot, steps: readonly Step[], { paths, clock, onBoundary }: ApplyDeps): Journal | undefined {
  // Another node may have removed a plugin or rolled back: then nothing is to change, and still this machine has to follow.
  const follows = !generation || isLive(paths, generation)
  if (steps.every((step) => step.done) && follows) return undefined
  trying(`remove ${paths.stamp}`, () => removeStamp(paths))
  onBoundary?.('stamp-removed')
  const journal = openJournal(paths.journal)
  journal.intent('apply', clock(), { planDigest: plan.planDigest, ids: steps.map((s) => s.id) })
  onBoundary?.('intent')
  return journal
}

/**
 * Live plugins that no change touches but whose tree is missing here, or was left incomplete by a power cut. Nobody
 * sees that before the trees are read again after the machine started.
 */
async function unplannedRepairs(planned: readonly Step[], store: StoreSnapshot, { paths, packages }: ApplyDeps): Promise<readonly Step[]> {
  const touched = new Set(planned.map((step) => step.id))
  const still = store.installs.filter((r) => r.enabled && !touched.has(r.id))
  const doubtful = new Set(doubtfulTrees(paths, still.map((r) => r.block.tree)))
  const damaged = await bounded(still, PARALLEL, async ({ block: { tree } }) => {
    if (!hasTree(paths, tree)) return true
    return doubtful.has(tree) && (await packages.damage(paths.tree(tree), tree)).length > 0
  })
  const broken = still.filter((_, i) => damaged[i])
  const whole = still.filter((r, i) => !damaged[i] && doubtful.has(r.block.tree))
  if (whole.length > 0) trying(`write ${paths.proven}`, () => markProven(paths, whole.map((r) => r.block.tree)))
  return broken.map((record, i) => ({ id: record.id, action: 'repair', group: -1 - i, before: record, after: record, done: false }))
}

interface Settled {
  readonly input: ApplyInput
  readonly store: StoreSnapshot
  readonly steps: readonly Step[]
  readonly staged: ReadonlyMap<string, Staged>
  readonly outcomes: readonly ChangeOutcome[]
  readonly recovered: boolean
}

/** Switches over to what succeeded, records it, and says what became of everything. */
async function finish(settled: Settled, deps: ApplyDeps, lease: HeldLease, journal: Journal | undefined): Promise<ApplyResult> {
  const { store, recovered } = settled
  const before = store.generation?.number
  if (!journal) return { outcomes: settled.outcomes, recovered, generation: before, activated: false, serial: store.serial, auditHead: undefined }
  const applied = new Set(settled.outcomes.filter((o) => o.outcome === 'applied').map((o) => o.id))
  const taken = settled.steps.filter((step) => applied.has(step.id) && !step.done)
  for (const found of settled.staged.values()) if (!applied.has(found.id)) unstage(found, deps.paths)
  const placed = await placeAll(taken, settled.staged, deps, lease, journal)
  const outcomes = settled.outcomes.map((o) => (placed.has(o.id) ? { ...o, quarantine: placed.get(o.id) ?? '' } : o))
  const done = taken.length > 0 || store.generation ? await switchOver({ ...settled, outcomes }, taken, deps, lease, journal) : undefined
  journal.clear()
  deps.onBoundary?.('cleared')
  const generation = done?.generation ?? before
  return { outcomes, recovered, generation, activated: generation !== before, serial: done?.recorded?.serial ?? store.serial, auditHead: done?.recorded?.auditHead }
}

/** Altered trees make room for proven ones. The intent names the folder in quarantine, so that a repair that is cut off here is still recorded. */
async function placeAll(taken: readonly Step[], staged: ReadonlyMap<string, Staged>, deps: ApplyDeps, lease: HeldLease, journal: Journal): Promise<ReadonlyMap<string, string>> {
  const { paths, clock, onBoundary } = deps
  const beside = taken.flatMap((step) => staged.get(step.id) ?? []).filter((s) => isBeside(s, paths))
  if (beside.length > 0) await lease.confirm()
  const placed = new Map<string, string>()
  for (const found of beside) {
    const intent: RepairIntent = { id: found.id, tree: found.block.tree, quarantine: quarantineFolder(paths, found.block.tree) }
    journal.intent(`repair:${found.id}`, clock(), { ...intent })
    onBoundary?.(`placing ${found.id}`)
    place(found, paths, intent.quarantine)
    placed.set(found.id, intent.quarantine)
    onBoundary?.(`placed ${found.id}`)
  }
  if (beside.length > 0) trying(`write ${paths.proven}`, () => markProven(paths, beside.map((s) => s.block.tree)))
  return placed
}

async function switchOver(settled: Settled, taken: readonly Step[], deps: ApplyDeps, lease: HeldLease, journal: Journal): Promise<{ generation: number; recorded: Recorded | undefined } | undefined> {
  const { store, input } = settled
  const now = deps.clock()
  const next = generationOf(installsAfter(store, taken), store, now)
  const audit = auditOf(taken, settled.outcomes, input.plan, next.number)
  const isNews = next.number !== store.generation?.number || audit.length > 0
  if (!isNews && isLive(deps.paths, next)) return undefined
  deps.progress({ stage: 'activate', message: `generation ${next.number}` })
  const reason = input.plan.revision ? `apply ${input.plan.revision}` : 'apply'
  const commit = {
    activation: { at: now, by: deps.by, reason },
    installs: Object.values(next.plugins).map((plugin) => plugin.record),
    removed: retainedBy(taken, next.number, now),
    holds: store.holds,
    audit,
  }
  const recorded = await activate(next, isNews ? commit : undefined, deps, { lease, journal })
  deps.progress({ stage: 'record', message: `generation ${next.number}` })
  return { generation: next.number, recorded }
}

function inPlanOrder({ plan }: ApplyInput, outcomes: readonly ChangeOutcome[]): readonly ChangeOutcome[] {
  const order = new Map(plan.changes.map((change, i) => [change.id, i]))
  const rank = (o: ChangeOutcome): number => order.get(o.id) ?? Infinity
  return [...outcomes].sort((a, b) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b)))
}
