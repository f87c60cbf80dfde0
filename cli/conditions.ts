import { permissionExcess } from '../schemas/permissions.ts'
import type { Lock } from '../schemas/lock.ts'
import type { Plan } from '../schemas/plan.ts'
import type { InstallRecord } from '../reconciler/ports.ts'
import type { Drift } from '../reconciler/plan/drift.ts'
import type { ObservedState } from '../reconciler/plan/observed.ts'

/** What is true of one installed plugin. `reason` is one CamelCase word; `true` of Drifted, Held, DecisionRequired and Stalled is bad news, `false` of the others. */
export interface Condition {
  readonly type: 'Ready' | 'Verified' | 'PermissionsApproved' | 'Healthy' | 'Drifted' | 'Held' | 'DecisionRequired' | 'Stalled'
  readonly status: 'true' | 'false' | 'unknown'
  readonly reason: string
}

/** Conditions whose `true` is bad news. */
export const BAD_WHEN_TRUE: ReadonlySet<Condition['type']> = new Set(['Drifted', 'Held', 'DecisionRequired', 'Stalled'])

/** What the conditions of plugins are drawn from. `plan` is absent where none can be made; `checked` says whether files were looked at. */
export interface Seen {
  readonly observed: ObservedState
  readonly lock: Lock | undefined
  readonly plan: Pick<Plan, 'blocked'> | undefined
  readonly drift: readonly Drift[]
  readonly checked: boolean
}

/** The conditions of one plugin (RECONCILER.md): what nobody looked at is `unknown`, never well. */
export function conditionsOf(record: InstallRecord, seen: Seen): readonly Condition[] {
  return [ready(record, seen), verified(record), permissionsApproved(record, seen), healthy(record, seen), drifted(record, seen), held(record, seen), decisionRequired(record, seen), stalled(record, seen)]
}

function isHere(record: InstallRecord, { observed }: Seen): boolean {
  return observed.live?.get(record.id) === record.block.tree
}

function isDamaged(record: InstallRecord, { observed }: Seen): boolean {
  return (observed.damaged.get(record.id)?.length ?? 0) > 0
}

function ready(record: InstallRecord, seen: Seen): Condition {
  if (!record.enabled) return { type: 'Ready', status: 'false', reason: 'SwitchedOff' }
  if (isDamaged(record, seen)) return { type: 'Ready', status: 'false', reason: 'FilesAltered' }
  return isHere(record, seen) ? { type: 'Ready', status: 'true', reason: 'Live' } : { type: 'Ready', status: 'false', reason: 'NotOnThisMachine' }
}

function verified({ block }: InstallRecord): Condition {
  return block.signer.kind === 'unsigned' ? { type: 'Verified', status: 'false', reason: 'UnsignedByDecision' } : { type: 'Verified', status: 'true', reason: 'ProvenanceProven' }
}

function permissionsApproved(record: InstallRecord, { lock }: Seen): Condition {
  if (permissionExcess(record.block.permissions, record.grant).length > 0) return { type: 'PermissionsApproved', status: 'false', reason: 'AsksForMore' }
  return lock?.waiting?.[record.id]?.code === 'GRANT_MISSING' ? { type: 'PermissionsApproved', status: 'false', reason: 'PermissionsUndecided' } : { type: 'PermissionsApproved', status: 'true', reason: 'Granted' }
}

/** No host tells how a plugin is; that it answered when it was switched over says nothing of now. */
function healthy(record: InstallRecord, seen: Seen): Condition {
  return record.enabled && isHere(record, seen) ? { type: 'Healthy', status: 'unknown', reason: 'NoHost' } : { type: 'Healthy', status: 'unknown', reason: 'NotRunning' }
}

const DRIFT_REASONS: Readonly<Record<Drift['class'], string>> = { code: 'FilesAltered', config: 'ConfigDiffers', schema: 'TablesAltered', unmanaged: 'Unmanaged' }

function drifted(record: InstallRecord, seen: Seen): Condition {
  const [first] = seen.drift.filter((d) => d.id === record.id)
  if (first) return { type: 'Drifted', status: 'true', reason: first.class === 'code' && !isDamaged(record, seen) ? 'OtherTreeLive' : DRIFT_REASONS[first.class] }
  return seen.checked ? { type: 'Drifted', status: 'false', reason: 'FilesChecked' } : { type: 'Drifted', status: 'unknown', reason: 'FilesNotChecked' }
}

function held({ id }: InstallRecord, { observed }: Seen): Condition {
  const isHeld = observed.store.holds.some((hold) => hold.id === id && hold.failed === undefined)
  return { type: 'Held', status: isHeld ? 'true' : 'false', reason: isHeld ? 'RolledBack' : 'NoHold' }
}

const REASONS: Readonly<Record<string, string>> = { APPROVAL_MISSING: 'ApprovalMissing', CONFIG_INVALID: 'ConfigInvalid', MASS_REMOVAL: 'MassRemoval', IN_USE: 'InUse' }

function decisionRequired({ id }: InstallRecord, { lock, plan }: Seen): Condition {
  const blocked = plan?.blocked.find((b) => b.id === id && b.code !== 'DependencyBlocked')
  if (blocked) return { type: 'DecisionRequired', status: 'true', reason: REASONS[blocked.code] ?? camel(blocked.code) }
  if (lock?.waiting?.[id]) return { type: 'DecisionRequired', status: 'true', reason: 'SeePlan' }
  return plan ? { type: 'DecisionRequired', status: 'false', reason: 'Decided' } : { type: 'DecisionRequired', status: 'unknown', reason: 'NoPlan' }
}

function stalled({ id }: InstallRecord, { observed }: Seen): Condition {
  return observed.store.holds.some((hold) => hold.id === id && hold.failed !== undefined) ? { type: 'Stalled', status: 'true', reason: 'ChangeFailed' } : { type: 'Stalled', status: 'false', reason: 'NoFailure' }
}

function camel(code: string): string {
  return /[_]|^[A-Z]+$/.test(code) ? code.toLowerCase().replace(/(^|_)([a-z])/g, (_all, _start, letter: string) => letter.toUpperCase()) : code
}
