import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { CatalystError } from '../../schemas/errors.ts'
import { bytesOf } from '../write-file.ts'
import { LASTS, PUBLISHED } from './layout.ts'
import { envelope, expiryAfter, readMetadata, SPEC_VERSION, type RoleKeys, type RootSigned, type Signer } from './metadata.ts'
import { expiresWithin, metadataFile } from './publish-files.ts'

interface MirrorRootOptions {
  readonly folder: string
  /** The registry's root, proven. */
  readonly upstream: RootSigned
  readonly signer: Signer
  readonly now: string
}

/**
 * The root of a mirror: its owner's key for root, snapshot and timestamp; the registry's keys for the delegations, below
 * which everything is signed by the registry. A new version when the registry's keys changed, or the old one ends soon.
 * @throws CatalystError KEY_INVALID when the folder has a root of another key
 */
export async function mirrorRoot({ folder, upstream, signer, now }: MirrorRootOptions): Promise<{ readonly root: RootSigned; readonly written: readonly string[] }> {
  const old = await newestRoot(folder)
  if (old && !old.roles.root.keyids.includes(signer.keyid)) throw new CatalystError('KEY_INVALID', `${folder} has a root of another key`, { hint: 'Use the key that the mirror was made with, or mirror into an empty folder.' })
  const own: RoleKeys = { keyids: [signer.keyid], threshold: 1 }
  const { targets } = upstream.roles
  if (old && sameRole(old.roles.targets, targets) && !expiresWithin(old, LASTS.root.renewBelow, now)) return { root: old, written: [] }
  const root: RootSigned = {
    _type: 'root', spec_version: SPEC_VERSION, version: (old?.version ?? 0) + 1, expires: expiryAfter(now, LASTS.root.days), consistent_snapshot: true,
    'x-catalyst-lineage': old?.['x-catalyst-lineage'] ?? randomUUID(),
    keys: { [signer.keyid]: signer.key, ...Object.fromEntries(targets.keyids.flatMap((id) => (upstream.keys[id] ? [[id, upstream.keys[id]]] : []))) },
    roles: { root: own, targets: { keyids: targets.keyids, threshold: targets.threshold }, snapshot: own, timestamp: own },
  }
  const { path } = await metadataFile(folder, 'root', envelope(root, [signer]))
  return { root, written: [path] }
}

async function newestRoot(folder: string): Promise<RootSigned | undefined> {
  let newest: RootSigned | undefined
  for (let version = 1; ; version++) {
    const path = PUBLISHED.metadata('root', version)
    const bytes = await bytesOf(join(folder, path))
    if (!bytes) return newest
    newest = readMetadata<RootSigned>('root', bytes, path).signed
  }
}

function sameRole(a: RoleKeys, b: RoleKeys): boolean {
  return a.threshold === b.threshold && [...a.keyids].sort().join() === [...b.keyids].sort().join()
}
