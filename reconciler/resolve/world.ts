import { byCodeUnit } from '../../schemas/digest.ts'
import { asksNothing } from '../../schemas/permissions.ts'
import { compareParsed, type ParsedVersion } from '../../schemas/versions.ts'
import type { Candidate } from '../ports.ts'
import type { DesiredPlugin } from '../plan/desired.ts'
import { everything, minus, versionsWhere, type Bits } from './bits.ts'
import { clause, clauseOfTwo, type Clause, type Fact } from './clauses.ts'
import { barOf, type Bar, type Bench } from './eligible.ts'
import { candidateOfBlock, lockedBlock, sameOrigin } from './locked.ts'
import { Readings, type RangeReading } from './ranges.ts'
import { statementsOf, type Statement, type Statements } from './statements.ts'
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

/** The versions of a plugin that ranges let through, a list of ranges beside a list of answers: looking for one touches no other. */
interface Matches {
  readonly ranges: RangeReading[]
  readonly inside: Bits[]
  readonly outside: Bits[]
}

function noMatches(): Matches {
  return { ranges: [], inside: [], outside: [] }
}

/** Everything that could be chosen, with the clauses that the versions bring. Made once, asked by every attempt. */
export class World {
  readonly input: ResolveInput
  readonly plugins: readonly WorldPlugin[]
  readonly sizes: readonly number[]
  readonly #numbers: ReadonlyMap<string, number>
  readonly #readings = new Readings()
  readonly #statements: readonly Statements[]
  readonly #strict: readonly Matches[]
  // few plugins are ever conflicted with
  readonly #loose = new Map<number, Matches>()

