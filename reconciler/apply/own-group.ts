import { CatalystError } from '../../schemas/errors.ts'
import type { Phase, PhasedGroup } from '../../schemas/plan-data.ts'
import type { Migration } from '../data-ports.ts'
import { removalOf } from '../plan/retained.ts'
import type { Hold, InstallRecord, StoreSnapshot } from '../ports.ts'
import { readMigrations } from '../tables/migration-files.ts'
import { asInstalled, backUp } from './back-up.ts'
import { DataWork } from './data-work.ts'
import type { Failures } from './failures.ts'
import type { Entry, EntryOf, Pass } from './pass.ts'
import { installsAfter } from './record.ts'
import { settleLeft, switchAway, type Leaving } from './remove.ts'
import { asItWas, failedHold, FAILED_REASON, isFinal, OFF_REASON } from './standing.ts'
import type { Step } from './steps.ts'

/** A group of the plan with the steps of it that can be taken. */
export interface OwnGroup {
  readonly plan: PhasedGroup
  readonly steps: readonly Step[]
}

/** A group under way. */
interface Running extends OwnGroup {
  readonly pass: Pass
  readonly failures: Failures
  readonly entryOf: EntryOf
  readonly work: DataWork
  /** Whose work is under way: when something fails, it is that plugin's. */
  at: string
  left: readonly Leaving[]
}

/**
 * Carries out a group that touches tables, in a generation of its own (`Phase` in schemas/plan-data.ts says what each
 * phase means). Up to the switch a failure undoes the group: what was done to the tables is taken back, newest first, and
 * what was live is live again. Where there is no way back the plugin stays switched off, because its old code was made for
 * other tables. After the switch a failure is told, and what is left stands in the next plan.
 */
export async function runOwnGroup({ plan, steps }: OwnGroup, pass: Pass, failures: Failures, entryOf: EntryOf): Promise<void> {
  const first = steps.find((step) => step.after)
  if (!first) return
  const store = await pass.store()
  const before = asItWas(store, steps.map(idBefore))
  const run: Running = { plan, steps, pass, failures, entryOf, work: new DataWork(pass), at: first.id, left: [] }
  try {
    await begin(run, before, store)
    for (const phase of plan.phases) await runPhase(phase, run)
  } catch (error) {
    pass.signal.throwIfAborted()
    if (error instanceof CatalystError && error.code === 'LEASE_LOST') throw error
    await failed(run, before, error)
    if (!(error instanceof CatalystError)) throw error
  }
}

/** The id under which a plugin stands until now. */
function idBefore({ id, change }: Step): string {
  return change?.movedFrom ?? id
}

async function begin({ steps, work }: Running, before: readonly InstallRecord[], store: StoreSnapshot): Promise<void> {
  const present = new Map(store.installs.map((record) => [record.id, record]))
  const retained = new Map(store.retained.map((record) => [record.id, record]))
  for (const record of before) if (present.get(record.id) !== record) await work.takeOver(record)
  for (const step of steps) {
    const left = retained.get(idBefore(step))
    if (!step.before && (!left || removalOf(left).classes.tables.state === 'purged')) work.startsAnew(step.id)
  }
}

async function runPhase(phase: Phase, run: Running): Promise<void> {
  if ('run' in phase) {
    for (const { plugin, migration } of phase.run) await migrate(plugin, migration, run)
    return
  }
  const steps = run.steps.filter((step) => phase.plugins.includes(step.id))
  if (phase.phase === 'deactivate') return deactivate(steps, run.pass)
  if (phase.phase === 'switch') return switchOver(run)
  if (phase.phase === 'after') return settleLeft(run.left, run.pass, run.failures)
  for (const step of steps) {
    run.at = step.id
    if (phase.phase === 'backup') await backUpFirst(step, run)
    if (phase.phase === 'before') await stepsBefore(step, run)
  }
}

async function migrate(plugin: string, id: string, run: Running): Promise<void> {
  run.at = plugin
  const step = run.steps.find((s) => s.id === plugin)
  const ref = step?.after?.block.migrations.find((m) => m.id === id)
  if (!step?.after || !ref) throw new CatalystError('INTERNAL', `the plan runs ${id} of ${plugin}, which is not in its release`)
  const { tables } = await run.pass.data()
  const [migration] = await readMigrations(run.pass.deps.paths.tree(step.after.block.tree), [ref], tables.dialect)
  if (migration) await run.work.migrate(plugin, migration)
}

async function deactivate(steps: readonly Step[], pass: Pass): Promise<void> {
  const off = new Set(steps.map(idBefore))
  const { installs } = await pass.store()
  const audit = steps.map(({ id }) => ({ event: 'deactivate', id, details: {} }))
  await pass.goLive(installs.map((record) => (off.has(record.id) ? { ...record, enabled: false } : record)), { reason: OFF_REASON, audit })
}

