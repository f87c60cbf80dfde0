import type { LockBlock } from '../../schemas/lock.ts'
import { normalizePermissions, permissionExcess } from '../../schemas/permissions.ts'
import type { Action, Change, ConsentNeed, Effects, PlanSide } from '../../schemas/plan.ts'
import { compareVersions } from '../../schemas/versions.ts'
import type { InstallRecord } from '../ports.ts'
import type { DesiredPlugin } from './desired.ts'
import { installedSide } from './sides.ts'

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
    destructive: false,
    reversible: effects.migrations.every((m) => m.down),
  }
}

function actionOf(step: Step, from: PlanSide | undefined): Action {
  if (step.repair) return 'repair'
  if (!step.to) return 'remove'
  if (!from) return 'install'
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
  return `changed in plugins.yaml: ${changed.join(', ')}`
}

function effectsOf(step: Step, from: PlanSide | undefined): Effects {
  const none = normalizePermissions(undefined)
  const before = from?.permissions ?? none
  const after = step.to?.permissions ?? none
  const removal = !step.to
  const policy = removal ? step.record?.block.uninstall : undefined
  return {
    permissionsAdded: permissionExcess(after, before).map(permissionText),
    permissionsDropped: permissionExcess(before, after).map(permissionText),
    migrations: newMigrations(step),
    tables: (step.block ?? step.record?.block)?.tables.map((name) => ({ name })) ?? [],
    keeps: removal ? ['code', 'config', 'data', 'tables'] : [],
    destroys: [],
    ...(policy ? { uninstall: policy } : {}),
    notes: notesOf(step, from),
  }
}

function newMigrations(step: Step): Effects['migrations'] {
  const applied = new Set(step.record?.block.migrations.map((m) => m.id) ?? [])
  return (step.block?.migrations ?? []).filter((m) => !applied.has(m.id))
}

function notesOf(step: Step, from: PlanSide | undefined): string[] {
  if (!from || !step.to) return []
  const notes: string[] = []
  if (from.signer !== step.to.signer) notes.push(`signer: ${from.signer} -> ${step.to.signer}`)
  if (from.source !== step.to.source) notes.push(`source: ${from.source} -> ${step.to.source}`)
  return notes
}

function permissionText(excess: { readonly kind: string; readonly what: string }): string {
  return `${excess.kind} ${excess.what}`
}
