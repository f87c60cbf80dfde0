import { byCodeUnit } from '../../schemas/digest.ts'
import { asksNothing } from '../../schemas/permissions.ts'
import { compareParsed, parseVersion, pinnedVersion, rangeTest, type ParsedVersion } from '../../schemas/versions.ts'
import type { Candidate } from '../ports.ts'
import type { DesiredPlugin } from './desired.ts'
import { minus, everything, versionsWhere, type Bits } from './resolve-bits.ts'
import { clause, type Clause, type Fact } from './resolve-clauses.ts'
import { barOf, byId, type Bar, type Bench } from './resolve-eligible.ts'
import { candidateOf, lockedBlock, sameOrigin } from './resolve-locked.ts'
import type { ResolveInput, Waiting } from './resolve-types.ts'

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

/** Everything that could be chosen, with the clauses that the versions bring. Made once, asked by every attempt. */
export class World {
  readonly input: ResolveInput
  readonly plugins: readonly WorldPlugin[]
  readonly sizes: readonly number[]
  readonly #numbers: ReadonlyMap<string, number>
  readonly #matches = new Map<string, Bits>()
  readonly #brought = new Map<string, Clause | undefined>()

  constructor(input: ResolveInput) {
    this.input = input
    const wanted = new Map(input.desired.plugins.map((plugin) => [plugin.id, plugin]))
    const others = [...new Set([...input.candidates.keys(), ...Object.keys(input.locked?.plugins ?? {})])].filter((id) => !wanted.has(id))
    const ids = [...[...wanted.keys()].sort(byCodeUnit), ...others.sort(byCodeUnit)]
    this.plugins = ids.map((id, number) => worldPlugin(input, number, id, wanted.get(id)))
    this.sizes = this.plugins.map((plugin) => plugin.versions.length)
    this.#numbers = new Map(ids.map((id, number) => [id, number]))
  }

  /** The plugin of an id, or undefined when nobody has ever heard of it. */
  plugin(id: string): WorldPlugin | undefined {
    const number = this.#numbers.get(id)
    return number === undefined ? undefined : this.plugins[number]
  }

  /** The versions of a plugin that satisfy somebody else's range. `loosely`: prereleases count as well. */
  matching(plugin: WorldPlugin, range: string, loosely = false): Bits {
    const key = `${loosely ? 'l' : 's'}${plugin.number} ${range}`
    const known = this.#matches.get(key)
    if (known) return known
    const strict = rangeTest(range)
    const loose = rangeTest(range, true)
    const pinned = plugin.desired && pinnedVersion(plugin.desired.range)
    const found = versionsWhere(plugin.versions.length, (v) => {
      const { parsed, candidate } = plugin.versions[v]!
      const test = loosely || plugin.desired?.channel === 'beta' || candidate.version === pinned ? loose : strict
      return test?.(parsed) ?? false
    })
    this.#matches.set(key, found)
    return found
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

  #clause(kind: 'needs' | 'conflicts', plugin: WorldPlugin, target: string, range: string): Clause | undefined {
    const key = `${kind} ${plugin.number} ${target} ${range}`
    if (!this.#brought.has(key)) this.#brought.set(key, this.#makeClause(kind, plugin, target, range))
    return this.#brought.get(key)
  }

  #makeClause(kind: 'needs' | 'conflicts', plugin: WorldPlugin, id: string, range: string): Clause | undefined {
    const versions = versionsWhere(plugin.versions.length, (v) => {
      const { dependencies, conflicts } = plugin.versions[v]!.candidate
      const said = kind === 'needs' ? dependencies : conflicts
      return Object.hasOwn(said, id) && said[id] === range
    })
    const fact: Fact = { kind, plugin: plugin.number, versions, target: id, range }
    const target = this.plugin(id)
    if (target === undefined) return kind === 'needs' ? clause([[plugin.number, versions]], this.sizes, fact) : undefined
    const hit = this.matching(target, range, kind === 'conflicts')
    const term = kind === 'needs' ? minus(everything(target.versions.length), hit) : hit
    return clause([[plugin.number, versions], [target.number, term]], this.sizes, fact)
  }
}

function worldPlugin(input: ResolveInput, number: number, id: string, desired: DesiredPlugin | undefined): WorldPlugin {
  const { listed, locked, lockedIs } = listedVersions(input, id, desired)
  const parsed = listed.map((candidate) => ({ candidate, parsed: parseVersion(candidate.version) }))
  const sorted = parsed.filter((v): v is typeof v & { parsed: ParsedVersion } => v.parsed !== undefined).sort((a, b) => compareParsed(b.parsed, a.parsed))
  const bench: Bench = {
    plugin: desired,
    desired: input.desired,
    holds: input.holds,
    fixes: new Set(locked?.advisories.flatMap((advisory) => advisory.fixedIn ?? [])),
    nowMs: Date.parse(input.now),
  }
  const inRange = desired && rangeTest(desired.range, true)
  const versions = sorted.map(({ candidate, parsed: version }): Version => {
    const isLocked = candidate === locked
    return {
      candidate,
      parsed: version,
      isLocked,
      bar: barOf(candidate, isLocked, bench),
      inRange: desired === undefined || (inRange?.(version) ?? false),
      undecided: undecided(candidate, isLocked, desired),
    }
  })
  return {
    number,
    id,
    desired,
    versions,
    locked: versions.findIndex((v) => v.isLocked),
    lockedIs: locked && lockedIs,
    unreadable: parsed.filter((v) => v.parsed === undefined).map((v) => v.candidate.version),
  }
}

/** One candidate per version, the locked one being the lock's own bytes. */
function listedVersions(input: ResolveInput, id: string, desired: DesiredPlugin | undefined): { listed: Candidate[]; locked: Candidate | undefined; lockedIs: WorldPlugin['lockedIs'] } {
  const block = lockedBlock(input, id)
  const byVersion = new Map<string, Candidate>()
  for (const candidate of input.candidates.get(id) ?? []) {
    const other = byVersion.get(candidate.version)
    if (other === undefined || rank(candidate, block?.artifact.sha256) < rank(other, block?.artifact.sha256)) byVersion.set(candidate.version, candidate)
  }
  const listed = block && byVersion.get(block.version)
  if (block === undefined || listed?.artifact.sha256 === block.artifact.sha256) return { listed: [...byVersion.values()], locked: listed, lockedIs: 'listed' }
  if (!sameOrigin(block, desired, input.desired)) return { listed: [...byVersion.values()], locked: undefined, lockedIs: undefined }
  const locked: Candidate = { ...candidateOf(id, block), yanked: listed?.yanked, advisories: listed?.advisories ?? [] }
  byVersion.set(block.version, locked)
  return { listed: [...byVersion.values()], locked, lockedIs: listed ? 're-released' : 'unlisted' }
}

/** Of two candidates of one version the locked bytes win, else the smaller text: never the order of the input. */
function rank(candidate: Candidate, lockedDigest: string | undefined): string {
  return `${candidate.artifact.sha256 === lockedDigest ? 0 : 1} ${candidate.registry ?? ''} ${candidate.artifact.sha256}`
}

function undecided(candidate: Candidate, isLocked: boolean, desired: DesiredPlugin | undefined): Version['undecided'] {
  const found: Version['undecided'][number][] = []
  if (desired?.grant === undefined && !asksNothing(candidate.permissions)) found.push('GRANT_MISSING')
  if (!isLocked && candidate.authority === undefined && desired?.unsigned === undefined) found.push('SIGNER_MISSING')
  return found
}
