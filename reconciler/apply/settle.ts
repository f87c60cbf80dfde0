import type { CatalystError } from '../../schemas/errors.ts'
import type { Change } from '../../schemas/plan.ts'
import type { Failures } from './failures.ts'
import type { Step } from './steps.ts'

/** What became of one change. A step that another of its group held up is skipped: `because` names that one. */
export interface ChangeOutcome {
  readonly id: string
  readonly action: Change['action']
  readonly from: string | undefined
  readonly to: string | undefined
  readonly outcome: 'applied' | 'failed' | 'skipped'
  readonly error?: CatalystError
  readonly because?: string
  /** Where a repair put the altered tree. */
  readonly quarantine?: string
}

/**
 * Plugins of one group switch together: one that failed keeps all others of its group as they are, and nobody else.
 * Pure; the order of the steps is kept.
 */
export function settle(steps: readonly Step[], errors: ReadonlyMap<string, CatalystError>): readonly ChangeOutcome[] {
  const broken = new Map<number, string>()
  for (const step of steps) if (errors.has(step.id) && !broken.has(step.group)) broken.set(step.group, step.id)
  return steps.map((step) => {
    const about = { id: step.id, action: step.action, from: step.before?.block.version, to: step.after?.block.version }
    const error = errors.get(step.id)
    if (error) return { ...about, outcome: 'failed', error }
    const because = broken.get(step.group)
    return because === undefined ? { ...about, outcome: 'applied' } : { ...about, outcome: 'skipped', because }
  })
}

/** Outcomes once more, after all was done: what failed on the way failed, and what its group did not do for that was skipped. Pure. */
export function settleLate(outcomes: readonly ChangeOutcome[], of: readonly { readonly id: string; readonly group: number }[], { broken, late }: Failures): readonly ChangeOutcome[] {
  const group = new Map(of.map(({ id, group: number }) => [id, number]))
  const breaker = new Map(of.filter(({ id }) => broken.has(id)).map(({ id, group: number }) => [number, id]))
  return outcomes.map((outcome): ChangeOutcome => {
    const error = broken.get(outcome.id) ?? late.get(outcome.id)
    if (error) return { ...outcome, outcome: 'failed', error }
    const because = breaker.get(group.get(outcome.id) ?? NaN)
    return because === undefined || outcome.outcome !== 'applied' ? outcome : { ...outcome, outcome: 'skipped', because }
  })
}