  constructor(input: ResolveInput) {
    this.input = input
    const wanted = new Map(input.desired.plugins.map((plugin) => [plugin.id, plugin]))
    const others = [...new Set([...input.candidates.keys(), ...Object.keys(input.locked?.plugins ?? {})])].filter((id) => !wanted.has(id))
    const ids = [...[...wanted.keys()].sort(byCodeUnit), ...others.sort(byCodeUnit)]
    this.#numbers = new Map(ids.map((id, number) => [id, number]))
    const numberOf = (id: string): number => this.#numbers.get(id) ?? -1
    const plugins: WorldPlugin[] = []
    const statements: Statements[] = []
    // one plugin after the other, all that is to be read of its candidates
    for (const [number, id] of ids.entries()) {
      const plugin = worldPlugin(input, this.#readings, number, id, wanted.get(id))
      plugins.push(plugin)
      statements.push(statementsOf(plugin.versions, this.#readings, numberOf))
    }
    this.plugins = plugins
    this.#statements = statements
    this.sizes = plugins.map((plugin) => plugin.versions.length)
    this.#strict = ids.map(noMatches)
  }

  /** The plugin of an id, or undefined when nobody has ever heard of it. */
  plugin(id: string): WorldPlugin | undefined {
    const number = this.#numbers.get(id)
    return number === undefined ? undefined : this.plugins[number]
  }

  /** What one version says of others: needs by id, then conflicts by id. */
  saidBy(number: number, version: number): readonly Statement[] {
    return this.#statements[number]!.of(version)
  }

  /** The versions of a plugin that satisfy somebody else's range. `loosely`: prereleases count as well. */
  matching(plugin: WorldPlugin, range: string, loosely = false): Bits {
    return this.inRange(plugin, this.#readings.range(range), loosely)
  }

  /** `matching`, of a range that was read. */
  inRange(plugin: WorldPlugin, range: RangeReading, loosely = false): Bits {
    const known = this.#known(plugin, loosely)
    return known.inside[this.#match(known, plugin, range, loosely)]!
  }

  /** Every other version of a plugin, and that it is not installed: what a need of the range forbids. */
  #outOfRange(plugin: WorldPlugin, range: RangeReading): Bits {
    const known = this.#known(plugin, false)
    return known.outside[this.#match(known, plugin, range, false)]!
  }

  #known({ number }: WorldPlugin, loosely: boolean): Matches {
    if (!loosely) return this.#strict[number]!
    const known = this.#loose.get(number) ?? noMatches()
    this.#loose.set(number, known)
    return known
  }

  /** The place of a range in what is known of a plugin. */
  #match({ ranges, inside, outside }: Matches, plugin: WorldPlugin, range: RangeReading, loosely: boolean): number {
    const at = ranges.indexOf(range)
    if (at >= 0) return at
    const versions = this.#versionsIn(plugin, range, loosely)
    inside.push(versions)
    outside.push(minus(everything(plugin.versions.length), versions))
    return ranges.push(range) - 1
  }

  #versionsIn({ desired, versions }: WorldPlugin, { strict, loose }: RangeReading, loosely: boolean): Bits {
    const test = loosely || desired?.channel === 'beta' ? loose : strict
    // a version that a person typed is what it is, prerelease or not
    const pinned = desired && this.#readings.range(desired.range).pinned
    const typed = pinned === undefined ? -1 : versions.findIndex((v) => v.candidate.version === pinned)
    return versionsWhere(versions.length, (v) => (v === typed ? loose : test)?.(versions[v]!.parsed) ?? false)
  }

  /** The clauses that one version brings. Versions that say the same share one. */
  clausesOf(number: number, version: number): readonly Clause[] {
    const made = this.saidBy(number, version).map((statement) => this.#clauseOf(statement, number, version))
    return made.every((one) => one !== undefined) ? made : made.filter((one) => one !== undefined)
  }

  #clauseOf(statement: Statement, number: number, version: number): Clause | undefined {
    const range = statement.rangeOf(version)
    return range && (statement.known(range) ?? statement.keep(range, this.#clause(statement, number, range))).clause
  }

  #clause(statement: Statement, number: number, range: RangeReading): Clause | undefined {
    const { kind, id, target } = statement
    const versions = statement.saying(range, this.sizes[number]!)
    const fact: Fact = { kind, plugin: number, versions, target: id, range: range.text }
    const other = this.plugins[target]
    if (other === undefined) return kind === 'needs' ? clause([[number, versions]], this.sizes, fact) : undefined
    const term = kind === 'needs' ? this.#outOfRange(other, range) : this.inRange(other, range, true)
    return clauseOfTwo([number, versions], [target, term], this.sizes, fact)
  }
}

function worldPlugin(input: ResolveInput, readings: Readings, number: number, id: string, desired: DesiredPlugin | undefined): WorldPlugin {
  const { listed, locked, lockedIs } = lockedAmong(input, id, desired)
  const bench: Bench = {
    plugin: desired,
    desired: input.desired,
    holds: input.holds,
    fixes: locked?.advisories.flatMap((advisory) => advisory.fixedIn ?? []) ?? NO_FIXES,
    nowMs: Date.parse(input.now),
    readings,
  }
  const all = listed.map((candidate) => {
    const parsed = readings.version(candidate.version)
    return parsed && judged(candidate, parsed, candidate === locked, bench)
  })
  const versions = all.every((version) => version !== undefined) ? all : all.filter((version) => version !== undefined)
  const unreadable = versions === all ? [] : listed.filter((_, i) => all[i] === undefined).map((candidate) => candidate.version)
  const sorted = onePerVersion(newestFirst(versions))
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

/** Sorts in place. An index lists releases as they came: mostly they only have to be turned round. */
function newestFirst(versions: Version[]): readonly Version[] {
  const order = (a: Version, b: Version): number => compareParsed(b.parsed, a.parsed) || byRank(a, b)
  if (versions.every((version, i) => i === 0 || order(versions[i - 1]!, version) > 0)) return versions.reverse()
  return versions.sort(order)
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

const NO_FIXES: readonly string[] = []
const NOTHING: Version['undecided'] = []

function undecided(candidate: Candidate, isLocked: boolean, desired: DesiredPlugin | undefined): Version['undecided'] {
  const grant = desired?.grant === undefined && !asksNothing(candidate.permissions)
  const signer = !isLocked && candidate.authority === undefined && desired?.unsigned === undefined
  if (!grant && !signer) return NOTHING
  return [...(grant ? (['GRANT_MISSING'] as const) : []), ...(signer ? (['SIGNER_MISSING'] as const) : [])]
}
