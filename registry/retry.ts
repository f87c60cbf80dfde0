import pRetry from 'p-retry'
import { setTimeout as pause } from 'node:timers/promises'
import { CatalystError } from '../schemas/errors.ts'
import { AnswerError } from './http-answer.ts'

/** How often and after how long a failed request is made again. Tests set the times to 0. */
export interface RetryPolicy {
  /** Tries after the first one. */
  readonly retries: number
  /** Before the first retry; doubled each time, with jitter (between once and twice as long). */
  readonly backoffMs: number
  readonly maxBackoffMs: number
  /** The longest that we wait because a server asks us to; past it the error is given at once. */
  readonly maxWaitMs: number
  readonly sleep: (ms: number, signal: AbortSignal | undefined) => Promise<unknown>
}

export const DEFAULT_RETRIES: RetryPolicy = {
  retries: 3,
  backoffMs: 250,
  maxBackoffMs: 8_000,
  maxWaitMs: 30_000,
  sleep: (ms, signal) => pause(ms, undefined, signal ? { signal } : {}),
}

/** Does the work again while its error may pass: dropped, slow and 5xx answers, and rate limits that end soon. @throws the last error */
export function withRetries<T>(work: () => Promise<T>, policy: RetryPolicy, signal?: AbortSignal): Promise<T> {
  return pRetry(work, {
    retries: policy.retries,
    minTimeout: policy.backoffMs,
    maxTimeout: policy.maxBackoffMs,
    randomize: true,
    ...(signal ? { signal } : {}),
    shouldRetry: ({ error }) => mayPass(error, policy.maxWaitMs),
    onFailedAttempt: async ({ error, retriesLeft }) => {
      const wait = askedWait(error)
      if (retriesLeft > 0 && wait && mayPass(error, policy.maxWaitMs)) await policy.sleep(wait, signal)
    },
  })
}

function mayPass(error: Error, maxWaitMs: number): boolean {
  if (!(error instanceof CatalystError)) return false
  const passing = error.code === 'SOURCE_UNREACHABLE' || error.code === 'RATE_LIMITED' || error.code === 'SIZE_MISMATCH'
  const again = error.cause instanceof AnswerError ? error.cause.again : true
  return passing && again && (askedWait(error) ?? 0) <= maxWaitMs
}

function askedWait(error: Error): number | undefined {
  return error instanceof CatalystError && error.cause instanceof AnswerError ? error.cause.waitMs : undefined
}
