import type { IndexSnapshot, IndexSource } from '../reconciler/ports.ts'
import { isFolderUrl } from '../schemas/artifact-urls.ts'
import { CatalystError } from '../schemas/errors.ts'
import type { Credentials } from './credentials.ts'
import { localPath, openLocal } from './git-local.ts'
import { mirrorState, removeMirror, updateMirror, type MirrorState } from './git-mirror.ts'
import { ancestry, gitFiles } from './git-tree.ts'
import { gitObjects, type GitObjects } from './git.ts'
import { shownUrl } from './http-answer.ts'
import type { Http } from './http.ts'
import { indexSnapshot } from './index-snapshot.ts'
import { cachePaths } from './paths.ts'
import type { RetryPolicy } from './retry.ts'

/** A registry in a git repository. */
export interface GitIndexSettings {
  readonly name: string
  /** `git+https://host/owner/repo.git`, `git+file:./repo` or a path; `#branch` names a branch other than the default one. */
  readonly url: string
  readonly cacheDir: string
  /** How old an earlier copy may be when the server cannot be asked. */
  readonly maxAgeMs: number
  readonly http: Http
  readonly credentials?: Credentials
  /** Where relative paths start: the store's folder. */
  readonly baseDir?: string
  /** The newest head that the lock has seen: today's must be the same or descend from it. */
  readonly knownHead?: string
  /** Uses the earlier copy without asking. */
  readonly offline?: boolean
  /** Milliseconds since 1970. */
  readonly now?: () => number
  readonly retries?: Partial<RetryPolicy>
}

/** A clock that was set back by no more than this does not make a copy unusable. */
const CLOCK_SLACK_MS = 300_000

/** An index repository over smart HTTP (mirrored in the cache, fetched incrementally) or on this machine (read in place). */
export function gitIndex(settings: GitIndexSettings): IndexSource {
  const { address, branch, local } = parse(settings)
  return {
    registry: settings.name,
    locate(url) {
      if (/^file:/i.test(url)) throw new CatalystError('FOREIGN_URL', `${settings.name} is a git repository, but names ${isFolderUrl(url) ? 'a file of its folder' : 'a local file'}, ${url}`)
      return url
    },
    async open({ signal }) {
      const found = local ? await openInPlace(settings, address, branch) : await openMirror(settings, address, branch, signal)
      if (settings.knownHead !== undefined) await refuseRewritten(settings.name, found, settings.knownHead)
      return snapshot(settings.name, found)
    },
  }
}

function parse({ url, baseDir }: GitIndexSettings): { address: string; branch: string | undefined; local: boolean } {
  const hash = url.indexOf('#')
  const [address, branch] = hash < 0 ? [url, undefined] : [url.slice(0, hash), url.slice(hash + 1)]
  if (!/^git\+https?:/.test(address)) return { address: localPath(address, baseDir ?? process.cwd()), branch, local: true }
  const remote = new URL(address.slice('git+'.length))
  if (remote.username !== '' || remote.password !== '') {
    throw new CatalystError('INVALID_VALUE', `The URL of registry ${shownUrl(remote)} holds a user name or password`, { hint: 'Remove it from plugins.yaml; a token is taken from GITHUB_TOKEN.' })
  }
  return { address: remote.href.replace(/\/$/, ''), branch, local: false }
}

/** A repository with a head, ready to be read. */
interface Found {
  readonly head: string
  readonly freshness: IndexSnapshot['freshness']
  readonly objects: GitObjects
  readonly isAncestor: (commit: string) => Promise<boolean>
  readonly shallow: boolean
}

async function openInPlace(settings: GitIndexSettings, path: string, branch: string | undefined): Promise<Found> {
  const { gitdir, head, shallow } = await openLocal(path, branch)
  const objects = gitObjects(gitdir, settings.name)
  return { head, freshness: 'fresh', objects, isAncestor: ancestry(objects, head, shallow), shallow: shallow.size > 0 }
}

async function openMirror(settings: GitIndexSettings, url: string, branch: string | undefined, signal: AbortSignal | undefined): Promise<Found> {
  const dir = cachePaths(settings.cacheDir).mirror(branch === undefined ? url : `${url}#${branch}`)
  const { http, credentials, retries } = settings
  const remote = { url, http, signal, ...(credentials ? { credentials } : {}), ...(retries ? { retries } : {}) }
  const nowMs = (settings.now ?? Date.now)()
  const found = await (settings.offline ? Promise.reject(offline(settings.name)) : updateMirror(remote, dir, { branch, nowMs })).then(
    (state) => ({ state, freshness: 'fresh' as const }),
    (error: unknown) => ({ state: earlierCopy(settings, dir, nowMs, error), freshness: 'cached' as const }),
  )
  const objects = mendable(gitObjects(dir, settings.name), dir)
  return { head: found.state.head, freshness: found.freshness, objects, isAncestor: ancestry(objects, found.state.head), shallow: false }
}

/** A mirror in which something cannot be read is of no use: it goes, and the next pass fetches it anew. */
function mendable(objects: GitObjects, dir: string): GitObjects {
  return {
    async read(oid, type) {
      try {
        return await objects.read(oid, type)
      } catch (error) {
        removeMirror(dir)
        throw error
      }
    },
  }
}

/** @throws the error, unless the server only could not be asked and the copy is young enough; INDEX_STALE when it is not */
function earlierCopy(settings: GitIndexSettings, dir: string, nowMs: number, error: unknown): MirrorState {
  if (!(error instanceof CatalystError) || (error.code !== 'SOURCE_UNREACHABLE' && error.code !== 'RATE_LIMITED')) throw error
  const state = mirrorState(dir)
  if (!state) throw error
  const ageMs = nowMs - state.askedAt
  if (ageMs <= settings.maxAgeMs && ageMs >= -CLOCK_SLACK_MS) return state
  const when = new Date(state.askedAt).toISOString()
  const why = ageMs < 0 ? `is from ${when}, which this machine's clock has not reached` : `was last confirmed at ${when}, which is longer ago than allowed`
  throw new CatalystError('INDEX_STALE', `${settings.name} could not be asked (${error.message}), and its copy ${why}`, { cause: error })
}

function offline(name: string): CatalystError {
  return new CatalystError('SOURCE_UNREACHABLE', `${name} was not asked, because we are offline`, { hint: 'Run the same command once where the network can be reached.' })
}

async function refuseRewritten(name: string, found: Found, known: string): Promise<void> {
  if (await descends(found, known)) return
  const hint = found.shallow ? 'This clone is shallow, so its history cannot be checked: run `git fetch --unshallow` in it.' : undefined
  throw new CatalystError('INDEX_REWRITTEN', `${name} is at ${found.head}, which does not descend from ${known}, seen by the lock`, { hint })
}

/** A head of another kind (the digest of a folder) has no history to compare with: the registry has moved, which is a change of its URL in plugins.yaml. */
async function descends(found: Found, head: string): Promise<boolean> {
  return !/^[0-9a-f]{40}$/.test(head) || found.isAncestor(head)
}

function snapshot(name: string, found: Found): Promise<IndexSnapshot> {
  const files = gitFiles(found.objects, found.head, name)
  return indexSnapshot({
    registry: name,
    head: found.head,
    freshness: found.freshness,
    file: (path) => files.file(path),
    descendsFrom: (head) => descends(found, head),
    close: async () => undefined,
  })
}
