import type { Digest } from '../../schemas/digest.ts'
import type { StoreSnapshot } from '../ports.ts'
import { trying } from '../state/disk.ts'
import { openJournal, type Journal } from '../state/journal.ts'
import { removeStamp } from '../state/stamp.ts'
import { doubtfulTrees, hasTree, markProven, quarantineFolder } from '../state/trees.ts'
import type { Change } from '../../schemas/plan.ts'
import { phasedGroups } from '../plan/phases.ts'
import { isLive } from './activate.ts'
import { goOnAfterRemoval } from './after-removal.ts'
import { bounded } from './bounded.ts'
import { keeping, type Failures } from './failures.ts'
import { holdLease, type HeldLease, type LeaseDeps } from './lease.ts'
import { runOwnGroup } from './own-group.ts'
import { Pass, type Entry, type EntryOf, type PassDeps } from './pass.ts'
import { auditOf, installsAfter } from './record.ts'
import { recover, type RepairIntent } from './recover.ts'
import { removeAll } from './remove.ts'
import { settle, settleLate, type ChangeOutcome } from './settle.ts'
import { isBeside, place, unstage, type Staged } from './stage.ts'
import { PARALLEL, stageAndProbe, type BringInDeps } from './stage-and-probe.ts'
import { isAfterRemoval, stepsOf, type ApplyInput, type Step } from './steps.ts'

/** The world as apply needs it. */
export interface ApplyDeps extends LeaseDeps, PassDeps, BringInDeps {
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
  return finish({ input, store, steps, staged, outcomes, recovered, signal }, deps, lease, journal)
}

/** From here on something may change: the stamp goes first, then the intent is on disk before anything else is. */
function begin({ plan }: ApplyInput, { generation }: StoreSnapshot, steps: readonly Step[], { paths, clock, onBoundary }: ApplyDeps): Journal | undefined {
  // Another node may have removed a plugin or rolled back: then nothing is to change, and still this machine has to follow.
  const follows = !generation || isLive(paths, generation)
  if (steps.every((step) => step.done) && follows && !plan.changes.some(isAfterRemoval)) return undefined
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
  readonly signal: AbortSignal
}

/** Switches over to what succeeded, group by group, records it, and says what became of everything. */
async function finish(settled: Settled, deps: ApplyDeps, lease: HeldLease, journal: Journal | undefined): Promise<ApplyResult> {
  const { store, recovered, input } = settled
  const before = store.generation?.number
  if (!journal) return { outcomes: settled.outcomes, recovered, generation: before, activated: false, serial: store.serial, auditHead: undefined }
  const pass = new Pass(deps, { storeId: input.desired.store.id, lease, journal, signal: settled.signal, store })
  const applied = new Set(settled.outcomes.filter((o) => o.outcome === 'applied').map((o) => o.id))
  const taken = settled.steps.filter((step) => applied.has(step.id) && !step.done)
  for (const found of settled.staged.values()) if (!applied.has(found.id)) unstage(found, deps.paths)
  const placed = await placeAll(taken, settled.staged, deps, lease, journal)
  const outcomes = settled.outcomes.map((o) => (placed.has(o.id) ? { ...o, quarantine: placed.get(o.id) ?? '' } : o))
  const late = await takeAll({ ...settled, outcomes }, taken, pass).catch(async (error: unknown) => {
    await pass.giveUp()
    throw error
  })
  journal.clear()
  deps.onBoundary?.('cleared')
  const after = await pass.store()
  const generation = after.generation?.number ?? before
  return { outcomes: inPlanOrder(input, late), recovered, generation, activated: generation !== before, serial: after.serial, auditHead: pass.recorded?.auditHead }
}

/**
 * First what touches no tables, in one generation; then each group that does, in its own; then what leaves and has
 * something to be backed up, with what goes live in its place; then what has left before. A group that fails on the way is
 * undone by itself and holds up no other (law 6).
 */
async function takeAll({ input, outcomes }: Settled, taken: readonly Step[], pass: Pass): Promise<readonly ChangeOutcome[]> {
  const failures: Failures = { broken: new Map(), late: new Map() }
  const entryOf = (steps: readonly Step[], generation: number): Entry => {
    pass.deps.progress({ stage: 'activate', message: `generation ${generation}` })
    return { reason: input.plan.revision ? `apply ${input.plan.revision}` : 'apply', audit: auditOf(steps, outcomes, input.plan, generation) }
  }
  const own = phasedGroups(input.plan.changes).filter((g) => g.generation === 'own' && taken.some((step) => step.after && step.group === g.group))
  const numbers = new Set(own.map((g) => g.group))
  const slow = new Set(taken.filter((step) => !step.after && !numbers.has(step.group) && leavesSomething(step)).map((step) => step.group))
  const quick = taken.filter((step) => !numbers.has(step.group) && !slow.has(step.group))
  const rest = taken.filter((step) => slow.has(step.group))
  await switchShared(quick, pass, failures, entryOf)
  for (const plan of own) await runOwnGroup({ plan, steps: taken.filter((step) => step.group === plan.group) }, pass, failures, entryOf)
  await removeAll(rest.filter((step) => step.after), rest.filter((step) => !step.after), pass, failures, entryOf)
  const past = input.plan.changes.filter(isAfterRemoval)
  for (const change of past) await keeping(change.id, failures.late, pass, () => goOnAfterRemoval(change, pass))
  pass.deps.progress({ stage: 'record', message: `generation ${(await pass.store()).generation?.number ?? 0}` })
  return settleLate([...outcomes, ...past.map(outcomeOf)], [...taken, ...past], failures)
}

/** A plugin that declares no tables and ran no migration is backed up in no time: it goes with all the others. */
function leavesSomething({ before }: Step): boolean {
  return before !== undefined && (before.block.migrations.length > 0 || before.block.tables.length > 0)
}

async function switchShared(steps: readonly Step[], pass: Pass, failures: Failures, entryOf: EntryOf): Promise<void> {
  const entering = steps.filter((step) => step.after)
  const leaving = steps.filter((step) => !step.after)
  if (leaving.length > 0) return removeAll(entering, leaving, pass, failures, entryOf)
  const store = await pass.store()
  if (entering.length === 0 && !store.generation) return
  await pass.goLive(installsAfter(store, entering), (generation) => entryOf(entering, generation))
}

function outcomeOf({ id, action, removed }: Change): ChangeOutcome {
  return { id, action, from: removed?.version, to: undefined, outcome: 'applied' }
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

function inPlanOrder({ plan }: ApplyInput, outcomes: readonly ChangeOutcome[]): readonly ChangeOutcome[] {
  const order = new Map(plan.changes.map((change, i) => [change.id, i]))
  const rank = (o: ChangeOutcome): number => order.get(o.id) ?? Infinity
  return [...outcomes].sort((a, b) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b)))
}
