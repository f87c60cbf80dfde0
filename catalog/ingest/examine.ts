import { isDeepStrictEqual } from 'node:util'
import type { FoundRelease } from '../../reconciler/ports.ts'
import { CatalystError, problemsOfError } from '../../schemas/errors.ts'
import type { RegistryFile } from '../../schemas/registry-entry.ts'
import type { Look, PresentRepository } from '../../registry/github-watch.ts'
import type { KnownRepository, Notice, PluginState, RepositoryState, SeenRelease, Verdict } from '../ports.ts'
import { type NewAlarm, type PresentRelease, releaseAlarms, repositoryAlarm, repositoryState } from './alarms.ts'
import { takenBy } from './line-room.ts'
import type { GitEntry } from './registry-git.ts'
import { type IngestDeps, observeRelease } from './release.ts'
import { decideVerdict, mayComeLate, mustLookAgain, type Outcome, restated, standsAlready } from './verdict.ts'

/** One plugin of a repository, with what is known of it. */
export interface Known {
  readonly entry: GitEntry
  readonly verdicts: readonly Verdict[]
  readonly notices: readonly Notice[]
}

/** What a look at a repository comes to for one plugin. */
export interface Examined {
  readonly id: string
  readonly verdicts: readonly Verdict[]
  readonly alarms: readonly NewAlarm[]
  /** Releases that could not be checked, by the code of why: neither good nor bad, looked at again. */
  readonly unchecked: readonly { readonly version: string; readonly error: CatalystError }[]
  /** Releases that are left for the next pass, so that one repository cannot hold up the others. */
  readonly postponed: number
  /** Releases whose bundle may still come: the repository is read again although its list of releases has not changed. */
  readonly waiting: number
}

/** At most so many releases of one plugin in one pass. */
export const RELEASES_AT_ONCE = 50
/** Of them, so many whose bundle is no asset: each is a request of the hour's budget. */
const ATTESTATIONS_AT_ONCE = 8

/** Codes that say nothing about a release: the network, the disk, our own clock or trust root. */
const UNCHECKED: ReadonlySet<string> = new Set(['SOURCE_UNREACHABLE', 'RATE_LIMITED', 'UNAUTHORIZED', 'SIZE_MISMATCH', 'CLOCK_SKEW', 'TRUST_ROOT_INVALID'])
/** Codes that stop everything: going on cannot be right. */
const FATAL: ReadonlySet<string> = new Set(['DISK_FULL', 'READ_ONLY', 'INTERNAL'])

/** fetch -> verify -> inspect -> decide, for each release of a plugin that needs it, newest first. */
export async function examinePlugin(known: Known, repository: PresentRepository, registry: RegistryFile, deps: IngestDeps, at: string): Promise<Examined> {
  const { id } = known.entry.entry
  const releases = repository.releases(id)
  const before = new Map(known.verdicts.map((verdict) => [verdict.version, verdict]))
  const notices = new Map(known.notices.map((notice) => [notice.version, notice]))
  const [verdicts, unchecked]: [Verdict[], { version: string; error: CatalystError }[]] = [[], []]
  const { now, left } = turns(releases.filter((release) => mustFind(before.get(release.version), release, known.entry, at)), before, at)
  for (const release of now) {
    try {
      const found = await repository.find(release)
      if (!found) continue
      const seen = seenRelease(found)
      const earlier = before.get(release.version)
      if (!mustLookAgain(earlier, seen, known.entry.digest, at)) continue
      const outcome = known.entry.entry.killed ? nothing() : await outcomeOf(found, known.entry, deps)
      verdicts.push(decideVerdict({ id, version: release.version, release: seen, outcome, entry: known.entry, registry, before: earlier, notice: notices.get(release.version), killed: known.entry.entry.killed?.reason, taken: takenBy(release.version, [...known.verdicts, ...verdicts]), at }))
    } catch (error) {
      if (!(error instanceof CatalystError) || FATAL.has(error.code)) throw error
      if (error.code === 'RATE_LIMITED') throw error
      unchecked.push({ version: release.version, error })
    }
  }
  const alarms = releaseAlarms(id, known.verdicts, releases.map((release) => presentRelease(release, repository, before)), repository.complete ? undefined : repository.oldestRead)
  const waiting = verdicts.filter((verdict) => mayComeLate({ ...verdict, decidedAt: before.get(verdict.version)?.decidedAt ?? verdict.decidedAt }, at)).length
  const waitingLeft = left.filter(({ version, bundle }) => isWaiting(before.get(version), bundle, at)).length
  return { id, verdicts, alarms, unchecked, postponed: left.length - waitingLeft, waiting: waiting + waitingLeft }
}

type Listed = ReturnType<PresentRepository['releases']>[number]

/**
 * Which releases are looked at now: those that are new or have changed before those that only wait for a bundle, of which
 * each look takes others. Pure.
 */
