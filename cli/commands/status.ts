import { CatalystError, type Problem } from '../../schemas/errors.ts'
import type { Lock } from '../../schemas/lock.ts'
import type { InstallRecord } from '../../reconciler/ports.ts'
import type { ObservedState } from '../../reconciler/plan/observed.ts'
import type { Command, CommandResult } from '../command.ts'
import { conditionsOf, type Condition } from '../conditions.ts'
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
  const { desired } = await house.files.readDesired()
  const lock = await lockIfReadable(house)
  const observed = await house.observe(desired, { check: args.check ?? false })
  if (args.snapshot) return snapshotResult(await house.snapshot(observed, desired.store.id, args.snapshotKey))
  const plugins = observed.store.installs.map((record) => statusOf(record, observed, lock.lock, args.check ?? false))
  const drifted = plugins.filter((p) => p.conditions.some((c) => c.type === 'Drifted' && c.status === 'true'))
  const problems: Problem[] = args.check ? drifted.map((p) => ({ code: 'DRIFTED', message: driftText(p, observed) })) : []
  return {
    exit: 0,
    text: render(desired.store.id, observed, plugins, paint),
    result: { store: desired.store.id, generation: observed.store.generation?.number ?? null, serial: observed.store.serial, plugins, retained: observed.store.retained.map((r) => ({ id: r.id, version: r.block.version, since: r.removedAt })), holds: observed.store.holds, activations: observed.store.activations.slice(-1) },
    problems: [...lock.problems, ...problems],
  }
}

/** `catalyst generations`: what was live, and when. The newest last. */
export const generationsCommand: Command<Record<string, never>> = async ({ house, paint }) => {
  const { desired } = await house.files.readDesired()
  const { store } = await house.observe(desired, { check: false })
  const numbered = new Map(store.generations.map((g) => [g.number, g]))
  const rows = store.activations.map((a) => ({ activation: a.number, generation: a.generation, at: a.at, by: a.by, reason: a.reason, plugins: Object.fromEntries(Object.entries(numbered.get(a.generation)?.plugins ?? {}).map(([id, p]) => [id, p.version])), live: a.generation === store.generation?.number }))
  const lines = rows.map((r, i) => {
    const now = r.live && i === rows.length - 1
    return `${now ? paint('good', '*') : ' '} ${String(r.generation).padStart(4)}  ${r.at}  ${String(Object.keys(r.plugins).length).padStart(3)} plugins  ${safe(r.by)}: ${safe(r.reason)}`
  })
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

function statusOf(record: InstallRecord, observed: ObservedState, lock: Lock | undefined, checked: boolean): PluginStatus {
  return { id: record.id, version: record.block.version, enabled: record.enabled, conditions: conditionsOf(record, observed, lock, checked) }
}

function driftText(plugin: PluginStatus, observed: ObservedState): string {
  const files = observed.damaged.get(plugin.id) ?? []
  return files.length > 0 ? `${plugin.id} ${plugin.version}: ${files.slice(0, 5).join(', ')}${files.length > 5 ? ` and ${files.length - 5} more` : ''}` : `${plugin.id} ${plugin.version} is recorded but not live on this machine`
}

function render(store: string, observed: ObservedState, plugins: readonly PluginStatus[], paint: Paint): string {
  const { generation, retained, holds, activations } = observed.store
  const since = activations.at(-1)
  const head = generation ? `Store ${store}: generation ${generation.number}, live since ${since?.at ?? generation.createdAt}` : `Store ${store}: nothing was applied yet`
  const width = Math.max(10, ...plugins.map((p) => p.id.length))
  return [
    paint('strong', head),
    ...plugins.map((p) => `  ${mark(p, paint)} ${p.id.padEnd(width)}  ${p.version.padEnd(12)} ${words(p)}`),
    ...retained.map((r) => `  ${paint('quiet', '·')} ${r.id.padEnd(width)}  ${r.block.version.padEnd(12)} removed ${r.removedAt}; code, config, data and tables are kept`),
    ...holds.map((h) => `  ${paint('change', '?')} ${h.id.padEnd(width)}  ${(h.fromVersion ?? 'removal').padEnd(12)} rolled back ${h.since}; not taken again by itself`),
  ].join('\n')
}

function mark(plugin: PluginStatus, paint: Paint): string {
  const ready = plugin.conditions.find((c) => c.type === 'Ready')
  if (ready?.status === 'true') return paint('good', '✓')
  return plugin.enabled ? paint('bad', '✗') : paint('quiet', '-')
}

/** What is well, in words; then what is not, in its one word. What is not ready has nothing well to tell. A hold has a line of its own. */
function words({ conditions }: PluginStatus): string {
  const good: Readonly<Record<string, string>> = { Live: 'live', ProvenanceProven: 'verified', FilesChecked: 'files checked' }
  const bad = (c: Condition): boolean => (c.type === 'Ready' || c.type === 'Verified' ? c.status === 'false' : c.type !== 'Held' && c.status === 'true')
  const ready = conditions.some((c) => c.type === 'Ready' && c.status === 'true')
  const told = conditions.flatMap((c) => (ready ? good[c.reason] : undefined) ?? (bad(c) ? c.reason : []))
  return [...new Set(told)].join(', ')
}
