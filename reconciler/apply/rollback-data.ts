import { CatalystError } from '../../schemas/errors.ts'
import type { LockBlock } from '../../schemas/lock.ts'
import type { Approval } from '../../schemas/plugin-set.ts'
import { dataRollback, type DataRollback } from '../plan/data-rollback.ts'
import type { RetainedRecord } from '../ports.ts'
import { readMigrations } from '../tables/migration-files.ts'
import { bringBack } from './class-effects.ts'
import type { Pass } from './pass.ts'
import { backUp } from './remove.ts'
import type { RolledBack } from './rollback-target.ts'

/** A migration that takes longer is stopped, and nothing of it stands. */
const MIGRATION_TIMEOUT_MS = 5 * 60_000

/** True when going back may do something to tables: only then is more asked than the records tell. */
export function touchesData(changes: readonly RolledBack[], retained: readonly RetainedRecord[]): boolean {
  return changes.some(({ id, before, after }) => {
    if (!after) return false
    if (!before) return after.block.migrations.length > 0 || retained.some((r) => r.id === id && r.removal !== undefined)
    return migrationsOf(before.block) !== migrationsOf(after.block)
  })
}

function migrationsOf(block: LockBlock): string {
  return JSON.stringify(block.migrations.map(({ id, checksum }) => [id, checksum]))
}

/**
 * Decides what going back does to the data of every plugin.
 * @throws CatalystError APPROVAL_MISSING with the YAML that consents, for all of them; nothing was done then
 */
export async function decideData(changes: readonly RolledBack[], approvals: readonly Approval[], pass: Pass): Promise<ReadonlyMap<string, DataRollback>> {
  const { tables, backups, folders } = await pass.data()
  const ids = changes.map((change) => change.id)
  const [inventories, applied, listed, store] = await Promise.all([tables.inventory(ids, 'estimate'), tables.applied(), backups.list(), pass.store()])
  const decided = await Promise.all(
    changes.map(async ({ id, before, after }) => {
      const owned = inventories.get(id)?.tables ?? []
      const sum = (of: 'rows' | 'bytes'): number => owned.reduce((total, table) => total + table[of], 0)
      const holdings = { tables: { count: owned.length, rows: sum('rows'), bytes: sum('bytes') }, data: (await folders.size(id)) ?? { files: 0, bytes: 0 } }
      const ran = applied.filter((m) => m.plugin === id).map(({ id: name, checksum, kind, down }) => ({ id: name, checksum, kind, down: down !== undefined }))
      return dataRollback({ id, from: before?.block, to: after?.block, ran, retained: store.retained.find((r) => r.id === id), backups: listed, holdings, approvals })
    }),
  )
  const open = decided.filter((decision) => !decision.approved)
  if (open.length === 0) return new Map(decided.map((decision) => [decision.id, decision]))
  const problems = open.map(({ id, why, hint }) => ({ code: 'APPROVAL_MISSING' as const, message: `${id}: ${why}`, ...(hint === undefined ? {} : { hint }) }))
  throw new CatalystError('APPROVAL_MISSING', problems.map((p) => p.message).join('; '), { problems })
}

/**
 * Makes the tables what the code that is gone back to was made for, with the plugins off. A failure leaves them off here
 * only until the caller makes live what is recorded.
 */
export async function carryOutData(changes: readonly RolledBack[], decided: ReadonlyMap<string, DataRollback>, pass: Pass): Promise<void> {
  const busy = changes.filter(({ id }) => (decided.get(id)?.kind ?? 'code-only') !== 'code-only' || (decided.get(id)?.steps.some((s) => s.do === 'return') ?? false))
  if (busy.length === 0) return
  const off = new Set(busy.map((change) => change.id))
  const { installs } = await pass.store()
  await pass.goAhead(installs.map((record) => (off.has(record.id) ? { ...record, enabled: false } : record)))
  for (const change of busy) await carryOut(change, decided.get(change.id), pass)
}

async function carryOut({ id, before, after }: RolledBack, decision: DataRollback | undefined, pass: Pass): Promise<void> {
  const { tables, backups } = await pass.data()
  const limits = { timeoutMs: MIGRATION_TIMEOUT_MS, signal: pass.signal }
  for (const step of decision?.steps ?? []) {
    if (step.do === 'backup' && before) await backUp(before, 'rollback', pass)
    if (step.do === 'return') await pass.effect(`return:${id}:${step.class}`, () => bringBack(id, step.class, pass))
    if (step.do === 'revert') await pass.effect(`revert:${id}:${step.migration}`, () => tables.revert(id, step.migration, pass.fence(), limits))
    if (step.do === 'restore') await pass.effect(`restore:${id}`, () => backups.restore(step.backup, { store: pass.storeId, signal: pass.signal }, pass.fence()))
  }
  if (decision?.kind !== 'forward' || !after) return
  const ran = new Set((await tables.applied(id)).map((m) => m.id))
  const pending = after.block.migrations.filter((m) => !ran.has(m.id))
  for (const migration of await readMigrations(pass.deps.paths.tree(after.block.tree), pending, tables.dialect)) {
    await pass.effect(`migrate:${id}:${migration.id}`, () => tables.migrate(id, migration, pass.fence(), limits))
  }
}
