import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import pLimit from 'p-limit'
import { CatalystError } from '../schemas/errors.ts'
import { writeAtomically } from './atomic-write.ts'
import { isReadOnly } from './disk-errors.ts'
import { readBody } from './http-body.ts'
import { unreachable, type Http } from './http.ts'
import { withRetries, type RetryPolicy } from './retry.ts'
import { noSuchFile, type Fetcher } from './tuf-updater.ts'

export interface TufFetcherOptions {
  readonly dir: string
  readonly http: Http
  readonly retries: RetryPolicy
  /** Answers from the folder alone. */
  readonly offline: boolean
  readonly signal: AbortSignal | undefined
}

const PARALLEL = 16
const ROOT_MAX_BYTES = 256_000

/**
 * Fetches for TUF's client: bounded in bytes, time and number, nothing asked twice, from one host only. Roots that were
 * proven once are kept, for they never change and the pinned one may be many rotations old; they are proven again.
 */
export class TufFetcher implements Fetcher {
  /** Why something could not be fetched: the library wraps errors in texts. */
  readonly failures: CatalystError[] = []
  readonly #options: TufFetcherOptions
  readonly #limit = pLimit(PARALLEL)
  readonly #asked = new Map<string, Promise<Buffer>>()

  constructor(options: TufFetcherOptions) {
    this.#options = options
  }

  downloadBytes(url: string, maxLength: number): Promise<Buffer> {
    const asked = this.#asked.get(url) ?? this.#limit(() => this.#fetch(url, maxLength))
    this.#asked.set(url, asked)
    return asked
  }

  /** A root of another chain, not proven yet; undefined when the server has none of that version. */
  async rootIfThere(url: string): Promise<Buffer | undefined> {
    const kept = this.#keptUpstream(url)
    if (existsSync(kept)) return readFileSync(kept)
    if (this.#options.offline) return undefined
    try {
      return await this.#send(url, ROOT_MAX_BYTES)
    } catch (error) {
      if (error instanceof CatalystError && (error.code === 'NOT_FOUND' || error.code === 'UNAUTHORIZED')) return undefined
      throw error
    }
  }

  /** Keeps a root of another chain for the next time, once it is proven. */
  keepRoot(url: string, bytes: Buffer): void {
    keep(this.#keptUpstream(url), bytes)
  }

  #keptUpstream(url: string): string {
    return join(this.#options.dir, 'roots', `upstream-${url.split('/').at(-1)}`)
  }

  async downloadFile<T>(url: string, maxLength: number, handler: (file: string) => Promise<T>): Promise<T> {
    const file = join(this.#options.dir, `.${randomUUID()}`)
    try {
      writeAtomically(file, await this.downloadBytes(url, maxLength))
      return await handler(file)
    } finally {
      rmSync(file, { force: true })
    }
  }

  async #fetch(url: string, maxBytes: number): Promise<Buffer> {
    const root = /\/metadata\/(\d+\.root\.json)$/.exec(url)?.[1]
    const kept = root && join(this.#options.dir, 'roots', root)
    if (kept && existsSync(kept)) return readFileSync(kept)
    try {
      const bytes = this.#options.offline ? this.#fromFolder(url, root) : await this.#send(url, maxBytes)
      if (kept) keep(kept, bytes)
      return bytes
    } catch (thrown) {
      const error = unreachable(url, thrown, this.#options.signal)
      if (!(error instanceof CatalystError)) throw error
      // Object stores answer 403 for what is not there.
      if (root && (error.code === 'NOT_FOUND' || error.code === 'UNAUTHORIZED')) throw noSuchFile(error)
      this.failures.push(error)
      throw error
    }
  }

  #send(url: string, maxBytes: number): Promise<Buffer> {
    const { http, retries, signal } = this.#options
    return withRetries(async () => readBody(await http.send({ url, maxBytes, sameOrigin: true, signal }), { maxBytes, signal }), retries, signal)
  }

  /** The metadata that was proven last stands for what cannot be asked for (it is proven again, and tells why it is not good enough), and no newer root is known. */
  #fromFolder(url: string, root: string | undefined): Buffer {
    if (root) throw new CatalystError('NOT_FOUND', `${root} is not known here`)
    const name = /\/metadata\/(?:\d+\.)?([a-z0-9-]+\.json)$/.exec(url)?.[1]
    const kept = name && join(this.#options.dir, name)
    if (kept && existsSync(kept)) return readFileSync(kept)
    throw new CatalystError('SOURCE_UNREACHABLE', `${url} is not in the cache, and its registry could not be asked`)
  }
}

/** A cache that cannot be written costs a request the next time. */
function keep(path: string, bytes: Buffer): void {
  try {
    writeAtomically(path, bytes)
  } catch (error) {
    if (!isReadOnly(error)) throw error
  }
}
