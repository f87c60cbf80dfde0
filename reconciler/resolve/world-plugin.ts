import { byCodeUnit } from '../../schemas/digest.ts'
import { asksNothing } from '../../schemas/permissions.ts'
import { compareParsed, type ParsedVersion } from '../../schemas/versions.ts'
import type { DesiredPlugin } from '../plan/desired.ts'
import type { Candidate } from '../ports.ts'
import { versionsWhere, type Bits } from './bits.ts'
import { barOf, type Bar, type Bench } from './eligible.ts'
import { candidateOfBlock, lockedBlock, sameOrigin } from './locked.ts'
import type { Readings } from './ranges.ts'
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
  /** The versions inside its own range against which nothing speaks. */
  readonly takeable: Bits
  /** Number of the locked version, -1 for none. */
  readonly locked: number
  /** What happened to the locked version at its source. */
  readonly lockedIs: 'listed' | 'unlisted' | 're-released' | undefined
  /** Versions that were left out because they are not semver. */
  readonly unreadable: readonly string[]
}

/** The versions of a plugin for which `test` holds. */
export function versionsSuch({ versions }: WorldPlugin, test: (version: Version) => boolean): Bits {
  return versionsWhere(versions.length, (v) => test(versions[v]!))
}

/** Judges every version of one plugin. */
export function worldPlugin(input: ResolveInput, readings: Readings, number: number, id: string, desired: DesiredPlugin | undefined): WorldPlugin {
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
  const takeable = versionsWhere(sorted.length, (v) => sorted[v]!.inRange && sorted[v]!.bar === undefined)
  return { number, id, desired, versions: sorted, takeable, locked: sorted.findIndex((v) => v.isLocked), lockedIs, unreadable: unreadable.sort(byCodeUnit) }
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
