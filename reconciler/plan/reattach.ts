import type { LockBlock } from '../../schemas/lock.ts'
import type { Blocked, Change, Effects } from '../../schemas/plan.ts'
import type { ClassEffect, DataStep } from '../../schemas/plan-data.ts'
import { DATA_CLASSES } from '../data-ports.ts'
import type { RetainedRecord } from '../ports.ts'
import { migrationPath, recordedMigrations, type MigrationPath } from './migration-path.ts'
import type { ObservedState } from './observed.ts'
import { tombstoneYaml } from './removal-words.ts'
import { removalOf } from './retained.ts'

/** How a plugin that was removed comes back to what it left: what is in quarantine comes out of it, what was purged starts anew. Pure. */
export function attached(record: RetainedRecord): { readonly steps: readonly DataStep[]; readonly classes: readonly ClassEffect[] } {
  const { classes } = removalOf(record)
  return {
    steps: DATA_CLASSES.flatMap((key): readonly DataStep[] => (classes[key].state === 'quarantined' ? [{ do: 'return', class: key }] : [])),
    classes: DATA_CLASSES.map((key) => ({ class: key, from: classes[key].state, becomes: classes[key].state === 'purged' ? 'purged' : 'attached' })),
  }
}

/** Whether the tables that a plugin left fit the release that comes back: its migrations begin with those that have run. Pure. */
export function attachPath(record: RetainedRecord, block: LockBlock, observed: ObservedState, renamed = false): MigrationPath {
  if (removalOf(record).classes.tables.state === 'purged') return { kind: 'forward', pending: block.migrations }
  return migrationPath(recordedMigrations(record.id, record.block, observed), block.migrations, renamed)
}

/** The refusal to attach tables to code that was not made for them. Nothing of them is touched meanwhile. */
export function attachBlocked(record: RetainedRecord, to: { readonly id: string; readonly version: string; readonly action: Change['action'] }, path: Exclude<MigrationPath, { kind: 'forward' }>): Blocked {
  const ran = record.block.migrations.map((m) => m.id)
  const differs = path.kind === 'back' ? `${path.undo.map((m) => m.id).join(', ') || 'more'} has run and ${to.version} does not know it` : `${path.ran} has run where ${to.version} brings ${path.brings}`
  return {
    id: to.id,
    action: to.action,
    code: 'REATTACH_CONFLICT',
    reason: `${to.version} does not fit the tables that ${record.id} ${record.block.version} left: ${differs}`,
    hint: `Ask for a version whose migrations begin with ${ran.join(', ') || 'none'} (${record.block.version} does). Or take ${to.id} out of plugins.yaml, let the old tables go, and add it again:\n${tombstoneYaml({ id: record.id, version: record.block.version }, ['tables'], 'remove')}`,
    to: to.version,
  }
}

/** What a plan shows of data that is found again. */
export function attachEffects(record: RetainedRecord): Pick<Effects, 'keeps' | 'classes'> {
  const { classes } = attached(record)
  return { keeps: classes.filter((c) => c.becomes === 'attached').map((c) => c.class), classes: [...classes] }
}
