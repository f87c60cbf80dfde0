import { sha256 } from '../schemas/digest.ts'
import { CatalystError } from '../schemas/errors.ts'
import type { LockBlock } from '../schemas/lock.ts'
import { readManifest } from '../schemas/manifest-file.ts'
import type { ConfigSchema } from '../reconciler/plan/config.ts'

/*
 * Where the text of a config schema lives: the lock holds its digest alone. It is in the manifest, which lies in the
 * unpacked tree of what is installed, and in the archive of what `lock` has fetched. Both are believed only when they are
 * what the lock says, so that neither a damaged tree nor another archive decides what is valid.
 */

export interface ManifestSources {
  /** manifest.json of the unpacked tree, undefined when that is not on this machine. */
  readonly inTree: (block: LockBlock) => Uint8Array | undefined
  /** manifest.json of the archive. @throws CatalystError when the archive cannot be had or read */
  readonly inArchive: (block: LockBlock) => Promise<Uint8Array | undefined>
}

/** The config schema of each release, or why it cannot be told. */
export async function configSchemas(blocks: ReadonlyMap<string, LockBlock>, sources: ManifestSources): Promise<ReadonlyMap<string, ConfigSchema>> {
  return new Map(await Promise.all([...blocks].map(async ([id, block]) => [id, await schemaOf(block, sources)] as const)))
}

async function schemaOf(block: LockBlock, { inTree, inArchive }: ManifestSources): Promise<ConfigSchema> {
  if (block.configSchema === undefined) return { schema: undefined }
  try {
    const unpacked = inTree(block)
    const bytes = unpacked && sha256(unpacked) === block.manifest ? unpacked : await inArchive(block)
    if (!bytes || sha256(bytes) !== block.manifest) return { unknown: 'the manifest in its package is not the one that was locked' }
    return { schema: readManifest(bytes, 'manifest.json').config }
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error
    return { unknown: error.message }
  }
}
