import { CatalystError, type Problem } from '../../schemas/errors.ts'
import type { Lock } from '../../schemas/lock.ts'
import type { Plan } from '../../schemas/plan.ts'
import { DATA_CLASSES } from '../../reconciler/data-ports.ts'
import { counted, holdingsOf } from '../../reconciler/plan/amounts.ts'
import { plan } from '../../reconciler/plan/decide.ts'
import { driftOf, type Drift } from '../../reconciler/plan/drift.ts'
import type { ObservedState } from '../../reconciler/plan/observed.ts'
import { minuteOf } from '../../reconciler/plan/removal-words.ts'
import { removalOf } from '../../reconciler/plan/retained.ts'
import { staleness } from '../../reconciler/plan/stale.ts'
import type { Hold, RetainedRecord } from '../../reconciler/ports.ts'
import type { Command, CommandResult } from '../command.ts'
import type { House } from '../compose.ts'
import { configChecks, type Said } from '../config-checks.ts'
import { BAD_WHEN_TRUE, conditionsOf, type Condition, type Seen } from '../conditions.ts'
import { retainedText } from '../render/what-is-left.ts'
import { safe, type Paint } from '../terminal.ts'

export interface StatusArgs {
  readonly check?: boolean
  readonly snapshot?: boolean
  readonly snapshotKey?: string
}

interface PluginStatus {
  readonly id: string
  readonly version: string
  readonly enabled: boolean
  readonly conditions: readonly Condition[]
}

/** `catalyst status [--check]`: what is installed and how it is. With `--check` every installed file is read (exit 6 on drift). */
export const statusCommand: Command<StatusArgs> = async (context, args) => {
  const { house, paint } = context
  const { desired, placeOf } = await house.files.readDesired()
  const lock = await lockIfReadable(house)
  const observed = await house.observe(desired, { check: args.check ?? false, all: args.snapshot ?? false })
  if (args.snapshot) return snapshotResult(await house.snapshot(observed, desired.store.id, args.snapshotKey))
  const drift = driftOf({ desired, lock: lock.lock, observed })
  const decided = lock.lock && (await planned(house, { desired, lock: lock.lock, placeOf }, observed))
  const seen: Seen = { observed, lock: lock.lock, plan: decided, drift, checked: args.check ?? false }
  const plugins = observed.store.installs.map((record): PluginStatus => ({ id: record.id, version: record.block.version, enabled: record.enabled, conditions: conditionsOf(record, seen) }))
  const problems: Problem[] = args.check ? drift.map(({ message, hint }) => ({ code: 'DRIFTED', message, hint })) : []
  return {
    exit: 0,
    text: render(desired.store.id, observed, plugins, drift, paint),
    result: { store: desired.store.id, generation: observed.store.generation?.number ?? null, serial: observed.store.serial, plugins, drift, retained: observed.store.retained.map((r) => retainedJson(r, observed)), holds: observed.store.holds, activations: observed.store.activations.slice(-1) },
    problems: [...lock.problems, ...problems],
  }
}

/** `catalyst generations`: what was live, and when. The newest last. */
export const generationsCommand: Command<Record<string, never>> = async ({ house, paint }) => {
  const { desired } = await house.files.readDesired()
  const { store } = await house.observe(desired, { check: false })
  const numbered = new Map(store.generations.map((g) => [g.number, g]))
  // The newest activation alone: after a rollback an earlier one names the same generation.
  const rows = store.activations.map((a, i) => ({ activation: a.number, generation: a.generation, at: a.at, by: a.by, reason: a.reason, plugins: Object.fromEntries(Object.entries(numbered.get(a.generation)?.plugins ?? {}).map(([id, p]) => [id, p.version])), live: i === store.activations.length - 1 && a.generation === store.generation?.number }))
  const lines = rows.map((r) => `${r.live ? paint('good', '*') : ' '} ${String(r.generation).padStart(4)}  ${r.at}  ${counted(Object.keys(r.plugins).length, 'plugin').padEnd(11)}  ${safe(r.by)}: ${safe(r.reason)}`)
  return { exit: 0, text: lines.length === 0 ? 'Nothing was ever applied here.' : lines.join('\n'), result: { generations: rows } }
}

function snapshotResult(snapshot: unknown): CommandResult {
  return { exit: 0, text: JSON.stringify(snapshot), result: snapshot }
}

