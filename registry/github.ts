import type { Octokit } from 'octokit'
import type { FoundRelease, ReleaseSource } from '../reconciler/ports.ts'
import type { RepositoryRef } from '../schemas/common.ts'
import { sha256, DIGEST_PATTERN, type Digest } from '../schemas/digest.ts'
import { CatalystError } from '../schemas/errors.ts'
import { LIMITS } from '../schemas/limits.ts'
import { tokenFor } from './credentials.ts'
import { downloads } from './downloads.ts'
import { remoteRefs } from './git.ts'
import { conditionalFetch } from './github-answers.ts'
import { chooseProvenance } from './github-attestation.ts'
import { chooseReleases, type AssetJson, type PluginRelease, type ReleaseJson } from './github-releases.ts'
import { readBody } from './http-body.ts'
import { shownUrl } from './http-answer.ts'
import type { Http } from './http.ts'
import { decodeSnappyBundle } from './provenance/snappy.ts'
import { DEFAULT_RETRIES, withRetries, type RetryPolicy } from './retry.ts'

/* The one door to octokit. It is loaded when it is first needed. */

/** GitHub, or what answers like it. URLs without a slash at the end. */
export interface GitHubSettings {
  /** `https://api.github.com` */
  readonly apiUrl: string
  /** `https://github.com`: downloads of public releases, and git. */
  readonly webUrl: string
  /** For private repositories and a larger budget. Shown to these two only. */
  readonly token?: string | undefined
  readonly http: Http
  readonly cacheDir: string
  readonly retries?: Partial<RetryPolicy>
}

const MAX_RELEASES = 5
const MAX_PAGES = 10
const MAX_ATTESTATIONS = 5
const UNFIT: ReadonlySet<string> = new Set(['BUNDLE_INVALID', 'SIZE_MISMATCH', 'NOT_FOUND'])

/**
 * Releases of `github:owner/repo[#path]`; each repository is asked once, however many plugins come from it. A source whose bundles are release assets costs two requests of GitHub's
 * budget (free when nothing changed and a token is shown) and two of git, which has none; each bundle that only the
 * attestations API has, one more. Tags are looked up in git itself, so that annotated ones lead to their commit.
 */
export function githubReleases(settings: GitHubSettings): ReleaseSource {
  const sources = new Map<string, Promise<Repository>>()
  return {
    async releases(source, id, { signal }) {
      const name = nameOf(source)
      const known = sources.get(name) ?? openRepository(settings, name, signal)
      sources.set(name, known)
      known.catch(() => sources.delete(name))
      return asked(async () => releasesOf(settings, await known, id, signal), signal)
    },
  }
}

/** A repository whose releases are looked for. */
export interface AskedRepository {
  readonly name: string
  readonly ref: RepositoryRef
  readonly private: boolean
  readonly api: Octokit
  /** Commits by tag name. */
  readonly tags: ReadonlyMap<string, string>
}

/** What is known of a repository, whatever the plugin. */
interface Repository extends AskedRepository {
  /** Releases, newest first, read until they are enough or there are no more. */
  readonly releases: (enough: (found: readonly ReleaseJson[]) => boolean) => Promise<readonly ReleaseJson[]>
}

