import type { SealedPolicy } from '../../schemas/common.ts'
import type { LockBlock } from '../../schemas/lock.ts'
import { normalizePermissions, permissionExcess } from '../../schemas/permissions.ts'
import type { Action, Change, ConsentNeed, Effects, PlanSide } from '../../schemas/plan.ts'
import { compareVersions } from '../../schemas/versions.ts'
import type { InstallRecord } from '../ports.ts'
import type { DesiredPlugin } from './desired.ts'
import { installedSide } from './sides.ts'
import type { StepData } from './step-data.ts'

/** One plugin that differs, before it became a change: `to` absent means removal, `record` absent means installation. */
export interface Step {
  readonly id: string
  readonly record?: InstallRecord
  /** What the store had of it before it was removed, for a plugin that comes back. */
  readonly retained?: LockBlock | undefined
  readonly block?: LockBlock
  readonly to?: PlanSide
  readonly wanted?: DesiredPlugin | undefined
  /** Set when record and wish agree but this machine does not. */
  readonly repair?: string
  /** Of a move: the id under which `record` or the retained data stands. */
  readonly movedFrom?: string
  /** What becomes of what outlives code. */
  readonly data?: StepData
}

/** The change that a step needs, with its effects; `consented` is what was agreed to in git, and is named all the same. Pure. */
export function changeOf(step: Step, consented: readonly ConsentNeed[] = []): Omit<Change, 'group'> {
  const from = step.record ? installedSide(step.record) : undefined
  const action = actionOf(step, from)
  const effects = effectsOf(step, from)
  return {
    id: step.id,
    action,
    ...(from ? { from } : {}),
    ...(step.to ? { to: step.to } : {}),
    reason: reasonOf(action, step, from),
    effects: { ...effects, notes: [...effects.notes, ...consented.map((need) => `${need.accept}, approved: ${need.why}`)] },
    destructive: step.data?.destructive ?? false,
    reversible: step.data?.reversible ?? effects.migrations.every((m) => m.down),
    ...(step.movedFrom === undefined ? {} : { movedFrom: step.movedFrom }),
    ...recorded(step.data),
  }
}

function recorded(data: StepData | undefined): Pick<Change, 'steps' | 'sealed' | 'removed'> {
  const { steps = [], sealed, removed } = data ?? {}
  return { ...(steps.length > 0 ? { steps } : {}), ...(sealed ? { sealed } : {}), ...(removed ? { removed } : {}) }
}

function actionOf(step: Step, from: PlanSide | undefined): Action {
  if (step.repair) return 'repair'
  if (!step.to) return 'remove'
  if (step.movedFrom !== undefined) return 'move'
  if (!from) return step.data?.removed ? 'reattach' : 'install'
  const order = compareVersions(step.to.version, from.version)
  if (order > 0) return 'upgrade'
  if (order < 0) return 'downgrade'
  return sameRelease(from, step.to) ? 'configure' : 'upgrade'
}

/** The same bytes by the same signer from the same place; only what plugins.yaml says of them changed. */
function sameRelease(from: PlanSide, to: PlanSide): boolean {
  return from.tree === to.tree && from.signer === to.signer && from.source === to.source
}

function reasonOf(action: Action, step: Step, from: PlanSide | undefined): string {
  const asked = step.wanted ? `plugins.yaml asks for ${step.wanted.range}` : 'another plugin depends on it'
  if (action === 'repair') return step.repair ?? ''
  if (action === 'remove') return 'not in plugins.yaml any more'
  if (action === 'configure') return configureReason(step, from)
  if (action === 'move') return `goes on under this id, before as ${step.movedFrom}`
  if (action === 'reattach') return `comes back to what ${step.retained?.version ?? 'it'} left`
  if (action === 'upgrade' && from?.version === step.to?.version) return 'same version, another release of it'
  return asked
}

function configureReason(step: Step, from: PlanSide | undefined): string {
  const changed = [
    from?.configDigest !== step.to?.configDigest ? 'config' : undefined,
    from?.grantDigest !== step.to?.grantDigest ? 'permissions granted' : undefined,
    from?.enabled !== step.to?.enabled ? (step.to?.enabled ? 'switched on' : 'switched off') : undefined,
    from?.entryDigest !== step.to?.entryDigest ? 'range or policy' : undefined,
  ].filter((x) => x !== undefined)
  const values = from?.references === step.to?.references ? [] : ['a value that its config refers to changed']
  return [...(changed.length > 0 ? [`changed in plugins.yaml: ${changed.join(', ')}`] : []), ...values].join('; ')
}

function effectsOf(step: Step, from: PlanSide | undefined): Effects {
  const none = normalizePermissions(undefined)
  const before = from?.permissions ?? none
  const after = step.to?.permissions ?? none
  return {
    permissionsAdded: permissionExcess(after, before).map(permissionText),
    permissionsDropped: permissionExcess(before, after).map(permissionText),
    migrations: step.data ? [...step.data.pending] : newMigrations(step),
    tables: (step.block ?? step.record?.block)?.tables.map((name) => ({ name })) ?? [],
    keeps: [],
    destroys: [],
    ...step.data?.effects,
    notes: [...notesOf(step, from), ...(step.data?.effects.notes ?? [])],
  }
}

function newMigrations(step: Step): Effects['migrations'] {
  const applied = new Set(step.record?.block.migrations.map((m) => m.id) ?? [])
  return (step.block?.migrations ?? []).filter((m) => !applied.has(m.id))
}

function notesOf(step: Step, from: PlanSide | undefined): string[] {
  if (!from || !step.to) return []
  const notes: string[] = [...policyNotes(step)]
  if (from.signer !== step.to.signer) notes.push(`signer: ${from.signer} -> ${step.to.signer}`)
  if (from.source !== step.to.source) notes.push(`source: ${from.source} -> ${step.to.source}`)
  return notes
}

/** A seal that changes is told field by field: it decides what goes when the entry goes. */
function policyNotes({ record, block }: Step): readonly string[] {
  const before = record?.block.uninstall
  const after = block?.uninstall
  if (!before || !after) return []
  const changed = (Object.keys(after) as (keyof SealedPolicy)[]).filter((key) => before[key] !== after[key])
  return changed.length === 0 ? [] : [`when it is removed: ${changed.map((key) => `${key} ${before[key]} -> ${after[key]}`).join(', ')}`]
}

function permissionText(excess: { readonly kind: string; readonly what: string }): string {
  return `${excess.kind} ${excess.what}`
}
