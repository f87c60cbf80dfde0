import { isUtf8 } from 'node:buffer'
import { CatalystError, type Place } from './errors.ts'

const decoder = new TextDecoder('utf-8')

/**
 * The text of a file that a person may have written: bounded, UTF-8, without a byte order mark.
 * @throws CatalystError FILE_TOO_LARGE (before anything is decoded), NOT_UTF8 with the place of the first bad byte
 */
export function readText(bytes: Uint8Array | string, file: string, maxBytes: number): string {
  const size = typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.byteLength
  if (size > maxBytes) {
    throw new CatalystError('FILE_TOO_LARGE', `${file} has ${size} bytes; the limit is ${maxBytes} bytes`, { place: { file } })
  }
  if (typeof bytes === 'string') return bytes.replace(/^\uFEFF/, '')
  if (!isUtf8(bytes)) throw notUtf8(bytes, file)
  return decoder.decode(bytes)
}

/** Turns offsets of a text into places. Lines end with LF; columns count UTF-16 code units from 1. */
export class LineIndex {
  readonly #file: string
  readonly #starts: number[] = [0]

  constructor(text: string, file: string) {
    this.#file = file
    for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) this.#starts.push(i + 1)
  }

  placeAt(offset: number): Place {
    let low = 0
    let high = this.#starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return { file: this.#file, line: low + 1, column: offset - (this.#starts[low] ?? 0) + 1 }
  }
}

function notUtf8(bytes: Uint8Array, file: string): CatalystError {
  const offset = firstBadByte(bytes)
  const before = decoder.decode(bytes.subarray(0, offset))
  const place = new LineIndex(before, file).placeAt(before.length)
  const byte = (bytes[offset] ?? 0).toString(16).padStart(2, '0')
  return new CatalystError('NOT_UTF8', `${file} is not UTF-8: byte 0x${byte} at offset ${offset}`, { place })
}

/** Halving finds the longest prefix that could still become UTF-8; then the bytes of an unfinished character are given back. */
function firstBadByte(bytes: Uint8Array): number {
  let good = 0
  let bad = bytes.length
  while (good < bad) {
    const middle = (good + bad + 1) >> 1
    if (decodesSoFar(bytes.subarray(0, middle))) good = middle
    else bad = middle - 1
  }
  while (!isUtf8(bytes.subarray(0, good))) good--
  return good
}

function decodesSoFar(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
    return true
  } catch {
    return false
  }
}
