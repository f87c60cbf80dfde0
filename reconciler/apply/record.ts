import { byCodeUnit } from '../../schemas/digest.ts'
import type { Plan } from '../../schemas/plan.ts'
import type { InstallRecord, StoreCommit, StoreSnapshot } from '../ports.ts'
import { sideOf } from './audit-side.ts'
import type { ChangeOutcome } from './settle.ts'
import type { Step } from './steps.ts'

/** The records after the steps were taken, sorted by id. Pure. */
export function installsAfter(store: StoreSnapshot, steps: readonly Step[]): readonly InstallRecord[] {
  const records = new Map(store.installs.map((record) => [record.id, record]))
  for (const { id, after, change } of steps) {
    if (change?.movedFrom !== undefined) records.delete(change.movedFrom)
    if (after) records.set(id, after)
    else records.delete(id)
  }
  return [...records.values()].sort((a, b) => byCodeUnit(a.id, b.id))
}

/** One audit record per change that was made. A repair counts when something altered was put aside; a tree that was only missing here is no event of the store. */
export function auditOf(steps: readonly Step[], outcomes: readonly ChangeOutcome[], plan: Plan, generation: number): StoreCommit['audit'] {
  const byId = new Map(outcomes.map((o) => [o.id, o]))
  return steps.flatMap(({ id, action, before, after }) => {
    const quarantine = byId.get(id)?.quarantine
    if (action === 'repair' && quarantine === undefined) return []
    const details = {
      generation,
      from: sideOf(before),
      to: sideOf(after),
      ...(plan.revision ? { revision: plan.revision } : {}),
      planDigest: plan.planDigest,
      ...(quarantine === undefined ? {} : { quarantine }),
    }
    return [{ event: action, id, details }]
  })
}
