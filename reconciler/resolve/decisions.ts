import { byCodeUnit } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { NO_PERMISSIONS, permissionExcess } from '../../schemas/permissions.ts'
import { solveAttempt, type Attempt } from './attempt.ts'
import { hasVersion } from './bits.ts'
import { factsUnder } from './clauses.ts'
import { excessText, listText } from './eligible.ts'
import { grantYaml } from './grant-yaml.ts'
import { Taken } from './taken.ts'
import type { Waiting } from './types.ts'
import type { World } from './world.ts'
import { versionsSuch, type Version, type WorldPlugin } from './world-plugin.ts'

/** What can be had while some decisions are missing. */
export interface Settled {
  readonly taken: Taken
  readonly waiting: readonly Waiting[]
}

/**
 * Takes out of an answer what a person has not decided about. What waits stays at its locked version, whatever its
 * entry asks for by now, or is not installed; so does what needs it. Everything else is resolved again without it.
 */
export function settle(world: World, attempt: Attempt, answer: readonly number[]): Settled {
  let taken = new Taken(world, answer)
  const pending = new Pending(taken)
  for (let asking = askingNow(taken); asking.length > 0; asking = askingNow(taken)) {
    for (const { plugin, version } of asking) pending.ask(taken, plugin, version)
    pending.holdUpDependents(taken)
    taken = new Taken(world, pending.solveWithout(attempt))
  }
  for (const { plugin, version } of undecidedIn(taken)) pending.ask(taken, plugin, version)
  return { taken, waiting: pending.waiting() }
}

interface Undecided {
  readonly plugin: WorldPlugin
  readonly version: Version
}

function undecidedIn(taken: Taken): readonly Undecided[] {
  return taken.world.plugins.flatMap((plugin) => {
    const version = taken.version(plugin)
    return version && version.undecided.length > 0 ? [{ plugin, version }] : []
  })
}

/** What would be taken anew without a decision; what is locked stays anyway. */
function askingNow(taken: Taken): readonly Undecided[] {
  return undecidedIn(taken).filter(({ version }) => !version.isLocked)
}

/** The decisions that are missing, and what they hold up. */
class Pending {
  readonly #world: World
  /** What would be taken if every decision were made. */
  readonly #hoped: Taken
  /** Only the locked version is allowed. */
  readonly #stays = new Set<number>()
  /** Not installed at all. */
  readonly #out = new Set<number>()
  readonly #waiting = new Map<string, Waiting>()

  constructor(hoped: Taken) {
    this.#hoped = hoped
    this.#world = hoped.world
  }

