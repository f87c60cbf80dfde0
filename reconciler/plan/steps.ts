import { byCodeUnit } from '../../schemas/digest.ts'
import { releaseDigest, type LockBlock } from '../../schemas/lock.ts'
import type { Blocked } from '../../schemas/plan.ts'
import type { InstallRecord, RetainedRecord } from '../ports.ts'
import type { Step } from './changes.ts'
import type { DesiredPlugin, DesiredState } from './desired.ts'
import { migrationPath } from './migration-path.ts'
import { movesOf, type Move, type Moves } from './moves.ts'
import type { ObservedState, PlanInput } from './observed.ts'
import { isPurged } from './retained.ts'
import { installedSide, sameSide, wantedSide } from './sides.ts'
import { saidAgainst } from './stale.ts'
import { attachData, moveData, releaseData, removalData, type DataAnswer } from './step-data.ts'

/** Every plugin that differs, what cannot be done about its data, and who is wanted in some way. */
export interface Differences {
  readonly steps: readonly Step[]
  readonly blocked: readonly Blocked[]
  /** Ids of plugins whose retained data nobody may touch now: installed, asked for, or on their way to another id. */
  readonly wanted: ReadonlySet<string>
}

/** Per plugin that differs: what is there, what is wanted, and what becomes of its data. Pure. */
export function differences(input: PlanInput): Differences {
  const { desired, lock, observed } = input
  const moves = movesOf(input)
  const known: Known = {
    installed: new Map(observed.store.installs.map((r) => [r.id, r])),
    asked: new Map(desired.plugins.map((p) => [p.id, p])),
    left: new Map(observed.store.retained.filter((r) => !isPurged(r)).map((r) => [r.id, r])),
  }
  const ids = [...new Set([...Object.keys(lock.plugins), ...known.installed.keys()])].sort(byCodeUnit)
  const stays = staying(input)
  const found = ids.filter((id) => !stays.has(id) && isFree(id, moves)).flatMap((id) => differenceOf(id, input, known, moves.byTarget.get(id)))
  return {
    steps: found.map(({ step, answer }) => (answer && 'data' in answer ? { ...step, data: answer.data } : step)),
    blocked: [...moves.blocked, ...found.flatMap(({ answer }) => (answer && 'blocked' in answer ? [answer.blocked] : []))],
    wanted: new Set([...ids, ...desired.plugins.map((p) => p.id), ...moves.bound]),
  }
}

/** What a move has bound waits for it; what moves is decided about under its new id. */
function isFree(id: string, { bound, byTarget }: Moves): boolean {
  return !bound.has(id) || byTarget.has(id)
}

interface Known {
  readonly installed: ReadonlyMap<string, InstallRecord>
  readonly asked: ReadonlyMap<string, DesiredPlugin>
  /** Removed plugins that left something. */
  readonly left: ReadonlyMap<string, RetainedRecord>
}

interface Difference {
  readonly step: Step
  readonly answer?: DataAnswer
}

function differenceOf(id: string, input: PlanInput, { installed, asked, left }: Known, move: Move | undefined): readonly Difference[] {
  const { lock, observed } = input
  const block = lock.plugins[id]
  const record = installed.get(id)
  if (!block) return record ? [{ step: { id, record }, answer: removalData(record, input) }] : []
  const wanted = asked.get(id)
  const step: Step = { id, block, to: wantedSide(block, wanted, { now: input.references?.get(id), recorded: record?.references }), wanted }
  if (move) return [moved(step, block, move, input)]
  if (!record) return [entering(step, block, left.get(id), input)]
  const same = step.to !== undefined && sameSide(installedSide(record), step.to)
  const isSameRelease = releaseDigest(block) === releaseDigest(record.block)
  const due = isSameRelease ? unfinished(record, same, observed) : undefined
  if (same && due === undefined) return repairStep({ ...step, record }, record, observed).map((repair) => ({ step: repair }))
  const answer = isSameRelease && due === undefined ? {} : { answer: releaseData(record, block, input) }
  return [{ step: { ...step, record, ...(same && due !== undefined ? { repair: due } : {}) }, ...answer }]
}

/**
 * Says when what has run is not what an installed release brings: a pass ended after it went live and before its last
 * migrations, or while its tables went to another release with the plugin switched off. A plugin that runs on more than it
 * brings does so because somebody wanted it.
 */
function unfinished({ id, block, enabled }: InstallRecord, same: boolean, observed: ObservedState): string | undefined {
  const ran = observed.applied?.get(id)
  if (ran === undefined) return undefined
  const path = migrationPath(ran, block.migrations)
  if (path.kind === 'forward' && path.pending.length > 0) return `${path.pending.map((m) => m.id).join(', ')} of it ${path.pending.length === 1 ? 'has' : 'have'} not run yet`
  return path.kind === 'back' && path.undo.length > 0 && !enabled && !same ? `${path.undo[0]?.id} has run, which it does not know` : undefined
}

function moved(step: Step, block: LockBlock, { from, record, retained }: Move, input: PlanInput): Difference {
  const to = { id: step.id, block }
  if (record) return { step: { ...step, movedFrom: from, record }, answer: moveData(record, to, input) }
  return retained ? { step: { ...step, movedFrom: from, retained: retained.block }, answer: attachData(retained, { ...to, action: 'move' }, input) } : { step }
}

/** A plugin that was never there, or of which nothing is left, is installed; one that left something finds it again. */
function entering(step: Step, block: LockBlock, left: RetainedRecord | undefined, input: PlanInput): Difference {
  if (!left) return { step }
  const back = { ...step, retained: left.block }
  return left.removal ? { step: back, answer: attachData(left, { id: step.id, block, action: 'reattach' }, input) } : { step: back }
}

/**
 * Plugins that stay as they are installed, or not installed, because they wait for a decision: waiting is not leaving.
 * So does what they need, and what plugins.yaml names and the lock does not: a lock that lost a block removes nothing.
 * The lock alone cannot make anything of it: nobody outside plugins.yaml waits, and what plugins.yaml speaks against is
 * not taken meanwhile.
 */
function staying({ desired, lock, observed }: PlanInput): ReadonlySet<string> {
  const installed = new Map(observed.store.installs.map((r) => [r.id, r.block]))
  const waiting = desired.plugins.filter(({ id }) => lock.waiting?.[id])
  const absent = desired.plugins.filter(({ id }) => !lock.plugins[id]).map((p) => p.id)
  const unasked = waiting.filter((plugin) => isUnasked(lock.plugins[plugin.id], installed.get(plugin.id), plugin, desired)).map((p) => p.id)
  const stays = new Set([...absent, ...unasked])
  for (const id of stays) for (const needed of Object.keys(installed.get(id)?.dependencies ?? {})) if (!lock.plugins[needed]) stays.add(needed)
  return stays
}

function isUnasked(block: LockBlock | undefined, present: LockBlock | undefined, plugin: DesiredPlugin, desired: DesiredState): boolean {
  if (!block || (present && releaseDigest(present) === releaseDigest(block))) return false
  return saidAgainst(block, plugin, desired).length > 0
}

function repairStep(step: Step, record: InstallRecord, observed: ObservedState): readonly Step[] {
  const files = observed.damaged.get(step.id)
  if (files && files.length > 0) return [{ ...step, repair: `files differ from the release: ${files.slice(0, 3).join(', ')}` }]
  const live = observed.live?.get(step.id)
  if (record.enabled && live !== record.block.tree) return [{ ...step, repair: live ? 'another tree is live than recorded' : 'not on this machine yet' }]
  return []
}
