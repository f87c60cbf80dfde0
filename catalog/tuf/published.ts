import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CatalystError } from '../../schemas/errors.ts'
import { bytesOf, writeWhole } from '../write-file.ts'
import { PUBLISHED } from './layout.ts'
import { readMetadata, type Envelope, type SnapshotSigned, type TargetsSigned, type TimestampSigned } from './metadata.ts'

/* The published folder as the last publishing left it. It is our own: versions are taken from it, trust is not. */

export interface Published {
  readonly timestamp: Envelope<TimestampSigned>
  readonly snapshot: Envelope<SnapshotSigned>
  readonly state: PublishedState
}

export interface PublishedState {
  /** The commit that was published last. */
  readonly head?: string | undefined
  /** The earliest moment at which some bin must be signed again. */
  readonly renewAt?: string | undefined
  /** Files that nothing names any more, and since when: readers in the middle still want them. */
  readonly retired: readonly { readonly path: string; readonly at: string }[]
}

/** Undefined when nothing was published there yet. @throws CatalystError INDEX_INVALID for a folder that is damaged */
export async function readPublished(folder: string): Promise<Published | undefined> {
  const bytes = await bytesOf(join(folder, PUBLISHED.timestamp))
  if (!bytes) return undefined
  const timestamp = readMetadata<TimestampSigned>('timestamp', bytes, PUBLISHED.timestamp)
  const path = PUBLISHED.metadata('snapshot', timestamp.signed.meta['snapshot.json'].version)
  const snapshot = await bytesOf(join(folder, path))
  if (!snapshot) throw new CatalystError('INDEX_INVALID', `${join(folder, path)} is missing, but ${PUBLISHED.timestamp} names it`, { hint: 'Publish into an empty folder.' })
  return { timestamp, snapshot: JSON.parse(snapshot.toString()) as Envelope<SnapshotSigned>, state: await readState(folder) }
}

/** The published metadata of a role in the version that the snapshot names. Undefined when it has none. */
export async function publishedRole(folder: string, published: Published | undefined, role: string): Promise<Envelope<TargetsSigned> | undefined> {
  const version = published?.snapshot.signed.meta[`${role}.json`]?.version
  const bytes = version === undefined ? undefined : await bytesOf(join(folder, PUBLISHED.metadata(role, version)))
  return bytes && (JSON.parse(bytes.toString()) as Envelope<TargetsSigned>)
}

export async function writeState(folder: string, state: PublishedState): Promise<void> {
  await writeWhole(join(folder, PUBLISHED.state), Buffer.from(`${JSON.stringify({ v: 1, ...state })}\n`))
}

/** It only saves work: without it, or with one that cannot be read, everything is looked at. */
async function readState(folder: string): Promise<PublishedState> {
  const bytes = await bytesOf(join(folder, PUBLISHED.state))
  try {
    return bytes ? (JSON.parse(bytes.toString()) as PublishedState) : { retired: [] }
  } catch {
    return { retired: [] }
  }
}

export async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
