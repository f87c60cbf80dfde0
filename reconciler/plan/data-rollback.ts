import type { MigrationRef } from '../../schemas/common.ts'
import type { LockBlock } from '../../schemas/lock.ts'
import type { DataStep, Holdings } from '../../schemas/plan-data.ts'
import type { Approval, ApprovalKind } from '../../schemas/plugin-set.ts'
import { DATA_CLASSES, type BackupRef } from '../data-ports.ts'
import type { RetainedRecord } from '../ports.ts'
import { bytesText, counted } from './amounts.ts'
import { migrationPath } from './migration-path.ts'
import { minuteOf } from './removal-words.ts'
import { removalOf } from './retained.ts'

/** One plugin that goes back, and what is known of its data. */
export interface RollbackQuestion {
  readonly id: string
  /** The code that is left; absent when the plugin is not installed now. */
  readonly from: LockBlock | undefined
  /** The code that is gone back to; absent when the plugin is taken out. */
  readonly to: LockBlock | undefined
  /** What has run for it: `recordedMigrations`. */
  readonly ran: readonly MigrationRef[]
  /** What was left of it, when it comes back. */
  readonly retained?: RetainedRecord | undefined
  /** Newest first; undefined where nobody looked. */
  readonly backups: readonly BackupRef[] | undefined
  readonly holdings: Holdings
  readonly approvals: readonly Approval[]
}

/** What is lost with a restore: everything written since. Amounts of now are absent where nobody looked. */
export interface Loss {
  readonly since: string
  readonly then: { readonly rows: number; readonly bytes: number }
  readonly now: { readonly rows: number; readonly bytes: number } | undefined
}

/**
 * What going back does to a plugin's tables. `code-only`: nothing. `forward`: the code that is gone back to brings migrations
 * that have not run. `down`: the migrations' own way back. `restore`: a backup takes the place of what is there. `impossible`:
 * there is no way; with approval the code goes back alone and the tables stay as they are.
 */
export interface DataRollback {
  readonly id: string
  readonly kind: 'code-only' | 'forward' | 'down' | 'restore' | 'impossible'
  readonly steps: readonly DataStep[]
  /** For people. */
  readonly why: string
  readonly loses?: Loss
  /** Consent that it takes, bound to the entry digest of `to`; absent when it takes none. */
  readonly accept?: ApprovalKind
  /** True when it takes no consent, or has it. Nothing is done while one plugin of a rollback is not approved. */
  readonly approved: boolean
  /** The YAML that consents. */
  readonly hint?: string
}

/** Decides about the data of one plugin that is rolled back. Nothing is ever destroyed by taking a plugin out this way. Pure. */
export function dataRollback(question: RollbackQuestion): DataRollback {
  const { id, to, from } = question
  if (!to) return { id, kind: 'code-only', steps: takenOut(from), why: 'taken out; its code, config, data and tables are kept', approved: true }
  const back = comingBack(question)
  if (back.purged && to.migrations.length > 0) return byBackup(question, to, `its tables were purged ${back.purged}`)
  const path = migrationPath(question.ran, to.migrations)
  if (path.kind === 'conflict') return byBackup(question, to, `${path.ran} has run, ${to.version} brings ${path.brings}`)
  if (path.kind === 'forward') {
    const brings = path.pending.length
    return { id, kind: brings > 0 ? 'forward' : 'code-only', steps: back.steps, why: brings > 0 ? `${counted(brings, 'migration')} of ${to.version} will run` : 'its tables fit both versions', approved: true }
  }
  return goingBack(question, to, { undo: path.undo, steps: back.steps })
}

function goingBack(question: RollbackQuestion, to: LockBlock, { undo, steps }: { readonly undo: readonly MigrationRef[]; readonly steps: readonly DataStep[] }): DataRollback {
  const { id } = question
  if (undo.length === 0) return { id, kind: 'code-only', steps, why: `what has run since only added to its tables; ${to.version} runs with that`, approved: true }
  const without = undo.filter((migration) => !migration.down).map((migration) => migration.id)
  if (without.length > 0) return byBackup(question, to, `${without.toReversed().join(', ')} cannot be undone`)
  const reverts = undo.map(({ id: migration }): DataStep => ({ do: 'revert', migration }))
  return { id, kind: 'down', steps: [...before(question), ...steps, ...reverts], why: `undoes ${undo.map((m) => m.id).join(', ')} by their downs, after a backup`, approved: true }
}

function byBackup(question: RollbackQuestion, to: LockBlock, because: string): DataRollback {
  const { id, backups, holdings } = question
  const backup = backups?.find((candidate) => candidate.plugin === id && candidate.version === to.version)
  if (!backup) {
    const none = backups === undefined ? 'backups were not looked at' : `there is no backup of ${id} ${to.version}`
    return { id, kind: 'impossible', steps: [], why: `${because}, and ${none}. With consent ${to.version} runs on tables that it was not made for; nothing of them is lost`, ...consent(question, to, 'irreversible') }
  }
  const now = holdings.tables && { rows: holdings.tables.rows, bytes: holdings.tables.bytes }
  const saved = `the backup of ${minuteOf(backup.at)} (${counted(backup.rows, 'row')}, ${bytesText(backup.bytes)})`
  const isEmpty = holdings.tables?.count === 0
  return {
    id,
    kind: 'restore',
    steps: [...before(question), { do: 'restore', backup: backup.name }],
    why: isEmpty
      ? `${because}: ${saved} is put back; no table is there now`
      : `${because}: ${saved} takes the place of ${now ? `${counted(now.rows, 'row')}, ${bytesText(now.bytes)}` : 'what is there'}; all that was written since is lost, but for a backup made first`,
    loses: { since: backup.at, then: { rows: backup.rows, bytes: backup.bytes }, now },
    ...consent(question, to, 'restore'),
  }
}

/** Whatever replaces tables does so with the plugin off, and with what is there now in a backup of its own. */
function before({ from }: RollbackQuestion): readonly DataStep[] {
  return [...(from ? [{ do: 'deactivate' } as const] : []), { do: 'backup' }]
}

function consent({ id, approvals }: RollbackQuestion, to: LockBlock, accept: ApprovalKind): Pick<DataRollback, 'accept' | 'approved' | 'hint'> {
  const approved = approvals.some((a) => a.plugin === id && a.to === to.entryDigest && (a.accept ?? []).includes(accept))
  return { accept, approved, hint: `approvals:\n  - { plugin: ${id}, to: "${to.entryDigest}", accept: [${accept}] }` }
}

function takenOut(from: LockBlock | undefined): readonly DataStep[] {
  if (!from) return []
  return [{ do: 'deactivate' }, { do: 'code', keep: true }, ...DATA_CLASSES.map((key): DataStep => ({ do: 'retain', class: key }))]
}

/** What a plugin that comes back finds: what is in quarantine comes out of it, what was purged is gone. */
function comingBack({ from, retained }: RollbackQuestion): { readonly steps: readonly DataStep[]; readonly purged: string | undefined } {
  if (from || !retained) return { steps: [], purged: undefined }
  const { classes } = removalOf(retained)
  const steps = DATA_CLASSES.flatMap((key): readonly DataStep[] => (classes[key].state === 'quarantined' ? [{ do: 'return', class: key }] : []))
  return { steps, purged: classes.tables.state === 'purged' ? minuteOf(classes.tables.at) : undefined }
}
