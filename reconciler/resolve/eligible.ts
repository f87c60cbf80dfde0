import type { Advisory } from '../../schemas/common.ts'
import { byCodeUnit } from '../../schemas/digest.ts'
import { permissionExcess, type PermissionExcess } from '../../schemas/permissions.ts'
import { printable } from '../../schemas/printable.ts'
import type { Candidate, Hold } from '../ports.ts'
import type { DesiredPlugin, DesiredState } from '../plan/desired.ts'
import type { Readings } from './ranges.ts'
import type { KeptBack } from './types.ts'

/** Why one version may not be taken, whatever the others are. */
export type Bar = Omit<KeptBack, 'version'>

/** What a judgement looks at besides the version. `fixes` = versions that an advisory on the locked version names as its cure. */
export interface Bench {
  readonly plugin: DesiredPlugin | undefined
  readonly desired: DesiredState
  readonly holds: readonly Hold[]
  readonly fixes: readonly string[]
  readonly nowMs: number
  readonly readings: Readings
}

type Rule = (candidate: Candidate, bench: Bench) => Bar | undefined

/** In the order in which they are told: what stays true first, what time heals last. */
const RULES: readonly { readonly rule: Rule; readonly evenIfLocked: boolean }[] = [
  { rule: invalid, evenIfLocked: true },
  { rule: rejected, evenIfLocked: true },
  { rule: withdrawn, evenIfLocked: false },
  { rule: yanked, evenIfLocked: false },
  { rule: held, evenIfLocked: false },
  { rule: platform, evenIfLocked: true },
  { rule: channel, evenIfLocked: true },
  { rule: permissions, evenIfLocked: true },
  { rule: signer, evenIfLocked: false },
  { rule: age, evenIfLocked: false },
]

/**
 * The first reason for which a version may not be taken. What is locked stays in spite of what only speaks against
 * taking it anew (age, yanked, an advisory, a hold), not in spite of what plugins.yaml says.
 */
export function barOf(candidate: Candidate, locked: boolean, bench: Bench): Bar | undefined {
  for (const { rule, evenIfLocked } of RULES) {
    if (locked && !evenIfLocked) continue
    const bar = rule(candidate, bench)
    if (bar) return bar
  }
  return undefined
}

/** What a version asks for beyond a grant, as people read it: `api evil.example:443 and database orders: write`. */
export function excessText(excess: readonly PermissionExcess[]): string {
  const parts = excess.map(({ kind, what }) => printable(kind === 'admin' ? 'admin' : `${kind} ${what}`, { max: 300 }))
  return listText(parts)
}

/** `a`, `a and b`, `a, b and c`; after `most` items the rest is counted. */
export function listText(parts: readonly string[], most = 8): string {
  const shown = parts.length > most ? [...parts.slice(0, most - 1), `${parts.length - most + 1} more`] : parts
  if (shown.length < 2) return shown.join('')
  return `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`
}

/** Where a clause stands: `plugins.yaml:14`. */
export function placeText(plugin: DesiredPlugin | undefined): string {
  const place = plugin?.versionPlace ?? plugin?.place
  return place?.line === undefined ? (place?.file ?? 'plugins.yaml') : `${place.file}:${place.line}`
}

/** The entries of a map by id, sorted: the order in a file never changes an answer. */
export function byId<V>(map: Readonly<Record<string, V>>): readonly (readonly [id: string, value: V])[] {
  const entries = Object.entries(map)
  return entries.length < 2 ? entries : entries.sort(([a], [b]) => byCodeUnit(a, b))
}

/** The newest hold on a version of a plugin; a rollback that changed only config or grant speaks against no version. */
export function holdOn(holds: readonly Hold[], id: string, version: string): Hold | undefined {
  if (holds.length === 0) return undefined
  return holds.filter((hold) => hold.id === id && hold.fromVersion === version && hold.toVersion !== version).sort((a, b) => byCodeUnit(b.since, a.since))[0]
}

/** In one order, whatever the order in the index: by level, id and title. */
function sortedAdvisories(advisories: readonly Advisory[]): readonly Advisory[] {
  if (advisories.length < 2) return advisories
  return [...advisories].sort((a, b) => byCodeUnit(a.level, b.level) || byCodeUnit(a.id ?? '', b.id ?? '') || byCodeUnit(a.title ?? '', b.title ?? ''))
}

