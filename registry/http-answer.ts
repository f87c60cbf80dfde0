import type { IncomingHttpHeaders } from 'node:http'
import { CatalystError } from '../schemas/errors.ts'

/** Why an answer of a server is no success. It is the `cause` of the error that people see, and tells the retry loop what to do. */
export class AnswerError extends Error {
  readonly status: number
  /** How long the server asked to wait; undefined when it did not say. */
  readonly waitMs: number | undefined
  /** False when asking again cannot help. */
  readonly again: boolean

  constructor(status: number, options: { again: boolean; waitMs?: number | undefined }) {
    super(`HTTP ${status}`)
    this.name = 'AnswerError'
    this.status = status
    this.again = options.again
    this.waitMs = options.waitMs
  }
}

/** A URL as people may see it: without user names and without its query, where signed addresses keep their secret. */
export function shownUrl(url: string | URL): string {
  const parsed = URL.canParse(String(url)) ? new URL(String(url)) : undefined
  if (!parsed) return String(url).slice(0, 200)
  return `${parsed.protocol}//${parsed.host}${parsed.pathname}`
}

/**
 * What an answer other than 2xx and 304 means: 401 and 403 UNAUTHORIZED; 429 and GitHub's 403 with an empty budget or
 * `retry-after` RATE_LIMITED with the time when it ends; 404 and 410 NOT_FOUND; everything else SOURCE_UNREACHABLE. Pure.
 */
export function answerProblem(url: string | URL, status: number, headers: IncomingHttpHeaders, nowMs: number): CatalystError {
  const shown = shownUrl(url)
  const waitMs = retryAfterMs(headers, nowMs)
  if (status === 429 || (status === 403 && waitMs !== undefined)) return rateLimited(shown, status, waitMs, nowMs)
  if (status === 401 || status === 403) {
    return new CatalystError('UNAUTHORIZED', `${shown} refused access (${status})`, { cause: new AnswerError(status, { again: false }) })
  }
  if (status === 404 || status === 410) {
    return new CatalystError('NOT_FOUND', `${shown} does not exist (${status})`, { cause: new AnswerError(status, { again: false }) })
  }
  const again = status >= 500 || status === 408 || status === 425
  return new CatalystError('SOURCE_UNREACHABLE', `${shown} answered ${status}`, { cause: new AnswerError(status, { again, waitMs }) })
}

function rateLimited(shown: string, status: number, waitMs: number | undefined, nowMs: number): CatalystError {
  const until = waitMs === undefined ? '' : ` until ${new Date(nowMs + waitMs).toISOString().replace(/\.\d+Z$/, 'Z')}`
  return new CatalystError('RATE_LIMITED', `${shown} takes no more requests${until} (${status})`, { cause: new AnswerError(status, { again: true, waitMs }) })
}

/**
 * How long a server asks to wait: `Retry-After` in seconds or as a date (RFC 9110 10.2.3), else GitHub's
 * `x-ratelimit-reset` when nothing of the budget remains. Never negative, at most a day.
 */
export function retryAfterMs(headers: IncomingHttpHeaders, nowMs: number): number | undefined {
  const after = headers['retry-after']
  if (after !== undefined) {
    const wait = /^\d+$/.test(after.trim()) ? Number(after) * 1000 : Date.parse(after) - nowMs
    if (Number.isFinite(wait)) return bounded(wait)
  }
  if (headers['x-ratelimit-remaining'] !== '0') return undefined
  const reset = Number(headers['x-ratelimit-reset'])
  return Number.isFinite(reset) ? bounded(reset * 1000 - nowMs) : undefined
}

function bounded(ms: number): number {
  return Math.min(Math.max(ms, 0), 86_400_000)
}
