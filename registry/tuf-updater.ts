import { Updater, type Fetcher, type TargetFile } from 'tuf-js'
import { DownloadHTTPError } from 'tuf-js/dist/error.js'
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

/** What the library keeps to itself: it takes the machine's clock, and tells no versions. */
interface Inside {
  readonly trustedSet: {
    referenceTime: Date
    readonly root: { readonly signed: { readonly unrecognizedFields: Readonly<Record<string, unknown>> } }
    readonly snapshot: { readonly signed: { readonly version: number } } | undefined
    readonly timestamp: { readonly signed: { readonly snapshotMeta: { readonly hashes?: Readonly<Record<string, string>> } } } | undefined
  }
}

/** @throws Error of the library when the pinned root is none, or is not signed by itself */
export function tufClient({ dir, url, fetcher, at }: TufClientOptions): TufClient {
  const updater = new Updater({ metadataDir: dir, metadataBaseUrl: `${url}/metadata`, targetDir: dir, targetBaseUrl: `${url}/targets`, fetcher, config: LIMITS_OF_METADATA })
  const inside = (updater as unknown as Inside).trustedSet
  inside.referenceTime = at
  return {
    refresh: () => updater.refresh(),
    trusted() {
      const { snapshot, timestamp, root } = inside
      if (!snapshot || !timestamp) throw new Error('trusted before it was refreshed')
      const lineage = root.signed.unrecognizedFields['x-catalyst-lineage']
      return { snapshot: { version: snapshot.signed.version, sha256: timestamp.signed.snapshotMeta.hashes?.['sha256'] }, lineage: typeof lineage === 'string' ? lineage : undefined }
    },
    find: (path) => updater.getTargetInfo(path),
    download: async (target, file) => void (await updater.downloadTarget(target, file)),
  }
}

/** How the library is told that there is no newer root (5.3.3). */
export function noSuchFile(cause: CatalystError): Error {
  return Object.assign(new DownloadHTTPError(cause.message, 404), { cause })
}
