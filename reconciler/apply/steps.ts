import { digestOf } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { entryDigest, type Lock, type LockBlock } from '../../schemas/lock.ts'
import type { Change, Plan, PlanSide } from '../../schemas/plan.ts'
import type { DesiredState } from '../plan/desired.ts'
import { holdOn } from '../plan/holds.ts'
import { grantOf } from '../plan/sides.ts'
import type { Hold, InstallRecord, StoreSnapshot } from '../ports.ts'

/** What apply is asked to do: the plan, and what it was decided from. */
export interface ApplyInput {
  readonly plan: Plan
  readonly desired: DesiredState
  readonly lock: Lock
}

/** One change on its way. `before` is what is recorded, `after` what is to be; `after` absent means removal. */
export interface Step {
  readonly id: string
  readonly action: Change['action']
  readonly group: number
  /** What was planned: its steps say what is done to what outlives code. Absent for a repair that nobody planned. */
  readonly change?: Change
  readonly before: InstallRecord | undefined
  readonly after: InstallRecord | undefined
  /** The record says already what the change wants: somebody was faster, or an interrupted pass had recorded it. */
  readonly done: boolean
}

/** A step that cannot be taken, and why. */
export interface Failed {
  readonly step: Step
  readonly error: CatalystError
}

/**
 * Turns changes into steps against what is recorded now, under the lease. A change whose `from` is not what is
 * recorded any more, or that was rolled back since, fails with PLAN_CHANGED; one that is reached already is done. Pure.
 */
export function stepsOf(input: ApplyInput, store: StoreSnapshot, now: string): { readonly steps: readonly Step[]; readonly failed: readonly Failed[] } {
  const installed = new Map(store.installs.map((record) => [record.id, record]))
  const steps: Step[] = []
  const failed: Failed[] = []
  for (const change of input.plan.changes.filter((c) => !isAfterRemoval(c))) {
    const before = installed.get(change.movedFrom ?? change.id)
    const step = { id: change.id, action: change.action, group: change.group, change, before, after: undefined, done: false }
    try {
      if (change.action !== 'repair') assertNotHeld(change, store.holds)
      steps.push({ ...step, ...target(change, before, input, now) })
    } catch (error) {
      if (!(error instanceof CatalystError)) throw error
      failed.push({ step, error })
    }
  }
  return { steps, failed }
}

/** A change of what a plugin left that is removed already: it has no code, before or after. */
export function isAfterRemoval({ from, to, removed }: Change): boolean {
  return !from && !to && removed !== undefined
}

function target(change: Change, before: InstallRecord | undefined, input: ApplyInput, now: string): Pick<Step, 'after' | 'done'> {
  if (!KNOWN.has(change.action)) throw new CatalystError('UNSUPPORTED_FORMAT', `${change.id}: the plan holds the action ${change.action}, which this version cannot do`)
  if (change.action === 'repair') return { after: assertStill(change, before), done: false }
  if (isAt(before, change.to)) return { after: before, done: true }
  assertStill(change, before)
  return { after: change.to && recordOf(change, change.to, before, input, now), done: false }
}

/** A plan has no change that is held, so this hold is younger than the plan: somebody rolled the change back meanwhile. */
function assertNotHeld(change: Change, holds: readonly Hold[]): void {
  const hold = holdOn(change, holds)
  if (hold) throw new CatalystError('PLAN_CHANGED', `${change.id}: ${change.to?.version ?? 'its removal'} was rolled back at ${hold.since}, after this was planned`, { hint: 'Run the command again: it makes a new plan.' })
}

const KNOWN: ReadonlySet<string> = new Set(['install', 'upgrade', 'downgrade', 'configure', 'move', 'remove', 'repair', 'reattach'])

function assertStill(change: Change, before: InstallRecord | undefined): InstallRecord | undefined {
  if (isAt(before, change.from)) return before
  const now = before ? `${before.block.version} (${before.block.entryDigest})` : 'nothing'
  const then = change.from ? `${change.from.version} (${change.from.entryDigest})` : 'nothing'
  throw new CatalystError('PLAN_CHANGED', `${change.id}: the plan starts from ${then}, the store holds ${now}`, { hint: 'Run the command again: it makes a new plan.' })
}

/** True when what is recorded is that side of a change. */
function isAt(record: InstallRecord | undefined, side: PlanSide | undefined): boolean {
  if (!record || !side) return !record && !side
  return (
    record.block.entryDigest === side.entryDigest && record.enabled === side.enabled && record.configDigest === side.configDigest && record.references === side.references && record.grantDigest === side.grantDigest
  )
}

function recordOf(change: Change, to: PlanSide, before: InstallRecord | undefined, { lock, desired }: ApplyInput, now: string): InstallRecord {
  const grant = grantOf(desired.plugins.find((p) => p.id === change.id))
  if (digestOf(grant) !== to.grantDigest) throw new CatalystError('PLAN_CHANGED', `${change.id}: the permissions in plugins.yaml are not those of the plan`)
  return {
    id: change.id,
    block: blockOf(change.id, to, before, lock),
    enabled: to.enabled,
    configDigest: to.configDigest,
    config: desired.plugins.find((p) => p.id === change.id)?.config ?? {},
    ...(to.references === undefined ? {} : { references: to.references }),
    grantDigest: to.grantDigest,
    grant,
    installedAt: before?.installedAt ?? now,
    updatedAt: now,
  }
}

/** The lock's block, whose digest is computed again here: what is applied is what was planned, to the byte. */
function blockOf(id: string, to: PlanSide, before: InstallRecord | undefined, lock: Lock): LockBlock {
  if (before?.block.entryDigest === to.entryDigest) return before.block
  const block = lock.plugins[id]
  if (block && entryDigest(block) === to.entryDigest && block.tree === to.tree) return block
  throw new CatalystError('PLAN_CHANGED', `${id}: the plan takes ${to.entryDigest}, the lock holds ${block ? entryDigest(block) : 'no such plugin'}`)
}