function nameOf(source: string): string {
  const name = /^github:([A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+)(#.*)?$/.exec(source)?.[1]
  if (name === undefined) throw new CatalystError('INVALID_VALUE', `"${source}" is no source`, { hint: 'Write `source: github:owner/repository`.' })
  return name
}

/** What certificates call a repository, whatever the address under which it is asked: GitHub.com only for now. */
export const IDENTITY_SERVER = 'https://github.com'

async function openRepository(settings: GitHubSettings, name: string, signal: AbortSignal | undefined): Promise<Repository> {
  const api = await octokit(settings)
  const [owner = '', repo = ''] = name.split('/')
  const { data } = await asked(() => api.rest.repos.get({ owner, repo, ...abortable(signal) }), signal)
  // A renamed repository answers under its present name; its numeric ids say which one it is.
  if (!Number.isSafeInteger(data.id) || !Number.isSafeInteger(data.owner.id)) throw new TypeError('a repository has no numeric ids')
  const ref = { url: `${IDENTITY_SERVER}/${data.full_name}`, id: data.id, ownerId: data.owner.id }
  const releases = releasePages(api, data.full_name, signal)
  const [tags] = await Promise.all([tagsOf(settings, data.html_url, signal), releases((found) => found.length > 0)])
  return { name: data.full_name, ref, private: data.private, api, releases, tags }
}

/** The commits that the tags of a repository lead to, by tag name. git has no budget. @throws CatalystError FOREIGN_URL, SOURCE_UNREACHABLE, … */
export async function tagsOf(settings: GitHubSettings, htmlUrl: string, signal: AbortSignal | undefined): Promise<ReadonlyMap<string, string>> {
  const remote = { url: `${inside(htmlUrl, settings.webUrl)}.git`, http: settings.http, credentials: credentialsOf(settings), signal, ...retriesOf(settings) }
  const refs = await remoteRefs(remote, 'refs/tags/')
  return new Map(refs.map((tag) => [tag.ref.slice('refs/tags/'.length), tag.peeled ?? tag.oid]))
}

/** Reads releases page by page, newest first, and no further than was needed by any plugin yet. */
function releasePages(api: Octokit, name: string, signal: AbortSignal | undefined): Repository['releases'] {
  const [owner = '', repo = ''] = name.split('/')
  const pages = api.paginate.iterator(api.rest.repos.listReleases, { owner, repo, per_page: 30, ...abortable(signal) })[Symbol.asyncIterator]()
  const found: ReleaseJson[] = []
  let [left, turn] = [MAX_PAGES, Promise.resolve()]
  const readUntil = async (enough: (found: readonly ReleaseJson[]) => boolean): Promise<void> => {
    while (left > 0 && !enough(found)) {
      const page = await asked(() => pages.next(), signal)
      left = page.done ? 0 : left - 1
      if (!page.done) found.push(...page.value.data)
    }
  }
  return async (enough) => {
    const read = turn.then(() => readUntil(enough))
    turn = read.catch(() => undefined)
    await read
    return found
  }
}

async function releasesOf(settings: GitHubSettings, repository: Repository, id: string, signal: AbortSignal | undefined): Promise<readonly FoundRelease[]> {
  const releases = await repository.releases((found) => chooseReleases(found, id, MAX_RELEASES).complete.length === MAX_RELEASES)
  const { complete, lacking } = chooseReleases(releases, id, MAX_RELEASES)
  const first = lacking[0]
  if (complete.length === 0 && first) throw new CatalystError('ASSET_MISSING', `Release ${first.tag} of ${repository.ref.url} has no asset ${first.asset}`)
  const found = await Promise.all(complete.map((release) => foundRelease(settings, repository, release, signal)))
  return found.filter((release) => release !== undefined)
}

/** Where a release's files are and what its tag points to. Undefined for one whose tag is gone: nothing says any more what it was built from. */
export async function foundRelease(settings: GitHubSettings, repository: AskedRepository, release: PluginRelease, signal: AbortSignal | undefined): Promise<FoundRelease | undefined> {
  const commit = repository.tags.get(release.tag)
  if (commit === undefined) return undefined
  const { version, tag, publishedAt } = release
  const url = addressOf(settings, repository, release.artifact)
  const digest = digestOf(release.artifact) ?? (await learnDigest(settings, release.artifact, url, signal))
  const bundle = release.bundle ? assetBundle(settings, repository, release.bundle) : await attestedBundle(settings, repository, { digest, tag }, signal)
  return { version, repository: repository.ref, tag, commit, artifact: { url, size: release.artifact.size, sha256: digest }, ...(bundle ? { bundle } : {}), publishedAt }
}

/** Where this asset is downloaded. Public ones need no API; private ones are served by nothing else. */
function addressOf(settings: GitHubSettings, repository: AskedRepository, asset: AssetJson): string {
  return repository.private ? inside(asset.url, settings.apiUrl) : inside(asset.browser_download_url, settings.webUrl)
}

function assetBundle(settings: GitHubSettings, repository: AskedRepository, asset: AssetJson): NonNullable<FoundRelease['bundle']> {
  const digest = digestOf(asset)
  return { url: addressOf(settings, repository, asset), ...(digest ? { sha256: digest } : {}) }
}

function digestOf(asset: AssetJson): Digest | undefined {
  return new RegExp(DIGEST_PATTERN).test(asset.digest ?? '') ? (asset.digest as Digest) : undefined
}

/** GitHub keeps no digest of assets from before June 2025: such a one is downloaded, into the cache, where it is needed next. */
async function learnDigest(settings: GitHubSettings, asset: AssetJson, url: string, signal: AbortSignal | undefined): Promise<Digest> {
  const files = downloads({ cacheDir: settings.cacheDir, http: settings.http, credentials: credentialsOf(settings), ...retriesOf(settings) })
  return sha256(await files.fetch({ url, size: asset.size, maxBytes: LIMITS.artifactMaxBytes }, signal ? { signal } : {}))
}

/** The bundle of an artifact from the attestations API; undefined when it has none. */
async function attestedBundle(settings: GitHubSettings, repository: AskedRepository, wanted: { digest: Digest; tag: string }, signal: AbortSignal | undefined): Promise<FoundRelease['bundle']> {
  const [owner = '', repo = ''] = repository.name.split('/')
  const attestations = await asked(() => repository.api.rest.repos.listAttestations({ owner, repo, subject_digest: wanted.digest, predicate_type: 'provenance', per_page: MAX_ATTESTATIONS, ...abortable(signal) }), signal).then(
    ({ data }) => data.attestations ?? [],
    (error: unknown) => (error instanceof CatalystError && error.code === 'NOT_FOUND' ? [] : Promise.reject(error)),
  )
  const bundles = await Promise.all(attestations.slice(0, MAX_ATTESTATIONS).map((attestation) => bundleBytes(settings, attestation, signal)))
  const bytes = chooseProvenance(bundles.filter((bundle) => bundle !== undefined), wanted.tag)
  return bytes && { url: `${settings.apiUrl}/repos/${repository.name}/attestations/${wanted.digest}`, sha256: sha256(bytes), bytes }
}

/** A bundle that is in the answer, or compressed at an address without our token; undefined for one that is not fit to be read. */
async function bundleBytes(settings: GitHubSettings, { bundle, bundle_url: url }: { bundle?: unknown; bundle_url?: string | undefined }, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
  if (bundle) return Buffer.from(JSON.stringify(bundle))
  if (!url) return undefined
  const limits = { maxBytes: LIMITS.bundleMaxBytes, signal }
  try {
    const body = await withRetries(async () => readBody(await settings.http.send({ url, ...limits }), limits), { ...DEFAULT_RETRIES, ...settings.retries }, signal)
    return decodeSnappyBundle(body, LIMITS.bundleMaxBytes)
  } catch (error) {
    // One spoiled attestation must not hide the other releases; an unreachable server still is an error.
    if (error instanceof CatalystError && UNFIT.has(error.code)) return undefined
    throw error
  }
}

/** The URL when it is where it belongs. @throws CatalystError FOREIGN_URL */
function inside(url: string, base: string): string {
  if (URL.canParse(url) && new URL(url).href.startsWith(`${base}/`)) return url
  throw new CatalystError('FOREIGN_URL', `GitHub's API names ${shownUrl(url)}, which is not below ${base}`)
}

/** GitHub's client over our own HTTP; loaded when it is first needed. */
export async function octokit(settings: GitHubSettings): Promise<Octokit> {
  const { Octokit: Client } = await import('octokit')
  const fetch = conditionalFetch({ ...settings, credentials: credentialsOf(settings), retries: settings.retries })
  const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
  // Waiting and trying again are done once for everything that we ask, in `retry.ts`.
  return new Client({ baseUrl: settings.apiUrl, request: { fetch }, retry: { enabled: false }, throttle: { enabled: false }, log: silent })
}

/** Our own error from within octokit, which wraps what its `fetch` throws; anything else means an answer of another shape than GitHub's. */
async function asked<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  try {
    return await work()
  } catch (error) {
    signal?.throwIfAborted()
    const cause = error instanceof Error ? error.cause : undefined
    if (cause instanceof CatalystError) throw cause
    throw error instanceof CatalystError ? error : new CatalystError('SOURCE_UNREACHABLE', `GitHub's API answers in a way that cannot be read: ${error instanceof Error ? error.message : ''}`, { cause: error })
  }
}

function abortable(signal: AbortSignal | undefined): { request?: { signal: AbortSignal } } {
  return signal ? { request: { signal } } : {}
}

function retriesOf(settings: GitHubSettings): { retries?: Partial<RetryPolicy> } {
  return settings.retries ? { retries: settings.retries } : {}
}

/** The token, for GitHub's own hosts alone. */
export function credentialsOf({ token, apiUrl, webUrl }: GitHubSettings) {
  return tokenFor(token, { apiUrl, webUrl })
}
