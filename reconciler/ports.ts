import type { Authority } from '../schemas/authority.ts'
import type { Advisory, RemoteFile, RepositoryRef } from '../schemas/common.ts'
import type { Digest } from '../schemas/digest.ts'
import type { IndexLine } from '../schemas/index-line.ts'
import type { LockBlock, LockedSigner } from '../schemas/lock.ts'
import type { Manifest } from '../schemas/manifest.ts'
import type { Problem } from '../schemas/errors.ts'
import type { Removal } from './data-ports.ts'
import type { RegistryEntry, RegistryFile } from '../schemas/registry-entry.ts'

/*
 * What the reconciler needs of the outside world. It declares the shapes; `registry/`, `validator/`,
 * `reconciler/state` and `reconciler/store-db` provide them; `cli/compose.ts` joins the two.
 */

// ---- finding: indexes and direct sources ---------------------------------------------------------------------

/** One registry of plugins.yaml, opened: nothing in it changes any more while we read. */
export interface IndexSnapshot {
  readonly registry: string
  /** The git commit or the digest of the folder that was read. */
  readonly head: string
  /** `cached` = the registry could not be asked and an earlier copy within `maxAge` was used. */
  readonly freshness: 'fresh' | 'cached'
  readonly file: RegistryFile
  /** The reviewed entry, or undefined when the registry does not list the id. @throws CatalystError INDEX_INVALID */
  entry(id: string): Promise<RegistryEntry | undefined>
  /** Its released versions in file order, URLs as written; lines of an unknown `v` are left out. @throws CatalystError INDEX_INVALID */
  lines(id: string): Promise<readonly IndexLine[]>
  /** True when `head` is this snapshot's head or one of its ancestors. A folder has no history: always true. */
  descendsFrom(head: string): Promise<boolean>
  /** Releases what the snapshot holds. */
  close(): Promise<void>
}

/** What is fetched: mirrors name it by that. */
export interface CopyOf {
  readonly kind: 'artifact' | 'bundle'
  readonly sha256: Digest
}

/** Where a URL of a lock block or candidate really is; blocks of no registry keep their URLs. @throws as `IndexSource.locate`, UNKNOWN_REGISTRY */
export type Locate = (registry: string | undefined, url: string, copy: CopyOf) => string

/** A registry that can be opened. @throws CatalystError SOURCE_UNREACHABLE, INDEX_REWRITTEN, INDEX_STALE, INDEX_INVALID */
export interface IndexSource {
  readonly registry: string
  /**
   * Where a URL of an index line is on this machine: a folder registry's lines say `file:artifacts/x.tgz`, relative to
   * the folder, so that lines and locks are the same on every machine; other URLs are returned as they are. Needs no
   * network and no open. A registry that is read from a mirror has everything there by its digest: `copy` says which.
   * @throws CatalystError FOREIGN_URL for a path that leaves the folder
   */
  locate(url: string, copy?: CopyOf): string
  open(options: { readonly signal?: AbortSignal }): Promise<IndexSnapshot>
}

/** A release found at a direct `source:`, before its package was inspected. Newest first, at most five. */
export interface FoundRelease {
  readonly version: string
  readonly repository: RepositoryRef
  readonly tag: string
  readonly commit: string
  readonly artifact: RemoteFile
  /** Absent when the release has no bundle asset and no attestation. */
  readonly bundle?: { readonly url: string; readonly sha256?: Digest; readonly bytes?: Uint8Array }
  readonly publishedAt: string
}

/** GitHub repositories named by `source: github:owner/repo[#path]`. */
export interface ReleaseSource {
  /** @throws CatalystError SOURCE_UNREACHABLE, RATE_LIMITED, UNAUTHORIZED, NOT_FOUND, ASSET_MISSING */
  releases(source: string, id: string, options: { readonly signal?: AbortSignal }): Promise<readonly FoundRelease[]>
}

// ---- fetching ------------------------------------------------------------------------------------------------

/** A file to have on this machine; its digest is known beforehand, or learned when `sha256` is absent (bundles of direct sources). */
export interface FetchRequest {
  readonly url: string
  readonly sha256?: Digest
  readonly size?: number
  readonly maxBytes: number
}

/** Downloads into the machine's cache while hashing; the cache is re-hashed at every read. */
export interface ArtifactSource {
  /**
   * The bytes of a file, from the cache when it has them, else from its URL (`https:`, `http:`, `file:`).
   * @throws CatalystError SOURCE_UNREACHABLE, RATE_LIMITED, NOT_FOUND, DIGEST_MISMATCH, SIZE_MISMATCH, FOREIGN_URL, DISK_FULL
   */
  fetch(request: FetchRequest, options: { readonly signal?: AbortSignal; readonly offline?: boolean }): Promise<Uint8Array>
}

// ---- proving -------------------------------------------------------------------------------------------------

export type { Authority } from '../schemas/authority.ts'

/** One release to prove. */
export interface ProofRequest {
  readonly artifactDigest: Digest
  readonly bundle: Uint8Array
  readonly authority: Authority
  readonly tag: string
  readonly commit: string
}

