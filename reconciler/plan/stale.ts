import type { Problem } from '../../schemas/errors.ts'
import type { Lock, LockBlock } from '../../schemas/lock.ts'
import { NO_PERMISSIONS, permissionExcess } from '../../schemas/permissions.ts'
import { satisfies } from '../../schemas/versions.ts'
import type { DesiredPlugin, DesiredState } from './desired.ts'
import { distrusted } from './trust.ts'

/**
 * Every way in which the lock does not answer plugins.yaml any more, with the place in plugins.yaml. Empty when
 * `lock` would have nothing to do for the versions as they stand. Pure, no network.
 */
export function staleness(desired: DesiredState, lock: Lock): readonly Problem[] {
  const wanted = new Set(desired.plugins.map((p) => p.id))
  return [
    ...desired.plugins.flatMap((plugin) => pluginStaleness(plugin, lock, desired)),
    ...dependencyStaleness(desired, lock, wanted),
    ...brokenDependencies(lock),
    ...unwanted(lock, wanted),
  ]
}

function pluginStaleness(plugin: DesiredPlugin, lock: Lock, desired: DesiredState): readonly Problem[] {
  const block = lock.plugins[plugin.id]
  const waiting = lock.waiting?.[plugin.id]
  const stale = (message: string): Problem[] => [problem(`${plugin.id}: ${message}`, plugin)]
  if (waiting && (waiting.requested ?? '*') !== plugin.range) return stale(`the lock answers version ${waiting.requested}, plugins.yaml asks for ${plugin.range}`)
  if (waiting?.code === 'GRANT_MISSING' && plugin.grant !== undefined && !block) return stale('permissions were granted after the lock was written')
  if (waiting?.code === 'SIGNER_MISSING' && plugin.signer !== undefined && !block) return stale('a signer was named after the lock was written')
  if (!block) return waiting ? [] : stale('is in plugins.yaml but not in the lock')
  if (waiting) return []
  const asked = block.requested === plugin.range ? [] : [`the lock answers version ${block.requested ?? '(none)'}, plugins.yaml asks for ${plugin.range}`]
  const against = saidAgainst(block, plugin, desired)
  return (asked.length > 0 ? asked : against).flatMap(stale)
}

/** Dependencies that plugins.yaml does not name get nothing, and are trusted like all of their registry. */
function dependencyStaleness(desired: DesiredState, lock: Lock, wanted: ReadonlySet<string>): readonly Problem[] {
  return Object.entries(lock.plugins)
    .filter(([id]) => !wanted.has(id) && !lock.waiting?.[id])
    .flatMap(([id, block]) => saidAgainst(block, undefined, desired).map((message) => problem(`${id}: ${message}`)))
}

/** Everything that plugins.yaml says against a locked release; `plugin` is undefined for one that only dependents want. */
export function saidAgainst(block: LockBlock, plugin: DesiredPlugin | undefined, desired: DesiredState): readonly string[] {
  const distrust = distrusted(block, plugin, desired)
  const excess = permissionExcess(block.permissions, plugin?.grant ?? NO_PERMISSIONS)
  const granted = plugin?.grant ? 'more than plugins.yaml grants now' : 'what plugins.yaml does not grant'
  return [
    ...(plugin ? otherChoice(block, plugin) : []),
    ...(distrust === undefined ? [] : [distrust]),
    ...(excess.length > 0 ? [`${block.version} asks for ${granted} (${excess.map((e) => `${e.kind} ${e.what}`).join(', ')})`] : []),
  ]
}

function otherChoice(block: LockBlock, plugin: DesiredPlugin): readonly string[] {
  const found: string[] = []
  if (!satisfies(block.version, plugin.range, plugin.channel === 'beta')) found.push(`${block.version} does not satisfy ${plugin.range}`)
  if (block.source !== plugin.source) found.push(`the lock has source ${block.source ?? '(registry)'}, plugins.yaml says ${plugin.source ?? '(registry)'}`)
  if (plugin.registry !== undefined && block.registry !== plugin.registry) found.push(`the lock has registry ${block.registry ?? '(none)'}, plugins.yaml says ${plugin.registry}`)
  if (plugin.reject.includes(block.version)) found.push(`${block.version} is rejected in plugins.yaml`)
  return found
}

function brokenDependencies(lock: Lock): readonly Problem[] {
  return Object.entries(lock.plugins).flatMap(([id, block]) =>
    Object.entries(block.dependencies).flatMap(([dependency, range]) => {
      const found = lock.plugins[dependency]
      if (found && satisfies(found.version, range, true)) return []
      return [problem(`${id} ${block.version} needs ${dependency} ${range}, the lock has ${found?.version ?? 'none'}`)]
    }),
  )
}

function unwanted(lock: Lock, wanted: ReadonlySet<string>): readonly Problem[] {
  const needed = new Set<string>()
  const visit = (id: string): void => {
    if (needed.has(id)) return
    needed.add(id)
    for (const dependency of Object.keys(lock.plugins[id]?.dependencies ?? {})) visit(dependency)
  }
  for (const id of wanted) visit(id)
  return Object.keys(lock.plugins)
    .filter((id) => !needed.has(id))
    .map((id) => problem(`${id} is in the lock but nothing in plugins.yaml wants it`))
}

function problem(message: string, plugin?: DesiredPlugin): Problem {
  return { code: 'LOCK_STALE', message, ...(plugin?.versionPlace ? { place: plugin.versionPlace } : {}) }
}
