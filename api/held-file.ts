import { isUtf8 } from 'node:buffer'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Encoding } from './accepted-encoding.ts'

/** Larger ones are sent in several pieces anyway. */
const TEXT_BYTES = 16 * 1024

/** Below this, compressing saves less than the headers that tell of it. */
const WORTH_BYTES = 1_000

const compress = {
  br: (bytes: Buffer) => promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 6, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
  gzip: (bytes: Buffer) => promisify(gzip)(bytes, { level: 6 }),
} as const satisfies Record<Encoding, (bytes: Buffer) => Promise<Buffer>>

/** A content that is in memory, and what it becomes when it is compressed: each encoding is made once, when somebody first takes it. */
export class HeldFile {
  readonly bytes: Buffer
  /** The content where it is UTF-8: header and body then leave in one piece. */
  readonly text: string | undefined
  /** sha256 of the content, 64 hexadecimal digits. */
  readonly digest: string
  readonly size: number
  readonly #encoded = new Map<Encoding, Buffer | Promise<Buffer>>()

  constructor(bytes: Buffer, digest: string) {
    this.bytes = bytes
    this.text = bytes.length <= TEXT_BYTES && isUtf8(bytes) ? bytes.toString('utf8') : undefined
    this.digest = digest
    this.size = bytes.length
  }

  /** How much memory it takes with all encodings, and what remembering costs besides. */
  get mostBytes(): number {
    return (this.worthCompressing ? 3 : 2) * this.size + 1_000
  }

  get worthCompressing(): boolean {
    return this.size >= WORTH_BYTES
  }

  /** The content in an encoding; at once when it was made before. */
  in(encoding: Encoding): Buffer | Promise<Buffer> {
    const known = this.#encoded.get(encoding)
    if (known) return known
    const made = compress[encoding](this.bytes).then((bytes) => {
      this.#encoded.set(encoding, bytes)
      return bytes
    })
    this.#encoded.set(encoding, made)
    return made
  }
}
