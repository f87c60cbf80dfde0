import { nearestPlace, type Path, pathText, type SourceDocument } from './document.ts'
import type { ErrorCode, Problem } from './errors.ts'
import { idProblem } from './names.ts'
import type { PluginEntry, PluginSet } from './plugin-set.ts'
import { referenceProblems } from './references.ts'
import { suggestion } from './suggestions.ts'
import { exactVersion } from './versions.ts'

/** What a plugins.yaml that obeys its schema can still say wrongly: names that are not there, statements that contradict each other. */
export function pluginSetProblems(set: PluginSet, document: SourceDocument): readonly Problem[] {
  const say: Say = (code, path, message, hint) => ({ code, message, place: nearestPlace(document, path), ...(hint !== undefined && { hint }) })
  const at: At = (path) => {
    const { line, column } = nearestPlace(document, path, 'key')
    return line === undefined ? '' : ` (line ${line}${column === undefined ? '' : `, column ${column}`})`
  }
  return [
    ...registryProblems(set, say),
    ...Object.entries(set.plugins).flatMap(([id, entry]) => entryProblems(id, entry, set, say)),
    ...tombstoneProblems(set, say, at),
    ...movedProblems(set, say),
    ...approvalProblems(set, say),
    ...referenceProblems(set.store.database, ['store', 'database'], (path) => document.placeOf(path)),
    ...Object.entries(set.plugins).flatMap(([id, { config }]) => referenceProblems(config, ['plugins', id, 'config'], (path) => document.placeOf(path))),
  ]
}

/** ` (line 12, column 3)`: a second place of a problem that has two. */
type At = (path: Path) => string

type Say = (code: ErrorCode, path: Path, message: string, hint?: string) => Problem

function registryProblems(set: PluginSet, say: Say): readonly Problem[] {
  const registries = set.registries ?? []
  const names = registries.map((registry) => registry.name)
  return registries.flatMap(({ name, url, mirror }, i) => [
    ...(names.indexOf(name) === i ? [] : [say('CONTRADICTION', ['registries', i, 'name'], `two registries are called ${name}`, 'Give each registry its own name.')]),
    ...(mirror === undefined || /^https?:/.test(url) ? [] : [say('CONTRADICTION', ['registries', i, 'mirror'], `${name} has a mirror, but is no signed index over https:`, `Write the address of ${name} itself where it is now.`)]),
  ])
}

function entryProblems(id: string, entry: PluginEntry, set: PluginSet, say: Say): readonly Problem[] {
  const at = (...keys: (string | number)[]): Path => ['plugins', id, ...keys]
  const both = (a: keyof PluginEntry, b: keyof PluginEntry, why: string): readonly Problem[] =>
    entry[a] !== undefined && entry[b] !== undefined ? [say('CONTRADICTION', at(b), `${id} has both ${a} and ${b}: ${why}`)] : []
  return [
    ...unknownRegistry(id, entry, set, say),
    ...both('source', 'registry', 'a plugin comes from one place'),
    ...both('signer', 'verify', 'a release is either signed or not'),
    ...(entry.source === undefined ? onlyWithSource(id, entry, say) : []),
    ...(entry.channel !== undefined && entry.version !== undefined && exactVersion(entry.version) !== undefined
      ? [say('CONTRADICTION', at('channel'), `${id} has the exact version ${entry.version} and the channel ${entry.channel}`, 'An exact version needs no channel.')]
      : []),
    ...(entry.reject ?? []).flatMap((version, i) => (version === entry.version ? [say('CONTRADICTION', at('reject', i), `${id} asks for exactly ${version} and rejects it`)] : [])),
  ]
}

function unknownRegistry(id: string, entry: PluginEntry, set: PluginSet, say: Say): readonly Problem[] {
  const names = (set.registries ?? []).map((registry) => registry.name)
  if (entry.registry === undefined || names.includes(entry.registry)) return []
  const similar = suggestion(entry.registry, names)
  const hint = similar ? `Did you mean ${similar}?` : names.length > 0 ? `Write one of ${names.join(', ')}.` : undefined
  return [say('UNKNOWN_REGISTRY', ['plugins', id, 'registry'], `${id}: there is no registry called ${entry.registry}`, hint)]
}

