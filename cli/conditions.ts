import type { Lock } from '../schemas/lock.ts'
import type { InstallRecord } from '../reconciler/ports.ts'
import type { ObservedState } from '../reconciler/plan/observed.ts'

/** What is true of one installed plugin. `reason` is one CamelCase word; `true` of Drifted, Held and DecisionRequired is bad news. */
export interface Condition {
  readonly type: 'Ready' | 'Verified' | 'Drifted' | 'Held' | 'DecisionRequired'
  readonly status: 'true' | 'false' | 'unknown'
  readonly reason: string
}

/** The conditions of one plugin, from what was observed. `checked` says whether its files were looked at. */
export function conditionsOf(record: InstallRecord, observed: ObservedState, lock: Lock | undefined, checked: boolean): readonly Condition[] {
  const live = observed.live?.get(record.id)
  const here = live === record.block.tree
  const damaged = (observed.damaged.get(record.id)?.length ?? 0) > 0
  const held = observed.store.holds.some((hold) => hold.id === record.id)
  return [
    ready(record, here, damaged),
    record.block.signer.kind === 'unsigned' ? { type: 'Verified', status: 'false', reason: 'UnsignedByDecision' } : { type: 'Verified', status: 'true', reason: 'ProvenanceProven' },
    drifted(record, here, damaged, checked),
    { type: 'Held', status: held ? 'true' : 'false', reason: held ? 'RolledBack' : 'NoHold' },
    lock?.waiting?.[record.id] ? { type: 'DecisionRequired', status: 'true', reason: 'SeePlan' } : { type: 'DecisionRequired', status: 'false', reason: 'Decided' },
  ]
}

function ready(record: InstallRecord, here: boolean, damaged: boolean): Condition {
  if (!record.enabled) return { type: 'Ready', status: 'false', reason: 'SwitchedOff' }
  if (damaged) return { type: 'Ready', status: 'false', reason: 'FilesAltered' }
  return here ? { type: 'Ready', status: 'true', reason: 'Live' } : { type: 'Ready', status: 'false', reason: 'NotOnThisMachine' }
}

function drifted(record: InstallRecord, here: boolean, damaged: boolean, checked: boolean): Condition {
  if (damaged) return { type: 'Drifted', status: 'true', reason: 'FilesAltered' }
  if (record.enabled && !here) return { type: 'Drifted', status: 'true', reason: 'OtherTreeLive' }
  return checked ? { type: 'Drifted', status: 'false', reason: 'FilesChecked' } : { type: 'Drifted', status: 'unknown', reason: 'FilesNotChecked' }
}
