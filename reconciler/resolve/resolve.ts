import { byCodeUnit } from '../../schemas/digest.ts'
import { LOCK_ATTEMPT } from './attempt.ts'
import { settle } from './decisions.ts'
import { solvedOrConflict } from './conflict.ts'
import { assertKnownIds, assertTakeable } from './failure.ts'
import { keptBack } from './kept-back.ts'
import { notices } from './notices.ts'
import type { Taken } from './taken.ts'
import type { ResolveInput, Resolved, Selection } from './types.ts'
import { updateSteps, type Steps } from './update.ts'
import { World } from './world.ts'
import type { WorldPlugin } from './world-plugin.ts'

export type { KeptBack, KeptBackCode, ResolveInput, ResolveMode, Resolved, Selection, Waiting } from './types.ts'

/** `lock` moves nothing without need. */
const LOCK_STEPS: Steps = { attempt: LOCK_ATTEMPT, isFree: () => false, isLifted: () => false, tooFar: () => undefined }

/**
 * Chooses one version of every wanted plugin and of all that they need: the locked ones where they still satisfy
 * everything, else the newest that may be taken. Pure and deterministic; complete, so a conflict that it reports is
 * one, with its derivation in `problems`. What a person must decide first is in `waiting` and holds up nothing else.
 * @throws CatalystError UNKNOWN_PLUGIN, NO_VERSION (all of them at once), CONFLICT
 */
export function resolve(input: ResolveInput): Resolved {
  const world = new World(input)
  assertKnownIds(world)
  assertTakeable(world)
  const base = solvedOrConflict(world, LOCK_ATTEMPT)
  const steps = input.mode.kind === 'lock' ? LOCK_STEPS : updateSteps(world, input.mode, base)
  const answer = input.mode.kind === 'lock' ? base : solvedOrConflict(world, steps.attempt)
  const { taken, waiting } = settle(world, steps.attempt, answer)
  return { selections: selections(taken, steps), waiting, notices: notices(taken) }
}

function selections(taken: Taken, steps: Steps): readonly Selection[] {
  return taken.world.plugins.flatMap((plugin) => selection(taken, plugin, steps)).sort((a, b) => byCodeUnit(a.id, b.id))
}

function selection(taken: Taken, plugin: WorldPlugin, steps: Steps): readonly Selection[] {
  const chosen = taken.version(plugin)
  if (chosen === undefined) return []
  return [{
    id: plugin.id,
    candidate: chosen.candidate,
    requested: plugin.desired?.range,
    locked: chosen.isLocked,
    keptBack: keptBack(taken, plugin, steps),
    wantedBy: sortedIds(taken.dependents(plugin)),
  }]
}

function sortedIds(plugins: readonly WorldPlugin[]): readonly string[] {
  const ids = plugins.map((plugin) => plugin.id)
  // the world is sorted, and so is nearly every part of it
  return ids.every((id, i) => i === 0 || ids[i - 1]! < id) ? ids : ids.sort(byCodeUnit)
}
