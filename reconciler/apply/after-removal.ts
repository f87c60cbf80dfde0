import { CatalystError } from '../../schemas/errors.ts'
import { digestOf } from '../../schemas/digest.ts'
import type { Change } from '../../schemas/plan.ts'
import type { DataStep } from '../../schemas/plan-data.ts'
import type { BackupRef, Removal } from '../data-ports.ts'
import { removalOf } from '../plan/retained.ts'
import type { InstallRecord, RetainedRecord } from '../ports.ts'
import type { Pass } from './pass.ts'
import { backUp, recordRemoval, settleClasses } from './remove.ts'

/**
 * Goes on with what a removed plugin left: answers, ends of graces, other decisions. What is destroyed has its backup read
 * once more right before. A pass that stops in between is gone on with by the next plan.
 * @throws CatalystError PLAN_CHANGED when the record is another one than the plan saw
 */
export async function goOnAfterRemoval(change: Change, pass: Pass): Promise<void> {
  const record = await recordedAs(change, pass)
  let removal = removalOf(record)
  const steps = change.steps ?? []
  if (steps.some((step) => step.do === 'backup')) removal = { ...removal, backup: await backedUp(record, removal, steps, pass) }
  if (steps.some((step) => step.do === 'code' && !step.keep)) removal = { ...removal, code: 'removed' }
  if (removal !== record.removal) await recordRemoval(change.id, removal, [], pass)
  await settleClasses(change.id, steps, removal, pass)
}

async function recordedAs({ id, removed }: Change, pass: Pass): Promise<RetainedRecord> {
  const record = (await pass.store()).retained.find((r) => r.id === id)
  if (record && record.block.entryDigest === removed?.entryDigest && record.removedAt === removed.at) return record
  throw new CatalystError('PLAN_CHANGED', `${id}: the plan goes on with the removal of ${removed?.version ?? 'nothing'}, the store ${record ? `holds that of ${record.block.version}` : 'knows of none'}`, { hint: 'Run the command again: it makes a new plan.' })
}

async function backedUp(record: RetainedRecord, removal: Removal, steps: readonly DataStep[], pass: Pass): Promise<BackupRef> {
  const existing = steps.find((step) => step.do === 'backup')?.existing
  if (existing === undefined) return backUp(asInstalled(record, removal), 'removal', pass)
  const { backups } = await pass.data()
  try {
    return await backups.verify(existing)
  } catch (error) {
    // Gone or damaged: what is still there is backed up anew before anything is destroyed.
    if (!(error instanceof CatalystError) || !['BACKUP_DAMAGED', 'NOT_FOUND'].includes(error.code)) throw error
    return backUp(asInstalled(record, removal), 'removal', pass)
  }
}

/** As it was when it was installed, as far as that is known still. */
function asInstalled({ id, block, removedAt }: RetainedRecord, _removal: Removal): InstallRecord {
  return { id, block, enabled: false, configDigest: digestOf({}), grantDigest: digestOf(block.permissions), grant: block.permissions, installedAt: removedAt, updatedAt: removedAt }
}
