import { createHmac } from 'node:crypto'
import { canonicalJson } from './digest.ts'

/**
 * HMAC-SHA256 over the RFC 8785 JSON of a value, as `hmac-sha256:<hex>`: tells whether a secret changed. Without the key nobody can
 * try guesses against it, which a plain digest of a short secret would allow. `about` keeps equal secrets of different owners apart.
 */
export function keyedDigest(key: string, about: string, value: unknown): string {
  return `hmac-sha256:${createHmac('sha256', Buffer.from(key, 'hex')).update(canonicalJson([about, value])).digest('hex')}`
}
