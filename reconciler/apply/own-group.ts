import { CatalystError } from '../../schemas/errors.ts'
import type { PhasedGroup, Phase } from '../../schemas/plan-data.ts'
import type { Migration } from '../data-ports.ts'
import type { InstallRecord } from '../ports.ts'
import { readMigrations } from '../tables/migration-files.ts'
import { bringBack } from './class-effects.ts'
import type { EntryOf, Pass } from './pass.ts'
import { installsAfter } from './record.ts'
import { backUp, keeping } from './remove.ts'
import type { Staged } from './stage.ts'
import type { Step } from './steps.ts'

/** A migration that takes longer is stopped, and nothing of it stands. */
const MIGRATION_TIMEOUT_MS = 5 * 60_000

interface Group {
  readonly plan: PhasedGroup
  /** Those of its changes that lead to code. */
  readonly steps: readonly Step[]
  readonly staged: ReadonlyMap<string, Staged>
}

/**
 * Carries out a group that touches tables, in a generation of its own (`Phase` in schemas/plan-data.ts says what each
 * phase means). Up to the switch a failure undoes the group: what ran is reverted, newest first, and what was live is live
 * again. Where a migration has no way back, the plugin stays switched off, because its old code was made for other tables.
 */
export async function runOwnGroup(group: Group, pass: Pass, errors: Map<string, CatalystError>, entryOf: EntryOf): Promise<void> {
  const [first] = group.steps
  if (!first) return
  const before = (await pass.store()).installs
  const ran: AppliedHere[] = []
  let switched = false
  await keeping(first.id, errors, pass, async () => {
    try {
      for (const phase of group.plan.phases) {
        await runPhase(phase, group, pass, ran, entryOf)
        switched ||= phase.phase === 'switch'
      }
    } catch (error) {
      if (switched) throw asLeftOver(error)
      pass.signal.throwIfAborted()
      await undo(ran, before, group, pass, error)
      throw error
    }
  })
}

/** What this pass ran for the group, in its order. */
interface AppliedHere {
  readonly plugin: string
  readonly migration: Migration
}

async function runPhase(phase: Phase, group: Group, pass: Pass, ran: AppliedHere[], entryOf: EntryOf): Promise<void> {
  if ('run' in phase) {
    for (const { plugin, migration } of phase.run) await run(plugin, migration, group, pass, ran)
    return
  }
  const steps = group.steps.filter((step) => phase.plugins.includes(step.id))
  if (phase.phase === 'deactivate') return deactivate(steps, pass)
  if (phase.phase === 'backup') for (const { before } of steps) if (before) await backUp(before, 'change of its tables', pass)
  if (phase.phase === 'before') for (const step of steps) await stepsBefore(step, group.staged.get(step.id)?.dir, pass)
  if (phase.phase === 'switch') await pass.goLive(installsAfter(await pass.store(), group.steps), (generation) => entryOf(group.steps, generation))
}

async function run(plugin: string, id: string, { steps, staged }: Group, pass: Pass, ran: AppliedHere[]): Promise<void> {
  const { tables } = await pass.data()
  const step = steps.find((s) => s.id === plugin)
  const dir = staged.get(plugin)?.dir
  const ref = step?.after?.block.migrations.find((m) => m.id === id)
  if (!ref || dir === undefined) throw new CatalystError('INTERNAL', `the plan runs ${id} of ${plugin}, which is not in its release`)
  const [migration] = await readMigrations(dir, [ref], tables.dialect)
  if (!migration) throw new CatalystError('INTERNAL', `${plugin} has no ${id}`)
  await pass.effect(`migrate:${plugin}:${id}`, () => tables.migrate(plugin, migration, pass.fence(), { timeoutMs: MIGRATION_TIMEOUT_MS, signal: pass.signal }))
  ran.push({ plugin, migration })
}

