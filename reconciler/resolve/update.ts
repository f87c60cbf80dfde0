import { pinnedVersion, upgradeLevel } from '../../schemas/versions.ts'
import type { Attempt } from './attempt.ts'
import type { Bar } from './eligible.ts'
import type { ResolveMode } from './types.ts'
import type { World } from './world.ts'
import { versionsSuch, type Version, type WorldPlugin } from './world-plugin.ts'

const RANKS = { none: 0, patch: 1, minor: 2, major: 3 } as const

/** An attempt that also knows why a version is too far for it. */
export interface Steps {
  readonly attempt: Attempt
  /** True when the plugin may move without need. */
  readonly isFree: (plugin: WorldPlugin) => boolean
  /** Why a version is further away than `policy.upgrades` lets `update` go by itself. */
  readonly tooFar: (plugin: WorldPlugin, version: Version) => Bar | undefined
  /** True when the range of the plugin's own entry does not count this time. */
  readonly isLifted: (plugin: WorldPlugin) => boolean
}

/**
 * What `update` may do, seen from `base`, the answer of `lock`: so there is always an answer, and an edit of
 * plugins.yaml is followed however far it goes. Named plugins (or all) take the newest; what is not named stays at
 * its base while the rest allows it; nothing goes back. `latest` lifts range and level of what is named, a pin is
 * lifted by naming it.
 */
export function updateSteps(world: World, mode: Extract<ResolveMode, { kind: 'update' }>, base: readonly number[]): Steps {
  const named = mode.ids === 'all' ? undefined : new Set(mode.ids)
  const isFree = (plugin: WorldPlugin): boolean => named === undefined || named.has(plugin.id)
  const isLifted = (plugin: WorldPlugin): boolean =>
    isFree(plugin) && (mode.latest || (named !== undefined && plugin.desired !== undefined && pinnedVersion(plugin.desired.range) !== undefined))
  const baseOf = (plugin: WorldPlugin): Version | undefined => plugin.versions[base[plugin.number] ?? -1]
  const policy = world.input.desired.policy.upgrades
  const tooFar = (plugin: WorldPlugin, version: Version): Bar | undefined => {
    const from = baseOf(plugin)
    if (from === undefined || (mode.latest && isFree(plugin)) || version.parsed.compare(from.parsed) <= 0) return undefined
    const level = upgradeLevel(from.candidate.version, version.candidate.version)
    if (RANKS[level] <= RANKS[policy]) return undefined
    return { code: 'level', detail: `is a ${level} step from ${from.candidate.version}, and policy.upgrades is ${policy}` }
  }
  const isBack = (plugin: WorldPlugin, version: Version): boolean => {
    const from = baseOf(plugin)
    return from !== undefined && version.parsed.compare(from.parsed) < 0
  }
  return {
    isFree,
    isLifted,
    tooFar,
    attempt: {
      isWanted: (plugin) => plugin.desired !== undefined,
      allowed: (plugin) => versionsSuch(plugin, (version) => (version.inRange || isLifted(plugin)) && version.bar === undefined && !isBack(plugin, version) && tooFar(plugin, version) === undefined),
      keep: (plugin) => (isFree(plugin) ? -1 : (base[plugin.number] ?? -1)),
    },
  }
}
