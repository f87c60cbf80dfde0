import type { Change } from '../../schemas/plan.ts'
import type { DataStep, Phase, PhasedGroup } from '../../schemas/plan-data.ts'
import { runOrder, type RunOrder } from './migration-path.ts'

/**
 * How the changes of a plan are carried out, group by group (`schemas/plan-data.ts` says what each phase means). Groups that
 * touch no tables switch together in one generation; each other group makes its own after that. Purges and what else
 * destroys stands in the last phase of its group. Pure.
 */
export function phasedGroups(changes: readonly Change[]): PhasedGroup[] {
  const groups = [...Map.groupBy(changes, (change) => change.group)].map(([group, members]) => phasedGroup(group, members))
  return [...groups.filter((g) => g.generation === 'shared'), ...groups.filter((g) => g.generation === 'own')]
}

/** Steps that make the tables ready for the code that will switch to them. All others follow the switch. */
const BEFORE: ReadonlySet<DataStep['do']> = new Set(['move', 'return', 'revert', 'restore'])

function phasedGroup(group: number, changes: readonly Change[]): PhasedGroup {
  const orders = changes.map((change) => ({ id: change.id, ...orderOf(change) }))
  const run = (phase: 'expand' | 'breaking' | 'contract'): Phase => ({ phase, run: orders.flatMap((order) => order[phase].map((m) => ({ plugin: order.id, migration: m.id }))) })
  const of = (phase: Exclude<Phase, { run: unknown }>['phase'], is: (change: Change) => boolean): Phase => ({ phase, plugins: changes.filter(is).map((c) => c.id) })
  const phases: readonly Phase[] = [
    run('expand'),
    of('probe', startsCode),
    of('deactivate', mustBeOff),
    of('backup', isBackedUpFirst),
    of('before', (change) => isEntering(change) && does(change, (step) => BEFORE.has(step.do))),
    run('breaking'),
    of('switch', isSwitched),
    run('contract'),
    of('after', (change) => !isEntering(change) && (change.steps ?? []).length > 0),
  ]
  const own = changes.some((change) => change.effects.migrations.length > 0 || (isEntering(change) && does(change, (step) => BEFORE.has(step.do))))
  return { group, plugins: changes.map((c) => c.id), generation: own ? 'own' : 'shared', phases: phases.filter(hasWork) }
}

/** Tables that are first brought back, moved or taken back cannot be expanded before that: there is no old code on them either. */
function orderOf(change: Change): RunOrder {
  const order = runOrder(change.effects.migrations)
  return does(change, (step) => BEFORE.has(step.do)) ? { expand: [], breaking: [...order.expand, ...order.breaking], contract: order.contract } : order
}

/** A change that leads to code, not away from it. */
function isEntering(change: Change): boolean {
  return change.to !== undefined
}

function startsCode({ to, from, action }: Change): boolean {
  return to?.enabled === true && (action === 'repair' || from?.tree !== to.tree || !from.enabled)
}

/** Code that is live must not see its tables change under it. */
function mustBeOff(change: Change): boolean {
  return change.from?.enabled === true && isEntering(change) && (runOrder(change.effects.migrations).breaking.length > 0 || does(change, (step) => step.do === 'deactivate'))
}

/** What can only be taken back from a backup has one first. Tables that are only expanded need none: the old code runs on. */
function isBackedUpFirst(change: Change): boolean {
  if (!isEntering(change)) return false
  const { breaking, contract } = runOrder(change.effects.migrations)
  const hasTables = change.from !== undefined || change.removed !== undefined
  return does(change, (step) => step.do === 'backup') || (hasTables && breaking.length + contract.length > 0)
}

/** Changes of a plugin that is removed already switch nothing. */
function isSwitched(change: Change): boolean {
  return isEntering(change) || change.from !== undefined
}

function does(change: Change, is: (step: DataStep) => boolean): boolean {
  return (change.steps ?? []).some(is)
}

function hasWork(phase: Phase): boolean {
  return 'run' in phase ? phase.run.length > 0 : phase.plugins.length > 0
}
