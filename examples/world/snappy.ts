const CHUNK = 60

/**
 * Raw snappy (google/snappy, format_description.txt), literals only: the length as a varint, then pieces of at most 60
 * bytes behind a tag byte. It makes nothing smaller, but every reader of the format must take it.
 */
export function snappy(bytes: Uint8Array): Buffer {
  const pieces: Uint8Array[] = [varint(bytes.length)]
  for (let at = 0; at < bytes.length; at += CHUNK) {
    const piece = bytes.subarray(at, at + CHUNK)
    pieces.push(Buffer.of((piece.length - 1) << 2), piece)
  }
  return Buffer.concat(pieces)
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return Buffer.from([...bytes, left])
    bytes.push((left % 128) | 0x80)
  }
}
