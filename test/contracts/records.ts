import { digestOf, sha256, type Digest } from '../../schemas/digest.ts'
import { NO_PERMISSIONS } from '../../schemas/permissions.ts'
import type { GenerationRecord, InstallRecord } from '../../reconciler/ports.ts'
import { block } from '../builders/store.ts'

/** Records that are valid by default; a test states only what is odd. */

export const T0 = '2026-11-22T12:00:00.000Z'

/** `T0` and so many seconds. */
export function at(seconds: number): string {
  return new Date(Date.parse(T0) + seconds * 1000).toISOString()
}

export function installRecord(id: string, version = '1.0.0', odd: Partial<InstallRecord> = {}): InstallRecord {
  return {
    id,
    block: block(id, version),
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
