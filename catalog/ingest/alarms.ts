import type { RepositoryRef } from '../../schemas/common.ts'
import type { Alarm, AlarmKind, RepositoryState, SeenRelease, Verdict } from '../ports.ts'

/** The kinds that a look at a repository finds, and finds over. */
export const LOOKED_FOR: readonly AlarmKind[] = [
  'release-edited', 'release-deleted', 'tag-moved', 'repository-renamed', 'repository-transferred', 'repository-archived', 'repository-deleted', 'repository-replaced',
]

export type NewAlarm = Pick<Alarm, 'kind' | 'id' | 'version' | 'message'>

/** A release as it lies in its repository now. */
export type PresentRelease = Omit<SeenRelease, 'commit'> & { readonly version: string; readonly commit: string | undefined }

/**
 * What became of the releases of a plugin after they were listed. Their lines and digests stay in every case: a store that
 * has the line refuses other bytes by itself. `readSince`: releases older than this were not read. Pure.
 */
export function releaseAlarms(id: string, verdicts: readonly Verdict[], present: readonly PresentRelease[], readSince: string | undefined): readonly NewAlarm[] {
  const now = new Map(present.map((release) => [release.version, release]))
  return verdicts.filter(({ verdict, line }) => line !== undefined && (verdict === 'listed' || verdict === 'withdrawn')).flatMap(({ version, release, line }): NewAlarm[] => {
    const found = now.get(version)
    if (!found) {
      if (readSince !== undefined && Date.parse(release.publishedAt) < Date.parse(readSince)) return []
      return [{ kind: 'release-deleted', id, version, message: `${id} ${version} was listed, and its release ${release.tag} is gone; the line stays, mirrors still serve it` }]
    }
    const alarms: NewAlarm[] = []
    const digest = line?.artifact.sha256
    if (found.artifact.sha256 !== digest) alarms.push({ kind: 'release-edited', id, version, message: `${id} ${version} was listed with ${digest}, its release ${found.tag} has ${found.artifact.sha256} now; the digest of the line stays, stores refuse the other bytes` })
    if (found.commit !== line?.commit) alarms.push({ kind: 'tag-moved', id, version, message: `${id} ${version} was built from ${line?.commit}, its tag ${found.tag} ${found.commit === undefined ? 'is gone' : `leads to ${found.commit} now`}` })
    return alarms
  })
}

/** What a repository is now, compared with what the entry of a plugin says of it. Pure. */
export function repositoryState(known: RepositoryRef, found: RepositoryRef & { readonly archived: boolean }): RepositoryState {
  if (found.ownerId !== known.ownerId) return 'transferred'
  if (found.url.toLowerCase() !== known.url.toLowerCase()) return 'renamed'
  return found.archived ? 'archived' : 'present'
}

/** The alarm that a state of a repository is for a plugin; undefined for one that is none. `now` is in words. Pure. */
export function repositoryAlarm(id: string, state: RepositoryState, known: RepositoryRef, now: string): NewAlarm | undefined {
  if (state === 'present' || state === 'unknown') return undefined
  const words: Readonly<Record<Exclude<RepositoryState, 'present' | 'unknown'>, string>> = {
    renamed: `is called ${now} now; new releases are in review until the entry names it`,
    transferred: `belongs to another owner now (${now}); new releases are in review until the entry names it`,
    archived: 'is archived: there will be no more releases',
    deleted: 'is gone or private now; what is listed stays',
    replaced: `is gone, and its name leads to another repository (${now}): nothing of that one is taken`,
  }
  return { kind: `repository-${state}`, id, version: undefined, message: `${id}: ${known.url} (id ${known.id}) ${words[state]}` }
}
