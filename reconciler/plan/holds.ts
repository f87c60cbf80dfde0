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
  return holds.find((hold) => hold.id === id && (hold.from === target || comesBack(hold)))
}
