import { createHmac, timingSafeEqual } from 'node:crypto'
import { canonicalJson } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'

const MAX_LENGTH = 600
const MAC_BYTES = 16

/** Where a list goes on: the sort key of the last row shown. */
export type CursorKey = readonly (string | number)[]

/**
 * A cursor is the sort key of the last row and a MAC over it, the list and its filters: nobody can make one, move it to
 * another list, or read more by it than the list shows.
 */
export class Cursors {
  readonly #key: Buffer

  /** @param key hex text of 32 bytes; the same for every process of one database */
  constructor(key: string) {
    this.#key = Buffer.from(key, 'hex')
  }

  /** The cursor after a row. `list` names the list and its filters. */
  seal(list: unknown, key: CursorKey): string {
    const body = Buffer.from(JSON.stringify(key))
    return Buffer.concat([this.#mac(list, body), body]).toString('base64url')
  }

  /** @throws CatalystError CURSOR_INVALID for one that we did not make for this list */
  open(list: unknown, cursor: string): CursorKey {
    const bytes = Buffer.from(cursor.slice(0, MAX_LENGTH), 'base64url')
    const [mac, body] = [bytes.subarray(0, MAC_BYTES), bytes.subarray(MAC_BYTES)]
    const ours = cursor.length <= MAX_LENGTH && mac.length === MAC_BYTES && timingSafeEqual(mac, this.#mac(list, body)) && bytes.toString('base64url') === cursor
    if (!ours) throw new CatalystError('CURSOR_INVALID', 'The cursor is not one of this list')
    return JSON.parse(body.toString()) as CursorKey
  }

  #mac(list: unknown, body: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(canonicalJson(list)).update('\0').update(body).digest().subarray(0, MAC_BYTES)
  }
}
