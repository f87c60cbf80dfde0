import { byCodeUnit, canonicalJson } from '../../schemas/digest.ts'
import type { Lock } from '../../schemas/lock.ts'
import type { InstallRecord } from '../ports.ts'
import type { DesiredPlugin, DesiredState } from './desired.ts'
import type { ObservedState } from './observed.ts'
import { configDigest } from './sides.ts'

/** What differs: files and links of code, the config that runs, the schema of owned tables, a plugin that nobody recorded. */
export type DriftClass = 'code' | 'config' | 'schema' | 'unmanaged'

/** One thing that is not as it was recorded, without a new wish. Only code is repaired by apply; everything else is shown. */
export interface Drift {
  readonly id: string
  readonly class: DriftClass
  readonly message: string
  readonly hint: string
}

/** Everything that drifted, as far as it was looked at: what is absent from `observed` is unknown, not well. By id, then class. Pure. */
export function driftOf({ desired, lock, observed }: { readonly desired: DesiredState; readonly lock: Lock | undefined; readonly observed: ObservedState }): readonly Drift[] {
  const wanted = new Map(desired.plugins.map((p) => [p.id, p]))
  const found = observed.store.installs.flatMap((record) => [...codeDrift(record, observed), ...configDrift(record, wanted.get(record.id), observed), ...schemaDrift(record, observed)])
  return [...found, ...unmanaged(desired, lock, observed)].sort((a, b) => byCodeUnit(a.id, b.id) || byCodeUnit(a.class, b.class))
}

function codeDrift({ id, block, enabled }: InstallRecord, { damaged, live }: ObservedState): readonly Drift[] {
  const hint = 'See the repair with `catalyst plan --check`, make it with `catalyst apply --check`: what was altered goes to quarantine first.'
  const files = damaged.get(id) ?? []
  if (files.length > 0) return [{ id, class: 'code', message: `${id} ${block.version}: ${some(files)}`, hint }]
  if (!enabled || live?.get(id) === block.tree) return []
  return [{ id, class: 'code', message: `${id} ${block.version} is recorded but not live on this machine`, hint: 'Run `catalyst apply`.' }]
}

/** Values are compared and never told: pointers are enough to find them. */
function configDrift(record: InstallRecord, plugin: DesiredPlugin | undefined, { running }: ObservedState): readonly Drift[] {
  const configs = running?.get(record.id) ?? []
  const hint = `Write what runs into \`config\` of ${record.id} in plugins.yaml, restart its host to go back to what is there, or list the places under \`ignoreDrift:\`.`
  const say = (where: string): readonly Drift[] => [{ id: record.id, class: 'config', message: `${record.id} ${record.block.version} runs with another config than was recorded${where}`, hint }]
  // What was recorded is a digest: which places differ can be told only while git still says the same.
  if (!plugin || configDigest(plugin.config) !== record.configDigest) return configs.every((config) => configDigest(config) === record.configDigest) ? [] : say('')
  const places = [...new Set(configs.flatMap((config) => differing(plugin.config, config)))].filter((place) => !plugin.ignoreDrift.some((ignored) => place === ignored || place.startsWith(`${ignored}/`)))
  return places.length === 0 ? [] : say(`: ${some(places)}`)
}

function schemaDrift({ id, block }: InstallRecord, { definitions }: ObservedState): readonly Drift[] {
  const schema = definitions?.get(id)
  if (!schema || schema.now === schema.recorded) return []
  return [{ id, class: 'schema', message: `the tables of ${id} ${block.version} are not as its migrations made them (${schema.recorded} then, ${schema.now} now)`, hint: 'Somebody changed them past the migrations. Nothing is changed by itself: take it back by hand, or restore a backup.' }]
}

/** Live here, and nobody recorded it; or recorded, and neither plugins.yaml nor the lock ever heard of it. */
function unmanaged(desired: DesiredState, lock: Lock | undefined, { live, store }: ObservedState): readonly Drift[] {
  const recorded = new Set(store.installs.map((r) => r.id))
  const known = new Set([...desired.plugins.map((p) => p.id), ...Object.keys(lock?.plugins ?? {}), ...Object.keys(lock?.removed ?? {}), ...desired.moved.map((m) => m.from)])
  const linked = [...(live?.keys() ?? [])].filter((id) => !recorded.has(id))
  const strange = lock === undefined ? [] : [...recorded].filter((id) => !known.has(id))
  return [
    ...linked.map((id): Drift => ({ id, class: 'unmanaged', message: `${id} is live on this machine and not recorded as installed`, hint: 'It did not come by `catalyst apply`, which takes it out of what is live and deletes no file of it. Find out who put it there; add it to plugins.yaml if it shall stay.' })),
    ...strange.map((id): Drift => ({ id, class: 'unmanaged', message: `${id} is installed, and neither plugins.yaml nor the lock has ever said so`, hint: `Make git say what is: \`catalyst adopt ${id}\`; or read in \`catalyst plan\` what becomes of it.` })),
  ]
}

/** JSON pointers (RFC 6901) to the places in which two values differ: the deepest that are whole on one side. */
function differing(a: unknown, b: unknown, at = ''): readonly string[] {
  if (canonicalJson(a ?? null) === canonicalJson(b ?? null) && (a === undefined) === (b === undefined)) return []
  if (!isMapping(a) || !isMapping(b)) return [at]
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort(byCodeUnit)
  return keys.flatMap((key) => differing(a[key], b[key], `${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`))
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function some(names: readonly string[]): string {
  return `${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`
}
