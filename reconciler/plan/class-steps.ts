import type { SealedPolicy } from '../../schemas/common.ts'
import { durationMs } from '../../schemas/durations.ts'
import type { ClassEffect, DataStep } from '../../schemas/plan-data.ts'
import type { ClassState, DataClass } from '../data-ports.ts'
import type { Wish } from './policy.ts'

/** One class of a plugin that is gone or going, and all that its fate depends on. */
export interface ClassQuestion {
  readonly class: DataClass
  readonly wish: Wish
  readonly grace: SealedPolicy['grace']
  /** Undefined for a plugin that is still installed. */
  readonly state: ClassState | undefined
  /** Undefined: nobody says what time it is, and nothing is due. */
  readonly now: string | undefined
  /** Recorded as holding nothing when the plugin was removed: there is nothing to ask about. */
  readonly empty: boolean
  /** Others need it: it may go into quarantine, and no further. */
  readonly inUse: boolean
}

/** What is done about one class, and what becomes of it. */
export interface ClassFate extends ClassEffect {
  readonly steps: readonly DataStep[]
  /** It should be gone by now and cannot, because others need it. */
  readonly stuck?: true
}

/**
 * The state machine of one class: retained, awaiting, quarantined, purged. Whatever is wanted, `purged` stays; whatever
 * is there, only the wish `remove` leads towards it, and only past the grace. Pure.
 */
export function fateOf(question: ClassQuestion): ClassFate {
  const { class: key, state, wish, empty } = question
  if (state?.state === 'purged') return { class: key, from: 'purged', becomes: 'purged', steps: [] }
  if (wish === 'remove') return going(question)
  return staying(question, wish === 'keep' || empty ? 'retained' : 'awaiting')
}

function staying({ class: key, state }: ClassQuestion, becomes: 'retained' | 'awaiting'): ClassFate {
  const from = state ? { from: state.state } : {}
  if (state?.state === becomes) return { class: key, ...from, becomes, steps: [] }
  const back: readonly DataStep[] = state?.state === 'quarantined' ? [{ do: 'return', class: key }] : []
  return { class: key, ...from, becomes, steps: [...back, { do: becomes === 'retained' ? 'retain' : 'ask', class: key }] }
}

function going(question: ClassQuestion): ClassFate {
  const { class: key, state, grace, now, inUse } = question
  const from = state ? { from: state.state } : {}
  const until = purgeTime(question)
  const due = now !== undefined && until !== undefined && until <= Date.parse(now)
  if (due && !inUse) return { class: key, ...from, becomes: 'purged', steps: [{ do: 'purge', class: key }] }
  const there = state?.state === 'quarantined' && Date.parse(state.purgeAt) === until
  return {
    class: key,
    ...from,
    becomes: 'quarantined',
    ...(until === undefined ? {} : { until: new Date(until).toISOString() }),
    steps: there ? [] : [{ do: 'quarantine', class: key, grace }],
    ...(due ? { stuck: true } : {}),
  }
}

/** When the grace ends, in milliseconds since 1970: counted from the quarantine, which may be now. */
function purgeTime({ state, grace, now }: ClassQuestion): number | undefined {
  const since = state?.state === 'quarantined' ? state.since : now
  return since === undefined ? undefined : Date.parse(since) + durationMs(grace)
}

const ORDER: readonly DataStep['do'][] = ['answer', 'deactivate', 'backup', 'code', 'return', 'retain', 'ask', 'quarantine', 'purge']

/** Steps as they must be taken: what can be undone first, what destroys last (law 5). Stable. Pure. */
export function inOrder(steps: readonly DataStep[]): DataStep[] {
  return [...steps].sort((a, b) => ORDER.indexOf(a.do) - ORDER.indexOf(b.do))
}
