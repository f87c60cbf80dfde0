import { hash } from 'node:crypto'
import canonicalize from 'canonicalize'

/** A digest as it stands in every file of ours: `sha256:` and 64 lower-case hexadecimal digits. */
export type Digest = `sha256:${string}`

export const DIGEST_PATTERN = '^sha256:[0-9a-f]{64}$'

/** sha256 of bytes or of a string's UTF-8. */
export function sha256(data: string | Uint8Array): Digest {
  return `sha256:${hash('sha256', data)}`
}

/** The 64 hexadecimal digits of a digest, for file names and foreign formats. */
export function hexOf(digest: string): string {
  return digest.slice('sha256:'.length)
}

/** RFC 8785 (JCS) text of a JSON value; `undefined` members are left out. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value)
  if (text === undefined) throw new TypeError('canonicalJson needs a JSON value')
  return text
}

/** sha256 over the RFC 8785 JSON of a value: equal values have equal digests, whatever the order of their keys. */
export function digestOf(value: unknown): Digest {
  return sha256(canonicalJson(value))
}

/** Order by UTF-16 code unit: the same on every machine and in every locale. */
export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
