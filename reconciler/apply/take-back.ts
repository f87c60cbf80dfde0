import { CatalystError } from '../../schemas/errors.ts'
import type { PluginData } from '../data-ports.ts'
import type { AuditRecord, StoreSnapshot, StoreState } from '../ports.ts'
import type { Pass } from './pass.ts'
import { OFF_REASON, switchedOffByUs } from './standing.ts'

/*
 * A rollback that changes tables makes a backup first. Should it be cut off, that backup undoes it, on whichever node comes
 * next: so the note of it is in the audit, which all of them share, and not in the journal of one machine.
 */

/** A rollback has made this backup, and begins to change tables. */
const BEGUN = 'rollback.begun'
/** Such a rollback was cut off, and its backup is back. */
const UNDONE = 'rollback.undone'
/** More than any pass writes. */
const NOTES = 1_000

/** Notes by which backup a rollback that is cut off from here on is undone. */
export async function undoneBy(id: string, backup: string, pass: Pass): Promise<void> {
  await pass.record({ reason: OFF_REASON, audit: [{ event: BEGUN, id, details: { backup } }] })
  pass.at(`noted ${id}`)
}

/** Plugins that some pass has switched off for their tables, and not on again. Pure. */
export function leftOff(store: StoreSnapshot): readonly string[] {
  return store.installs.filter((record) => switchedOffByUs(record.id, store) !== undefined).map((record) => record.id)
}

export interface TakeBackDeps {
  readonly state: StoreState
  readonly data: () => Promise<PluginData>
  readonly clock: () => string
  readonly by: string
}

/**
 * Undoes rollbacks that were cut off while they changed tables: the plugin has been off since its backup was made, so that
 * backup goes back, after what is there now was backed up, too. What cannot be undone stays as it is; the plugin stays off
 * until the next plan. True when something was recorded. @throws CatalystError LEASE_LOST, STATE_UNAVAILABLE, DISK_FULL, READ_ONLY
 */
export async function takeBack(store: StoreSnapshot, token: number, { state, data, clock, by }: TakeBackDeps): Promise<boolean> {
  const { generation, installs, holds } = store
  const ids = leftOff(store)
  if (ids.length === 0 || !generation) return false
  const audit = await state.audit({ limit: NOTES })
  const undone: StoreAudit[] = []
  for (const id of ids) {
    const name = backupOf(id, audit)
    if (name !== undefined && (await putBack(id, name, store, { token, data, clock }))) undone.push({ event: UNDONE, id, details: { backup: name } })
  }
  if (undone.length === 0) return false
  await state.commit({ generation, activation: { at: clock(), by, reason: 'recover' }, installs, removed: [], holds, audit: undone, token }, clock())
  return true
}

type StoreAudit = Pick<AuditRecord, 'event' | 'id' | 'details'>

/** The backup of a rollback of which nothing was told after it began. */
function backupOf(id: string, audit: readonly AuditRecord[]): string | undefined {
  const [last] = audit.filter((record) => record.id === id).toSorted((a, b) => b.sequence - a.sequence)
  const name = last?.event === BEGUN ? last.details['backup'] : undefined
  return typeof name === 'string' ? name : undefined
}

async function putBack(id: string, name: string, store: StoreSnapshot, { token, data, clock }: { readonly token: number } & Pick<TakeBackDeps, 'data' | 'clock'>): Promise<boolean> {
  const record = switchedOffByUs(id, store)
  const { backups } = await data()
  const known = (await backups.list(id)).find((ref) => ref.name === name)
  if (!record || !known) return false
  try {
    await backups.write({ record, store: known.store, reason: 'before a rollback that was cut off was undone', config: record.config ?? {}, at: clock() })
    await backups.restore(name, { store: known.store }, { token, now: clock() })
    return true
  } catch (error) {
    if (!(error instanceof CatalystError) || !['BACKUP_FAILED', 'BACKUP_DAMAGED', 'TABLE_IN_USE'].includes(error.code)) throw error
    return false
  }
}
