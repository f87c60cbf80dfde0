import { digestOf, sha256, type Digest } from '../schemas/digest.ts'
import { openRemembered } from '../registry/remembered.ts'
import type { InspectedPackage } from '../reconciler/ports.ts'

/**
 * What this user's earlier inspections said. An inspection is the answer of one piece of code about some bytes and nothing
 * else, so that it is kept by the digests of both: after an update of this tool, or in a checkout of its sources, every
 * package is read again. See `Remembered` for the folder.
 */
export interface Inspections {
  recall(archive: Uint8Array, file: string): InspectedPackage | undefined
  remember(archive: Uint8Array, file: string, inspected: InspectedPackage): void
}

const MAX_BYTES = 1024 * 1024

/** `code` names the code that inspects, by its content; without it nothing is remembered. */
export function openInspections(folder: string, code: string | undefined): Inspections {
  if (code === undefined) return { recall: () => undefined, remember: () => undefined }
  const memory = openRemembered(folder, { maxBytes: MAX_BYTES })
  const keyOf = (archive: Uint8Array, file: string): Digest => digestOf({ code, file, archive: sha256(archive) })
  return {
    recall(archive, file) {
      const found = memory.recall(keyOf(archive, file))
      return isInspected(found) ? found : undefined
    },
    remember: (archive, file, inspected) => memory.remember(keyOf(archive, file), inspected),
  }
}

/** A bundler names a file by the digest of all that is in it and behind it: `proofs-01234567.cjs`. A source file has no such name. */
export function codeOf(url: string): string | undefined {
  return /-([0-9a-f]{8})\.cjs$/.exec(url)?.[1]
}

function isInspected(value: unknown): value is InspectedPackage {
  const found = value as Partial<InspectedPackage> | null | undefined
  return typeof found?.treeDigest === 'string' && typeof found.manifestDigest === 'string' && typeof found.manifest?.id === 'string' && Array.isArray(found.migrations) && Array.isArray(found.findings)
}
