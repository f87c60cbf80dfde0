import { byCodeUnit } from '../../schemas/digest.ts'
import type { SealedPolicy } from '../../schemas/common.ts'
import { entryDigest, type LockBlock } from '../../schemas/lock.ts'
import type { Manifest } from '../../schemas/manifest.ts'
import { normalizePermissions } from '../../schemas/permissions.ts'
import type { Candidate } from '../ports.ts'
import type { Proven } from './prove.ts'

/** The fields of a block that the package itself decides. `apply` compares them with the package again. */
export function manifestFacts(manifest: Manifest): Pick<LockBlock, 'type' | 'main' | 'dependencies' | 'conflicts' | 'platform' | 'provides' | 'permissions' | 'tables'> {
  return {
    type: manifest.type,
    main: manifest.main,
    dependencies: sorted(manifest.dependencies ?? {}),
    conflicts: sorted(manifest.conflicts ?? {}),
    ...(manifest.compatibility?.catalyst ? { platform: manifest.compatibility.catalyst } : {}),
    provides: [...(manifest.provides ?? [])].sort(byCodeUnit),
    permissions: normalizePermissions(manifest.permissions),
    tables: [...(manifest.tables ?? [])].sort(byCodeUnit),
  }
}

/** What plugins.yaml decides of a block. */
export interface BlockWish {
  readonly requested: string | undefined
  readonly uninstall: SealedPolicy
}

/** The lock block of a proven release. Pure: equal inputs give equal bytes. */
export function blockOf(proven: Proven, wish: BlockWish): LockBlock {
  const { candidate, inspected } = proven
  const body: Omit<LockBlock, 'entryDigest'> = {
    ...originOf(candidate),
    ...(wish.requested === undefined ? {} : { requested: wish.requested }),
    version: candidate.version,
    repository: proven.repository,
    tag: candidate.tag,
    commit: candidate.commit,
    artifact: candidate.artifact,
    tree: inspected.treeDigest,
    manifest: inspected.manifestDigest,
    ...(candidate.bundle && proven.signer.kind !== 'unsigned' ? { bundle: { url: candidate.bundle.url, sha256: candidate.bundle.sha256 } } : {}),
    signer: proven.signer,
    publishedAt: proven.publishedAt,
    ...manifestFacts(inspected.manifest),
    ...(inspected.configSchema ? { configSchema: inspected.configSchema } : {}),
    migrations: inspected.migrations,
    uninstall: wish.uninstall,
    ...(candidate.snapshot ? { snapshot: candidate.snapshot } : {}),
  }
  return { ...body, entryDigest: entryDigest(body) }
}

/** A block that stays at its release and takes over what plugins.yaml decides now. The same object when nothing changes. */
export function rewish(block: LockBlock, wish: BlockWish): LockBlock {
  const { requested: _old, entryDigest: before, ...rest } = block
  const body = { ...rest, ...(wish.requested === undefined ? {} : { requested: wish.requested }), uninstall: wish.uninstall }
  const after = entryDigest(body)
  return after === before ? block : { ...body, entryDigest: after }
}

function originOf(candidate: Candidate): Pick<LockBlock, 'registry' | 'source'> {
  return { ...(candidate.registry ? { registry: candidate.registry } : {}), ...(candidate.source ? { source: candidate.source } : {}) }
}

function sorted<V>(record: Record<string, V>): Record<string, V> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => byCodeUnit(a, b)))
}