/** What a proof tells. `publishedAt` is the verified log or timestamp-authority time. */
export interface Proof {
  readonly signer: Extract<LockedSigner, { kind: 'provenance' }>
  readonly repository: RepositoryRef
  readonly commit: string
  readonly publishedAt: string
}

/** Proves releases, or refuses. Offline. Verdicts are remembered by digest. */
export interface Verifier {
  /** @throws CatalystError BUNDLE_INVALID, SIGNATURE_INVALID, PROVENANCE_MISSING, SUBJECT_MISMATCH, IDENTITY_MISMATCH, IDENTITY_EMPTY, TRUST_ROOT_INVALID */
  verify(request: ProofRequest): Promise<Proof>
  /** Checks everything but the identity and tells whose it is: what `lock` prints to paste. Never counts as verified. */
  observe(request: Omit<ProofRequest, 'authority'> & { readonly profile: string }): Promise<Proof>
}

// ---- inspecting and unpacking --------------------------------------------------------------------------------

/** A package read safely in memory: nothing was written anywhere. */
export interface InspectedPackage {
  readonly treeDigest: Digest
  readonly manifest: Manifest
  readonly manifestDigest: Digest
  readonly configSchema: Digest | undefined
  readonly migrations: LockBlock['migrations']
  /** Findings of the validator's rules; severity error refuses. */
  readonly findings: readonly Problem[]
}

export interface Packages {
  /** @throws CatalystError ARCHIVE_*, MANIFEST_* */
  inspect(archive: Uint8Array, file: string): Promise<InspectedPackage>
  /** Unpacks into `target` (which does not exist yet) read-only and complete, or not at all; the tree digest must be `tree`. @throws CatalystError ARCHIVE_*, TREE_MISMATCH, DISK_FULL, READ_ONLY */
  unpack(archive: Uint8Array, tree: Digest, target: string): Promise<void>
  /** Files that differ from the digest, empty when the unpacked tree is whole. */
  damage(target: string, tree: Digest): Promise<readonly string[]>
}

// ---- deciding: candidates ------------------------------------------------------------------------------------

/** A version that exists and could be chosen. */
export interface Candidate {
  readonly id: string
  readonly version: string
  readonly registry?: string | undefined
  readonly source?: string | undefined
  readonly repository: RepositoryRef
  readonly tag: string
  readonly commit: string
  readonly artifact: RemoteFile
  readonly bundle?: { readonly url: string; readonly sha256: Digest; readonly size?: number | undefined } | undefined
  readonly manifest?: Digest | undefined
  readonly dependencies: Readonly<Record<string, string>>
  readonly conflicts: Readonly<Record<string, string>>
  readonly platform?: string | undefined
  readonly permissions: IndexLine['permissions']
  readonly publishedAt: string
  readonly yanked?: { readonly reason: string } | undefined
  readonly advisories: readonly Advisory[]
  /** Absent: nobody outside the lock has said who may sign (a direct source without `signer:`). */
  readonly authority?: Authority | undefined
  readonly snapshot?: { readonly registry: string; readonly head: string } | undefined
}

// ---- the store -----------------------------------------------------------------------------------------------

/** What is recorded of one installed plugin, in the store's own database. */
export interface InstallRecord {
  readonly id: string
  readonly block: LockBlock
  readonly enabled: boolean
  readonly configDigest: Digest
  /** The config as plugins.yaml wrote it, references not resolved: what a backup of it holds. Absent in records of versions that did not keep it. */
  readonly config?: Readonly<Record<string, unknown>> | undefined
  /** Keyed digest over the values that the config referred to when this was applied; absent when it refers to none. */
  readonly references?: string | undefined
  readonly grantDigest: Digest
  /** The grant itself: what the host will enforce. */
  readonly grant: IndexLine['permissions']
  readonly installedAt: string
  readonly updatedAt: string
}

/** A plugin that was removed: code is pinned, everything else is kept and listed. */
export interface RetainedRecord {
  readonly id: string
  readonly block: LockBlock
  readonly removedAt: string
  readonly generation: number
  /** What was decided and what became of it. Absent in records of versions that kept everything. */
  readonly removal?: Removal
}

/**
 * A rejected change that must not come back by itself. `from` is the state that was rolled back, `to` the one that
 * it was rolled back to: `stateDigest` of reconciler/plan/sides.ts, or `absent` when the plugin was not installed.
 */
export interface Hold {
  readonly id: string
  readonly from: Digest | 'absent'
  readonly fromVersion: string | undefined
  /** The tree that was rolled back, when it was code that was left: it stays held whatever its config or grant becomes. */
  readonly fromTree?: Digest | undefined
  readonly to: Digest | 'absent'
  readonly toVersion: string | undefined
  readonly since: string
  /** The change was not rolled back: it failed with this code, and the next try would be the same one. With `from` equal to `to` it is live, and its last migrations failed. */
  readonly failed?: string | undefined
}

