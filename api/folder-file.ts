import { hash } from 'node:crypto'
import { constants, type BigIntStats } from 'node:fs'
import { type FileHandle, open, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { HeldFile } from './held-file.ts'
import { assertSame, ChangingFile, digestOf, type StreamedFile, streamOf } from './streamed-file.ts'

/** Smaller files are read at once: what is hashed is then what is sent. */
const HELD_BYTES = 1024 * 1024
const GONE = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EMLINK', 'ENXIO'])

/** How a folder is remembered. Tests give a clock of their own. */
export interface Remembering {
  /** For how long a file is sent without looking whether it has changed. Clients are told that they may keep it longer. */
  readonly freshMs?: number
  /** The most that all remembered contents have together. */
  readonly maxBytes?: number
  readonly now?: () => number
}

interface Remembered {
  readonly file: HeldFile
  /** Of the file on the disk, see `identity`. */
  readonly identity: string
  lookedAt: number
}

/**
 * Opens plain files below a folder. Small ones are remembered, digests of large ones too, for as long as they are the same
 * file. No link is followed, except that the folder itself may be one: so a whole index can be switched by one rename.
 */
export class ServedFolder {
  readonly #root: string
  readonly #freshMs: number
  readonly #maxBytes: number
  readonly #now: () => number
  /** Oldest use first. */
  readonly #remembered = new Map<string, Remembered>()
  #bytes = 0
  readonly #digests = new Map<string, string>()
  readonly #looking = new Map<string, Promise<HeldFile | undefined>>()

  constructor(root: string, { freshMs = 1_000, maxBytes = 32 * 1024 * 1024, now = () => performance.now() }: Remembering = {}) {
    this.#root = root
    this.#freshMs = freshMs
    this.#maxBytes = maxBytes
    this.#now = now
  }

  /** The file as it was a moment ago, when it is remembered: nothing is asked of the disk. */
  fresh(path: string): HeldFile | undefined {
    const known = this.#remembered.get(path)
    return known !== undefined && this.#now() - known.lookedAt < this.#freshMs ? known.file : undefined
  }

  /** The file at a relative path, or undefined when no plain file is there. @throws ChangingFile */
  async open(path: string): Promise<HeldFile | StreamedFile | undefined> {
    if (!this.#remembered.has(path)) return this.#look(path)
    // Many ask for the same file in the moment in which it is looked at again: one look is enough for all.
    const looking = this.#looking.get(path) ?? this.#lookForAll(path).finally(() => this.#looking.delete(path))
    this.#looking.set(path, looking)
    return (await looking) ?? this.#look(path)
  }

  /** What many may have: a content in memory. An open file is for one alone. */
  async #lookForAll(path: string): Promise<HeldFile | undefined> {
    const file = await this.#look(path)
    if (file instanceof HeldFile) return file
    await file?.close()
    return undefined
  }

  async #look(path: string): Promise<HeldFile | StreamedFile | undefined> {
    const lookedAt = this.#now()
    const handle = await this.#handle(path)
    try {
      const stat = await handle?.stat({ bigint: true })
      if (!handle || !stat?.isFile()) return await this.#nothing(path, handle)
      if (stat.size > HELD_BYTES) return await this.#streamed(path, handle, stat)
      const file = await this.#held(path, handle, stat, lookedAt)
      await handle.close()
      return file
    } catch (error) {
      await handle?.close()
      throw error
    }
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

  async #nothing(path: string, handle: FileHandle | undefined): Promise<undefined> {
    this.#forget(path)
    await handle?.close()
  }

  async #held(path: string, handle: FileHandle, stat: BigIntStats, lookedAt: number): Promise<HeldFile> {
    const known = this.#remembered.get(path)
    const file = known?.identity === identity(stat) ? known.file : await contentOf(handle, stat)
    this.#remember(path, { file, identity: identity(stat), lookedAt })
    return file
  }

  #remember(path: string, remembered: Remembered): void {
    this.#forget(path)
    if (remembered.file.size > this.#maxBytes / 8) return
    this.#remembered.set(path, remembered)
    this.#bytes += remembered.file.mostBytes
    for (const oldest of this.#remembered.keys()) {
      if (this.#bytes <= this.#maxBytes) break
      this.#forget(oldest)
    }
  }

  #forget(path: string): void {
    const known = this.#remembered.get(path)
    if (known && this.#remembered.delete(path)) this.#bytes -= known.file.mostBytes
  }

  async #streamed(path: string, handle: FileHandle, stat: BigIntStats): Promise<StreamedFile> {
    this.#forget(path)
    const key = identity(stat)
    const digest = this.#digests.get(key) ?? (await digestOf(handle, stat))
    this.#digests.delete(key)
    this.#digests.set(key, digest)
    const [oldest] = this.#digests.keys()
    if (this.#digests.size > 10_000 && oldest !== undefined) this.#digests.delete(oldest)
    return { size: Number(stat.size), digest, stream: (start, end, failed) => streamOf(handle, stat, { start, end, failed }), close: () => handle.close() }
  }
}

async function contentOf(handle: FileHandle, stat: BigIntStats): Promise<HeldFile> {
  const bytes = Buffer.alloc(Number(stat.size))
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0)
  await assertSame(handle, stat)
  if (bytesRead !== bytes.length) throw new ChangingFile('the file became shorter')
  return new HeldFile(bytes, hash('sha256', bytes))
}

/** Two files with the same one are the same file with the same content. Replacing a file changes its inode, writing to it its times. */
function identity({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}.${ino}.${size}.${mtimeNs}.${ctimeNs}`
}
