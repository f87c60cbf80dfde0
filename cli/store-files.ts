import { promises as disk } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { sha256 } from '../schemas/digest.ts'
import { CatalystError } from '../schemas/errors.ts'
import type { Lock } from '../schemas/lock.ts'
import type { DesiredState, PlaceOf } from '../reconciler/plan/desired.ts'
import type { Problem } from '../schemas/errors.ts'
import { readGivenFile } from './given-file.ts'

/**
 * The files of a store repository that people review: read here, written here, nowhere else. What reads and writes YAML is
 * loaded by the commands that do.
 */
export class StoreFiles {
  readonly dir: string
  /** What was read last. `apply` looks again at its end whether somebody has changed a file meanwhile. */
  #desired: Read<Said> | undefined
  #lock: Read<Lock> | undefined

  constructor(dir: string) {
    this.dir = resolve(dir)
  }

  get pluginsPath(): string {
    return join(this.dir, 'plugins.yaml')
  }

  get lockPath(): string {
    return join(this.dir, 'plugins.lock.yaml')
  }

  /** Bundles that have no lasting address, committed with the lock. */
  get bundlesDir(): string {
    return join(this.dir, 'plugins.bundles')
  }

  /** A file that an option names. @throws CatalystError FILE_NOT_FOUND, FILE_UNREADABLE */
  async readText(path: string): Promise<string> {
    return (await this.#read(resolve(path))).toString('utf8')
  }

  /** Makes git leave these out, once. */
  async ignore(patterns: readonly string[]): Promise<void> {
    const path = join(this.dir, '.gitignore')
    const before = await disk.readFile(path, 'utf8').catch(() => '')
    const missing = patterns.filter((p) => !before.split('\n').includes(p))
    if (missing.length > 0) await this.#write(path, `${before}${before === '' || before.endsWith('\n') ? '' : '\n'}${missing.join('\n')}\n`)
  }

  /** A path of the store as a person would type it. */
  shown(path: string): string {
    return relative(process.cwd(), path) || '.'
  }

  /** @throws CatalystError FILE_NOT_FOUND, FILE_UNREADABLE, and everything that can be wrong in plugins.yaml */
  async readDesired(): Promise<Said> {
    const [{ readPluginSet }, { desiredState }] = await Promise.all([import('../schemas/plugin-set-file.ts'), import('../reconciler/plan/desired.ts')])
    const bytes = await this.#read(this.pluginsPath, 'Run `catalyst init` to make one, or name the store with `-C DIR`.')
    this.#desired = once(this.#desired, bytes, () => {
      const { set, placeOf, warnings } = readPluginSet(bytes, this.shown(this.pluginsPath))
      return { desired: desiredState(set, placeOf), placeOf, text: bytes.toString('utf8'), warnings }
    })
    return this.#desired.value
  }

  /** The lock, or undefined when there is none yet. @throws CatalystError LOCK_INVALID, LOCK_EDITED, LOCK_CONFLICT, LOCK_TOO_NEW, FILE_UNREADABLE */
  async readLock(): Promise<Lock | undefined> {
    const { readLock } = await import('../schemas/lock-file.ts')
    try {
      const bytes = await this.#read(this.lockPath)
      this.#lock = once(this.#lock, bytes, () => readLock(bytes, this.shown(this.lockPath)))
      return this.#lock.value
    } catch (error) {
      if (error instanceof CatalystError && error.code === 'FILE_NOT_FOUND') return undefined
      throw error
    }
  }

  /** The lock's text as it stands, or undefined. */
  async lockText(): Promise<string | undefined> {
    try {
      return (await this.#read(this.lockPath)).toString('utf8')
    } catch (error) {
      if (error instanceof CatalystError && error.code === 'FILE_NOT_FOUND') return undefined
      throw error
    }
  }

  /** Writes the lock when its content changes. True when it was written. */
  async writeLock(lock: Lock): Promise<boolean> {
    const { writeLock } = await import('../schemas/lock-file.ts')
    return this.#write(this.lockPath, writeLock(lock))
  }

  /** Writes plugins.yaml when its content changes. True when it was written. */
  async writePlugins(text: string): Promise<boolean> {
    return this.#write(this.pluginsPath, text)
  }

  /** Keeps a bundle without a lasting address beside the lock, named by its digest. */
  async keepBundle(digest: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.bundlesDir, `${digest.slice(7)}.json`)
    await disk.mkdir(dirname(path), { recursive: true })
    if ((await disk.readFile(path).then(sha256, () => undefined)) !== digest) await replaceFile(path, bytes)
  }

  async #read(path: string, hint?: string): Promise<Buffer> {
    return readGivenFile(path, { shown: this.shown(path), missing: hint })
  }

  async #write(path: string, text: string): Promise<boolean> {
    const before = await disk.readFile(path, 'utf8').catch(() => undefined)
    if (before === text) return false
    await replaceFile(path, text)
    return true
  }
}

/** What plugins.yaml says, and where it says it. */
interface Said {
  readonly desired: DesiredState
  readonly placeOf: PlaceOf
  readonly text: string
  readonly warnings: readonly Problem[]
}

/** What was made of these bytes. */
interface Read<T> {
  readonly bytes: Buffer
  readonly value: T
}

function once<T>(last: Read<T> | undefined, bytes: Buffer, read: () => T): Read<T> {
  return last?.bytes.equals(bytes) ? last : { bytes, value: read() }
}

/** Temp file in the same folder, fsync, rename: readers see the old file or the new one. @throws CatalystError DISK_FULL, READ_ONLY */
async function replaceFile(path: string, data: string | Uint8Array): Promise<void> {
  const temp = `${path}.${process.pid}.tmp`
  try {
    await disk.writeFile(temp, data, { flag: 'w', mode: 0o644, flush: true })
    await disk.rename(temp, path)
    const folder = await disk.open(dirname(path), 'r')
    await folder.sync().finally(() => folder.close())
  } catch (error) {
    await disk.rm(temp, { force: true }).catch(() => undefined)
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOSPC' || code === 'EDQUOT') throw new CatalystError('DISK_FULL', `no space left to write ${path}`, { cause: error })
    throw new CatalystError('READ_ONLY', `${path} cannot be written (${code})`, { cause: error })
  }
}
