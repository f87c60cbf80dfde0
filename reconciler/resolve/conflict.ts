import { CatalystError, type ErrorCode, type Problem } from '../../schemas/errors.ts'
import { pinnedVersion } from '../../schemas/versions.ts'
import { LOCK_ATTEMPT, solveAttempt, type Attempt } from './attempt.ts'
import { firstVersion } from './bits.ts'
import { factsUnder, type Clause, type Fact } from './clauses.ts'
import { derivation } from './derivation.ts'
import { listText, placeText } from './eligible.ts'
import { asked } from './phrases.ts'
import type { World } from './world.ts'
import { versionsSuch, type WorldPlugin } from './world-plugin.ts'

/** Solves an attempt. @throws CatalystError CONFLICT, NO_VERSION, UNKNOWN_PLUGIN with the derivation in `problems`, a sentence each */
export function solvedOrConflict(world: World, attempt: Attempt): readonly number[] {
  const answer = solveAttempt(world, attempt)
  if (answer.kind === 'solved') return answer.versions
  if (answer.kind === 'impossible') throw conflict(world, answer.because)
  throw new CatalystError('CONFLICT', 'The plugins could not be resolved in reasonable time: too many of their versions exclude each other.', { hint: 'Narrow some ranges in plugins.yaml, or pin versions.' })
}

function conflict(world: World, because: Clause): CatalystError {
  const facts = factsUnder(because)
  const wanted = pluginsOf(world, facts, ['wanted'])
  const code = codeOf(world, facts, wanted)
  const names = wanted.map((plugin) => `${asked(plugin)} (${placeText(plugin.desired)})`)
  const lines = [...derivation(world, because), ...pluginsOf(world, facts, ['wanted', 'barred']).flatMap(barredLines)]
  return new CatalystError(code, `${listText(names, 5)} cannot be installed${names.length === 1 ? '' : ' together'}`, {
    place: wanted[0]?.desired?.versionPlace,
    problems: lines.map((message): Problem => ({ code, message })),
    hint: hintFor(world, wanted, facts),
  })
}

/** One wanted plugin that cannot be had for want of something is no conflict of clauses. */
function codeOf(world: World, facts: readonly Fact[], wanted: readonly WorldPlugin[]): ErrorCode {
  if (wanted.length > 1) return 'CONFLICT'
  if (missingIds(world, facts).length > 0) return 'UNKNOWN_PLUGIN'
  const unmet = facts.some((fact) => fact.kind === 'barred' || (fact.kind === 'needs' && isUnmet(world, fact)))
  return unmet ? 'NO_VERSION' : 'CONFLICT'
}

function missingIds(world: World, facts: readonly Fact[]): readonly string[] {
  return facts.flatMap((fact) => (fact.kind === 'needs' && !world.plugin(fact.target)?.versions.length ? [fact.target] : []))
}

function isUnmet(world: World, { target, range }: Extract<Fact, { kind: 'needs' | 'conflicts' }>): boolean {
  const plugin = world.plugin(target)
  return plugin !== undefined && firstVersion(world.matching(plugin, range)) < 0
}

function pluginsOf(world: World, facts: readonly Fact[], kinds: readonly Fact['kind'][]): readonly WorldPlugin[] {
  const numbers = new Set(facts.filter((fact) => kinds.includes(fact.kind)).map((fact) => fact.plugin))
  return [...numbers].sort((a, b) => a - b).map((number) => world.plugins[number]!)
}

/** The versions of a plugin that could not be used, and why. */
function barredLines(plugin: WorldPlugin): readonly string[] {
  const barred = plugin.versions.filter((v) => v.inRange && v.bar !== undefined)
  const shown = barred.slice(0, 5).map((v) => `${plugin.id} ${v.candidate.version} ${v.bar?.detail}.`)
  return barred.length > 5 ? [...shown, `${barred.length - 5} older versions of ${plugin.id} may not be taken either.`] : shown
}

/** So many wanted plugins are tried, each so long: a hint is worth a moment, not minutes. */
const MOST_TRIALS = 6
const TRIAL_STEPS = 1_000_000

/** What would make it work, each alternative found by trying it. */
function hintFor(world: World, wanted: readonly WorldPlugin[], facts: readonly Fact[]): string {
  const ways = [...wanted.slice(0, MOST_TRIALS).flatMap((plugin) => otherRange(world, plugin) ?? []), ...(patience(world) ?? [])]
  if (ways.length === 1) return `This makes it work: ${ways[0]}.`
  if (ways.length > 1) return ['Each of these makes it work:', ...ways.map((way) => `- ${way}`)].join('\n')
  const missing = missingIds(world, facts)
  if (missing.length > 0) return `Add the registry that has ${listText(missing)}, or ask the publisher of what needs it.`
  if (wanted.length === 1) return `Ask the publisher of ${wanted[0]?.id}.`
  return `Change or remove one of the entries at ${listText(wanted.map((plugin) => placeText(plugin.desired)), 6)}.`
}

function otherRange(world: World, plugin: WorldPlugin): string | undefined {
  const answer = solveAttempt(world, { ...LOCK_ATTEMPT, allowed: (p) => versionsSuch(p, (v) => v.bar === undefined && (v.inRange || p === plugin)) }, TRIAL_STEPS)
  if (answer.kind !== 'solved' || plugin.desired === undefined) return undefined
  const version = plugin.versions[answer.versions[plugin.number]!]?.candidate.version
  const range = pinnedVersion(plugin.desired.range) === undefined ? `^${version}` : version
  return version && `ask for ${plugin.id} \`version: ${range}\` in ${placeText(plugin.desired)}`
}

/** Waiting helps when what is too young would do. */
function patience(world: World): readonly string[] | undefined {
  const answer = solveAttempt(world, { ...LOCK_ATTEMPT, allowed: (p) => versionsSuch(p, (v) => v.inRange && (v.bar === undefined || v.bar.code === 'age')) }, TRIAL_STEPS)
  if (answer.kind !== 'solved') return undefined
  const young = world.plugins.flatMap((plugin) => {
    const version = plugin.versions[answer.versions[plugin.number]!]
    return version?.bar?.until ? [{ until: version.bar.until, name: `${plugin.id} ${version.candidate.version}` }] : []
  })
  const until = young.map((y) => y.until).sort().at(-1)
  return until === undefined ? undefined : [`wait until ${until}, when ${listText(young.map((y) => y.name), 4)} ${young.length === 1 ? 'is' : 'are'} old enough`]
}