  waiting(): readonly Waiting[] {
    return [...this.#waiting.values()].sort((a, b) => byCodeUnit(a.id, b.id) || byCodeUnit(a.code, b.code))
  }

  ask(taken: Taken, plugin: WorldPlugin, version: Version): void {
    const neededBy = taken.dependents(plugin).map((dependent) => dependent.id).sort(byCodeUnit)
    for (const code of version.undecided) this.#note(code === 'GRANT_MISSING' ? grantMissing(plugin, version, neededBy) : signerMissing(plugin, version))
    this.#holdUp(plugin)
  }

  #note(waiting: Waiting): void {
    const key = `${waiting.id} ${waiting.code}`
    if (!this.#waiting.has(key)) this.#waiting.set(key, waiting)
  }

  #holdUp(plugin: WorldPlugin): void {
    if (plugin.locked >= 0 && !this.#out.has(plugin.number)) this.#stays.add(plugin.number)
    else this.#out.add(plugin.number)
  }

  /** New plugins whose needs cannot be met now wait as well: an old version is not what was asked for. What is locked is resolved again instead. */
  holdUpDependents(taken: Taken): void {
    const held: { readonly plugin: WorldPlugin; readonly version: Version }[] = []
    const missing = [...new Set([...this.#out, ...this.#stays])].map((number) => this.#world.plugins[number]!)
    for (const target of missing) {
      for (const plugin of taken.dependents(target)) {
        const version = taken.version(plugin)
        if (version === undefined || plugin.locked >= 0 || this.#out.has(plugin.number) || !this.#isMissing(target, version)) continue
        this.#out.add(plugin.number)
        held.push({ plugin, version })
        missing.push(plugin)
      }
    }
    for (const { plugin, version } of held) {
      const names = missing.filter((target) => target !== plugin && this.#isMissing(target, version)).map((target) => target.id)
      this.#note(decisionRequired(plugin, version, names, 'needs'))
    }
  }

  /** True when a version needs more of a plugin than can be had before the decision. */
  #isMissing(target: WorldPlugin, { candidate }: Version): boolean {
    const range = Object.hasOwn(candidate.dependencies, target.id) ? candidate.dependencies[target.id] : undefined
    if (range === undefined) return false
    return this.#out.has(target.number) || target.locked < 0 || !hasVersion(this.#world.matching(target, range), target.locked)
  }

  /** Solves what is left. Where that contradicts itself, what is involved waits as well: before the decisions were missing it could be had. */
  solveWithout(attempt: Attempt): readonly number[] {
    for (;;) {
      const answer = solveAttempt(this.#world, this.#narrowed(attempt))
      if (answer.kind === 'solved') return answer.versions
      if (answer.kind === 'gave-up') throw new CatalystError('CONFLICT', 'The plugins that do not wait for a decision could not be resolved in reasonable time.')
      const involved = factsUnder(answer.because).filter((fact) => fact.kind === 'wanted').map((fact) => this.#world.plugins[fact.plugin]!)
      this.#holdUpInvolved(involved)
    }
  }

  /** Of what contradicts itself the new plugins wait first, then what would move, then what stays but was asked about. */
  #holdUpInvolved(involved: readonly WorldPlugin[]): void {
    const asking = [...new Set([...this.#waiting.values()].filter((w) => w.code !== 'DECISION_REQUIRED').map((w) => w.id))]
    const unpinned = involved.filter((plugin) => !this.#stays.has(plugin.number))
    const fresh = unpinned.filter((plugin) => plugin.locked < 0)
    const moving = unpinned.filter((plugin) => !this.#hoped.version(plugin)?.isLocked)
    const first = [fresh, moving].find((group) => group.length > 0)
    for (const plugin of first ?? []) this.#note(decisionRequired(plugin, this.#hoped.version(plugin), asking, 'waits with'))
    for (const plugin of first ?? unpinned) this.#holdUp(plugin)
    if (unpinned.length > 0) return
    // a lock that no resolution wrote contradicts itself: one plugin goes at a time
    const odd = involved.find((plugin) => asking.includes(plugin.id)) ?? involved[0]
    if (odd === undefined) throw new RangeError('a contradiction needs something that is wanted')
    this.#note(decisionRequired(odd, this.#hoped.version(odd), asking, 'waits with'))
    this.#out.add(odd.number)
  }

  #narrowed(attempt: Attempt): Attempt {
    return {
      isWanted: (plugin) => attempt.isWanted(plugin) && !this.#out.has(plugin.number),
      allowed: (plugin) => {
        if (this.#out.has(plugin.number)) return versionsSuch(plugin, () => false)
        return this.#stays.has(plugin.number) ? versionsSuch(plugin, (version) => version.isLocked) : attempt.allowed(plugin)
      },
      keep: (plugin) => (this.#stays.has(plugin.number) ? plugin.locked : attempt.keep(plugin)),
    }
  }
}

function grantMissing(plugin: WorldPlugin, { candidate }: Version, neededBy: readonly string[]): Waiting {
  const asks = `asks for ${excessText(permissionExcess(candidate.permissions, NO_PERMISSIONS))}`
  const message = plugin.desired
    ? `${plugin.id} ${candidate.version} ${asks}, and its entry in plugins.yaml has no \`permissions:\` yet`
    : `${plugin.id} ${candidate.version}, which ${listText(neededBy)} ${neededBy.length === 1 ? 'needs' : 'need'}, ${asks}, and has no entry in plugins.yaml that would allow it`
  return { id: plugin.id, code: 'GRANT_MISSING', message, hint: grantYaml(plugin.id, candidate.permissions), candidate }
}

function signerMissing(plugin: WorldPlugin, { candidate }: Version): Waiting {
  const where = candidate.source ?? candidate.registry ?? candidate.repository.url
  return {
    id: plugin.id,
    code: 'SIGNER_MISSING',
    message: `${plugin.id} ${candidate.version} comes from ${where}, and plugins.yaml does not say yet who must have signed it`,
    hint: 'Write the `signer:` of the plugin in plugins.yaml.',
    candidate,
  }
}

function decisionRequired(plugin: WorldPlugin, version: Version | undefined, missing: readonly string[], how: 'needs' | 'waits with'): Waiting {
  const names = listText([...missing].sort(byCodeUnit))
  const verb = missing.length === 1 ? 'waits' : 'wait'
  return {
    id: plugin.id,
    code: 'DECISION_REQUIRED',
    message:
      how === 'needs'
        ? `${plugin.id} ${version?.candidate.version} needs ${names}, which ${verb} for a decision`
        : `what plugins.yaml asks of ${plugin.id} can be had only together with ${names}, which ${verb} for a decision`,
    hint: `Decide about ${names} first, as shown there.`,
    ...(version ? { candidate: version.candidate } : {}),
  }
}
