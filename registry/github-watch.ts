import type { FoundRelease } from '../reconciler/ports.ts'
import type { RepositoryRef } from '../schemas/common.ts'
import { CatalystError } from '../schemas/errors.ts'
import { foundRelease, IDENTITY_SERVER, octokit, tagsOf, type AskedRepository, type GitHubSettings } from './github.ts'
import type { GitHubApi } from './github-api.ts'
import { chooseReleases, type PluginRelease, type ReleaseJson } from './github-releases.ts'

/** A repository as it was known before a look at it. */
export interface Watched {
  readonly id: number
  /** `owner/name` as last seen. */
  readonly name: string
  /** Of the releases that were read last. */
  readonly releasesEtag: string | undefined
}

/** What a look found. `gone`: nobody can see it any more; `heir` is the other repository that has its name now. */
export type Look =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'gone'; readonly heir: { readonly id: number; readonly ownerId: number } | undefined }
  | { readonly kind: 'present'; readonly repository: PresentRepository }

export interface PresentRepository {
  readonly ref: RepositoryRef
  /** `owner/name` */
  readonly name: string
  readonly archived: boolean
  readonly releasesEtag: string | undefined
  /** False when it has more releases than are read: then the oldest ones were not seen. */
  readonly complete: boolean
  /** When the oldest release that was read came out; undefined when there is none. */
  readonly oldestRead: string | undefined
  /** The releases of a plugin with the commits of their tags, newest first; no file is downloaded. */
  releases(id: string): readonly (PluginRelease & { readonly commit: string | undefined })[]
  /** Tags of the plugin whose release lacks its artifact. */
  lacking(id: string): readonly string[]
  /** One of `releases` with everything that is needed to ingest it; asks for attestations where it has no bundle among its assets. */
  find(release: PluginRelease): Promise<FoundRelease | undefined>
}

const PER_PAGE = 100
const MAX_PAGES = 10

/**
 * Looks at a repository by its number, which no other repository can have. Nothing new costs one request, free with a
 * token; something new one more for the repository, one for each hundred releases, and two of git.
 * @throws CatalystError SOURCE_UNREACHABLE, RATE_LIMITED, UNAUTHORIZED: could not be checked, which is not "gone"
 */
export async function lookAt(watched: Watched, api: GitHubApi, settings: GitHubSettings, signal?: AbortSignal): Promise<Look> {
  const path = `/repositories/${watched.id}`
  const first = await present(() => api.get(`${path}/releases?per_page=${PER_PAGE}&page=1`, { etag: watched.releasesEtag, signal }))
  if (first?.unchanged) return { kind: 'unchanged' }
  const repository = first && (await present(() => api.get(path, { signal })))
  if (!first || !repository) return { kind: 'gone', heir: await heirOf(watched, api, signal) }
  const pages = [...releasesIn(first.json, path)]
  let more = first.more
  for (let page = 2; more && page <= MAX_PAGES; page++) {
    const next = await api.get(`${path}/releases?per_page=${PER_PAGE}&page=${page}`, { signal })
    pages.push(...releasesIn(next.json, path))
    more = next.more
  }
  return { kind: 'present', repository: await presentRepository(settings, repositoryIn(repository.json, path), { releases: pages, etag: first.etag, complete: !more }, signal) }
}

interface RepositoryJson {
  readonly id: number
  readonly full_name: string
  readonly html_url: string
  readonly private: boolean
  readonly archived: boolean
  readonly owner: { readonly id: number }
}

async function presentRepository(settings: GitHubSettings, json: RepositoryJson, read: { releases: readonly ReleaseJson[]; etag: string | undefined; complete: boolean }, signal: AbortSignal | undefined): Promise<PresentRepository> {
  const ref = { url: `${IDENTITY_SERVER}/${json.full_name}`, id: json.id, ownerId: json.owner.id }
  const asked: AskedRepository = { name: json.full_name, ref, private: json.private, api: await octokit(settings), tags: await tagsOf(settings, json.html_url, signal) }
  const times = read.releases.map(({ published_at }) => published_at).filter((at) => at !== null).sort()
  return {
    ref, name: json.full_name, archived: json.archived, releasesEtag: read.etag, complete: read.complete, oldestRead: times[0],
    releases: (id) => chooseReleases(read.releases, id, Number.POSITIVE_INFINITY).complete.map((release) => ({ ...release, commit: asked.tags.get(release.tag) })),
    lacking: (id) => chooseReleases(read.releases, id, Number.POSITIVE_INFINITY).lacking.map(({ tag }) => tag),
    find: (release) => foundRelease(settings, asked, release, signal),
  }
}

async function heirOf({ id, name }: Watched, api: GitHubApi, signal: AbortSignal | undefined): Promise<{ id: number; ownerId: number } | undefined> {
  const answer = await present(() => api.get(`/repos/${name}`, { signal }))
  const json = answer && repositoryIn(answer.json, `/repos/${name}`)
  return json && json.id !== id ? { id: json.id, ownerId: json.owner.id } : undefined
}

/** Undefined for what does not exist. */
async function present<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof CatalystError && error.code === 'NOT_FOUND') return undefined
    throw error
  }
}

/** @throws CatalystError SOURCE_UNREACHABLE for an answer of another shape than GitHub's */
export function repositoryIn(json: unknown, path: string): RepositoryJson {
  const { id, full_name, html_url, owner } = (json ?? {}) as Partial<RepositoryJson>
  const fits = Number.isSafeInteger(id) && Number.isSafeInteger(owner?.id) && /^[A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+$/.test(full_name ?? '') && typeof html_url === 'string'
  if (!fits) throw new CatalystError('SOURCE_UNREACHABLE', `GitHub's API answers ${path} with what is no repository`)
  return json as RepositoryJson
}

function releasesIn(json: unknown, path: string): readonly ReleaseJson[] {
  const fits = Array.isArray(json) && json.every((r: Partial<ReleaseJson> | null) => typeof r?.tag_name === 'string' && Array.isArray(r.assets))
  if (!fits) throw new CatalystError('SOURCE_UNREACHABLE', `GitHub's API answers ${path}/releases with what are no releases`)
  return json as readonly ReleaseJson[]
}
