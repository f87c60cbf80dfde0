import { everything, isEmpty, minus, withoutAbsent, type Bits } from './bits.ts'
import { clause, type Clause } from './clauses.ts'
import { solve, type Answer } from './solver.ts'
import type { World } from './world.ts'
import type { WorldPlugin } from './world-plugin.ts'

/** One question put to the world: what must be there, what may be taken, what should stay. */
export interface Attempt {
  readonly isWanted: (plugin: WorldPlugin) => boolean
  /** The versions that may be taken. */
  readonly allowed: (plugin: WorldPlugin) => Bits
  /** Number of the version to keep if possible, -1 for none. */
  readonly keep: (plugin: WorldPlugin) => number
}

/** A store with 1,000 plugins takes some 20,000; a registry made to be hard is stopped after some seconds. */
const MAX_STEPS = 10_000_000

/** Keeps what is locked and takes the newest of the rest: what `lock` does. */
export const LOCK_ATTEMPT: Attempt = {
  isWanted: (plugin) => plugin.desired !== undefined,
  allowed: (plugin) => plugin.takeable,
  keep: (plugin) => plugin.locked,
}

/** Solves an attempt. Complete: when there is an answer it is found (within the limit on steps). */
export function solveAttempt(world: World, attempt: Attempt, maxSteps = MAX_STEPS): Answer {
  return solve({
    sizes: world.sizes,
    facts: world.plugins.flatMap((plugin) => factOf(world, attempt, plugin) ?? []),
    clausesOf: (plugin, version) => world.clausesOf(plugin, version),
    keep: (number) => attempt.keep(world.plugins[number]!),
    maxSteps,
  })
}

function factOf(world: World, attempt: Attempt, plugin: WorldPlugin): Clause | undefined {
  const other = minus(everything(plugin.versions.length), attempt.allowed(plugin))
  if (attempt.isWanted(plugin)) return clause([[plugin.number, other]], world.sizes, { kind: 'wanted', plugin: plugin.number })
  const forbidden = withoutAbsent(other)
  return isEmpty(forbidden) ? undefined : clause([[plugin.number, forbidden]], world.sizes, { kind: 'barred', plugin: plugin.number })
}
