import { constants, crc32, inflateRawSync } from 'node:zlib'
import { CatalystError } from '../../schemas/errors.ts'
import { LIMITS } from '../../schemas/limits.ts'

/** No deflate stream unpacks to more than this many times its size: a file that claims more has another end than it should. */
const MOST_POSSIBLE_RATIO = 1040

/** Below this many unpacked bytes no ratio is suspicious: small tars are mostly padding. */
const RATIO_MATTERS_FROM = 1024 * 1024

const FTEXT = 1
const FHCRC = 2
const FEXTRA = 4
const FNAME = 8
const FCOMMENT = 16
const TRAILER_BYTES = 8

/**
 * The contents of a gzip file that is exactly one whole member (RFC 1952): no second member, nothing behind it, sizes
 * and checksum right. Other readers see more or less in a file that is not, and then two tools disagree on what
 * was signed.
 * @throws CatalystError ARCHIVE_TOO_LARGE before or as soon as a limit is passed, ARCHIVE_INVALID
 */
export function gunzip(archive: Uint8Array): Buffer {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength)
  if (bytes.length > LIMITS.artifactMaxBytes) throw tooLarge(`The archive has ${bytes.length} bytes; the limit is ${LIMITS.artifactMaxBytes}`)
  const start = headerLength(bytes)
  const end = bytes.length - TRAILER_BYTES
  if (end <= start) throw invalid('The archive is cut off')
  const declared = bytes.readUInt32LE(end + 4)
  if (declared > bytes.length * MOST_POSSIBLE_RATIO) throw invalid('The archive is cut off or has something behind its end')
  checkSize(declared, bytes.length)

  const tar = inflate(bytes.subarray(start, end), declared)
  checkSize(tar.length, bytes.length)
  if (tar.length !== declared) throw invalid(`The archive says that it holds ${declared} bytes; it holds ${tar.length}`)
  if (crc32(tar) !== bytes.readUInt32LE(end)) throw invalid('The checksum of the archive does not match its contents')
  return tar
}

function inflate(deflated: Buffer, declared: number): Buffer {
  try {
    // With `info` zlib also tells how much it read; one chunk of the declared size saves copying.
    const options = { info: true, finishFlush: constants.Z_FINISH, maxOutputLength: LIMITS.unpackedMaxBytes, chunkSize: Math.max(64 * 1024, declared + 1) }
    const { buffer, engine } = inflateRawSync(deflated, options) as unknown as { buffer: Buffer; engine: { bytesWritten: number } }
    if (engine.bytesWritten !== deflated.length) throw invalid('There is something behind the end of the compressed archive')
    return buffer
  } catch (error) {
    if (error instanceof CatalystError) throw error
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(`The archive unpacks to more than ${LIMITS.unpackedMaxBytes} bytes`, error)
    throw invalid('The archive is cut off or not a gzip file', error)
  }
}

function checkSize(unpacked: number, packed: number): void {
  if (unpacked > LIMITS.unpackedMaxBytes) throw tooLarge(`The archive unpacks to ${unpacked} bytes; the limit is ${LIMITS.unpackedMaxBytes}`)
  if (unpacked > RATIO_MATTERS_FROM && unpacked > packed * LIMITS.unpackedMaxRatio) {
    throw tooLarge(`The archive unpacks to ${Math.floor(unpacked / packed)} times its size; the limit is ${LIMITS.unpackedMaxRatio} times`)
  }
}

/** RFC 1952 2.3: ten fixed bytes, then the optional parts that the flags name. */
function headerLength(bytes: Buffer): number {
  if (bytes.length < 10 + TRAILER_BYTES || bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 8) throw invalid('The archive is not a gzip file')
  const flags = bytes[3] ?? 0
  if (flags & ~(FTEXT | FHCRC | FEXTRA | FNAME | FCOMMENT)) throw invalid('The gzip header has unknown flags')
  let at = 10
  if (flags & FEXTRA) at += 2 + (at + 2 <= bytes.length ? bytes.readUInt16LE(at) : bytes.length)
  if (flags & FNAME) at = afterNul(bytes, at)
  if (flags & FCOMMENT) at = afterNul(bytes, at)
  return flags & FHCRC ? at + 2 : at
}

function afterNul(bytes: Buffer, from: number): number {
  const nul = bytes.indexOf(0, from)
  return nul < 0 ? bytes.length : nul + 1
}

function invalid(message: string, cause?: unknown): CatalystError {
  return new CatalystError('ARCHIVE_INVALID', message, { cause })
}

function tooLarge(message: string, cause?: unknown): CatalystError {
  return new CatalystError('ARCHIVE_TOO_LARGE', message, { cause })
}