function invalid({ dependencies, conflicts, platform: range }: Candidate, { readings }: Bench): Bar | undefined {
  const wrong = wrongRange(dependencies, readings) ?? wrongRange(conflicts, readings) ?? (range === undefined || readings.isRange(range) ? undefined : ['Catalyst', range])
  return wrong && { code: 'invalid', detail: `names ${wrong[0]} with \`${printable(wrong[1]!, { max: 80 })}\`, which is not a version range` }
}

function wrongRange(ranges: Readonly<Record<string, string>>, readings: Readings): readonly string[] | undefined {
  // sorted only when something is wrong: this runs for every version there is
  for (const id in ranges) if (!readings.isRange(ranges[id]!)) return byId(ranges).find(([, range]) => !readings.isRange(range))
  return undefined
}

function rejected({ version }: Candidate, { plugin }: Bench): Bar | undefined {
  if (!plugin?.reject.includes(version)) return undefined
  return { code: 'rejected', detail: `is rejected in ${placeText(plugin)}` }
}

function withdrawn({ advisories }: Candidate): Bar | undefined {
  if (advisories.length === 0) return undefined
  const found = sortedAdvisories(advisories).find(({ level }) => level === 'malicious' || level === 'withdrawn')
  return found && { code: 'advisory', detail: `is ${found.level}${because(found.title, found.id)}` }
}

function yanked(candidate: Candidate): Bar | undefined {
  if (candidate.yanked) return { code: 'yanked', detail: `is yanked${because(candidate.yanked.reason)}` }
  if (candidate.advisories.length === 0) return undefined
  const found = sortedAdvisories(candidate.advisories).find(({ level }) => level === 'yanked')
  return found && { code: 'yanked', detail: `is yanked${because(found.title, found.id)}` }
}

function held({ id, version }: Candidate, { holds }: Bench): Bar | undefined {
  const hold = holdOn(holds, id, version)
  return hold && { code: 'held', detail: `was rolled back at ${hold.since} and is held` }
}

function platform(candidate: Candidate, { desired, readings }: Bench): Bar | undefined {
  const has = desired.store.catalyst
  if (candidate.platform === undefined || has === undefined) return undefined
  const version = readings.version(has)
  if (version && readings.range(candidate.platform).loose?.(version)) return undefined
  return { code: 'platform', detail: `needs Catalyst ${candidate.platform}, and the store has ${has}` }
}

function channel({ version }: Candidate, { plugin, readings }: Bench): Bar | undefined {
  if (plugin === undefined || plugin.channel === 'beta' || readings.range(plugin.range).pinned === version) return undefined
  if (!readings.version(version)?.prerelease.length) return undefined
  return { code: 'channel', detail: 'is a prerelease, and the channel is stable' }
}

function permissions(candidate: Candidate, { plugin }: Bench): Bar | undefined {
  if (plugin?.grant === undefined) return undefined
  const excess = permissionExcess(candidate.permissions, plugin.grant)
  if (excess.length === 0) return undefined
  return { code: 'permissions', detail: `asks for ${excessText(excess)}, which its grant does not allow` }
}

function signer(candidate: Candidate, { plugin }: Bench): Bar | undefined {
  if (candidate.authority !== undefined || plugin?.unsigned === undefined || plugin.unsigned === candidate.artifact.sha256) return undefined
  return { code: 'signer', detail: `is unsigned and has other bytes (${candidate.artifact.sha256}) than \`verify\` in plugins.yaml allows` }
}

function age(candidate: Candidate, { plugin, desired, fixes, nowMs, readings }: Bench): Bar | undefined {
  const ageMs = desired.policy.minimumReleaseAgeMs
  if (ageMs === 0 || fixes.includes(candidate.version)) return undefined
  if (plugin && readings.range(plugin.range).pinned === candidate.version) return undefined
  const publishedMs = Date.parse(candidate.publishedAt)
  if (publishedMs <= nowMs - ageMs) return undefined
  const dueMs = publishedMs + ageMs
  if (Number.isNaN(dueMs)) return { code: 'age', detail: 'has no readable time of publication' }
  const until = new Date(dueMs).toISOString().replace('.000Z', 'Z')
  return { code: 'age', detail: `is too young until ${until}`, until }
}

function because(text: string | undefined, id?: string): string {
  const why = [text, id && `(${id})`].filter(Boolean).join(' ')
  return why === '' ? '' : `: ${printable(why, { max: 200 })}`
}
