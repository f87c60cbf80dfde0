import type { PlanSide } from '../../schemas/plan.ts'
import type { Hold } from '../ports.ts'
import { stateDigest } from './state-digest.ts'

/** A change as a hold sees it: `to` absent is a removal, `from` absent an installation. */
export interface Held {
  readonly id: string
  readonly from?: Pick<PlanSide, 'tree'> | undefined
  readonly to?: PlanSide | undefined
}

/**
 * The hold that stands against a change. The code that was rolled back is held as such: another config or grant does
 * not make it come back. Pure.
 */
export function holdOn({ id, from, to }: Held, holds: readonly Hold[]): Hold | undefined {
  const target = to ? stateDigest(to) : 'absent'
  const comesBack = ({ fromTree }: Hold): boolean => fromTree !== undefined && to?.tree === fromTree && from?.tree !== fromTree
  return holds.find((hold) => hold.id === id && !isUnfinished(hold) && (hold.from === target || comesBack(hold)))
}

/** The hold on the last migrations of a release that is live: they failed, and are not tried again by themselves. Pure. */
export function unfinishedHold(id: string, at: PlanSide, holds: readonly Hold[]): Hold | undefined {
  return holds.find((hold) => hold.id === id && isUnfinished(hold) && hold.from === stateDigest(at))
}

function isUnfinished({ from, to }: Hold): boolean {
  return from === to
}
