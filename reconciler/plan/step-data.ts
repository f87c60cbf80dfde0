import type { MigrationRef } from '../../schemas/common.ts'
import type { LockBlock } from '../../schemas/lock.ts'
import type { Blocked, Change, Effects } from '../../schemas/plan.ts'
import { compareVersions } from '../../schemas/versions.ts'
import type { InstallRecord, RetainedRecord } from '../ports.ts'
import { holdingsOf } from './amounts.ts'
import { dataRollback, type DataRollback } from './data-rollback.ts'
import { migrationPath, recordedMigrations } from './migration-path.ts'
import type { PlanInput } from './observed.ts'
import { tablesNamed } from './owned-tables.ts'
import { attachBlocked, attached, attachEffects, attachPath } from './reattach.ts'
import { decideRemoval, removalParts } from './removal-decision.ts'
import { staleBlocked } from './retained.ts'

/** What becomes of what outlives code with one change, decided beforehand. */
export interface StepData extends Pick<Change, 'steps' | 'sealed' | 'removed'> {
  readonly destructive: boolean
  readonly reversible?: boolean
  /** Migrations to run, in order. */
  readonly pending: readonly MigrationRef[]
  readonly effects: Partial<Effects>
}

/** The data's part of a step, or why the step cannot be taken. */
export type DataAnswer = { readonly data: StepData } | { readonly blocked: Blocked }

/** An installed plugin whose entry is gone. Pure. */
export function removalData(record: InstallRecord, input: PlanInput): DataAnswer {
  const decision = decideRemoval(record, input)
  if (decision.stale) return { blocked: staleBlocked(decision.stale, record.block.version, 'remove') }
  const { reversible, ...parts } = removalParts(record, decision, input)
  const uses = input.observed.uses?.get(record.id) ?? []
  const inWay = parts.effects.destroys?.includes('tables') && uses.length > 0 ? [`its tables are needed by ${uses.map((use) => `${use.kind} ${use.by}`).sort().join(', ')}: they stay in quarantine until that is gone`] : []
  return { data: { ...parts, reversible, pending: [], effects: { ...parts.effects, notes: inWay } } }
}

/** A plugin that comes back to what it left, under its own id or under a new one. Pure. */
export function attachData(record: RetainedRecord, to: { readonly id: string; readonly block: LockBlock; readonly action: 'reattach' | 'move' }, input: PlanInput): DataAnswer {
  const { id, block, action } = to
  const path = attachPath(record, block, input.observed, action === 'move')
  if (path.kind === 'conflict' || (path.kind === 'back' && path.undo.length > 0)) return { blocked: attachBlocked(record, { id, version: block.version, action }, path) }
  const moved = action === 'move' ? [{ do: 'move', from: record.id } as const] : []
  return {
    data: {
      steps: [...moved, ...attached(record).steps],
      removed: { version: record.block.version, entryDigest: record.block.entryDigest, at: record.removedAt },
      destructive: false,
      pending: path.kind === 'forward' ? path.pending : [],
      effects: { ...attachEffects(record), tables: tablesNamed(record.id, block, input.observed, record.removal), holdings: holdingsOf(record.id, input.observed, record.removal) },
    },
  }
}

/** An installed plugin that goes on under another id: it is switched off, backed up, and everything of it takes the new name. Pure. */
export function moveData(record: InstallRecord, to: { readonly id: string; readonly block: LockBlock }, input: PlanInput): DataAnswer {
  const { observed } = input
  const path = migrationPath(recordedMigrations(record.id, record.block, observed), to.block.migrations, true)
  if (path.kind !== 'forward') return { blocked: moveBlocked(record, to, path.kind === 'conflict' ? `${path.ran} has run where ${to.block.version} brings ${path.brings}` : `${to.block.version} brings fewer migrations than have run`) }
  const off = record.enabled ? [{ do: 'deactivate' } as const] : []
  return {
    data: {
      steps: [...off, { do: 'backup' }, { do: 'move', from: record.id }],
      destructive: false,
      pending: path.pending,
      effects: { keeps: ['config', 'data', 'tables'], tables: tablesNamed(record.id, record.block, observed), holdings: holdingsOf(record.id, observed) },
    },
  }
}

function moveBlocked(record: InstallRecord, to: { readonly id: string; readonly block: LockBlock }, why: string): Blocked {
  return {
    id: to.id,
    action: 'move',
    code: 'REATTACH_CONFLICT',
    reason: `${to.id} ${to.block.version} does not fit the tables of ${record.id} ${record.block.version}: ${why}`,
    hint: `Ask the publisher for a version whose migrations begin with ${record.block.migrations.map((m) => m.id).join(', ')}. Until then ${record.id} stays as it is: put it back under \`plugins:\` in place of ${to.id}.`,
    to: to.block.version,
  }
}

/** Another release of an installed plugin, newer or older. Pure. */
export function releaseData(record: InstallRecord, block: LockBlock, input: PlanInput): DataAnswer {
  const { id } = record
  const { observed, desired } = input
  const ran = recordedMigrations(id, record.block, observed)
  const path = migrationPath(ran, block.migrations)
  const holdings = holdingsOf(id, observed)
  const effects = { tables: tablesNamed(id, block, observed), ...(ran.length > 0 ? { holdings } : {}) }
  if (path.kind === 'forward') return { data: { destructive: false, pending: path.pending, effects } }
  if (path.kind === 'conflict' && compareVersions(block.version, record.block.version) >= 0) return { blocked: changedBlocked(record, block, path) }
  const missing = dropped(record.block, block)
  if (missing !== undefined) return { blocked: changedBlocked(record, block, { ran: missing, brings: 'nothing' }) }
  const back = dataRollback({ id, from: record.block, to: block, ran, backups: observed.backups?.get(id), holdings, approvals: desired.approvals })
  if (!back.approved) return { blocked: rollbackBlocked(back, block) }
  return { data: { ...(back.steps.length > 0 ? { steps: [...back.steps] } : {}), destructive: back.kind === 'restore', reversible: back.kind !== 'restore', pending: [], effects: { ...effects, notes: [`data: ${back.why}`] } } }
}

/** The first migration of the installed release that a release which is no older does not bring any more. One that only a rolled back release brought is not missed. */
function dropped(present: LockBlock, block: LockBlock): string | undefined {
  if (compareVersions(block.version, present.version) < 0) return undefined
  return present.migrations[block.migrations.length]?.id
}

function changedBlocked({ id, block: present }: InstallRecord, block: LockBlock, { ran, brings }: { readonly ran: string; readonly brings: string }): Blocked {
  return {
    id,
    action: compareVersions(block.version, present.version) > 0 ? 'upgrade' : 'downgrade',
    code: 'MIGRATION_CHANGED',
    reason: `${block.version} changes what has run already: ${ran} has run where it brings ${brings}`,
    hint: `Ask the publisher for a version with a new migration instead, and write \`reject: [${block.version}]\` under ${id}; ${present.version} stays.`,
    to: block.version,
  }
}

function rollbackBlocked({ id, kind, why, accept = 'restore', hint = '' }: DataRollback, block: LockBlock): Blocked {
  return { id, action: 'downgrade', code: kind === 'impossible' ? 'ROLLBACK_IMPOSSIBLE' : 'APPROVAL_MISSING', reason: why, needs: [{ accept, why }], hint, to: block.version }
}

