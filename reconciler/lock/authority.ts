import { artifactUrlAllowed } from '../../schemas/artifact-urls.ts'
import { authorityOfEntry } from '../../schemas/authority.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { releaseDigest, type LockBlock } from '../../schemas/lock.ts'
import { normalizePermissions, permissionExcess } from '../../schemas/permissions.ts'
import type { DesiredState } from '../plan/desired.ts'
import type { Authority, IndexSnapshot } from '../ports.ts'
import { authorityOfBlock, authorityOfSigner } from './candidates.ts'

/** Who must have signed a block that is about to be applied, or that plugins.yaml allows its digest unsigned. */
export type Authorization = (
  | { readonly kind: 'provenance'; readonly authority: Authority }
  | { readonly kind: 'unsigned' }
) & {
  /** This very release was proven and applied by this store before: a whole tree of it need not be proven again. */
  readonly applied?: boolean
}

/** What authority may be drawn from: the store's own records and git, and the pinned registries. Never the lock. */
export interface AuthoritySources {
  readonly desired: DesiredState
  /** Releases that this store has applied before, now or in a kept generation: `releaseDigest` of their blocks. */
  readonly applied: ReadonlySet<string>
  /** @throws CatalystError when the registry cannot be opened */
  readonly snapshot: (registry: string) => Promise<IndexSnapshot>
}

/**
 * The authority for one lock block (law 11). A block that was applied before needs none but its own identity; a new
 * one must be spoken for by the entry of its registry, or by `signer:` or `verify:` in plugins.yaml.
 * @throws CatalystError AUTHORITY_UNCHECKED when the outside could not be asked, AUTHORITY_MISMATCH or FOREIGN_URL when
 * it says something else than the lock
 */
export async function authorize(id: string, block: LockBlock, sources: AuthoritySources): Promise<Authorization> {
  if (sources.applied.has(releaseDigest(block))) {
    const authority = authorityOfBlock(block)
    return authority ? { kind: 'provenance', authority, applied: true } : { kind: 'unsigned', applied: true }
  }
  return block.source === undefined ? fromRegistry(id, block, sources) : fromPluginSet(id, block, sources.desired)
}

function fromPluginSet(id: string, block: LockBlock, desired: DesiredState): Authorization {
  const plugin = desired.plugins.find((p) => p.id === id)
  if (plugin?.source !== block.source) throw mismatch(id, `the lock takes it from ${block.source}, plugins.yaml says ${plugin?.source ?? 'nothing'}`)
  if (block.signer.kind === 'unsigned') {
    if (plugin?.unsigned === block.artifact.sha256) return { kind: 'unsigned' }
    throw mismatch(id, `the lock takes ${block.artifact.sha256} unsigned, plugins.yaml allows ${plugin?.unsigned ?? 'no unsigned package'}`)
  }
  const named = /^github:([^#]+)/.exec(block.source ?? '')?.[1] ?? ''
  if (!block.repository.url.toLowerCase().endsWith(`/${named.toLowerCase()}`)) throw mismatch(id, `the lock names repository ${block.repository.url}, plugins.yaml says ${block.source}`)
  const authority = plugin ? authorityOfSigner(plugin, block.repository) : undefined
  if (!authority) throw new CatalystError('AUTHORITY_UNCHECKED', `${id}: the block is new and plugins.yaml names no signer for ${block.source}`)
  return { kind: 'provenance', authority }
}

async function fromRegistry(id: string, block: LockBlock, { desired, snapshot }: AuthoritySources): Promise<Authorization> {
  const plugin = desired.plugins.find((p) => p.id === id)
  const registry = desired.registries.find((r) => r.name === (plugin?.registry ?? block.registry))
  if (plugin?.source || !registry || registry.name !== block.registry) throw mismatch(id, `the lock takes it from registry ${block.registry ?? '(none)'}, plugins.yaml says ${plugin?.source ?? plugin?.registry ?? 'no such registry'}`)
  if (block.signer.kind === 'unsigned') throw mismatch(id, 'the lock takes it unsigned, and a registry never lists unsigned releases')
  const index = await openIndex(id, registry.name, snapshot)
  const entry = await index.entry(id)
  if (!entry) throw mismatch(id, `registry ${registry.name} does not list it`)
  for (const url of [block.artifact.url, block.bundle?.url ?? '']) {
    if (!artifactUrlAllowed(url, entry, index.file)) throw new CatalystError('FOREIGN_URL', `${id}: the lock downloads from ${url}, which is none of its repositories and no host of registry ${registry.name}`)
  }
  const excess = permissionExcess(block.permissions, normalizePermissions(entry.permissions))
  if (excess.length > 0) throw mismatch(id, `the lock lets it ask for ${excess.map((e) => `${e.kind} ${e.what}`).join(', ')}, more than its entry allows`)
  return { kind: 'provenance', authority: authorityOfEntry(entry, registry.profile) }
}

async function openIndex(id: string, registry: string, snapshot: AuthoritySources['snapshot']): Promise<IndexSnapshot> {
  try {
    return await snapshot(registry)
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error
    throw new CatalystError('AUTHORITY_UNCHECKED', `${id}: the lock block is new and registry ${registry} could not be asked who may publish it (${error.message})`, { cause: error })
  }
}

function mismatch(id: string, why: string): CatalystError {
  return new CatalystError('AUTHORITY_MISMATCH', `${id}: ${why}`)
}