/** One moment in which a generation went live. */
export interface Activation {
  readonly number: number
  readonly generation: number
  readonly at: string
  readonly by: string
  readonly reason: string
}

/** One installed set: exactly these records. A plugin that is switched off belongs to it, its tree is not live. */
export interface GenerationRecord {
  readonly number: number
  readonly createdAt: string
  readonly plugins: Readonly<Record<string, { readonly version: string; readonly tree: Digest; readonly record: InstallRecord }>>
}

export interface AuditRecord {
  readonly sequence: number
  readonly at: string
  readonly by: string
  readonly event: string
  readonly id: string | undefined
  readonly details: Readonly<Record<string, unknown>>
  /** sha256 over the previous chain value and this record: an altered record breaks every later one. */
  readonly chain: Digest
}

/** Everything that the store's database says, read in one transaction. */
export interface StoreSnapshot {
  readonly serial: number
  readonly installs: readonly InstallRecord[]
  readonly retained: readonly RetainedRecord[]
  readonly holds: readonly Hold[]
  readonly generation: GenerationRecord | undefined
  readonly generations: readonly GenerationRecord[]
  readonly activations: readonly Activation[]
}

/** The new truth after an activation, written in one transaction that also raises the serial. */
export interface StoreCommit {
  /** Recorded when its number is new; an activation is recorded when it was not the one that is live. */
  readonly generation: GenerationRecord
  readonly activation: Omit<Activation, 'number' | 'generation'>
  /** All that is installed now. What is installed is not retained any more. */
  readonly installs: readonly InstallRecord[]
  /** Retained from now on, beside those that are already. */
  readonly removed: readonly RetainedRecord[]
  /** When given, all that were retained before are replaced by these: how a removal goes on, and ends. */
  readonly retainedNow?: readonly RetainedRecord[] | undefined
  /** All holds that stand now. */
  readonly holds: readonly Hold[]
  readonly audit: readonly Omit<AuditRecord, 'sequence' | 'chain' | 'at' | 'by'>[]
  /** The fencing token of the lease under which this is written; another holder's commit is refused. */
  readonly token: number
}

export interface Lease {
  readonly holder: string
  readonly token: number
  readonly since: string
  readonly expiresAt: string
}

/** The store's own database, SQLite or PostgreSQL. Times are arguments: the port has no clock. */
export interface StoreState {
  /** One cheap query: changes whenever anything recorded changes. 0 for a store without records. */
  serial(): Promise<number>
  read(): Promise<StoreSnapshot>
  /** @throws CatalystError LEASE_LOST when the token is not the newest one; nothing is written then. */
  commit(commit: StoreCommit, now: string): Promise<{ readonly serial: number; readonly auditHead: Digest }>
  /** @throws CatalystError BUSY with the present holder while its lease has not expired. */
  acquireLease(holder: string, now: string, ttlMs: number): Promise<Lease>
  /** @throws CatalystError LEASE_LOST */
  renewLease(lease: Lease, now: string, ttlMs: number): Promise<Lease>
  releaseLease(lease: Lease): Promise<void>
  lease(now: string): Promise<Lease | undefined>
  /** Takes the lease away whoever holds it: the next commit of that holder is refused. */
  breakLease(now: string, by: string): Promise<void>
  audit(options: { readonly limit: number }): Promise<readonly AuditRecord[]>
  /**
   * 32 random bytes in hex, made with the tables and never changed: under it values that must not be recorded are compared.
   * Undefined for a store without tables. It is in no snapshot, record or output.
   */
  referenceKey(): Promise<string | undefined>
  close(): Promise<void>
}

// ---- probing -------------------------------------------------------------------------------------------------

/** A plugin whose tree, proven to be `tree`, lies at `dir`. Plugins of one `publisher` (proven, not claimed) may be started in one process; without it a plugin is started alone. */
export interface ProbedPlugin {
  readonly id: string
  readonly version: string
  readonly dir: string
  readonly tree: Digest
  readonly main: string
  readonly type: string
  readonly publisher?: string | undefined
}

/** Starts new code in the weakest level of the host and asks for its health. */
export interface Probe {
  /** @throws CatalystError PROBE_FAILED with what the plugin printed, cut and made printable. */
  run(plugin: ProbedPlugin, options: { readonly signal?: AbortSignal }): Promise<void>
  /** Tells who will perhaps be asked for soon, so that starting their code can be prepared. Their folders need not be there yet, the folder around them must. */
  expect?(plugins: readonly ProbedPlugin[]): Expectation
}

export interface Expectation {
  /** All who come have come. */
  end(): void
}

// ---- telling -------------------------------------------------------------------------------------------------

/** Progress of long work. Rendering decides what becomes of it. */
export interface ProgressEvent {
  readonly stage: 'index' | 'resolve' | 'fetch' | 'verify' | 'inspect' | 'stage' | 'probe' | 'activate' | 'record' | 'recover'
  readonly id?: string
  readonly done?: number
  readonly total?: number
  readonly bytes?: number
  readonly message?: string
}
export type Progress = (event: ProgressEvent) => void
