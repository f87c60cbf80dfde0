import type { Notice } from '../../schemas/plan.ts'
import { suggestion } from '../../schemas/suggestions.ts'
import type { PlanInput } from './observed.ts'
import { tombstonesOf } from './tombstones.ts'

/** Tombstones that decide about nothing here: a slip of the pen, or a line whose plugin this store never had or still needs. Pure. */
export function unusedTombstones({ desired, lock, observed: { store } }: PlanInput): readonly Notice[] {
  const removed = new Map(store.retained.map((r) => [r.id, r.block.version]))
  const known = new Set([...removed.keys(), ...store.installs.map((r) => r.id)])
  return tombstonesOf(desired.removed).flatMap(({ id, key }): readonly Notice[] => {
    if (lock.plugins[id]) return [{ id, code: 'TOMBSTONE_STALE', message: `plugins.yaml decides about ${key}, but something in the lock still needs ${id}: nothing of it goes`, hint: `See \`catalyst why ${id}\`, or take the line ${key} out of \`removed:\`.` }]
    if (known.has(id)) return []
    const meant = suggestion(id, [...removed.keys()])
    const hint = meant === undefined ? `Take the line ${key} out of \`removed:\`.` : `Did you mean ${meant}@${removed.get(meant)}?`
    return [{ id, code: 'TOMBSTONE_STALE', message: `plugins.yaml decides about ${key}, but this store never had ${id}`, hint }]
  })
}
