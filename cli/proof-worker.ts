import { parentPort, workerData } from 'node:worker_threads'
import { errorData, proofJobs, type ErrorData, type ProofJob, type ProofJobSettings } from './proof-jobs.ts'

/** What the main thread sends, and what it gets back. */
export interface JobMessage {
  readonly number: number
  readonly job: ProofJob
}
export type JobAnswer = { readonly number: number; readonly value: unknown } | { readonly number: number; readonly error: ErrorData }

const work = proofJobs(workerData as ProofJobSettings)

parentPort?.on('message', async ({ number, job }: JobMessage) => {
  const answer: JobAnswer = await work.run(job).then(
    (value) => ({ number, value }),
    (error: unknown) => ({ number, error: errorData(error) }),
  )
  parentPort?.postMessage(answer)
})
