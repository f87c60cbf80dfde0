import type { MiddlewareHandler } from 'hono'
import { tokenText } from './http.ts'
import type { Env } from './http.ts'
import { problemJson } from './answers.ts'

const HOUR_MS = 3_600_000

/** Budgets of requests an hour; tests make them small. */
export interface Limits {
  readonly anonymous: number
  readonly authenticated: number
}

interface Window {
  used: number
  readonly resetMs: number
}

/** GitHub's primary rate limit: a budget an hour for the address, and one for each token. The clock is an argument. */
export class RateLimit {
  limits: Limits = { anonymous: 60, authenticated: 5000 }
  readonly #now: () => number
  readonly #windows = new Map<string, Window>()

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** Gives everybody a fresh hour. */
  reset(): void {
    this.#windows.clear()
  }

  /** Takes one request from a caller's budget; false when none is left. */
  take(token: string | undefined): boolean {
    const window = this.#window(token)
    if (window.used >= this.#limit(token)) return false
    window.used += 1
    return true
  }

  /** Gives one request back. */
  refund(token: string | undefined): void {
    this.#window(token).used -= 1
  }

  /** Schema `rate-limit`; `reset` in seconds since 1970. */
  state(token: string | undefined): { limit: number; used: number; remaining: number; reset: number } {
    const { used, resetMs } = this.#window(token)
    const limit = this.#limit(token)
    return { limit, used, remaining: Math.max(0, limit - used), reset: Math.ceil(resetMs / 1000) }
  }

  #limit(token: string | undefined): number {
    return token === undefined ? this.limits.anonymous : this.limits.authenticated
  }

  #window(token: string | undefined): Window {
    const caller = token ?? ''
    const known = this.#windows.get(caller)
    if (known && known.resetMs > this.#now()) return known
    const fresh = { used: 0, resetMs: this.#now() + HOUR_MS }
    this.#windows.set(caller, fresh)
    return fresh
  }
}

/** The headers that go with every answer of the API. */
export function rateLimitHeaders(state: { limit: number; used: number; remaining: number; reset: number }): Record<string, string> {
  const headers = { limit: state.limit, remaining: state.remaining, used: state.used, reset: state.reset, resource: 'core' }
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [`x-ratelimit-${name}`, String(value)]))
}

const EXCEEDED = "API rate limit exceeded for 127.0.0.1. (But here's the good news: Authenticated requests get a higher rate limit. Check out the documentation for more details.)"
const DOCUMENTATION = 'https://docs.github.com/rest/overview/resources-in-the-rest-api#rate-limiting'

/** The 403 of an empty budget. */
export function exceeded(state: { limit: number; used: number; remaining: number; reset: number }): Response {
  return Response.json(problemJson(403, EXCEEDED, DOCUMENTATION), { status: 403, headers: rateLimitHeaders(state) })
}

/**
 * Counts each request of the API but `/rate_limit`. As GitHub documents it ("Best practices for using the REST API"), a
 * 304 is free for a caller with a token and counts for one without.
 */
export function limited(limit: RateLimit): MiddlewareHandler<Env> {
  return async (c, next) => {
    const token = tokenText(c.req.header('authorization'))
    const counted = !c.req.path.endsWith('/rate_limit')
    if (counted && !limit.take(token)) return exceeded(limit.state(token))
    await next()
    if (counted && c.res.status === 304 && token !== undefined) limit.refund(token)
    for (const [name, value] of Object.entries(rateLimitHeaders(limit.state(token)))) c.res.headers.set(name, value)
    return undefined
  }
}
