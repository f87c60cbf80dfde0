import type { Digest } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { DATA_CLASSES, type BackupRef, type DataClass, type RestoreResult } from '../data-ports.ts'
import { removalOf } from '../plan/retained.ts'
import type { InstallRecord, RetainedRecord } from '../ports.ts'
import { trying } from '../state/disk.ts'
import { openJournal } from '../state/journal.ts'
import { removeStamp } from '../state/stamp.ts'
import { backUp, backUpRemoved } from './back-up.ts'
import { bringBack } from './class-effects.ts'
import { holdLease, type LeaseDeps } from './lease.ts'
import { Pass, type PassDeps } from './pass.ts'
import { recover } from './recover.ts'

export interface RestoreDeps extends LeaseDeps, PassDeps {
  readonly signal?: AbortSignal | undefined
}

/** What a restore did. `before` is the backup of what was there, absent when the plugin is not installed. */
export interface Restored {
  readonly from: BackupRef
  readonly before: BackupRef | undefined
  readonly result: RestoreResult
  readonly auditHead: Digest | undefined
}

/**
 * Puts the tables and the data folder of a plugin back as a backup holds them. The plugin is off meanwhile, and what is
 * there now is backed up first. Code and config stay as they are: a backup of a version with other migrations is refused.
 * `digest`: what a person knows of a backup that the store's database does not know.
 * @throws CatalystError NOT_FOUND, BACKUP_*, NOT_INSTALLED, CONTRADICTION, BUSY, LEASE_LOST; then everything is as before
 */
export async function restore(name: string, known: { readonly storeId: string; readonly digest?: Digest | undefined }, deps: RestoreDeps): Promise<Restored> {
  const lease = await holdLease(deps)
  try {
    const { store } = await recover(deps, lease.token)
    const signal = AbortSignal.any([lease.signal, ...(deps.signal ? [deps.signal] : [])])
    const journal = openJournal(deps.paths.journal)
    const pass = new Pass(deps, { storeId: known.storeId, lease, journal, signal, store })
    const { backups } = await pass.data()
    const from = await backups.verify(name)
    const record = store.installs.find((r) => r.id === from.plugin)
    assertFits(from, record, store.retained.some((r) => r.id === from.plugin))
    trying(`remove ${deps.paths.stamp}`, () => removeStamp(deps.paths))
    journal.intent('restore', deps.clock(), { name })
    const left = store.retained.find((r) => r.id === from.plugin)
    if (record) await pass.goAhead(store.installs.map((r) => (r.id === record.id ? { ...r, enabled: false } : r)))
    try {
      const reason = `before ${name} was restored`
      const before = record ? await backUp(record, reason, pass) : await backUpLeft(left, reason, pass)
      // A folder in quarantine would stand beside the one that comes back.
      if (left) for (const key of DATA_CLASSES) await pass.effect(`return:${left.id}:${key}`, () => bringBack(left.id, key, pass))
      const result = await pass.effect(`restore:${from.plugin}`, () => backups.restore(name, { store: known.storeId, digest: known.digest, signal }, pass.fence()))
      await onRecord(from, result, before, pass)
      return { from, before, result, auditHead: pass.recorded?.auditHead }
    } finally {
      await pass.giveUp()
      if (!signal.aborted) journal.clear()
    }
  } finally {
    await lease.release()
  }
}

/** Undefined when nothing of it is left. */
async function backUpLeft(left: RetainedRecord | undefined, reason: string, pass: Pass): Promise<BackupRef | undefined> {
  if (!left || ['data', 'tables'].every((key) => removalOf(left).classes[key as DataClass].state === 'purged')) return undefined
  return backUpRemoved(left, reason, pass)
}

/** Code runs on tables of its own version: a plugin that is installed takes back only what its own version left. */
function assertFits({ plugin, version, name }: BackupRef, record: InstallRecord | undefined, isRetained: boolean): void {
  if (!record && !isRetained) throw new CatalystError('NOT_INSTALLED', `${name} is a backup of ${plugin}, which this store does not have`, { hint: `Install it first: \`catalyst add ${plugin}\`, then \`catalyst apply\`.` })
  if (!record || record.block.version === version) return
  throw new CatalystError('CONTRADICTION', `${name} is a backup of ${plugin} ${version}, and ${record.block.version} is installed`, { hint: `Go back to that version first: write \`version: ${version}\` under ${plugin} in plugins.yaml, then \`catalyst lock\` and \`catalyst apply\`.` })
}

async function onRecord(from: BackupRef, { rows, files }: RestoreResult, before: BackupRef | undefined, pass: Pass): Promise<void> {
  const { retained } = await pass.store()
  const since = pass.deps.clock()
  const kept = retained.map((record) => {
    if (record.id !== from.plugin) return record
    const removal = removalOf(record)
    return { ...record, removal: { ...removal, classes: { ...removal.classes, tables: { state: 'retained', since } as const, data: { state: 'retained', since } as const } } }
  })
  const audit = [{ event: 'restore', id: from.plugin, details: { backup: from.name, digest: from.digest, rows, files, ...(before ? { before: before.name } : {}) } }]
  await pass.record({ reason: `restore ${from.name}`, audit, retainedNow: kept })
}
