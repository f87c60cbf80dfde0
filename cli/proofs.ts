import { readdirSync } from 'node:fs'
import { getCompileCacheDir } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { CatalystError } from '../schemas/errors.ts'
import type { InspectedPackage, Packages, Proof, ProofRequest, Verifier } from '../reconciler/ports.ts'
import { openVerdicts } from '../registry/provenance/verdicts.ts'
import { createRecall } from '../registry/provenance/verifier.ts'
import { codeOf, openInspections, type Inspections } from './inspections.ts'
import type { ProofJob, ProofJobs, ProofJobSettings, ProofJobStart } from './proof-jobs.ts'
import type { JobAnswer, ThreadStart } from './proof-worker.ts'
import { errorFrom } from './thread-errors.ts'

/** The verifier and the package reader of this machine: in this thread for a few releases, in others for many. */
export interface Proofs {
  readonly verifier: Verifier
  readonly packages: Packages
  /** Tells how many releases are coming at most and what for, so that threads are used, or not at all. Where this user's memory cannot know them all, the threads get ready at once. */
  expect(releases: number, works: readonly Work[]): void
  close(): Promise<void>
}

export type Work = 'verify' | 'inspect'

/** A thread costs about 60 ms to start; a release about 15 ms to prove. */
const WORTH_A_THREAD = 8
const MOST_THREADS = 4

/** Starts nothing until it is used, and no thread before there is something that this user's memory does not answer. */
export function openProofs(settings: ProofJobSettings): Proofs {
  const start: ProofJobStart = { ...settings, inspectionsDir: join(settings.verdictsDir, 'inspections'), code: codeOf(import.meta.url) }
  const pool = new Pool(start)
  const ask = <T>(job: ProofJob): Promise<T> => pool.run(job) as Promise<T>
  const memory = new Memory(start)
  return {
    verifier: {
      verify: async (request) => (await memory.verdict(request)) ?? ask({ kind: 'verify', request }),
      observe: (request) => ask({ kind: 'observe', request }),
    },
    packages: {
      inspect: async (archive, file) => memory.inspection(archive, file) ?? ask({ kind: 'inspect', archive, file }),
      unpack: (archive, tree, target) => ask({ kind: 'unpack', archive, tree, target }),
      damage: (target, tree) => ask({ kind: 'damage', target, tree }),
    },
    expect(releases, works) {
      if (releases < WORTH_A_THREAD) return
      pool.allow(Math.min(MOST_THREADS, availableParallelism()))
      if (memory.size() < releases) for (const work of works) pool.prepare(work)
    },
    close: () => pool.close(),
  }
}

/** What needs no thread: answers that were reached before. */
class Memory {
  readonly #settings: ProofJobStart
  #recall: ((request: ProofRequest) => Promise<Proof | undefined>) | undefined
  #inspections: Inspections | undefined

  constructor(settings: ProofJobStart) {
    this.#settings = settings
  }

  verdict(request: ProofRequest): Promise<Proof | undefined> {
    const { baseDir, verdictsDir, clockOffsetMs } = this.#settings
    this.#recall ??= createRecall({ baseDir, verdicts: openVerdicts(verdictsDir), now: () => Date.now() + clockOffsetMs })
    return this.#recall(request)
  }

  /** About how many verdicts there are: few more names than notes lie in the folder. */
  size(): number {
    try {
      return readdirSync(this.#settings.verdictsDir).length
    } catch {
      return 0
    }
  }

  inspection(archive: Uint8Array, file: string): InspectedPackage | undefined {
    this.#inspections ??= openInspections(this.#settings.inspectionsDir, this.#settings.code)
    return this.#inspections.recall(archive, file)
  }
}

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

class Pool {
  readonly #settings: ProofJobStart
  /** Those of a half are started with its first job. */
  readonly #threads: (Thread | undefined)[] = []
  readonly #prepared = new Set<Work>()
  #most = 0
  #inline: ProofJobs | undefined

  constructor(settings: ProofJobStart) {
    this.#settings = settings
  }

  /** So many threads may be started, with the first job. */
  allow(threads: number): void {
    this.#most = Math.max(this.#most, threads)
  }

  /** Has the threads of this kind of work load it, once, while nothing is there to be done. What fails fails again with the first job. */
  prepare(work: Work): void {
    if (this.#prepared.has(work)) return
    this.#prepared.add(work)
    const job: ProofJob = { kind: 'prepare', work }
    for (const thread of this.#threadsFor(job)) thread.run(job).catch(() => undefined)
  }

  /** Gives the job to the thread with the least to do among those of its kind; without threads it is done here. */
  async run(job: ProofJob): Promise<unknown> {
    const [first, ...others] = this.#threadsFor(job)
    if (first) return others.reduce((least, t) => (t.pending < least.pending ? t : least), first).run(job)
    if (!this.#inline) {
      const { proofJobs } = await import('./proof-jobs.ts')
      this.#inline = proofJobs(this.#settings)
    }
    return this.#inline.run(job)
  }

  /**
   * Signatures are one half's work and packages the other's: code that a thread has never run is loaded and runs slowly
   * for its first few dozen releases, so no thread learns more than it needs. Writing files is the kernel's work: two
   * threads are no faster at it than this one by itself.
   */
  #threadsFor(job: ProofJob): readonly Thread[] {
    const kind = job.kind === 'prepare' ? job.work : job.kind
    const half = Math.max(this.#most >> 1, 1)
    if (this.#most === 0 || (kind === 'unpack' && this.#most <= 2)) return []
    const [from, to] = kind === 'verify' || kind === 'observe' ? [0, half] : [this.#most > 1 ? half : 0, this.#most]
    for (let i = from; i < to; i++) this.#threads[i] ??= new Thread(this.#settings)
    return this.#threads.slice(from, to).filter((t) => t !== undefined)
  }

  async close(): Promise<void> {
    this.#inline?.close()
    await Promise.all(this.#threads.splice(0).map((t) => t?.close()))
  }
}

class Thread {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #next = 0

  constructor(settings: ProofJobStart) {
    // Short-lived objects by the megabyte: with room for more of them a thread only keeps more garbage (lock of 100: 245 -> 195 MB, and less processor time).
    this.#worker = new Worker(workerFile(), { workerData: { settings, compileCache: compileCache() } satisfies ThreadStart, resourceLimits: { maxYoungGenerationSizeMb: 12 } })
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
  return new URL(import.meta.url.endsWith('.ts') ? './proof-worker.ts' : './proof-worker.cjs', import.meta.url)
}
