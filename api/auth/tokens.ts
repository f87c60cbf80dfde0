import { randomBytes, timingSafeEqual } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { hexOf, sha256 } from '../../schemas/digest.ts'
import { readTokens, type TokenRow } from '../../schemas/tokens.ts'

/** Tokens begin with it, so that scanners for leaked secrets and our own redaction know them. */
export const TOKEN_PREFIX = 'catreg_'

/** A new token: 256 random bits, so that its plain digest can be stored and not be guessed from. */
export function newToken(): { readonly token: string; readonly sha256: TokenRow['sha256'] } {
  const token = TOKEN_PREFIX + randomBytes(32).toString('base64url')
  return { token, sha256: sha256(token) }
}

/** The row of a token that has not expired. Every row is compared, and each in constant time: how long it takes tells nothing. Pure. */
export function rowOf(token: string, rows: readonly TokenRow[], now: string): TokenRow | 'expired' | undefined {
  const digest = Buffer.from(hexOf(sha256(token)), 'hex')
  let found: TokenRow | undefined
  for (const row of rows) if (timingSafeEqual(digest, Buffer.from(hexOf(row.sha256), 'hex'))) found = row
  if (found === undefined) return undefined
  return Date.parse(found.expires) > Date.parse(now) ? found : 'expired'
}

/** Looked at again after so long: a row that is taken out is out a moment later. */
const FRESH_MS = 1_000

/** The rows of a token file, read again when it has changed. A file that became unreadable or wrong allows nobody: the error is thrown each time. */
export class TokenFileReader {
  readonly #path: string
  readonly #freshMs: number
  #lookedAt = -Infinity
  #version = ''
  #rows: readonly TokenRow[] = []

  constructor(path: string, freshMs: number = FRESH_MS) {
    this.#path = path
    this.#freshMs = freshMs
  }

  /** @throws CatalystError as `readTokens`; Error when the file cannot be read */
  async rows(): Promise<readonly TokenRow[]> {
    if (performance.now() - this.#lookedAt < this.#freshMs) return this.#rows
    const { mtimeMs, size, ino } = await stat(this.#path)
    const version = `${ino} ${size} ${mtimeMs}`
    if (version !== this.#version) {
      this.#rows = readTokens(await readFile(this.#path), this.#path)
      this.#version = version
    }
    this.#lookedAt = performance.now()
    return this.#rows
  }
}
