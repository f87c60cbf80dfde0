import { sha256, digestOf } from '../../schemas/digest.ts'
import { DEFAULT_UNINSTALL } from '../../schemas/common.ts'
import { entryDigest, LOCK_VERSION, type Lock, type LockBlock } from '../../schemas/lock.ts'
import { NO_PERMISSIONS, normalizePermissions } from '../../schemas/permissions.ts'
import type { PluginEntry, PluginSet } from '../../schemas/plugin-set.ts'
import { desiredState, type DesiredState } from '../../reconciler/plan/desired.ts'
import type { ObservedState } from '../../reconciler/plan/observed.ts'
import { grantOf, configDigest } from '../../reconciler/plan/sides.ts'
import type { GenerationRecord, Hold, InstallRecord } from '../../reconciler/ports.ts'

/* Builders that are valid by default: a test states only what is odd. */

export const NOW = '2026-11-22T12:00:00Z'

/** A lock block; digests follow from id and version unless given. */
export function block(id: string, version = '1.0.0', odd: Partial<Omit<LockBlock, 'entryDigest'>> = {}): LockBlock {
  const url = `https://github.com/acme/${id}`
  const body: Omit<LockBlock, 'entryDigest'> = {
    requested: '*',
    version,
    registry: 'official',
    repository: { url, id: 1000, ownerId: 2000 },
    tag: `v${version}`,
    commit: 'c'.repeat(40),
    artifact: { url: `${url}/releases/download/v${version}/${id}-${version}.tgz`, size: 1000, sha256: sha256(`artifact ${id} ${version}`) },
    tree: sha256(`tree ${id} ${version}`),
    manifest: sha256(`manifest ${id} ${version}`),
    bundle: { url: `${url}/releases/download/v${version}/${id}-${version}.tgz.sigstore.json`, sha256: sha256(`bundle ${id} ${version}`) },
    signer: { kind: 'provenance', profile: 'public-good', predicateType: 'https://slsa.dev/provenance/v1', issuer: 'https://token.actions.githubusercontent.com', workflow: '.github/workflows/release.yml', ref: `refs/tags/v${version}` },
    publishedAt: '2026-10-01T00:00:00Z',
    type: 'generic',
    main: 'index.js',
    dependencies: {},
    conflicts: {},
    provides: [],
    permissions: NO_PERMISSIONS,
    migrations: [],
    tables: [],
    uninstall: DEFAULT_UNINSTALL,
    ...odd,
  }
  return { ...body, entryDigest: entryDigest(body) }
}

/** A lock of blocks by id. */
export function lockOf(blocks: Record<string, LockBlock>, odd: Partial<Lock> = {}): Lock {
  return { lockVersion: LOCK_VERSION, plugins: blocks, ...odd }
}

/** Desired state from plugin entries as they would stand in plugins.yaml. */
export function desired(plugins: Record<string, PluginEntry> = {}, odd: Partial<PluginSet> = {}): DesiredState {
  return desiredState({
    apiVersion: 'catalyst.dev/v1',
    kind: 'PluginSet',
    store: { id: 'acme-eu', catalyst: '3.2.0' },
    registries: [{ name: 'official', url: 'https://registry.example' }],
    plugins,
    ...odd,
  })
}

/** An install record as `apply` would write it for a block under a wish. */
export function recordOf(id: string, of: LockBlock, wish: DesiredState = desired()): InstallRecord {
  const plugin = wish.plugins.find((p) => p.id === id)
  return {
    id,
    block: of,
    enabled: plugin?.enabled ?? true,
    configDigest: configDigest(plugin?.config ?? {}),
    grantDigest: digestOf(grantOf(plugin)),
    grant: plugin?.grant ?? normalizePermissions(undefined),
    installedAt: NOW,
    updatedAt: NOW,
  }
}

/** A store in which these records are installed and live on this machine. */
export function observed(records: readonly InstallRecord[] = [], holds: readonly Hold[] = []): ObservedState {
  const generation: GenerationRecord = {
    number: 1,
    createdAt: NOW,
    plugins: Object.fromEntries(records.map((r) => [r.id, { version: r.block.version, tree: r.block.tree as `sha256:${string}`, record: r }])),
  }
  return {
    store: { serial: 1, installs: records, retained: [], holds, generation: records.length > 0 ? generation : undefined, generations: records.length > 0 ? [generation] : [], activations: [] },
    live: new Map(records.filter((r) => r.enabled).map((r) => [r.id, r.block.tree as `sha256:${string}`])),
    damaged: new Map(),
  }
}
