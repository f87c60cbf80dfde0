import { createHash, hash } from 'node:crypto'
import { constants, type BigIntStats } from 'node:fs'
import { type FileHandle, open, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** A file, opened: its content stays the same however the folder changes meanwhile. Close it, or let `stream` do it. */
export interface OpenFile {
  readonly size: number
  /** sha256 of the content, 64 hexadecimal digits. */
  readonly digest: string
  /** Bytes `start` to `end`, the last one included. Closes the file at its end, and fails rather than mix two contents. */
  stream(start: number, end: number): ReadableStream<Uint8Array>
  close(): Promise<void>
}

/** Smaller files are read at once: what is hashed is then what is sent. */
const HELD_BYTES = 1024 * 1024
const CHUNK_BYTES = 256 * 1024
const GONE = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EMLINK', 'ENXIO'])

/** A file that is being written in place right now, by something that does not replace files whole. */
export class ChangingFile extends Error {}

/**
 * Opens plain files below a folder, remembering digests of large ones for as long as they are the same file. No link is
 * followed, except that the folder itself may be one: so a whole index can be switched by one rename.
 */
export class ServedFolder {
  readonly #root: string
  readonly #digests = new Map<string, string>()

  constructor(root: string) {
    this.#root = root
  }

  /** The file at a relative path, or undefined when no plain file is there. @throws ChangingFile */
  async open(path: string): Promise<OpenFile | undefined> {
    const handle = await this.#handle(path)
    if (!handle) return undefined
    try {
      const stat = await handle.stat({ bigint: true })
      if (stat.isFile()) return stat.size <= HELD_BYTES ? await held(handle, stat) : await this.#streamed(handle, stat)
    } catch (error) {
      await handle.close()
      throw error
    }
    await handle.close()
    return undefined
  }

  async #handle(path: string): Promise<FileHandle | undefined> {
    try {
      const root = await realpath(this.#root)
      const folder = join(root, dirname(path))
      if ((await realpath(folder)) !== folder) return undefined
      // Without O_NONBLOCK a named pipe would keep us waiting for its writer.
      return await open(join(root, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    } catch (error) {
      if (GONE.has((error as NodeJS.ErrnoException).code ?? '')) return undefined
      throw error
    }
  }

  async #streamed(handle: FileHandle, stat: BigIntStats): Promise<OpenFile> {
    const key = identity(stat)
    const digest = this.#digests.get(key) ?? (await digestOf(handle, stat))
    this.#remember(key, digest)
    return { size: Number(stat.size), digest, stream: (start, end) => streamOf(handle, stat, start, end), close: () => handle.close() }
  }

  #remember(key: string, digest: string): void {
    this.#digests.delete(key)
    this.#digests.set(key, digest)
    const [oldest] = this.#digests.keys()
    if (this.#digests.size > 10_000 && oldest !== undefined) this.#digests.delete(oldest)
  }
}

async function held(handle: FileHandle, stat: BigIntStats): Promise<OpenFile> {
  const bytes = Buffer.alloc(Number(stat.size))
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0)
  await assertSame(handle, stat)
  if (bytesRead !== bytes.length) throw new ChangingFile('the file became shorter')
  await handle.close()
  return { size: bytes.length, digest: hash('sha256', bytes), stream: (start, end) => new Blob([bytes.subarray(start, end + 1)]).stream(), close: async () => undefined }
}

async function digestOf(handle: FileHandle, stat: BigIntStats): Promise<string> {
  const sum = createHash('sha256')
  for await (const chunk of streamOf(handle, stat, 0, Number(stat.size) - 1, { keepOpen: true })) sum.update(chunk)
  return sum.digest('hex')
}

function streamOf(handle: FileHandle, stat: BigIntStats, start: number, end: number, options: { readonly keepOpen?: boolean } = {}): ReadableStream<Uint8Array> {
  let at = start
  const done = async (): Promise<void> => {
    if (!options.keepOpen) await handle.close()
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { bytesRead, buffer } = await handle.read(new Uint8Array(Math.min(CHUNK_BYTES, end + 1 - at)), 0, undefined, at)
          at += bytesRead
          // Before the last bytes go out: a client that has all of them shall have one content.
          if (at > end || bytesRead === 0) await assertSame(handle, stat)
          if (bytesRead === 0) throw new ChangingFile('the file became shorter')
          controller.enqueue(buffer.subarray(0, bytesRead))
          if (at <= end) return
          controller.close()
          await done()
        } catch (error) {
          controller.error(error)
          await done()
        }
      },
      cancel: done,
    },
    { highWaterMark: 1 },
  )
}

/** Not `ctime`: that changes too when the file is replaced by another, and what we hold open stays whole then. */
async function assertSame(handle: FileHandle, { size, mtimeNs }: BigIntStats): Promise<void> {
  const now = await handle.stat({ bigint: true })
  if (now.size !== size || now.mtimeNs !== mtimeNs) throw new ChangingFile('the file changed while it was read')
}

/** Two files with the same one are the same file with the same content. Replacing a file changes its inode, writing to it its times. */
function identity({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}.${ino}.${size}.${mtimeNs}.${ctimeNs}`
}
