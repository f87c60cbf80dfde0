import { byCodeUnit } from '../../schemas/digest.ts'
import { asksNothing } from '../../schemas/permissions.ts'
import { compareParsed, type ParsedVersion } from '../../schemas/versions.ts'
import type { Candidate } from '../ports.ts'
import type { DesiredPlugin } from '../plan/desired.ts'
import { everything, minus, versionsWhere, type Bits } from './bits.ts'
import { clause, type Clause, type Fact } from './clauses.ts'
import { barOf, byId, type Bar, type Bench } from './eligible.ts'
import { candidateOfBlock, lockedBlock, sameOrigin } from './locked.ts'
import { Readings } from './ranges.ts'
import type { ResolveInput, Waiting } from './types.ts'

/** One version of a plugin, judged on its own. */
export interface Version {
  readonly candidate: Candidate
  readonly parsed: ParsedVersion
  /** Version and artifact are those of the lock. */
  readonly isLocked: boolean
  readonly bar: Bar | undefined
  /** Inside the range of its own entry; true for a plugin without one. */
  readonly inRange: boolean
  /** What a person has to say before it can be taken anew. */
  readonly undecided: readonly Exclude<Waiting['code'], 'DECISION_REQUIRED'>[]
}

/** One plugin of the world. Wanted plugins come first, each group by id: the number is also the order of decisions. */
export interface WorldPlugin {
  readonly number: number
  readonly id: string
  readonly desired: DesiredPlugin | undefined
  /** Newest first. */
  readonly versions: readonly Version[]
  /** Number of the locked version, -1 for none. */
  readonly locked: number
  /** What happened to the locked version at its source. */
  readonly lockedIs: 'listed' | 'unlisted' | 're-released' | undefined
  /** Versions that were left out because they are not semver. */
  readonly unreadable: readonly string[]
}

type Kind = 'needs' | 'conflicts'

/** A range that somebody has for a plugin, and the versions in it. */
interface Match {
  readonly range: string
  readonly loosely: boolean
  readonly versions: Bits
}

/** What some versions of a plugin say of another one; no clause where it forbids nothing. */
interface Brought {
  readonly kind: Kind
  readonly target: string
  readonly range: string
  readonly clause: Clause | undefined
}

/** Everything that could be chosen, with the clauses that the versions bring. Made once, asked by every attempt. */
export class World {
  readonly input: ResolveInput
  readonly plugins: readonly WorldPlugin[]
  readonly sizes: readonly number[]
  readonly #numbers: ReadonlyMap<string, number>
  readonly #readings = new Readings()
  // small lists per plugin: joined keys for one large map cost more than the answers
  readonly #matches: Match[][]
  readonly #brought: Brought[][]

