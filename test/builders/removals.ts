import type { MigrationRef, SealedPolicy } from '../../schemas/common.ts'
import { sha256 } from '../../schemas/digest.ts'
import type { LockBlock } from '../../schemas/lock.ts'
import type { BackupRef, ClassState, Inventory, Removal } from '../../reconciler/data-ports.ts'
import type { ObservedState } from '../../reconciler/plan/observed.ts'
import type { RetainedRecord } from '../../reconciler/ports.ts'
import { NOW, block } from './store.ts'

/* Removed plugins that are valid by default: a test states only what is odd. */

export const DAY_MS = 86_400_000

/** `NOW` and so many days. */
export function days(count: number): string {
  return new Date(Date.parse(NOW) + count * DAY_MS).toISOString()
}

export function migration(id: string, kind: MigrationRef['kind'] = 'expand', odd: Partial<MigrationRef> = {}): MigrationRef {
  return { id, checksum: sha256(`migration ${id}`), kind, down: true, ...odd }
}

export function policy(odd: Partial<SealedPolicy> = {}): SealedPolicy {
  return { code: 'keep', config: 'keep', data: 'keep', tables: 'keep', backup: true, grace: '7d', ...odd }
}

export function inventory(plugin: string, rows = 1204): Inventory {
  const name = (table: string): string => `plg_${plugin.replaceAll('-', '_')}__${table}`
  const table = (of: string, rows: number, bytes: number) => ({ name: name(of), rows, bytes, sequences: [], indexes: [] })
  return { plugin, tables: [table('accounts', rows, rows * 80), table('journal', 10 * rows, rows * 900)], others: [], quarantined: false }
}

export function backup(plugin: string, version: string, odd: Partial<BackupRef> = {}): BackupRef {
  return { name: `${plugin}-20261122T120000Z-0a1b2c3d`, plugin, version, store: 'acme-eu', dialect: 'sqlite', at: NOW, reason: 'removal', rows: 13_244, bytes: 1_180_000, digest: sha256(`backup ${plugin} ${version}`), ...odd }
}

export const RETAINED: ClassState = { state: 'retained', since: NOW }
export const AWAITING: ClassState = { state: 'awaiting', since: NOW }
export const PURGED: ClassState = { state: 'purged', at: NOW, by: 'ada' }
export const QUARANTINED: ClassState = { state: 'quarantined', since: NOW, purgeAt: days(7) }

export function removal(odd: Partial<Removal> = {}): Removal {
  return { policy: policy(), code: 'kept', classes: { config: RETAINED, data: RETAINED, tables: RETAINED }, backup: undefined, inventory: undefined, data: undefined, by: 'ada', ...odd }
}

/** A removed plugin as apply records it. */
export function retained(id: string, odd: { readonly block?: LockBlock; readonly removal?: Partial<Removal> } = {}): RetainedRecord {
  return { id, block: odd.block ?? block(id, '1.4.2', { migrations: [migration('0001_init')], tables: ['accounts', 'journal'] }), removedAt: NOW, generation: 1, removal: removal(odd.removal) }
}

/** The same store, in which these plugins were removed. */
export function withRetained(state: ObservedState, records: readonly RetainedRecord[]): ObservedState {
  return { ...state, store: { ...state.store, retained: records } }
}
