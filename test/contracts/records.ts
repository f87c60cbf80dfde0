import { digestOf, sha256, type Digest } from '../../schemas/digest.ts'
import { entryDigest, type LockBlock } from '../../schemas/lock.ts'
import { NO_PERMISSIONS } from '../../schemas/permissions.ts'
import { DEFAULT_UNINSTALL } from '../../schemas/common.ts'
import type { GenerationRecord, InstallRecord } from '../../reconciler/ports.ts'

/** Records that are valid by default; a test states only what is odd. */

export const T0 = '2026-11-22T12:00:00.000Z'

/** `T0` and so many seconds. */
export function at(seconds: number): string {
  return new Date(Date.parse(T0) + seconds * 1000).toISOString()
}

export function lockBlock(id: string, version = '1.0.0', odd: Partial<LockBlock> = {}): LockBlock {
  const block: Omit<LockBlock, 'entryDigest'> = {
    requested: '*',
    version,
    registry: 'official',
    repository: { url: `https://github.com/acme/${id}`, id: 1, ownerId: 2 },
    tag: `v${version}`,
    commit: 'a'.repeat(40),
    artifact: { url: `https://example.test/${id}-${version}.tgz`, size: 10, sha256: sha256(`artifact ${id} ${version}`) },
    tree: sha256(`tree ${id} ${version}`),
    manifest: sha256(`manifest ${id} ${version}`),
    bundle: { url: `https://example.test/${id}-${version}.tgz.sigstore.json`, sha256: sha256(`bundle ${id} ${version}`) },
    signer: {
      kind: 'provenance',
      profile: 'public-good',
      predicateType: 'https://slsa.dev/provenance/v1',
      issuer: 'https://token.actions.githubusercontent.com',
      workflow: '.github/workflows/release.yml',
      ref: `refs/tags/v${version}`,
    },
    publishedAt: '2026-11-01T00:00:00Z',
    type: 'generic',
    main: 'index.mjs',
    dependencies: {},
    conflicts: {},
    provides: [],
    permissions: NO_PERMISSIONS,
    migrations: [],
    tables: [],
    uninstall: DEFAULT_UNINSTALL,
    ...odd,
  }
  return { ...block, entryDigest: entryDigest(block) }
}

export function installRecord(id: string, version = '1.0.0', odd: Partial<InstallRecord> = {}): InstallRecord {
  return {
    id,
    block: lockBlock(id, version),
    enabled: true,
    configDigest: digestOf({}),
    grantDigest: digestOf(NO_PERMISSIONS),
    grant: NO_PERMISSIONS,
    installedAt: T0,
    updatedAt: T0,
    ...odd,
  }
}

export function generationRecord(number: number, records: readonly InstallRecord[]): GenerationRecord {
  const plugins = records.map((record) => [record.id, { version: record.block.version, tree: record.block.tree, record }] as const)
  return { number, createdAt: T0, plugins: Object.fromEntries(plugins) }
}

export const SOME_DIGEST: Digest = sha256('some')