function turns(due: readonly Listed[], before: ReadonlyMap<string, Verdict>, at: string): { readonly now: readonly Listed[]; readonly left: readonly Listed[] } {
  const waiting = due.filter(({ version, bundle }) => isWaiting(before.get(version), bundle, at))
  const first = Math.floor(Date.parse(at) / 60_000) % Math.max(1, waiting.length)
  const ordered = [...due.filter((release) => !waiting.includes(release)), ...waiting.slice(first), ...waiting.slice(0, first)]
  const [now, left]: [Listed[], Listed[]] = [[], []]
  let asked = 0
  for (const release of ordered) {
    const asks = release.bundle === undefined ? 1 : 0
    if (now.length >= RELEASES_AT_ONCE || asked + asks > ATTESTATIONS_AT_ONCE) left.push(release)
    else {
      now.push(release)
      asked += asks
    }
  }
  return { now, left }
}

function isWaiting(before: Verdict | undefined, bundle: Listed['bundle'], at: string): boolean {
  return before !== undefined && bundle === undefined && mayComeLate(before, at)
}

/** The verdicts that stand already, as the notices and the kill list make them: no release is looked at. Pure. */
export function standing({ verdicts, notices, killed }: PluginState, at: string): readonly Verdict[] {
  const said = new Map(notices.map((notice) => [notice.version, notice]))
  return verdicts.filter(standsAlready).map((before) => restated(before, { notice: said.get(before.version), killed, at }))
}

/**
 * Of new verdicts those that count still: downloads take minutes, and who decided on the version or changed the entry
 * meanwhile is right. Pure.
 */
export function stillValid(judged: readonly Verdict[], known: Known, present: PluginState): readonly Verdict[] {
  if (present.entryDigest !== known.entry.digest) return []
  const [before, now] = [known.verdicts, present.verdicts].map((verdicts) => new Map(verdicts.map((verdict) => [verdict.version, verdict])))
  return judged.filter(({ version }) => isDeepStrictEqual(before?.get(version), now?.get(version)))
}

/** What a look says of the repository as a whole, and which alarm that is for a plugin. Pure. */
export function repositoryNews(known: KnownRepository, { entry }: GitEntry, look: Exclude<Look, { kind: 'unchanged' }>): { readonly state: RepositoryState; readonly alarm: NewAlarm | undefined } {
  const named = entry.repositories.filter((r) => r.id === known.id)
  if (look.kind === 'gone') {
    const state = look.heir ? 'replaced' : 'deleted'
    const now = look.heir ? `id ${look.heir.id}, owner ${look.heir.ownerId}` : ''
    return { state, alarm: named[0] && repositoryAlarm(entry.id, state, named[0], now) }
  }
  const found = { ...look.repository.ref, archived: look.repository.archived }
  const states = named.map((ref) => repositoryState(ref, found))
  const state = states.find((s) => s === 'present' || s === 'archived') ?? states[0] ?? 'unknown'
  return { state, alarm: named[0] && repositoryAlarm(entry.id, state, named[0], `${found.url}, owner ${found.ownerId}`) }
}

/** Cheap questions first: what cannot be new by its list entry is not asked about. */
function mustFind(before: Verdict | undefined, release: Listed, entry: GitEntry, at: string): boolean {
  if (release.commit === undefined) return false
  if (!before) return true
  const digest = release.artifact.digest ?? before.release.artifact.sha256
  const seen = { ...before.release, commit: release.commit, artifact: { ...before.release.artifact, sha256: digest as SeenRelease['artifact']['sha256'] } }
  const bundle = release.bundle && { url: release.bundle.browser_download_url, sha256: (release.bundle.digest ?? before.release.bundle?.sha256) as SeenRelease['artifact']['sha256'] | undefined }
  return mustLookAgain(before, { ...seen, bundle: bundle ?? before.release.bundle }, entry.digest, at)
}

async function outcomeOf(release: FoundRelease, { entry }: GitEntry, deps: IngestDeps): Promise<Outcome> {
  try {
    const { line, evidence } = await observeRelease(release, entry, deps)
    return { kind: 'proven', proof: evidence.proof, line, findings: evidence.findings }
  } catch (error) {
    if (!(error instanceof CatalystError) || FATAL.has(error.code) || UNCHECKED.has(error.code)) throw error
    return { kind: 'refused', problems: problemsOfError(error), proof: undefined }
  }
}

function nothing(): Outcome {
  return { kind: 'refused', problems: [], proof: undefined }
}

function seenRelease({ repository, tag, commit, artifact, bundle, publishedAt }: FoundRelease): SeenRelease {
  return { repository, tag, commit, artifact, bundle: bundle && { url: bundle.url, sha256: bundle.sha256 }, publishedAt }
}

/** Assets from before June 2025 have no digest in the list: then the one that was seen is believed to be there still. */
function presentRelease(release: ReturnType<PresentRepository['releases']>[number], repository: PresentRepository, before: ReadonlyMap<string, Verdict>): PresentRelease {
  const digest = (release.artifact.digest ?? before.get(release.version)?.line?.artifact.sha256 ?? 'sha256:') as SeenRelease['artifact']['sha256']
  return { version: release.version, repository: repository.ref, tag: release.tag, commit: release.commit, artifact: { url: release.artifact.browser_download_url, size: release.artifact.size, sha256: digest }, bundle: undefined, publishedAt: release.publishedAt }
}
