import { createHash, type Hash } from 'node:crypto'
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib'
import type { Digest } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { release } from './row-encoding.ts'

/*
 * One file of a backup: bytes, compressed with Zstandard (RFC 8878). Level 3 takes a third of gzip's time for fewer
 * bytes. Everything streams: what is held in memory does not depend on the size of the part.
 */

/** A part as the manifest names it. `size` and `sha256` are of the compressed file, `bytes` counts what it unpacks to. */
export interface Part {
  readonly file: string
  readonly size: number
  readonly sha256: Digest
  readonly bytes: number
}

const LEVEL = 3
/** The window of level 3 is 2 MiB; a part that asks for more than 8 MiB of memory is not one of ours. */
const WINDOW_LOG_MAX = 23
const CHUNK = 256 * 1024

/**
 * Writes, compresses, hashes and fsyncs a part. The file must not exist. A chunk is read until the one after it is asked
 * for, so that a source can fill two buffers in turns.
 */
export async function writePart(folder: string, file: string, source: AsyncIterable<Buffer>, signal?: AbortSignal): Promise<Part> {
  signal?.throwIfAborted()
  const raw = new Meter()
  const packed = new Meter(createHash('sha256'))
  const zstd = createZstdCompress({ chunkSize: CHUNK, params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 } })
  const [written] = await Promise.allSettled([pipeline(zstd, (chunks: AsyncIterable<Buffer>) => store(join(folder, file), packed.through(chunks)), { signal }), fill(zstd, raw.through(source))])
  if (written.status === 'rejected') throw written.reason
  return { file, size: packed.bytes, sha256: packed.digest(), bytes: raw.bytes }
}

/** Writes chunks to a new file and syncs it; the memory of each is given back when it is written. */
async function store(path: string, chunks: AsyncIterable<Buffer>): Promise<void> {
  const file = openSync(path, 'wx', 0o600)
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at)
      release(chunk)
    }
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** While one chunk is compressed in a thread, the next one is made here. A failure of the source becomes the stream's. */
async function fill(zstd: Transform, source: AsyncIterable<Buffer>): Promise<void> {
  let before = Promise.resolve()
  try {
    for await (const chunk of source) {
      await before
      before = new Promise((done, failed) => zstd.write(chunk, (error) => (error ? failed(error) : done())))
      before.catch(() => undefined)
    }
    await before
    zstd.end()
  } catch (error) {
    zstd.destroy(error as Error)
  }
}

/**
 * The content of a part, in chunks. Whoever read it to its end knows that every byte is the one that was written.
 * @throws CatalystError BACKUP_DAMAGED naming the part
 */
export async function* readPart(folder: string, part: Part, signal?: AbortSignal): AsyncGenerator<Buffer> {
  const packed = new Meter(createHash('sha256'))
  const raw = new Meter()
  const zstd = createZstdDecompress({ chunkSize: CHUNK, params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX } })
  const failed = feed(join(folder, part.file), packed, zstd, signal)
  try {
    for await (const chunk of raw.through(zstd)) {
      if (raw.bytes > part.bytes) throw damaged(part, `it unpacks to more than the ${part.bytes} bytes that the manifest names`)
      yield chunk
    }
    const error = await failed
    if (error) throw error
  } catch (error) {
    signal?.throwIfAborted()
    throw asDamage(part, error)
  } finally {
    zstd.destroy()
    await failed
  }
  if (packed.bytes !== part.size) throw damaged(part, `it has ${packed.bytes} bytes, the manifest names ${part.size}`)
  if (packed.digest() !== part.sha256) throw damaged(part, `its digest is ${packed.digest()}, the manifest names ${part.sha256}`)
  if (raw.bytes !== part.bytes) throw damaged(part, `it unpacks to ${raw.bytes} bytes, the manifest names ${part.bytes}`)
}

/**
 * Reads a file into the stream, through one buffer: chunks of their own would stay in memory until somebody collects them. Resolves
 * to what went wrong: the reader of the stream decides what that means.
 */
async function feed(path: string, meter: Meter, into: Transform, signal: AbortSignal | undefined): Promise<unknown> {
  try {
    const file = await open(path)
    try {
      const buffer = Buffer.allocUnsafe(CHUNK)
      for (;;) {
        signal?.throwIfAborted()
        const { bytesRead } = await file.read(buffer, 0, CHUNK)
        if (bytesRead === 0) break
        const chunk = buffer.subarray(0, bytesRead)
        meter.take(chunk)
        await written(into, chunk)
      }
      into.end()
    } finally {
      await file.close()
    }
    return undefined
  } catch (error) {
    into.destroy(error as Error)
    return error
  }
}

/** Resolves when the stream has used the chunk up and will not look at it again. */
function written(into: Transform, chunk: Buffer): Promise<void> {
  return new Promise((done, failed) => {
    const onClose = (): void => failed(new Error('the reader has gone'))
    into.once('close', onClose)
    into.write(chunk, (error) => {
      into.off('close', onClose)
      if (error) failed(error)
      else done()
    })
  })
}

/** Counts, and hashes when given a hash, what passes through. */
class Meter {
  bytes = 0
  readonly #hash: Hash | undefined
  #digest: Digest | undefined

  constructor(hash?: Hash) {
    this.#hash = hash
  }

  async *through(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      this.take(chunk)
      yield chunk
    }
  }

  take(chunk: Buffer): void {
    this.bytes += chunk.length
    this.#hash?.update(chunk)
  }

  digest(): Digest {
    if (!this.#hash) throw new TypeError('this meter does not hash')
    return (this.#digest ??= `sha256:${this.#hash.digest('hex')}`)
  }
}

/** The refusal of a part that is not what was written. */
export function damaged(part: { readonly file: string }, what: string, cause?: unknown): CatalystError {
  return new CatalystError('BACKUP_DAMAGED', `The part ${part.file} of the backup is damaged: ${what}`, { cause })
}

function asDamage(part: Part, error: unknown): unknown {
  if (error instanceof CatalystError) return error
  const { code = '', message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return damaged(part, 'the file is missing', error)
  // Everything else that zlib or the disk says: it cannot be read as what it was written as.
  return damaged(part, message, error)
}
