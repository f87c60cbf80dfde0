import { digestOf } from '../../schemas/digest.ts'
import { DATA_CLASSES, type BackupRef } from '../data-ports.ts'
import { removalOf } from '../plan/retained.ts'
import type { InstallRecord, RetainedRecord, StoreSnapshot } from '../ports.ts'
import { bringBack, putAside } from './class-effects.ts'
import type { Pass } from './pass.ts'

/** Writes a backup and reads it back. @throws CatalystError BACKUP_FAILED, DISK_FULL, READ_ONLY; then there is none */
export async function backUp(record: InstallRecord, reason: string, pass: Pass): Promise<BackupRef> {
  const { backups } = await pass.data()
  return pass.effect(`backup:${record.id}`, () => backups.write({ record, store: pass.storeId, reason, config: record.config ?? {}, at: pass.deps.clock(), signal: pass.signal }))
}

/**
 * The same of a plugin that was removed: what of it is in quarantine comes out of it meanwhile, for a backup holds what is
 * in its place. A pass that stops here leaves it there, and the next one puts it aside again.
 */
export async function backUpRemoved(left: RetainedRecord, reason: string, pass: Pass): Promise<BackupRef> {
  const { classes } = removalOf(left)
  const aside = DATA_CLASSES.filter((key) => classes[key].state === 'quarantined')
  for (const key of aside) await pass.effect(`return:${left.id}:${key}`, () => bringBack(left.id, key, pass))
  try {
    return await backUp(asInstalled(left, await pass.store()), reason, pass)
  } finally {
    for (const key of aside) await pass.effect(`aside:${left.id}:${key}`, () => putAside(left.id, key, pass))
  }
}

/** A removed plugin as it was when it was installed; of a store that has forgotten that generation, as far as its block tells. Pure. */
export function asInstalled({ id, block, removedAt }: RetainedRecord, { generations }: StoreSnapshot): InstallRecord {
  const known = generations.toReversed().map((generation) => generation.plugins[id]?.record)
  const record = known.find((r) => r?.block.entryDigest === block.entryDigest)
  return record ?? { id, block, enabled: false, configDigest: digestOf({}), grantDigest: digestOf(block.permissions), grant: block.permissions, installedAt: removedAt, updatedAt: removedAt }
}
