import { byCodeUnit } from '../../schemas/digest.ts'
import { asksNothing } from '../../schemas/permissions.ts'
import { compareParsed, type ParsedVersion } from '../../schemas/versions.ts'
import type { Candidate } from '../ports.ts'
import type { DesiredPlugin } from './desired.ts'
import { minus, everything, versionsWhere, type Bits } from './resolve-bits.ts'
import { clause, type Clause, type Fact } from './resolve-clauses.ts'
import { barOf, byId, type Bar, type Bench } from './resolve-eligible.ts'
import { candidateOf, lockedBlock, sameOrigin } from './resolve-locked.ts'
import { Readings } from './resolve-ranges.ts'
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
  readonly #readings = new Readings()
  readonly #matches = new Map<string, Bits>()
  readonly #brought = new Map<string, Clause | undefined>()

  constructor(input: ResolveInput) {
    this.input = input
    const wanted = new Map(input.desired.plugins.map((plugin) => [plugin.id, plugin]))
    const others = [...new Set([...input.candidates.keys(), ...Object.keys(input.locked?.plugins ?? {})])].filter((id) => !wanted.has(id))
    const ids = [...[...wanted.keys()].sort(byCodeUnit), ...others.sort(byCodeUnit)]
    this.plugins = ids.map((id, number) => worldPlugin(input, this.#readings, number, id, wanted.get(id)))
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
    const { strict, loose } = this.#readings.range(range)
    const pinned = plugin.desired && this.#readings.range(plugin.desired.range).pinned
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
    let made = this.#brought.get(key)
    if (made === undefined && !this.#brought.has(key)) {
      made = this.#makeClause(kind, plugin, target, range)
      this.#brought.set(key, made)
    }
    return made
  }

  #makeClause(kind: 'needs' | 'conflicts', plugin: WorldPlugin, id: string, range: string): Clause | undefined {
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
  const { listed, locked, lockedIs } = listedVersions(input, id, desired)
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
  versions.sort((a, b) => compareParsed(b.parsed, a.parsed))
  return { number, id, desired, versions, locked: versions.findIndex((v) => v.isLocked), lockedIs: locked && lockedIs, unreadable: unreadable.sort(byCodeUnit) }
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

/** One candidate per version, the locked one being the lock's own bytes. */
function listedVersions(input: ResolveInput, id: string, desired: DesiredPlugin | undefined): { listed: readonly Candidate[]; locked: Candidate | undefined; lockedIs: WorldPlugin['lockedIs'] } {
  const block = lockedBlock(input, id)
  const listed = onePerVersion(input.candidates.get(id) ?? [], block?.artifact.sha256)
  const same = block && listed.find((candidate) => candidate.version === block.version)
  if (block === undefined || same?.artifact.sha256 === block.artifact.sha256) return { listed, locked: same, lockedIs: 'listed' }
  if (!sameOrigin(block, desired, input.desired)) return { listed, locked: undefined, lockedIs: undefined }
  const locked: Candidate = { ...candidateOf(id, block), yanked: same?.yanked, advisories: same?.advisories ?? [] }
  return { listed: [...listed.filter((candidate) => candidate !== same), locked], locked, lockedIs: same ? 're-released' : 'unlisted' }
}

/** Of two candidates of one version the locked bytes win, else the smaller text: never the order of the input. */
function onePerVersion(candidates: readonly Candidate[], lockedDigest: string | undefined): readonly Candidate[] {
  if (new Set(candidates.map((candidate) => candidate.version)).size === candidates.length) return candidates
  const best = new Map<string, Candidate>()
  const rank = (c: Candidate): string => `${c.artifact.sha256 === lockedDigest ? 0 : 1} ${c.registry ?? ''} ${c.artifact.sha256}`
  for (const candidate of candidates) {
    const other = best.get(candidate.version)
    if (other === undefined || rank(candidate) < rank(other)) best.set(candidate.version, candidate)
  }
  return [...best.values()]
}

const NOTHING: Version['undecided'] = []

function undecided(candidate: Candidate, isLocked: boolean, desired: DesiredPlugin | undefined): Version['undecided'] {
  const grant = desired?.grant === undefined && !asksNothing(candidate.permissions)
  const signer = !isLocked && candidate.authority === undefined && desired?.unsigned === undefined
  if (!grant && !signer) return NOTHING
  return [...(grant ? (['GRANT_MISSING'] as const) : []), ...(signer ? (['SIGNER_MISSING'] as const) : [])]
}
