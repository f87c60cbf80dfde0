import type { Problem } from '../../schemas/errors.ts'
import type { IndexTree } from './index-tree.ts'
import { LASTS, PUBLISHED } from './layout.ts'
import { bytesOfEnvelope, expiryAfter, signatureState, SPEC_VERSION, type Envelope, type MetaFile, type RootSigned, type Signed, type Signer, type SnapshotSigned, type TimestampSigned } from './metadata.ts'
import { publishIndexBins } from './publish-index.ts'
import { publishPeoples } from './publish-people.ts'
import { readPublished, sweep, writeState, type Published } from './published.ts'
import { expiresWithin, metadataFile, signedBy, type Written } from './publish-files.ts'
import { sha256Hex } from './targets.ts'

/** What is published, by whom, and where to. */
export interface PublishOptions {
  readonly tree: IndexTree
  /** The folder that is served. */
  readonly folder: string
  /** The bot's keys: for the index's bins, the snapshot and the timestamp. */
  readonly signers: readonly Signer[]
  /** ISO 8601. */
  readonly now: string
  /** Paths that changed since the last publishing, from whoever wrote them; otherwise the tree is asked. */
  readonly changed?: readonly string[]
}

export interface PublishReport {
  /** Files that were written, as paths in the folder. */
  readonly written: readonly string[]
  readonly versions: { readonly root: number; readonly snapshot: number; readonly timestamp: number }
  /** When readers will refuse what is published, unless it is published again before. */
  readonly expires: string
  /** What could not be published yet, and why. All else was. */
  readonly problems: readonly Problem[]
}

/**
 * Publishes an index as a TUF repository (specification 1.0.31, consistent snapshots). What did not change keeps its
 * files; what is near its end is signed again. Files are replaced whole, contents first, then the metadata that names
 * them, the timestamp last: whoever reads meanwhile, and whoever comes after a crash, finds one whole state.
 * @throws CatalystError SIGNATURES_MISSING (exit 3) when people have not signed what there is no older version of,
 * KEY_INVALID for keys that may not sign, INDEX_INVALID, DISK_FULL, READ_ONLY; the published state stays as it was then
 */
export async function publishTuf(options: PublishOptions): Promise<PublishReport> {
  const { tree, folder, now } = options
  const before = await readPublished(folder)
  const changes = options.changed ? { paths: options.changed, all: false } : await tree.changedSince(before?.state.head)
  const peoples = await publishPeoples({ ...options, before, changes })
  const index = await publishIndexBins({ ...options, before, changes, targets: peoples.targets })
  const { snapshot, timestamp, written } = await sealed(options, before, peoples.root, [...peoples.written, ...index.written])
  const retired = await sweep(folder, [...(before?.state.retired ?? []), ...written.flatMap(({ replaces = [] }) => replaces.map((path) => ({ path, at: now })))], now)
  // What waits for signatures is looked at again the next time.
  const head = peoples.problems.length > 0 ? before?.state.head : tree.head
  await writeState(folder, { head, renewAt: index.renewAt, retired })
  return {
    written: written.flatMap(({ path }) => path),
    versions: { root: peoples.root.version, snapshot: snapshot.signed.version, timestamp: timestamp.signed.version },
    expires: [timestamp, snapshot].map((data) => data.signed.expires).sort()[0] ?? '',
    problems: peoples.problems,
  }
}

interface Seal {
  readonly snapshot: Envelope<SnapshotSigned>
  readonly timestamp: Envelope<TimestampSigned>
  readonly written: readonly Written[]
}

/** Snapshot and timestamp over what was written; those of before where they still hold. */
async function sealed({ folder, signers, now }: PublishOptions, before: Published | undefined, root: RootSigned, written: readonly Written[]): Promise<Seal> {
  const meta = { ...before?.snapshot.signed.meta, ...Object.fromEntries(written.flatMap(({ meta }) => (meta ? [meta] : []))) }
  const stands = <S extends Signed>(data: Envelope<S> | undefined, role: 'snapshot' | 'timestamp'): data is Envelope<S> =>
    data !== undefined && !expiresWithin(data.signed, LASTS[role].renewBelow, now) && signatureState(data, root.keys, root.roles[role]).missing === 0
  const changed = written.some((file) => file.meta !== undefined)
  const keepsSnapshot = !changed && stands(before?.snapshot, 'snapshot')
  const snapshot = keepsSnapshot && before ? before.snapshot : signedBy<SnapshotSigned>({ _type: 'snapshot', spec_version: SPEC_VERSION, version: next(before?.snapshot), expires: expiryAfter(now, LASTS.snapshot.days), meta }, signers, root.roles.snapshot)
  if (keepsSnapshot && before && stands(before.timestamp, 'timestamp')) return { snapshot, timestamp: before.timestamp, written }
  const files = [...written]
  if (!keepsSnapshot) files.push(await metadataFile(folder, 'snapshot', snapshot, before?.snapshot.signed.version))
  const timestamp = signedBy<TimestampSigned>({ _type: 'timestamp', spec_version: SPEC_VERSION, version: next(before?.timestamp), expires: expiryAfter(now, LASTS.timestamp.days), meta: { 'snapshot.json': metaFile(snapshot) } }, signers, root.roles.timestamp)
  files.push(await metadataFile(folder, PUBLISHED.timestamp, timestamp))
  return { snapshot, timestamp, written: files }
}

/** With length and digest: a snapshot is taken as it is or not at all (5.5.2). */
function metaFile(snapshot: Envelope<SnapshotSigned>): MetaFile {
  const bytes = bytesOfEnvelope(snapshot)
  return { version: snapshot.signed.version, length: bytes.length, hashes: { sha256: sha256Hex(bytes) } }
}

function next(data: Envelope<Signed> | undefined): number {
  return (data?.signed.version ?? 0) + 1
}