  constructor(input: ResolveInput) {
    this.input = input
    const wanted = new Map(input.desired.plugins.map((plugin) => [plugin.id, plugin]))
    const others = [...new Set([...input.candidates.keys(), ...Object.keys(input.locked?.plugins ?? {})])].filter((id) => !wanted.has(id))
    const ids = [...[...wanted.keys()].sort(byCodeUnit), ...others.sort(byCodeUnit)]
    this.plugins = ids.map((id, number) => worldPlugin(input, this.#readings, number, id, wanted.get(id)))
    this.sizes = this.plugins.map((plugin) => plugin.versions.length)
    this.#numbers = new Map(ids.map((id, number) => [id, number]))
    this.#matches = ids.map(() => [])
    this.#brought = ids.map(() => [])
  }

  /** The plugin of an id, or undefined when nobody has ever heard of it. */
  plugin(id: string): WorldPlugin | undefined {
    const number = this.#numbers.get(id)
    return number === undefined ? undefined : this.plugins[number]
  }

  /** The versions of a plugin that satisfy somebody else's range. `loosely`: prereleases count as well. */
  matching(plugin: WorldPlugin, range: string, loosely = false): Bits {
    const known = this.#matches[plugin.number]!
    const before = known.find((match) => match.range === range && match.loosely === loosely)
    if (before) return before.versions
    const { strict, loose } = this.#readings.range(range)
    const pinned = plugin.desired && this.#readings.range(plugin.desired.range).pinned
    const test = loosely || plugin.desired?.channel === 'beta' ? loose : strict
    // a version that a person typed is what it is, prerelease or not
    const typed = pinned === undefined ? -1 : plugin.versions.findIndex((v) => v.candidate.version === pinned)
    const versions = versionsWhere(plugin.versions.length, (v) => (v === typed ? loose : test)?.(plugin.versions[v]!.parsed) ?? false)
    known.push({ range, loosely, versions })
    return versions
  }

  /** What one version needs and conflicts with. Versions that say the same share one clause. */
  clausesOf(number: number, version: number): readonly Clause[] {
    const plugin = this.plugins[number]!
    const { dependencies, conflicts } = plugin.versions[version]!.candidate
    const found = [
      ...byId(dependencies).map(([target, range]) => this.#clause('needs', plugin, target, range)),
      ...byId(conflicts).map(([target, range]) => this.#clause('conflicts', plugin, target, range)),
    ]
    return found.filter((c) => c !== undefined)
  }

  #clause(kind: Kind, plugin: WorldPlugin, target: string, range: string): Clause | undefined {
    const known = this.#brought[plugin.number]!
    const before = known.find((brought) => brought.target === target && brought.range === range && brought.kind === kind)
    if (before) return before.clause
    const made = this.#makeClause(kind, plugin, target, range)
    known.push({ kind, target, range, clause: made })
    return made
  }

  #makeClause(kind: Kind, plugin: WorldPlugin, id: string, range: string): Clause | undefined {
    const versions = versionsWhere(plugin.versions.length, (v) => {
      const { dependencies, conflicts } = plugin.versions[v]!.candidate
      const said = kind === 'needs' ? dependencies : conflicts
      return said[id] === range
    })
    const fact: Fact = { kind, plugin: plugin.number, versions, target: id, range }
    const target = this.plugin(id)
    if (target === undefined) return kind === 'needs' ? clause([[plugin.number, versions]], this.sizes, fact) : undefined
    const hit = this.matching(target, range, kind === 'conflicts')
    const term = kind === 'needs' ? minus(everything(target.versions.length), hit) : hit
    return clause([[plugin.number, versions], [target.number, term]], this.sizes, fact)
  }
}

function worldPlugin(input: ResolveInput, readings: Readings, number: number, id: string, desired: DesiredPlugin | undefined): WorldPlugin {
  const { listed, locked, lockedIs } = lockedAmong(input, id, desired)
  const bench: Bench = {
    plugin: desired,
    desired: input.desired,
    holds: input.holds,
    fixes: new Set(locked?.advisories.flatMap((advisory) => advisory.fixedIn ?? [])),
    nowMs: Date.parse(input.now),
    readings,
  }
  const versions: Version[] = []
  const unreadable: string[] = []
  for (const candidate of listed) {
    const parsed = readings.version(candidate.version)
    if (parsed) versions.push(judged(candidate, parsed, candidate === locked, bench))
    else unreadable.push(candidate.version)
  }
  const sorted = onePerVersion(versions.sort((a, b) => compareParsed(b.parsed, a.parsed) || byRank(a, b)))
  return { number, id, desired, versions: sorted, locked: sorted.findIndex((v) => v.isLocked), lockedIs, unreadable: unreadable.sort(byCodeUnit) }
}

function judged(candidate: Candidate, parsed: ParsedVersion, isLocked: boolean, bench: Bench): Version {
  const { plugin, readings } = bench
  return {
    candidate,
    parsed,
    isLocked,
    bar: barOf(candidate, isLocked, bench),
    inRange: plugin === undefined || (readings.range(plugin.range).loose?.(parsed) ?? false),
    undecided: undecided(candidate, isLocked, plugin),
  }
}

/** The candidates with the locked one among them: as it is listed, or as the lock has it when its source lists it no more or with other bytes. */
function lockedAmong(input: ResolveInput, id: string, desired: DesiredPlugin | undefined): { listed: readonly Candidate[]; locked: Candidate | undefined; lockedIs: WorldPlugin['lockedIs'] } {
  const listed = input.candidates.get(id) ?? []
  const block = lockedBlock(input, id)
  if (block === undefined) return { listed, locked: undefined, lockedIs: undefined }
  const same = listed.filter((candidate) => candidate.version === block.version).sort((a, b) => byCodeUnit(rank(a), rank(b)))
  const found = same.find((candidate) => candidate.artifact.sha256 === block.artifact.sha256)
  if (found) return { listed, locked: found, lockedIs: 'listed' }
  if (!sameOrigin(block, desired, input.desired)) return { listed, locked: undefined, lockedIs: undefined }
  const locked: Candidate = { ...candidateOfBlock(id, block), yanked: same[0]?.yanked, advisories: same[0]?.advisories ?? [] }
  return { listed: [...listed, locked], locked, lockedIs: same.length > 0 ? 're-released' : 'unlisted' }
}

/** Of sorted versions the first of every text. */
function onePerVersion(sorted: readonly Version[]): readonly Version[] {
  const isFirst = (version: Version, i: number): boolean => sorted[i - 1]?.parsed.raw !== version.parsed.raw
  return sorted.every(isFirst) ? sorted : sorted.filter(isFirst)
}

/** Of two candidates of one version the locked one comes first, else the smaller text: never the order of the input. */
function byRank(a: Version, b: Version): number {
  return Number(b.isLocked) - Number(a.isLocked) || byCodeUnit(rank(a.candidate), rank(b.candidate))
}

function rank({ registry, artifact }: Candidate): string {
  return `${registry ?? ''} ${artifact.sha256}`
}

const NOTHING: Version['undecided'] = []

function undecided(candidate: Candidate, isLocked: boolean, desired: DesiredPlugin | undefined): Version['undecided'] {
  const grant = desired?.grant === undefined && !asksNothing(candidate.permissions)
  const signer = !isLocked && candidate.authority === undefined && desired?.unsigned === undefined
  if (!grant && !signer) return NOTHING
  return [...(grant ? (['GRANT_MISSING'] as const) : []), ...(signer ? (['SIGNER_MISSING'] as const) : [])]
}
