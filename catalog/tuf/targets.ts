import { createHash } from 'node:crypto'
import type { TargetInfo } from './metadata.ts'

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** How metadata names a file (4.5). */
export function targetInfo(bytes: Uint8Array): TargetInfo {
  return { length: bytes.byteLength, hashes: { sha256: sha256Hex(bytes) } }
}

export function sameTarget(a: TargetInfo | undefined, b: TargetInfo | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.length === b.length && a.hashes.sha256 === b.hashes.sha256)
}

export function sameTargets(a: Readonly<Record<string, TargetInfo>>, b: Readonly<Record<string, TargetInfo>>): boolean {
  const paths = Object.keys(a)
  return paths.length === Object.keys(b).length && paths.every((path) => sameTarget(a[path], b[path]))
}