function onlyWithSource(id: string, entry: PluginEntry, say: Say): readonly Problem[] {
  const keys = (['signer', 'verify', 'sigstore'] as const).filter((key) => entry[key] !== undefined)
  return keys.map((key) =>
    say('CONTRADICTION', ['plugins', id, key], `${id} has ${key} and no source: its registry says who must have signed`, `Remove ${key}, or name the source: github:owner/repository.`),
  )
}

function tombstoneProblems(set: PluginSet, say: Say, at: At): readonly Problem[] {
  const keys = Object.keys(set.removed ?? {})
  return keys.flatMap((key, i) => {
    const [id = '', version = ''] = key.split('@')
    const code = idProblem(id)
    const path: Path = ['removed', key]
    return [
      ...(code ? [say(code, path, `removed: ${JSON.stringify(id)} cannot be the id of a plugin`)] : []),
      ...(exactVersion(version) === undefined ? [say('INVALID_VALUE', path, `removed: ${key} needs an exact version after the @`, `Write ${id}@1.2.3.`)] : []),
      ...(Object.hasOwn(set.plugins, id) ? [say('CONTRADICTION', path, `${id} stands under plugins${at(['plugins', id])} and under removed${at(path)}`, `Take ${key} out of \`removed:\` to keep the plugin, or its entry out of \`plugins:\` to remove it.`)] : []),
      ...(keys.findIndex((other) => other.split('@')[0] === id) < i ? [say('CONTRADICTION', path, `${id} stands twice under removed: ${keys.find((other) => other.split('@')[0] === id)} and ${key}${at(path)}`, 'Keep the version that was removed, as `catalyst status` shows it.')] : []),
      ...((set.moved ?? []).some(({ from }) => from === id) ? [say('CONTRADICTION', path, `${id} stands under removed${at(path)} and moves on under moved`, 'A plugin goes on under another id, or what it left is decided about: keep one.')] : []),
    ]
  })
}

function movedProblems(set: PluginSet, say: Say): readonly Problem[] {
  const moved = set.moved ?? []
  const problems: Problem[] = []
  for (const [i, { from, to }] of moved.entries()) {
    if (from === to) problems.push(say('CONTRADICTION', ['moved', i], `${from} moves to itself`))
    if (Object.hasOwn(set.plugins, from)) problems.push(say('CONTRADICTION', ['moved', i, 'from'], `${from} moved to ${to} and still stands under plugins`))
    for (const side of ['from', 'to'] as const) {
      const name = moved[i]?.[side]
      if (moved.findIndex((other) => other[side] === name) < i) problems.push(say('CONTRADICTION', ['moved', i, side], `${name} stands twice as ${side} under moved`))
    }
  }
  return problems
}

function approvalProblems(set: PluginSet, say: Say): readonly Problem[] {
  return (set.approvals ?? []).flatMap((approval, i) => {
    const path: Path = ['approvals', i]
    const change = (['plugin', 'to', 'accept'] as const).filter((key) => approval[key] !== undefined)
    if (approval.removals) {
      return change.length > 0 ? [say('CONTRADICTION', path, `${pathText(path)} allows removals and has ${change.join(' and ')}`, 'Write two approvals.')] : []
    }
    const missing = (['plugin', 'to', 'accept'] as const).filter((key) => approval[key] === undefined)
    if (missing.length > 0) return [say('MISSING_KEY', path, `${pathText(path)} has no ${missing.join(' and no ')}`, 'Write { plugin, to, accept }, or { removals }, as the plan shows it.')]
    if (Object.hasOwn(set.plugins, approval.plugin ?? '')) return []
    return [{ ...say('UNKNOWN_PLUGIN', [...path, 'plugin'], `${pathText(path)} approves a change of ${approval.plugin}, which is not under plugins`, 'Remove the approval.'), severity: 'warning' as const }]
  })
}
