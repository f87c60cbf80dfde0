import type { UninstallPolicy } from '../../schemas/common.ts'
import { byCodeUnit } from '../../schemas/digest.ts'
import type { DesiredState } from './desired.ts'

/** One line under `removed:`. */
export interface Tombstone {
  /** As written: `id@version`. */
  readonly key: string
  readonly id: string
  readonly version: string
  readonly decision: UninstallPolicy
}

/** What git says of one removed version: its decision, or a line that names another version and so decides nothing. */
export interface TombstoneAnswer {
  readonly decision: UninstallPolicy | undefined
  readonly stale: Tombstone | undefined
}

/** All tombstones, by id and then as written. Pure. */
export function tombstonesOf(removed: DesiredState['removed']): readonly Tombstone[] {
  return Object.entries(removed)
    .map(([key, decision]) => ({ key, id: key.slice(0, key.indexOf('@')), version: key.slice(key.indexOf('@') + 1), decision }))
    .sort((a, b) => byCodeUnit(a.key, b.key))
}

/** The tombstone for exactly this version of this plugin. A line for another version of it is stale: it was written about something else. Pure. */
export function tombstoneFor(id: string, version: string, tombstones: readonly Tombstone[]): TombstoneAnswer {
  const own = tombstones.filter((tombstone) => tombstone.id === id)
  return { decision: own.find((t) => t.version === version)?.decision, stale: own.find((t) => t.version !== version) }
}
