import { crc32 } from 'node:zlib'

/** The most that one stored block holds: its length is a 16-bit number (RFC 1951 3.2.4). */
const BLOCK_MAX_BYTES = 0xffff

/**
 * A gzip member that does not compress (RFC 1952, RFC 1951 3.2.4): a pure function of its contents. What zlib makes of
 * the same bytes differs between its builds, its levels and the kinds of processors, so an artifact that shall have the
 * same digest on every machine and for years cannot come from it. Git compresses what lies in its own packs anyway.
 */
export function storedGzip(contents: Uint8Array): Buffer {
  const count = Math.max(1, Math.ceil(contents.length / BLOCK_MAX_BYTES))
  const blocks = Array.from({ length: count }, (_, i) => storedBlock(contents.subarray(i * BLOCK_MAX_BYTES, (i + 1) * BLOCK_MAX_BYTES), i === count - 1))
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(crc32(contents), 0)
  trailer.writeUInt32LE(contents.length % 2 ** 32, 4)
  // Deflate, no flags, no time, no hint, unknown operating system.
  return Buffer.concat([Buffer.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255), ...blocks, trailer])
}

function storedBlock(bytes: Uint8Array, last: boolean): Buffer {
  const head = Buffer.alloc(5)
  head[0] = last ? 1 : 0
  head.writeUInt16LE(bytes.length, 1)
  head.writeUInt16LE(bytes.length ^ 0xffff, 3)
  return Buffer.concat([head, bytes])
}