async function deactivate(steps: readonly Step[], pass: Pass): Promise<void> {
  const off = new Set(steps.map((step) => step.change?.movedFrom ?? step.id))
  const { installs } = await pass.store()
  const audit = steps.map(({ id }) => ({ event: 'deactivate', id, details: {} }))
  await pass.goLive(installs.map((record) => (off.has(record.id) ? { ...record, enabled: false } : record)), { reason: 'its tables change', audit })
}

async function stepsBefore({ id, change, after }: Step, dir: string | undefined, pass: Pass): Promise<void> {
  const { tables, backups, folders } = await pass.data()
  for (const step of change?.steps ?? []) {
    if (step.do === 'return') await pass.effect(`return:${id}:${step.class}`, () => bringBack(id, step.class, pass))
    if (step.do === 'revert') await pass.effect(`revert:${id}:${step.migration}`, () => tables.revert(id, step.migration, pass.fence(), { timeoutMs: MIGRATION_TIMEOUT_MS, signal: pass.signal }))
    if (step.do === 'restore') await pass.effect(`restore:${id}`, () => backups.restore(step.backup, { store: pass.storeId, signal: pass.signal }, pass.fence()))
    if (step.do === 'move') {
      const fresh = await ranUnderItsNewName(step.from, { id, dir }, after, pass)
      await pass.effect(`move:${step.from}:${id}`, () => tables.rename(step.from, id, fresh, pass.fence()))
      await pass.effect(`move-data:${step.from}:${id}`, () => folders.rename(step.from, id))
    }
  }
}

/** The migrations that have run for the old id, as the package of the new one has them. */
async function ranUnderItsNewName(from: string, { id, dir }: { readonly id: string; readonly dir: string | undefined }, after: InstallRecord | undefined, pass: Pass): Promise<readonly Migration[]> {
  const { tables } = await pass.data()
  const ran = new Set((await tables.applied(from)).map((migration) => migration.id))
  const refs = (after?.block.migrations ?? []).filter((ref) => ran.has(ref.id))
  if (refs.length > 0 && dir === undefined) throw new CatalystError('INTERNAL', `the release of ${id} is not here`)
  return dir === undefined ? [] : readMigrations(dir, refs, tables.dialect)
}

/** What changed the tables goes back first; then what was live before is live again. */
async function undo(ran: readonly AppliedHere[], before: readonly InstallRecord[], group: Group, pass: Pass, cause: unknown): Promise<void> {
  const stuck = await revertAll(ran, pass)
  const off = new Set(group.steps.flatMap((step) => (stuck.has(step.id) ? [step.id] : [])))
  const { installs } = await pass.store()
  const present = new Map(installs.map((record) => [record.id, record]))
  const records = before.map((record) => (off.has(record.id) ? (present.get(record.id) ?? record) : record))
  await pass.goLive(records, { reason: 'a change of tables failed', audit: group.steps.map(({ id }) => ({ event: 'stalled', id, details: { code: cause instanceof CatalystError ? cause.code : 'INTERNAL', off: off.has(id) } })) })
}

/** Plugins whose tables could not be brought back. What only expands may stay: the old code runs on it. */
async function revertAll(ran: readonly AppliedHere[], pass: Pass): Promise<ReadonlySet<string>> {
  const { tables } = await pass.data()
  const stuck = new Set<string>()
  for (const { plugin, migration } of ran.toReversed()) {
    if (stuck.has(plugin)) continue
    try {
      if (migration.down === undefined) throw new CatalystError('MIGRATION_IRREVERSIBLE', `${migration.id} has no way back`)
      await pass.effect(`revert:${plugin}:${migration.id}`, () => tables.revert(plugin, migration.id, pass.fence(), { timeoutMs: MIGRATION_TIMEOUT_MS, signal: pass.signal }))
    } catch (error) {
      pass.signal.throwIfAborted()
      if (migration.kind !== 'expand') stuck.add(plugin)
      else if (!(error instanceof CatalystError)) throw error
    }
  }
  return stuck
}

function asLeftOver(error: unknown): unknown {
  if (!(error instanceof CatalystError)) return error
  return new CatalystError(error.code, `the new version is live, and not all of it is done: ${error.message}`, { cause: error, hint: error.hint })
}
