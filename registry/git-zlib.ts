import { deflateSync, inflateSync } from 'node:zlib'

/*
 * What isomorphic-git asks of `pako`, done by Node's own zlib: cli/build.ts puts it in pako's place. pako is written for
 * browsers; inflating the objects of an index costs it three times as much.
 */

/** The last problem of a stream: zlib's Z_DATA_ERROR. */
const DATA_ERROR = -3

/**
 * Inflates one zlib stream (RFC 1950) whose end is not known beforehand: `result` is there once its end was pushed, and
 * `strm.avail_in` then tells how many bytes of the last chunk lie behind it.
 */
export class Inflate {
  result: Uint8Array | undefined
  err = 0
  msg = ''
  readonly strm = { avail_in: 0 }
  #pushed: Uint8Array = new Uint8Array()

  push(chunk: Uint8Array, _last?: boolean): boolean {
    this.#pushed = this.#pushed.length === 0 ? chunk : Buffer.concat([this.#pushed, chunk])
    try {
      const { buffer, used } = inflated(this.#pushed)
      this.result = buffer
      this.strm.avail_in = this.#pushed.length - used
    } catch (error) {
      if (isCutOff(error)) return true
      this.err = DATA_ERROR
      this.msg = (error as Error).message
    }
    return this.err === 0
  }
}

/** The contents of the zlib stream at the start of `bytes`; what lies behind its end is not looked at. @throws a string, as pako does */
export function inflate(bytes: Uint8Array): Uint8Array {
  try {
    return inflated(bytes).buffer
  } catch (error) {
    throw (error as Error).message
  }
}

export function deflate(bytes: Uint8Array): Uint8Array {
  return deflateSync(bytes)
}

function inflated(bytes: Uint8Array): { readonly buffer: Uint8Array; readonly used: number } {
  // With `info` zlib also tells how much it read.
  const { buffer, engine } = inflateSync(bytes, { info: true }) as unknown as { buffer: Uint8Array; engine: { bytesWritten: number } }
  return { buffer, used: engine.bytesWritten }
}

function isCutOff(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR'
}

export default { Inflate, inflate, deflate }
