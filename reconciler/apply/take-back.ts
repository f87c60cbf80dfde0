import { CatalystError } from '../../schemas/errors.ts'
import type { PluginData } from '../data-ports.ts'
import type { StoreSnapshot } from '../ports.ts'
import type { Journal, JournalLine } from '../state/journal.ts'
import { switchedOffByUs } from './standing.ts'

const KEY = 'take-back:'

/** Says in the journal by which backup a rollback that is cut off from here on is undone. */
export function undoneBy(id: string, backup: string, { journal, at }: { readonly journal: Journal; readonly at: string }): void {
  journal.intent(`${KEY}${id}`, at, { backup })
}

/**
 * Undoes rollbacks that were cut off while they changed tables: the plugin has been off since its backup was made, so that
 * backup goes back, after what is there now was backed up, too. What cannot be undone stays as it is; the plugin stays off
 * until the next plan. @throws CatalystError LEASE_LOST, STATE_UNAVAILABLE, DISK_FULL, READ_ONLY
 */
export async function takeBack(open: readonly JournalLine[], store: StoreSnapshot, { token, clock, data }: { readonly token: number; readonly clock: () => string; readonly data: () => Promise<PluginData> }): Promise<void> {
  for (const { key, details } of open) {
    const record = key.startsWith(KEY) ? switchedOffByUs(key.slice(KEY.length), store) : undefined
    if (!record) continue
    const { backups } = await data()
    const known = (await backups.list(record.id)).find((ref) => ref.name === details?.['backup'])
    if (!known) continue
    try {
      await backups.write({ record, store: known.store, reason: 'before a rollback that was cut off was undone', config: record.config ?? {}, at: clock() })
      await backups.restore(known.name, { store: known.store }, { token, now: clock() })
    } catch (error) {
      if (!(error instanceof CatalystError) || !['BACKUP_FAILED', 'BACKUP_DAMAGED', 'TABLE_IN_USE'].includes(error.code)) throw error
    }
  }
}
