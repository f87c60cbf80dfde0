import { join } from 'node:path'
import { writeWhole } from '../write-file.ts'
import { PUBLISHED, type LASTS } from './layout.ts'
import { bytesOfEnvelope, expiryAfter, signatureState, SPEC_VERSION, type Envelope, type MetaFile, type RootSigned, type Signed, type Signer, type SnapshotSigned, type TimestampSigned } from './metadata.ts'
import type { RootFile } from './people.ts'
import { expiresWithin, metadataFile, signedBy, type Written } from './publish-files.ts'
import type { Published } from './published.ts'
import { sha256Hex } from './targets.ts'

/** What is to be sealed: files that were written, over the state that was published before. */
export interface Sealing {
  readonly folder: string
  readonly signers: readonly Signer[]
  readonly now: string
  readonly before: Published | undefined
  readonly root: RootSigned
  /** Roots that are written once all is signed that they ask for, if they are not there. */
  readonly roots?: readonly RootFile[]
  readonly lasts: { readonly [role in 'snapshot' | 'timestamp']: { readonly days: number; readonly renewBelow: number } } | typeof LASTS
  readonly written: readonly Written[]
}

export interface Sealed {
  readonly snapshot: Envelope<SnapshotSigned>
  readonly timestamp: Envelope<TimestampSigned>
  /** What was written, with the files of the seal. */
  readonly written: readonly Written[]
}

/** Snapshot and timestamp over what was written, the timestamp last, new roots just before it; those of before where they still hold. No role ever leaves a snapshot (5.5.5). */
export async function seal({ folder, signers, now, before, root, roots = [], lasts, written }: Sealing): Promise<Sealed> {
  const meta = { ...before?.snapshot.signed.meta, ...Object.fromEntries(written.flatMap(({ meta }) => (meta ? [meta] : []))) }
  const stands = (data: Envelope<Signed>, role: 'snapshot' | 'timestamp'): boolean => !expiresWithin(data.signed, lasts[role].renewBelow, now) && signatureState(data, root.keys, root.roles[role]).missing === 0
  const same = before !== undefined && !written.some((file) => file.meta !== undefined) && stands(before.snapshot, 'snapshot')
  if (same && stands(before.timestamp, 'timestamp')) return { ...before, written: [...written, ...(await writeRoots(folder, roots))] }
  const snapshot = same ? before.snapshot : signedBy<SnapshotSigned>({ _type: 'snapshot', spec_version: SPEC_VERSION, version: next(before?.snapshot), expires: expiryAfter(now, lasts.snapshot.days), meta }, signers, root.roles.snapshot)
  const timestamp = signedBy<TimestampSigned>({ _type: 'timestamp', spec_version: SPEC_VERSION, version: next(before?.timestamp), expires: expiryAfter(now, lasts.timestamp.days), meta: { 'snapshot.json': metaFile(snapshot) } }, signers, root.roles.timestamp)
  const files = same ? [] : [await metadataFile(folder, 'snapshot', snapshot, before?.snapshot.signed.version)]
  return { snapshot, timestamp, written: [...written, ...files, ...(await writeRoots(folder, roots)), await metadataFile(folder, PUBLISHED.timestamp, timestamp)] }
}

/** Readers follow a root as soon as it is there. */
async function writeRoots(folder: string, roots: readonly RootFile[]): Promise<readonly Written[]> {
  const written: Written[] = []
  for (const { bytes, data } of roots) {
    const path = PUBLISHED.metadata('root', data.signed.version)
    if (await writeWhole(join(folder, path), bytes)) written.push({ path })
  }
  return written
}

/** With length and digest: a snapshot is taken as it is or not at all (5.5.2). */
function metaFile(snapshot: Envelope<SnapshotSigned>): MetaFile {
  const bytes = bytesOfEnvelope(snapshot)
  return { version: snapshot.signed.version, length: bytes.length, hashes: { sha256: sha256Hex(bytes) } }
}

function next(data: Envelope<Signed> | undefined): number {
  return (data?.signed.version ?? 0) + 1
}
