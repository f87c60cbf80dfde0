import { Updater, type Fetcher, type TargetFile } from 'tuf-js'
import { DownloadHTTPError } from 'tuf-js/dist/error.js'
import { TrustedMetadataStore } from 'tuf-js/dist/store.js'
import { canonicalJson } from '../schemas/digest.ts'
import type { CatalystError } from '../schemas/errors.ts'

/* The door to tuf-js, TUF's client workflow (specification 1.0.31, section 5). */

export type { Fetcher, TargetFile }

/** Limits of one file of metadata in bytes: a snapshot names some 500 bins, a bin holds some 500 files. */
const LIMITS_OF_METADATA = { maxRootRotations: 64, maxDelegations: 8, rootMaxLength: 256_000, timestampMaxLength: 16_384, snapshotMaxLength: 1_000_000, targetsMaxLength: 1_000_000 } as const

/** What the client knows once it has refreshed: its versions, proven. */
export interface Trusted {
  readonly snapshot: { readonly version: number; readonly sha256: string | undefined }
  readonly lineage: string | undefined
}

/** Asks for one state of a repository: `refresh` once, then any number of files. */
export interface TufClient {
  refresh(): Promise<void>
  trusted(): Trusted
  /** Which keys, and how many, must sign the top-level delegations: equal texts are equal keys. */
  targetsKeys(): string
  /** The paths that a role names, once its metadata is proven; its file is kept in the folder then. `parent` delegates to it. */
  paths(role: string, parent: string): Promise<readonly string[]>
  find(path: string): Promise<TargetFile | undefined>
  /** Downloads into `file`, which then has the length and digest that were signed. */
  download(target: TargetFile, file: string): Promise<void>
}

export interface TufClientOptions {
  /** Holds `root.json`, the pinned one; the rest is kept here too. Not trusted: all of it is proven again. */
  readonly dir: string
  readonly url: string
  readonly fetcher: Fetcher
  /** At which moment metadata must not have expired. */
  readonly at: Date
}

/** What the library keeps to itself: it takes the machine's clock, tells no versions, and loads a role only for a path. */
interface Inside {
  loadTargets(role: string, parent: string): Promise<{ readonly signed: { readonly targets: Readonly<Record<string, unknown>> } }>
  readonly trustedSet: {
    referenceTime: Date
    readonly root: { readonly signed: RootInside }
    readonly snapshot: { readonly signed: { readonly version: number } } | undefined
    readonly timestamp: { readonly signed: { readonly snapshotMeta: { readonly hashes?: Readonly<Record<string, string>> } } } | undefined
  }
}

interface RootInside {
  readonly version: number
  readonly unrecognizedFields: Readonly<Record<string, unknown>>
  readonly keys: Readonly<Record<string, { toJSON(): unknown }>>
  readonly roles: Readonly<Record<string, { readonly keyIDs: readonly string[]; readonly threshold: number }>>
}

/**
 * The same as `targetsKeys` of the newest root that can be reached from a pinned one: each must be signed by the one
 * before it (5.3). `next` gives the root of a version, undefined when there is none; `proven` hears of each that was taken.
 * @throws Error of the library
 */
export async function newestTargetsKeys(pinned: Buffer, next: (version: number) => Promise<Buffer | undefined>, proven?: (version: number, bytes: Buffer) => void): Promise<string> {
  const store = new TrustedMetadataStore(pinned)
  for (let bytes; (bytes = await next(store.root.signed.version + 1)); ) {
    store.updateRoot(bytes)
    proven?.(store.root.signed.version, bytes)
  }
  return targetsKeysOf(store.root.signed as RootInside)
}

function targetsKeysOf({ roles, keys }: RootInside): string {
  const { keyIDs = [], threshold = 0 } = roles['targets'] ?? {}
  return canonicalJson({ threshold, keys: Object.fromEntries(keyIDs.map((id) => [id, keys[id]?.toJSON() ?? null])) })
}

/** @throws Error of the library when the pinned root is none, or is not signed by itself */
export function tufClient({ dir, url, fetcher, at }: TufClientOptions): TufClient {
  const updater = new Updater({ metadataDir: dir, metadataBaseUrl: `${url}/metadata`, targetDir: dir, targetBaseUrl: `${url}/targets`, fetcher, config: LIMITS_OF_METADATA })
  const library = updater as unknown as Inside
  const inside = library.trustedSet
  inside.referenceTime = at
  return {
    refresh: () => updater.refresh(),
    trusted() {
      const { snapshot, timestamp, root } = inside
      if (!snapshot || !timestamp) throw new Error('trusted before it was refreshed')
      const lineage = root.signed.unrecognizedFields['x-catalyst-lineage']
      return { snapshot: { version: snapshot.signed.version, sha256: timestamp.signed.snapshotMeta.hashes?.['sha256'] }, lineage: typeof lineage === 'string' ? lineage : undefined }
    },
    targetsKeys: () => targetsKeysOf(inside.root.signed),
    paths: async (role, parent) => Object.keys((await library.loadTargets(role, parent)).signed.targets),
    find: (path) => updater.getTargetInfo(path),
    download: async (target, file) => void (await updater.downloadTarget(target, file)),
  }
}

/** How the library is told that there is no newer root (5.3.3). */
export function noSuchFile(cause: CatalystError): Error {
  return Object.assign(new DownloadHTTPError(cause.message, 404), { cause })
}
