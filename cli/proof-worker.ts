import { enableCompileCache } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import type { ProofJob, ProofJobStart } from './proof-jobs.ts'
import type { ErrorData } from './thread-errors.ts'

/** What the thread is started with. */
export interface ThreadStart {
  readonly settings: ProofJobStart
  /** The folder of the compile cache of the thread that started this one, if it has one: a thread does not inherit it. */
  readonly compileCache: string | undefined
}

/** What the main thread sends, and what it gets back. */
export interface JobMessage {
  readonly number: number
  readonly job: ProofJob
}
export type JobAnswer = { readonly number: number; readonly value: unknown } | { readonly number: number; readonly error: ErrorData }

const { settings, compileCache } = workerData as ThreadStart
if (compileCache !== undefined) enableCompileCache(compileCache)
// Only now, so that the cache counts.
const loading = Promise.all([import('./proof-jobs.ts'), import('./thread-errors.ts')]).then(([{ proofJobs }, { errorData }]) => ({ jobs: proofJobs(settings), errorData }))

parentPort?.on('message', async ({ number, job }: JobMessage) => {
  const { jobs, errorData } = await loading
  const answer: JobAnswer = await jobs.run(job).then(
    (value) => ({ number, value }),
    (error: unknown) => ({ number, error: errorData(error) }),
  )
  parentPort?.postMessage(answer)
})
