import { CatalystError } from '../../schemas/errors.ts'
import type { Approval } from '../../schemas/plugin-set.ts'
import type { PluginData } from '../data-ports.ts'
import { dataRollback, type DataRollback } from '../plan/data-rollback.ts'
import { removalOf } from '../plan/retained.ts'
import type { InstallRecord, StoreSnapshot } from '../ports.ts'
import { readMigrations } from '../tables/migration-files.ts'
import { backUp, backUpRemoved } from './back-up.ts'
import { DataWork } from './data-work.ts'
import type { Pass } from './pass.ts'
import type { RolledBack } from './rollback-target.ts'
import { asItWas, FAILED_REASON, isFinal, OFF_REASON } from './standing.ts'
import { undoneBy } from './take-back.ts'

/** What going back does to the data of every plugin, consented or not. Changes nothing. */
export async function dataDecisions(changes: readonly RolledBack[], approvals: readonly Approval[], store: StoreSnapshot, { tables, backups, folders }: PluginData): Promise<readonly DataRollback[]> {
  const ids = changes.map((change) => change.id)
  const [inventories, applied, listed] = await Promise.all([tables.inventory(ids, 'estimate'), tables.applied(), backups.list()])
  return Promise.all(
    changes.map(async ({ id, before, after }) => {
      const owned = inventories.get(id)?.tables ?? []
      const sum = (of: 'rows' | 'bytes'): number => owned.reduce((total, table) => total + table[of], 0)
      const holdings = { tables: { count: owned.length, rows: sum('rows'), bytes: sum('bytes') }, data: (await folders.size(id)) ?? { files: 0, bytes: 0 } }
      const ran = applied.filter((m) => m.plugin === id).map(({ id: name, checksum, kind, down }) => ({ id: name, checksum, kind, down: down !== undefined }))
      return dataRollback({ id, from: before?.block, to: after?.block, ran, retained: store.retained.find((r) => r.id === id), backups: listed, holdings, approvals })
    }),
  )
}

/**
 * The same for a rollback that is done now.
 * @throws CatalystError APPROVAL_MISSING with the YAML that consents, for all of them; nothing was done then
 */
export async function decideData(changes: readonly RolledBack[], approvals: readonly Approval[], pass: Pass): Promise<ReadonlyMap<string, DataRollback>> {
  const decided = await dataDecisions(changes, approvals, await pass.store(), await pass.data())
  const open = decided.filter((decision) => !decision.approved)
  if (open.length === 0) return new Map(decided.map((decision) => [decision.id, decision]))
  const problems = open.map(({ id, why, hint }) => ({ code: 'APPROVAL_MISSING' as const, message: `${id}: ${why}`, ...(hint === undefined ? {} : { hint }) }))
  throw new CatalystError('APPROVAL_MISSING', problems.map((p) => p.message).join('; '), { problems })
}

/**
 * Makes the tables what the code that is gone back to was made for, with the plugins recorded as off, and then lets `goBack`
 * switch. A failure takes the tables back to the code that was to be left; where that cannot be, the plugin stays off.
 * @throws CatalystError of what failed
 */
export async function withData<T>(changes: readonly RolledBack[], decided: ReadonlyMap<string, DataRollback>, pass: Pass, goBack: () => Promise<T>): Promise<T> {
  const busy = changes.filter(({ id }) => isBusy(decided.get(id)))
  const store = await pass.store()
  const ids = busy.map((change) => change.id)
  const before = asItWas(store, ids)
  const work = new DataWork(pass)
  let last: number | undefined
  try {
    for (const { id, before: present } of busy) if (!present && tablesPurged(id, store)) work.startsAnew(id)
    for (const record of before) if (!store.installs.includes(record)) await work.takeOver(record)
    await switchOff(ids, pass)
    for (const change of busy) await carryOut(change, decided.get(change.id), work, pass)
    last = lastActivation(await pass.store())
    return await goBack()
  } catch (error) {
    pass.signal.throwIfAborted()
    if (error instanceof CatalystError && error.code === 'LEASE_LOST') throw error
    // Whether it was recorded is asked, not guessed: then the tables are those of the code that is live.
    if (last === undefined || lastActivation(await pass.again()) === last) await undo(ids, { before, work, error, pass })
    throw error
  }
}

function lastActivation({ activations }: StoreSnapshot): number {
  return activations.at(-1)?.number ?? 0
}

/** Nothing of its tables is there: what is made for it now goes whole when it fails. */
function tablesPurged(id: string, { retained }: StoreSnapshot): boolean {
  const left = retained.find((record) => record.id === id)
  return !left || removalOf(left).classes.tables.state === 'purged'
}

function isBusy(decision: DataRollback | undefined): boolean {
  return (decision?.kind ?? 'code-only') !== 'code-only' || (decision?.steps.some((step) => step.do === 'return') ?? false)
}

async function switchOff(ids: readonly string[], pass: Pass): Promise<void> {
  const { installs } = await pass.store()
  const on = installs.filter((record) => record.enabled && ids.includes(record.id))
  if (on.length === 0) return
  const audit = on.map(({ id }) => ({ event: 'deactivate', id, details: {} }))
  await pass.goLive(installs.map((record) => (on.includes(record) ? { ...record, enabled: false } : record)), { reason: OFF_REASON, audit })
}

async function undo(ids: readonly string[], { before, work, error, pass }: { readonly before: readonly InstallRecord[]; readonly work: DataWork; readonly error: unknown; readonly pass: Pass }): Promise<void> {
  const stuck = await work.undo()
  const code = error instanceof CatalystError ? error.code : 'INTERNAL'
  const records = before.map((record) => (stuck.has(record.id) ? { ...record, enabled: false } : record))
  await pass.goLive(records, { reason: FAILED_REASON, audit: ids.map((id) => ({ event: isFinal(code) ? 'stalled' : 'undone', id, details: { code, off: stuck.has(id) } })) })
}

async function carryOut({ id, before, after }: RolledBack, decision: DataRollback | undefined, work: DataWork, pass: Pass): Promise<void> {
  const { tables } = await pass.data()
  for (const step of decision?.steps ?? []) {
    if (step.do === 'backup') await backUpFirst({ id, before }, work, pass)
    if (step.do === 'return') await work.bringBack(id, step.class)
    if (step.do === 'revert') await work.revert(id, step.migration)
    if (step.do === 'restore') await work.restore(id, step.backup)
  }
  if (decision?.kind !== 'forward' || !after) return
  const ran = new Set((await tables.applied(id)).map((m) => m.id))
  const pending = after.block.migrations.filter((m) => !ran.has(m.id))
  for (const migration of await readMigrations(pass.deps.paths.tree(after.block.tree), pending, tables.dialect)) await work.migrate(id, migration)
}

async function backUpFirst({ id, before }: Pick<RolledBack, 'id' | 'before'>, work: DataWork, pass: Pass): Promise<void> {
  const left = (await pass.store()).retained.find((record) => record.id === id)
  if (!before && left) return void (await backUpRemoved(left, 'rollback', pass))
  if (!before) return
  const { name } = await backUp(before, 'rollback', pass)
  work.backedUp(id, name)
  await undoneBy(id, name, pass)
}
