import { CatalystError } from '../../schemas/errors.ts'
import type { Change } from '../../schemas/plan.ts'
import type { DataStep } from '../../schemas/plan-data.ts'
import type { BackupRef } from '../data-ports.ts'
import { removalOf } from '../plan/retained.ts'
import type { RetainedRecord } from '../ports.ts'
import { backUpRemoved } from './back-up.ts'
import type { Pass } from './pass.ts'
import { recordRemoval, settleClasses } from './remove.ts'

/**
 * Goes on with what a removed plugin left: answers, ends of graces, other decisions. What is destroyed has its backup read
 * once more right before. A pass that stops in between is gone on with by the next plan.
 * @throws CatalystError PLAN_CHANGED when the record is another one than the plan saw
 */
export async function goOnAfterRemoval(change: Change, pass: Pass): Promise<void> {
  const record = await recordedAs(change, pass)
  let removal = removalOf(record)
  const steps = change.steps ?? []
  if (steps.some((step) => step.do === 'backup')) removal = { ...removal, backup: await backedUp(record, steps, pass) }
  if (steps.some((step) => step.do === 'code' && !step.keep)) removal = { ...removal, code: 'removed' }
  if (removal !== record.removal) await recordRemoval(change.id, removal, [], pass)
  await settleClasses(change.id, steps, removal, pass)
}

async function recordedAs({ id, removed }: Change, pass: Pass): Promise<RetainedRecord> {
  const record = (await pass.store()).retained.find((r) => r.id === id)
  if (record && record.block.entryDigest === removed?.entryDigest && record.removedAt === removed.at) return record
  throw new CatalystError('PLAN_CHANGED', `${id}: the plan goes on with the removal of ${removed?.version ?? 'nothing'}, the store ${record ? `holds that of ${record.block.version}` : 'knows of none'}`, { hint: 'Run the command again: it makes a new plan.' })
}

async function backedUp(record: RetainedRecord, steps: readonly DataStep[], pass: Pass): Promise<BackupRef> {
  const existing = steps.find((step) => step.do === 'backup')?.existing
  if (existing === undefined) return backUpRemoved(record, 'removal', pass)
  const { backups } = await pass.data()
  try {
    return await backups.verify(existing)
  } catch (error) {
    // Gone or damaged: what is still there is backed up anew before anything is destroyed.
    if (!(error instanceof CatalystError) || !['BACKUP_DAMAGED', 'NOT_FOUND'].includes(error.code)) throw error
    return backUpRemoved(record, 'removal', pass)
  }
}