/** Status must answer even when the lock cannot be read: then it says so beside what is installed. */
async function lockIfReadable(house: Parameters<typeof statusCommand>[0]['house']): Promise<{ readonly lock: Lock | undefined; readonly problems: readonly Problem[] }> {
  try {
    return { lock: await house.files.readLock(), problems: [] }
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error
    return { lock: undefined, problems: error.problems.length > 0 ? error.problems : [{ code: error.code, message: error.message, hint: error.hint }] }
  }
}

/** What waits for a person is what a plan says so of; where the lock does not answer plugins.yaml there is none. */
async function planned(house: House, said: Said, observed: ObservedState): Promise<Plan | undefined> {
  const { desired, lock } = said
  if (staleness(desired, lock).length > 0) return undefined
  return plan({ desired, lock, observed, now: house.now(), configs: await configChecks(house, said, observed.store.installs, { offline: true }) })
}

function render(store: string, observed: ObservedState, plugins: readonly PluginStatus[], drift: readonly Drift[], paint: Paint): string {
  const { generation, retained, holds, activations } = observed.store
  const since = activations.at(-1)
  const head = generation ? `Store ${store}: generation ${generation.number}, live since ${minuteOf(since?.at ?? generation.createdAt)}` : `Store ${store}: nothing was applied yet`
  const width = Math.max(10, ...plugins.map((p) => p.id.length))
  return [
    paint('strong', head),
    ...plugins.map((p) => `  ${mark(p, paint)} ${p.id.padEnd(width)}  ${p.version.padEnd(12)} ${words(p)}`),
    ...drift.filter((d) => !plugins.some((p) => p.id === d.id)).map((d) => `  ${paint('bad', '!')} ${safe(d.id).padEnd(width)}  ${'-'.padEnd(12)} unmanaged: live here, and nobody installed it`),
    ...retained.map((r) => `  ${paint('quiet', '·')} ${r.id.padEnd(width)}  ${r.block.version.padEnd(12)} ${safe(retainedText(r, holdingsOf(r.id, observed, r.removal)))}`),
    ...holds.map((h) => `  ${paint('change', '?')} ${h.id.padEnd(width)}  ${(h.fromVersion ?? 'removal').padEnd(12)} ${heldText(h)}`),
    ...(retained.some(isAsked) ? ['', 'Something waits for a decision: `catalyst plan` shows how to answer.'] : []),
  ].join('\n')
}

/** A rolled back change, or one that failed: neither is tried again by itself. */
function heldText({ since, failed }: Hold): string {
  return failed === undefined ? `rolled back ${minuteOf(since)}; not taken again by itself` : `failed (${failed}) ${minuteOf(since)}; not tried again by itself`
}

function isAsked({ removal }: RetainedRecord): boolean {
  return DATA_CLASSES.some((key) => removal?.classes[key].state === 'awaiting')
}

/** What is left of a removed plugin, for ever: per class what became of it, and until when. */
function retainedJson(record: RetainedRecord, observed: ObservedState): unknown {
  const { code, classes, backup, by, policy } = removalOf(record)
  const tables = observed.inventories?.get(record.id)?.tables ?? record.removal?.inventory?.tables
  return {
    id: record.id,
    version: record.block.version,
    since: record.removedAt,
    by: by === '' ? null : by,
    code,
    classes,
    policy,
    tables: tables?.map(({ name, rows, bytes }) => ({ name, rows, bytes })) ?? null,
    data: holdingsOf(record.id, observed, record.removal).data ?? null,
    backup: backup?.name ?? null,
  }
}

function mark(plugin: PluginStatus, paint: Paint): string {
  const ready = plugin.conditions.find((c) => c.type === 'Ready')
  if (ready?.status === 'true') return paint('good', '✓')
  return plugin.enabled ? paint('bad', '✗') : paint('quiet', '-')
}

/** What is well, in words; then what is not, in its one word. What is not ready has nothing well to tell. A hold has a line of its own. */
function words({ conditions }: PluginStatus): string {
  const good: Readonly<Record<string, string>> = { Live: 'live', ProvenanceProven: 'verified', FilesChecked: 'files checked' }
  const bad = (c: Condition): boolean => (BAD_WHEN_TRUE.has(c.type) ? c.type !== 'Held' && c.status === 'true' : c.status === 'false')
  const ready = conditions.some((c) => c.type === 'Ready' && c.status === 'true')
  const told = conditions.flatMap((c) => (ready ? good[c.reason] : undefined) ?? (bad(c) ? c.reason : []))
  return [...new Set(told)].join(', ')
}
