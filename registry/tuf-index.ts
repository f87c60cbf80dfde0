import { lstatSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { IndexSnapshot, IndexSource } from '../reconciler/ports.ts'
import { isFolderUrl } from '../schemas/artifact-urls.ts'
import { hexOf, sha256 } from '../schemas/digest.ts'
import { CatalystError } from '../schemas/errors.ts'
import { LIMITS } from '../schemas/limits.ts'
import { writeAtomically } from './atomic-write.ts'
import { diskError, systemCode } from './disk-errors.ts'
import { shownUrl } from './http-answer.ts'
import { indexSnapshot } from './index-snapshot.ts'
import type { Http } from './http.ts'
import { cachePaths, makePrivateFolder } from './paths.ts'
import { DEFAULT_RETRIES, type RetryPolicy } from './retry.ts'
import { tufProblem } from './tuf-errors.ts'
import { TufFetcher } from './tuf-fetcher.ts'
import { newestTargetsKeys, tufClient, type TargetFile, type TufClient } from './tuf-updater.ts'

/** A registry that is published as a TUF repository. */
export interface TufIndexSettings {
  readonly name: string
  /** `https://registry.example`; `http:` to this machine only. */
  readonly url: string
  /** Where index, artifacts and bundles are taken from in place of `url` and of the URLs in index lines. */
  readonly mirror?: string | undefined
  /** The root of the mirror's owner, who seals what the mirror holds: the file's path. It must name the registry's keys for the delegations. */
  readonly mirrorRoot?: string | undefined
  /** The pinned root of the registry: the file's path. Everything is proven from it, whatever the cache says. */
  readonly root: string
  readonly cacheDir: string
  /** How old an earlier copy may be when the server cannot be asked. */
  readonly maxAgeMs: number
  readonly http: Http
  /**
   * `any` takes an index that has expired: whoever applies has a lock that was reviewed, and its snapshots are the oldest
   * that are taken. Default: what expired is INDEX_STALE.
   */
  readonly age?: 'fresh' | 'any'
  /** Uses the earlier copy without asking. */
  readonly offline?: boolean
  /** Milliseconds since 1970. */
  readonly now?: () => number
  readonly retries?: Partial<RetryPolicy>
}

/** An index over HTTPS, signed: two small requests when nothing changed, then the files of the plugins that are asked for. */
export function tufIndex(settings: TufIndexSettings): IndexSource {
  const base = baseUrl(settings)
  return {
    registry: settings.name,
    locate: (url, copy) => located(settings, base, url, copy),
    open: async ({ signal }) => (await openTuf(settings, signal)).snapshot(),
  }
}

/** A refreshed repository, below its snapshot: for who copies it as it is. */
export interface OpenedTuf {
  readonly client: TufClient
  /** Holds the metadata that was proven: `<role>.json`, `roots/<n>.root.json`. */
  readonly dir: string
  readonly pinned: Buffer
  snapshot(): Promise<IndexSnapshot>
  /** The bytes of a file of the index, proven; undefined when there is none. */
  file(path: string): Promise<Uint8Array | undefined>
  /** An error of the client as people may read it. */
  problem(error: unknown): unknown
}

/** Asks for the newest state. @throws as `IndexSource.open` */
export async function openTuf(settings: TufIndexSettings, signal?: AbortSignal): Promise<OpenedTuf> {
  const base = baseUrl(settings)
  const registry = pinnedRoot(settings.root)
  const pinned = settings.mirror !== undefined && settings.mirrorRoot !== undefined ? pinnedRoot(settings.mirrorRoot) : registry
  const dir = cachePaths(settings.cacheDir).tuf(base, hexOf(sha256(pinned)))
  const { state, freshness } = await opened(settings, { base, dir, pinned, signal })
  if (pinned !== registry) await refuseOtherKeys(settings, state, { base, dir, registry })
  const file = fileReader(settings, state, dir)
  return { client: state.client, dir, pinned, file, snapshot: () => snapshot(settings, state, file, freshness), problem: (error) => tufProblem(error, settings.name, state.fetcher.failures) }
}

/**
 * The root of a mirror may say who seals; who signs delegations, and by them entries and lines, is the registry's root
 * alone to say. A newer one of the registry is found beside the index, in `upstream/`. @throws CatalystError INDEX_UNTRUSTED
 */
async function refuseOtherKeys({ name, root }: TufIndexSettings, { client, fetcher }: Refreshed, { base, dir, registry }: { base: string; dir: string; registry: Buffer }): Promise<void> {
  const named = client.targetsKeys()
  const none = async (): Promise<undefined> => undefined
  const at = (version: number): string => `${base}/upstream/${version}.root.json`
  const next = async (version: number): Promise<Buffer | undefined> => fetcher.rootIfThere(at(version))
  try {
    if (named === (await newestTargetsKeys(registry, none)) || named === (await newestTargetsKeys(registry, next, (version, bytes) => fetcher.keepRoot(at(version), bytes)))) return
  } catch (error) {
    if (!(error instanceof CatalystError)) forgetRoots(dir, fetcher)
    throw tufProblem(error, name, fetcher.failures)
  }
  throw new CatalystError('INDEX_UNTRUSTED', `registry ${name}: the root of its mirror names other keys for delegations than ${root}, the root of the registry`, { hint: 'Ask the owner of the mirror to mirror again; take nothing from it until then.' })
}

/** @throws CatalystError FOREIGN_URL, INVALID_VALUE */
function baseUrl({ name, url, mirror }: TufIndexSettings): string {
  const text = mirror ?? url
  const parsed = URL.canParse(text) ? new URL(text) : undefined
  if (!parsed || !/^https?:$/.test(parsed.protocol)) throw new CatalystError('INVALID_VALUE', `registry ${name}: ${text.slice(0, 200)} is no https: address`)
  if (parsed.username !== '' || parsed.password !== '' || parsed.search !== '' || parsed.hash !== '') throw new CatalystError('INVALID_VALUE', `registry ${name}: ${shownUrl(parsed)} must be an address without user name, query and fragment`)
  if (parsed.protocol === 'http:' && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(parsed.hostname)) throw new CatalystError('FOREIGN_URL', `registry ${name}: ${shownUrl(parsed)} is not encrypted; http: is taken to this machine only`, { hint: 'Write https:.' })
  return parsed.href.replace(/\/+$/, '')
}

/** Below a mirror everything lies by its digest; without one, `file:` names a file beside the index. */
function located(settings: TufIndexSettings, base: string, url: string, copy: Parameters<IndexSource['locate']>[1]): string {
  if (settings.mirror !== undefined) {
    if (!copy) throw new CatalystError('FOREIGN_URL', `registry ${settings.name} is read from a mirror, which has ${shownUrl(url)} only by its digest`)
    return copy.kind === 'artifact' ? `${base}/artifacts/${hexOf(copy.sha256)}.tgz` : `${base}/bundles/${hexOf(copy.sha256)}.sigstore.json`
  }
  if (isFolderUrl(url)) return `${base}/${url.slice('file:'.length)}`
  if (/^file:/i.test(url)) throw new CatalystError('FOREIGN_URL', `${settings.name} names ${url}, which is a file of this machine`)
  return url
}

/** @throws CatalystError TRUST_ROOT_INVALID */
function pinnedRoot(path: string): Buffer {
  try {
    const { size } = lstatSync(path)
    if (size > LIMITS.trustedRootMaxBytes) throw new CatalystError('TRUST_ROOT_INVALID', `${path} has ${size} bytes, which no TUF root has`)
    return readFileSync(path)
  } catch (error) {
    if (error instanceof CatalystError) throw error
    throw new CatalystError('TRUST_ROOT_INVALID', `${path}, the pinned root, cannot be read (${systemCode(error) ?? 'unknown reason'})`, { cause: error, hint: 'Get the root from the maintainers of the registry by a way that you trust, and commit it.' })
  }
}

interface Opening {
  readonly base: string
  readonly dir: string
  readonly pinned: Buffer
  readonly signal: AbortSignal | undefined
}

interface Refreshed {
  readonly client: TufClient
  readonly fetcher: TufFetcher
}

/** Fresh from the server; else, when it only could not be asked, the earlier copy within `maxAge`. */
async function opened(settings: TufIndexSettings, opening: Opening): Promise<{ readonly state: Refreshed; readonly freshness: IndexSnapshot['freshness'] }> {
  const nowMs = (settings.now ?? Date.now)()
  try {
    if (settings.offline) throw new CatalystError('SOURCE_UNREACHABLE', `${settings.name} was not asked, because we are offline`, { hint: 'Run the same command once where the network can be reached.' })
    const state = await refreshed(settings, opening, { offline: false, nowMs })
    noteAsked(opening.dir, nowMs)
    return { state, freshness: 'fresh' }
  } catch (error) {
    if (!(error instanceof CatalystError) || (error.code !== 'SOURCE_UNREACHABLE' && error.code !== 'RATE_LIMITED')) throw error
    const askedAt = lastAsked(opening.dir)
    if (askedAt === undefined) throw error
    if (nowMs - askedAt > settings.maxAgeMs || askedAt - nowMs > CLOCK_SLACK_MS) {
      throw new CatalystError('INDEX_STALE', `${settings.name} could not be asked (${error.message}), and its copy was last confirmed at ${new Date(askedAt).toISOString()}, which is longer ago than allowed`, { cause: error })
    }
    return { state: await refreshed(settings, opening, { offline: true, nowMs }), freshness: 'cached' }
  }
}

/** A clock that was set back by no more than this does not make a copy unusable. */
const CLOCK_SLACK_MS = 300_000

async function refreshed(settings: TufIndexSettings, { base, dir, pinned, signal }: Opening, { offline, nowMs }: { offline: boolean; nowMs: number }): Promise<Refreshed> {
  const fetcher = new TufFetcher({ dir, http: settings.http, retries: { ...DEFAULT_RETRIES, ...settings.retries }, offline, signal })
  try {
    makePrivateFolder(join(dir, 'files'))
    writeAtomically(join(dir, 'root.json'), pinned)
  } catch (error) {
    throw diskError(error, dir)
  }
  const client = trusting(() => tufClient({ dir, url: base, fetcher, at: settings.age === 'any' ? new Date(0) : new Date(nowMs) }), settings.root)
  try {
    await client.refresh()
    return { client, fetcher }
  } catch (error) {
    forgetRoots(dir, fetcher)
    signal?.throwIfAborted()
    throw tufProblem(error, settings.name, fetcher.failures)
  }
}

/** A root that was kept and does not hold must not be in the way the next time; what could not be fetched says nothing of it. */
function forgetRoots(dir: string, { failures }: TufFetcher): void {
  if (failures.length === 0) rmSync(join(dir, 'roots'), { recursive: true, force: true })
}

function trusting(make: () => TufClient, root: string): TufClient {
  try {
    return make()
  } catch (error) {
    throw new CatalystError('TRUST_ROOT_INVALID', `${root} is no TUF root that signs itself: ${error instanceof Error ? error.message : String(error)}`, { cause: error, hint: 'Take the root file that the maintainers of the registry published.' })
  }
}

function fileReader({ name }: TufIndexSettings, { client, fetcher }: Refreshed, dir: string): OpenedTuf['file'] {
  return async (path) => {
    try {
      const target = await client.find(path)
      return target && (await contentOf(client, target, { dir, name }))
    } catch (error) {
      throw tufProblem(error, name, fetcher.failures)
    }
  }
}

async function snapshot({ name }: TufIndexSettings, { client }: Refreshed, file: OpenedTuf['file'], freshness: IndexSnapshot['freshness']): Promise<IndexSnapshot> {
  const { snapshot: seen, lineage } = client.trusted()
  const here: Head = { lineage: lineage ?? 'tuf', version: seen.version, digest: (seen.sha256 ?? '').slice(0, 16) }
  return indexSnapshot({ registry: name, head: headText(here), freshness, file, descendsFrom: async (head) => descends(here, headFrom(head)), close: async () => undefined })
}

/** @throws CatalystError INDEX_INVALID for a file that is larger than files of an index are, or has no sha256 */
async function contentOf(client: TufClient, target: TargetFile, { dir, name }: { dir: string; name: string }): Promise<Uint8Array> {
  const digest = target.hashes['sha256']
  if (digest === undefined || !/^[0-9a-f]{64}$/.test(digest) || target.length > LIMITS.indexFileMaxBytes) throw new CatalystError('INDEX_INVALID', `${name}: ${target.path} is signed with ${digest === undefined ? 'no sha256' : `a length of ${target.length} bytes`}, which is not taken`)
  const file = join(dir, 'files', digest)
  const kept = readKept(file, digest)
  if (kept) return kept
  await client.download(target, file)
  const bytes = readKept(file, digest)
  if (!bytes) throw new CatalystError('SOURCE_UNREACHABLE', `${name}: the downloaded ${target.path} was altered on this disk`)
  return bytes
}

/** Hashed as it is read: others may write in a cache. */
function readKept(file: string, digest: string): Uint8Array | undefined {
  try {
    const bytes = readFileSync(file)
    return hexOf(sha256(bytes)) === digest ? bytes : undefined
  } catch {
    return undefined
  }
}

/** One state of an index, as the lock keeps it: whose history, and how far in it. */
interface Head {
  readonly lineage: string
  readonly version: number
  readonly digest: string
}

function headText({ lineage, version, digest }: Head): string {
  return `tuf:${lineage}:${version}:${digest}`
}

function headFrom(text: string): Head | undefined {
  const match = /^tuf:([A-Za-z0-9-]{1,40}):(\d{1,12}):([0-9a-f]{0,16})$/.exec(text)
  return match ? { lineage: match[1] ?? '', version: Number(match[2]), digest: match[3] ?? '' } : undefined
}

/** Versions only grow, and one version is one content. Another registry's history, or one of another kind, is a change of plugins.yaml. */
function descends(here: Head, known: Head | undefined): boolean {
  if (!known || known.lineage !== here.lineage) return true
  return here.version > known.version || (here.version === known.version && here.digest === known.digest)
}

function noteAsked(dir: string, nowMs: number): void {
  try {
    writeAtomically(join(dir, 'asked.json'), JSON.stringify({ askedAt: nowMs }))
  } catch {
    // A cache that cannot be written is of no use offline; online it is not needed.
  }
}

function lastAsked(dir: string): number | undefined {
  try {
    const { askedAt } = JSON.parse(readFileSync(join(dir, 'asked.json'), 'utf8')) as { askedAt?: unknown }
    return typeof askedAt === 'number' ? askedAt : undefined
  } catch {
    return undefined
  }
}
