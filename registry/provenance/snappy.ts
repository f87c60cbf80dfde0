import { CatalystError } from '../../schemas/errors.ts'
import { LIMITS } from '../../schemas/limits.ts'

/**
 * The bundle behind a `bundle_url` of GitHub's attestations API: raw snappy (google/snappy, format_description.txt), whose
 * stated length is checked before anything is allocated. Our own forty lines, because `snappyjs` 0.7.0 never returns
 * for a literal of negative length: one hostile body would hang the process.
 * @throws CatalystError BUNDLE_INVALID
 */
export function decodeSnappyBundle(body: Uint8Array, maxBytes: number = LIMITS.bundleMaxBytes): Uint8Array {
  const { value: length, next } = varint(body)
  if (length > maxBytes) throw invalid(`unpacks to ${length} bytes; the limit is ${maxBytes}`)
  const out = new Uint8Array(length)
  let written = 0
  for (let at = next; at < body.length; ) {
    const element = readElement(body, at)
    if (written + element.length > length) throw invalid('unpacks to more than it states')
    if (element.offset === 0) out.set(body.subarray(element.next - element.length, element.next), written)
    else copyBack(out, written, element)
    written += element.length
    at = element.next
  }
  if (written !== length) throw invalid('unpacks to less than it states')
  return out
}

/** A literal (offset 0; its bytes end at `next`) or a copy of `length` bytes from `offset` bytes back. */
interface Element {
  readonly length: number
  readonly offset: number
  readonly next: number
}

function readElement(body: Uint8Array, at: number): Element {
  const tag = body[at] ?? 0
  const rest = tag >>> 2
  switch (tag & 3) {
    case 0: {
      const extra = rest < 60 ? 0 : rest - 59
      const length = (extra === 0 ? rest : littleEndian(body, at + 1, extra)) + 1
      const next = at + 1 + extra + length
      if (next > body.length) throw invalid('is cut off')
      return { length, offset: 0, next }
    }
    case 1:
      return { length: (rest & 7) + 4, offset: nonZero((tag >>> 5) * 256 + littleEndian(body, at + 1, 1)), next: at + 2 }
    case 2:
      return { length: rest + 1, offset: nonZero(littleEndian(body, at + 1, 2)), next: at + 3 }
    default:
      return { length: rest + 1, offset: nonZero(littleEndian(body, at + 1, 4)), next: at + 5 }
  }
}

/** Byte by byte: a copy may overlap what it writes, which is how snappy repeats a pattern. */
function copyBack(out: Uint8Array, written: number, { length, offset }: Element): void {
  if (offset > written) throw invalid('copies from before its beginning')
  for (let i = written; i < written + length; i++) out[i] = out[i - offset] ?? 0
}

function nonZero(offset: number): number {
  if (offset === 0) throw invalid('copies from nowhere')
  return offset
}

function littleEndian(body: Uint8Array, at: number, bytes: number): number {
  if (at + bytes > body.length) throw invalid('is cut off')
  let value = 0
  for (let i = bytes - 1; i >= 0; i--) value = value * 256 + (body[at + i] ?? 0)
  return value
}

function varint(body: Uint8Array): { readonly value: number; readonly next: number } {
  let value = 0
  for (let i = 0; i < 5 && i < body.length; i++) {
    const byte = body[i] ?? 0
    value += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return { value, next: i + 1 }
  }
  throw invalid('does not state its length')
}

function invalid(why: string): CatalystError {
  return new CatalystError('BUNDLE_INVALID', `The compressed bundle ${why}`)
}
