import { getCompileCacheDir } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { CatalystError } from '../schemas/errors.ts'
import type { Packages, Verifier } from '../reconciler/ports.ts'
import type { ProofJob, ProofJobs, ProofJobSettings } from './proof-jobs.ts'
import type { JobAnswer, ThreadStart } from './proof-worker.ts'
import { errorFrom } from './thread-errors.ts'

/** The verifier and the package reader of this machine: in this thread for a few releases, in others for many. */
export interface Proofs {
  readonly verifier: Verifier
  readonly packages: Packages
  /** Tells how many releases are coming, so that threads are started early, or not at all. */
  expect(releases: number): void
  close(): Promise<void>
}

/** A thread costs about 60 ms to start; a release about 15 ms to prove. */
const WORTH_A_THREAD = 8
const MOST_THREADS = 4

/** Starts nothing until it is used. */
export function openProofs(settings: ProofJobSettings): Proofs {
  const pool = new Pool(settings)
  const ask = <T>(job: ProofJob): Promise<T> => pool.run(job) as Promise<T>
  return {
    verifier: {
      verify: (request) => ask({ kind: 'verify', request }),
      observe: (request) => ask({ kind: 'observe', request }),
    },
    packages: {
      inspect: (archive, file) => ask({ kind: 'inspect', archive, file }),
      unpack: (archive, tree, target) => ask({ kind: 'unpack', archive, tree, target }),
      damage: (target, tree) => ask({ kind: 'damage', target, tree }),
    },
    expect: (releases) => pool.size(releases < WORTH_A_THREAD ? 0 : Math.min(MOST_THREADS, availableParallelism())),
    close: () => pool.close(),
  }
}

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

class Pool {
  readonly #settings: ProofJobSettings
  readonly #threads: Thread[] = []
  #inline: ProofJobs | undefined

  constructor(settings: ProofJobSettings) {
    this.#settings = settings
  }

  size(threads: number): void {
    while (this.#threads.length < threads) this.#threads.push(new Thread(this.#settings))
  }

  /** Gives the job to the thread with the least to do; without threads it is done here. */
  async run(job: ProofJob): Promise<unknown> {
    const [first, ...others] = this.#threads
    if (first) return others.reduce((least, t) => (t.pending < least.pending ? t : least), first).run(job)
    if (!this.#inline) {
      const { proofJobs } = await import('./proof-jobs.ts')
      this.#inline = proofJobs(this.#settings)
    }
    return this.#inline.run(job)
  }

  async close(): Promise<void> {
    this.#inline?.close()
    await Promise.all(this.#threads.splice(0).map((t) => t.close()))
  }
}

class Thread {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #next = 0

  constructor(settings: ProofJobSettings) {
    this.#worker = new Worker(workerFile(), { workerData: { settings, compileCache: compileCache() } satisfies ThreadStart })
    this.#worker.on('message', (answer: JobAnswer) => this.#settle(answer))
    this.#worker.on('error', (error) => this.#failAll(error))
    this.#worker.on('exit', () => this.#failAll(new CatalystError('INTERNAL', 'a proving thread ended early')))
    this.#worker.unref()
  }

  get pending(): number {
    return this.#waiting.size
  }

  run(job: ProofJob): Promise<unknown> {
    const number = this.#next++
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject })
      this.#worker.ref()
      this.#worker.postMessage({ number, job })
    })
  }

  async close(): Promise<void> {
    this.#worker.removeAllListeners('exit')
    await this.#worker.terminate()
  }

  #settle(answer: JobAnswer): void {
    const waiting = this.#waiting.get(answer.number)
    this.#waiting.delete(answer.number)
    if (this.#waiting.size === 0) this.#worker.unref()
    if ('error' in answer) waiting?.reject(errorFrom(answer.error))
    else waiting?.resolve(answer.value)
  }

  #failAll(error: unknown): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}

/** What `enableCompileCache` was given: Node tells a folder in it that is named for its own version. */
function compileCache(): string | undefined {
  const folder = getCompileCacheDir()
  return folder === undefined ? undefined : dirname(folder)
}

/** The same thread from sources and from the bundle. */
function workerFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './proof-worker.ts' : './proof-worker.js', import.meta.url)
}
