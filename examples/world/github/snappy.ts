const LONGEST_PIECE = 60
const LONGEST_COPY = 64
const FARTHEST = 0xffff

/**
 * Raw snappy (google/snappy, format_description.txt): the length as a varint, then literals and copies of what was
 * there before, so that a reader meets both. Greedy, with the last place of each four bytes as its only memory.
 */
export function snappy(bytes: Uint8Array): Buffer {
  const out: Uint8Array[] = [varint(bytes.length)]
  const seen = new Map<number, number>()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let literal = 0
  let at = 0
  while (at + 4 <= bytes.length) {
    const word = view.getUint32(at)
    const before = seen.get(word)
    seen.set(word, at)
    if (before === undefined || at - before > FARTHEST) {
      at += 1
      continue
    }
    const length = matching(bytes, before, at)
    out.push(...literals(bytes.subarray(literal, at)), copy(at - before, length))
    at += length
    literal = at
  }
  return Buffer.concat([...out, ...literals(bytes.subarray(literal))])
}

function matching(bytes: Uint8Array, before: number, at: number): number {
  let length = 4
  while (length < LONGEST_COPY && at + length < bytes.length && bytes[before + length] === bytes[at + length]) length += 1
  return length
}

/** Element type 0: length - 1 in the upper six bits, then the bytes. */
function literals(bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += LONGEST_PIECE) {
    const piece = bytes.subarray(at, at + LONGEST_PIECE)
    pieces.push(Buffer.of((piece.length - 1) << 2), piece)
  }
  return pieces
}

/** Element type 2: length - 1 in the upper six bits, then how far back in two bytes, the low one first. */
function copy(offset: number, length: number): Buffer {
  return Buffer.of(((length - 1) << 2) | 2, offset & 0xff, offset >> 8)
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return Buffer.from([...bytes, left])
    bytes.push((left % 128) | 0x80)
  }
}
