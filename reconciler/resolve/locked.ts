import type { LockBlock } from '../../schemas/lock.ts'
import type { Candidate } from '../ports.ts'
import type { DesiredPlugin, DesiredState } from '../plan/desired.ts'
import type { ResolveInput } from './types.ts'

/** The lock's block of a plugin, if it has one of its own. */
export function lockedBlock({ locked }: ResolveInput, id: string): LockBlock | undefined {
  // ids such as `constructor` must not find what objects inherit
  return locked && Object.hasOwn(locked.plugins, id) ? locked.plugins[id] : undefined
}

/** True when plugins.yaml still points to where the block came from; else the block is no version that may stay. */
export function sameOrigin(block: LockBlock, plugin: DesiredPlugin | undefined, desired: DesiredState): boolean {
  if (block.source !== plugin?.source) return false
  if (block.source !== undefined) return true
  if (plugin?.registry !== undefined) return block.registry === plugin.registry
  return desired.registries.some((registry) => registry.name === block.registry)
}

/**
 * A locked version as a candidate: what the lock proved once can stay when its source does not list it any more.
 * Without an authority: who may sign for it is not a block's to say.
 */
export function candidateOfBlock(id: string, block: LockBlock): Candidate {
  return {
    id,
    version: block.version,
    registry: block.registry,
    source: block.source,
    repository: block.repository,
    tag: block.tag,
    commit: block.commit,
    artifact: block.artifact,
    bundle: block.bundle,
    manifest: block.manifest,
    dependencies: block.dependencies,
    conflicts: block.conflicts,
    platform: block.platform,
    permissions: block.permissions,
    publishedAt: block.publishedAt,
    advisories: [],
    snapshot: block.snapshot,
  }
}
