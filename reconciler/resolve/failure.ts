import { throwProblems, type Problem } from '../../schemas/errors.ts'
import { suggestion } from '../../schemas/suggestions.ts'
import { listText } from './eligible.ts'
import { versionsSpan } from './phrases.ts'
import type { World } from './world.ts'
import type { WorldPlugin } from './world-plugin.ts'

/** @throws CatalystError UNKNOWN_PLUGIN when `update` names an id that is neither wanted nor locked. */
export function assertKnownIds({ input, plugins }: World): void {
  if (input.mode.kind === 'lock' || input.mode.ids === 'all') return
  const known = plugins.map((plugin) => plugin.id)
  const unknown = input.mode.ids.filter((id) => !known.includes(id))
  throwProblems(unknown.map((id): Problem => ({ code: 'UNKNOWN_PLUGIN', message: `update names ${id}, which is neither in plugins.yaml nor needed by what is`, hint: meant(id, known) ?? 'Check the id.' })))
}

/** What of plugins.yaml nothing can satisfy on its own, all of it at once. @throws CatalystError UNKNOWN_PLUGIN, NO_VERSION */
export function assertTakeable(world: World): void {
  throwProblems(world.plugins.flatMap((plugin) => untakeable(world, plugin) ?? []))
}

function untakeable(world: World, plugin: WorldPlugin): Problem | undefined {
  const wanted = plugin.desired
  if (wanted === undefined || plugin.versions.some((v) => v.inRange && v.bar === undefined)) return undefined
  const place = wanted.versionPlace ? { place: wanted.versionPlace } : {}
  if (plugin.versions.length === 0) return { code: 'UNKNOWN_PLUGIN', message: nobodyHas(world, plugin), ...place, ...hint(meant(plugin.id, idsWithVersions(world))) }
  if (!plugin.versions.some((v) => v.inRange)) {
    return { code: 'NO_VERSION', message: `no version of ${plugin.id} satisfies ${wanted.range}: there is only ${versionsSpan(plugin)}`, ...place, ...hint(newestHint(plugin)) }
  }
  const barred = plugin.versions.filter((v) => v.inRange)
  const reasons = barred.map((v) => `${v.candidate.version} ${v.bar?.detail}`)
  return { code: 'NO_VERSION', message: `no version of ${plugin.id}${wanted.range === '*' ? '' : ` in ${wanted.range}`} may be taken: ${semicolons(reasons)}`, ...place, ...hint(untilHint(plugin)) }
}

function nobodyHas({ input }: World, { desired, id, unreadable }: WorldPlugin): string {
  if (unreadable.length > 0) return `of ${id} only ${listText(unreadable, 3)} can be found, which is no semver version`
  if (desired?.source !== undefined) return `${desired.source} has no release of ${id}`
  const names = desired?.registry === undefined ? input.desired.registries.map((r) => r.name) : [desired.registry]
  if (names.length === 0) return `nobody has ${id}: plugins.yaml names no registry`
  return names.length === 1 ? `registry ${names[0]} does not have ${id}` : `none of the registries ${listText(names)} has ${id}`
}

function newestHint(plugin: WorldPlugin): string | undefined {
  const newest = plugin.versions.find((v) => v.bar === undefined)?.candidate.version
  return newest && `The newest that may be taken is ${newest}: write \`version: ^${newest}\`.`
}

function untilHint(plugin: WorldPlugin): string | undefined {
  const first = plugin.versions.filter((v) => v.inRange && v.bar?.until !== undefined).map((v) => ({ until: v.bar!.until!, version: v.candidate.version })).sort((a, b) => (a.until < b.until ? -1 : 1))[0]
  return first && `Wait until ${first.until}, or take ${first.version} now by typing it: \`version: ${first.version}\`.`
}

function idsWithVersions(world: World): readonly string[] {
  return world.plugins.filter((plugin) => plugin.versions.length > 0).map((plugin) => plugin.id)
}

function meant(id: string, known: readonly string[]): string | undefined {
  const found = suggestion(id, known)
  return found && `Did you mean ${found}?`
}

function hint(text: string | undefined): { hint?: string } {
  return text === undefined ? {} : { hint: text }
}

function semicolons(parts: readonly string[]): string {
  const shown = parts.slice(0, 6)
  return parts.length > 6 ? `${shown.join('; ')}; and ${parts.length - 6} older ones` : shown.join('; ')
}
