import { ERRORS, type ErrorCode } from '../../schemas/errors.ts'
import { stateDigest } from '../plan/state-digest.ts'
import type { Hold, InstallRecord, StoreSnapshot } from '../ports.ts'

/** Why a generation was activated in which plugins are off only while their tables change. */
export const OFF_REASON = 'its tables change'

/** Why a generation was activated after such a change failed. */
export const FAILED_REASON = 'a change of tables failed'

/**
 * The plugin as it was before a pass that was killed had switched it off for its tables; undefined when it was not, or is
 * on. Pure.
 */
export function switchedOffByUs(id: string, { installs, activations, generations }: StoreSnapshot): InstallRecord | undefined {
  const present = installs.find((record) => record.id === id)
  if (!present || present.enabled) return undefined
  const byNumber = new Map(generations.map((generation) => [generation.number, generation]))
  let reason = ''
  for (const activation of activations.toReversed()) {
    const record = byNumber.get(activation.generation)?.plugins[id]?.record
    if (record?.block.entryDigest !== present.block.entryDigest) return undefined
    if (record.enabled) return reason === OFF_REASON ? record : undefined
    reason = activation.reason
  }
  return undefined
}

/** What is recorded, and of those plugins that a killed pass had switched off, what was recorded before. Pure. */
export function asItWas(store: StoreSnapshot, ids: Iterable<string>): readonly InstallRecord[] {
  const asked = new Set(ids)
  return store.installs.map((record) => (asked.has(record.id) ? (switchedOffByUs(record.id, store) ?? record) : record))
}

/** Failures of which the next try would be one, too. Others (a full disk, a database that is gone) are tried again by the next pass. */
const FINAL: ReadonlySet<ErrorCode> = new Set(['MIGRATION_REFUSED', 'MIGRATION_FAILED', 'MIGRATION_TIMEOUT', 'MIGRATION_CHANGED', 'MIGRATION_IRREVERSIBLE', 'BACKUP_DAMAGED', 'BACKUP_NEWER', 'BACKUP_FOREIGN', 'TREE_MISMATCH', 'CONTRADICTION'])

/** True when the same change is not tried again by itself after this error: the plugin is Stalled. */
export function isFinal(code: ErrorCode): boolean {
  return FINAL.has(code) && ERRORS[code].retry === 'never'
}

/** The hold on a change that failed: nobody tries the same release again before a person lifts it. Pure. */
export function failedHold(to: InstallRecord, before: InstallRecord | undefined, failed: ErrorCode, since: string): Hold {
  const tree = before?.block.tree === to.block.tree ? {} : { fromTree: to.block.tree }
  return { id: to.id, from: stateOf(to), fromVersion: to.block.version, ...tree, to: stateOf(before), toVersion: before?.block.version, since, failed }
}

/** The state of a record as holds name it. */
export function stateOf(record: InstallRecord | undefined): Hold['from'] {
  if (!record) return 'absent'
  return stateDigest({ entryDigest: record.block.entryDigest, enabled: record.enabled, configDigest: record.configDigest, grantDigest: record.grantDigest })
}