/** As it is, or, of a plugin that comes back, as it left it: out of quarantine. */
async function backUpFirst(step: Step, { pass, work }: Running): Promise<void> {
  const { id, before } = step
  if (before) return work.backedUp(id, (await backUp(before, 'change of its tables', pass)).name)
  const left = (await pass.store()).retained.find((record) => record.id === idBefore(step))
  await returned(step, work)
  if (left) work.backedUp(id, (await backUp(asInstalled(left, await pass.store()), 'change of its tables', pass)).name)
}

/** Out of quarantine, under the id under which it went there. */
async function returned(step: Step, work: DataWork): Promise<void> {
  for (const one of step.change?.steps ?? []) if (one.do === 'return') await work.bringBack(idBefore(step), one.class)
}

async function stepsBefore(step: Step, { work, pass }: Running): Promise<void> {
  const { id, change, after } = step
  await returned(step, work)
  for (const one of change?.steps ?? []) {
    if (one.do === 'revert') await work.revert(id, one.migration)
    if (one.do === 'restore') await work.restore(id, one.backup)
    if (one.do === 'move') await work.move(one.from, id, await ranUnderItsNewName(one.from, after, pass))
  }
}

/** The migrations that have run for the old id, as the package of the new one has them. */
async function ranUnderItsNewName(from: string, after: InstallRecord | undefined, pass: Pass): Promise<readonly Migration[]> {
  const { tables } = await pass.data()
  const ran = new Set((await tables.applied(from)).map((migration) => migration.id))
  const refs = (after?.block.migrations ?? []).filter((ref) => ran.has(ref.id))
  return after ? readMigrations(pass.deps.paths.tree(after.block.tree), refs, tables.dialect) : []
}

/** What enters goes live in the moment in which what leaves is taken out of the records. */
async function switchOver(run: Running): Promise<void> {
  const { pass, steps, failures } = run
  const entering = steps.filter((step) => step.after)
  const leaving = steps.filter((step) => !step.after)
  const { retained } = await pass.store()
  const movedFrom = new Set(steps.flatMap((step) => step.change?.movedFrom ?? []))
  const kept = movedFrom.size > 0 ? { retainedNow: retained.filter((record) => !movedFrom.has(record.id)) } : {}
  const entryOf = (taken: readonly Step[], generation: number): Entry => ({ ...run.entryOf(taken, generation), ...kept })
  if (leaving.length === 0) return void (await pass.goLive(installsAfter(await pass.store(), entering), (generation) => entryOf(entering, generation)))
  const broken = new Map<string, CatalystError>()
  run.left = await switchAway(entering, leaving, pass, { broken, late: failures.late }, entryOf)
  for (const [id, error] of broken) {
    run.at = id
    throw error
  }
}

/** Says what failed. Before the switch: takes the tables back, and makes live what was live. */
async function failed(run: Running, before: readonly InstallRecord[], error: unknown): Promise<void> {
  const { pass, steps, failures, at } = run
  const known = error instanceof CatalystError ? error : undefined
  const store = await pass.again()
  if (isSwitched(steps, store)) {
    if (!known) return
    failures.late.set(at, new CatalystError(known.code, `the new version is live, and not all of it is done: ${known.message}`, { cause: known, hint: known.hint }))
    const step = steps.find((s) => s.id === at)
    if (isFinal(known.code) && step?.after) await pass.record({ reason: FAILED_REASON, audit: [failure(step, known.code, false)], holds: [...store.holds, failedHold(step.after, step.after, known.code, pass.deps.clock())] })
    return
  }
  if (known) failures.broken.set(at, known)
  const stuck = await run.work.undo()
  const off = new Set(steps.filter((step) => stuck.has(step.id)).map(idBefore))
  const code = known?.code ?? 'INTERNAL'
  await pass.goLive(before.map((record) => (off.has(record.id) ? { ...record, enabled: false } : record)), {
    reason: FAILED_REASON,
    audit: steps.map((step) => failure(step, code, off.has(idBefore(step)))),
    holds: [...store.holds, ...holdsOn(steps.filter((step) => step.id === at), before, code, pass.deps.clock())],
  })
}

/** Whether it went live is asked, not guessed: a database may have recorded what it could not tell any more. */
function isSwitched(steps: readonly Step[], { installs }: StoreSnapshot): boolean {
  return steps.every(({ id, after }) => {
    const record = installs.find((r) => r.id === id)
    return after ? record?.block.entryDigest === after.block.entryDigest && record.enabled === after.enabled && record.configDigest === after.configDigest : !record
  })
}

function failure({ id }: Step, code: CatalystError['code'], off: boolean): Entry['audit'][number] {
  return { event: isFinal(code) ? 'stalled' : 'undone', id, details: { code, off } }
}

function holdsOn(steps: readonly Step[], before: readonly InstallRecord[], code: CatalystError['code'], now: string): readonly Hold[] {
  if (!isFinal(code)) return []
  return steps.flatMap((step) => (step.after ? [failedHold(step.after, before.find((record) => record.id === idBefore(step)), code, now)] : []))
}
