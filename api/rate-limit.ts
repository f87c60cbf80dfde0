import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'

/* The one door to `rate-limiter-flexible`. */

/** So many requests in so many seconds. `name` is told to clients. */
export interface Quota {
  readonly name: string
  readonly requests: number
  readonly seconds: number
}

/** What is left of a quota for one key. */
export interface Left {
  readonly ok: boolean
  readonly remaining: number
  /** Seconds until it is full again. */
  readonly resetSeconds: number
}

/** More keys than this at once share one quota: an attacker with many addresses shall not fill our memory. */
const MAX_KEYS = 50_000

/** Counts requests by key, in this process alone: several servers each have their own count. */
export class RateLimit {
  readonly quota: Quota
  readonly #limiter: RateLimiterMemory
  /** Keys seen in this window and the one before. */
  #keys = new Set<string>()
  #windowEnds = 0

  constructor(quota: Quota) {
    this.quota = quota
    this.#limiter = new RateLimiterMemory({ points: quota.requests, duration: quota.seconds, keyPrefix: '' })
  }

  /** Takes one request from the quota of a key. */
  async take(key: string): Promise<Left> {
    try {
      return left(await this.#limiter.consume(this.#bounded(key)), true)
    } catch (refused) {
      if (refused instanceof RateLimiterRes) return left(refused, false)
      throw refused
    }
  }

  /** What is left, without taking of it. */
  async look(key: string): Promise<boolean> {
    const now = await this.#limiter.get(this.#bounded(key))
    return now === null || now.consumedPoints < this.quota.requests
  }

  #bounded(key: string): string {
    if (this.#keys.has(key)) return key
    const now = performance.now()
    if (now > this.#windowEnds) {
      this.#keys = new Set()
      this.#windowEnds = now + this.quota.seconds * 1000
    }
    if (this.#keys.size >= MAX_KEYS) return 'the rest'
    this.#keys.add(key)
    return key
  }
}

function left({ remainingPoints, msBeforeNext }: RateLimiterRes, ok: boolean): Left {
  return { ok, remaining: Math.max(0, remainingPoints), resetSeconds: Math.ceil(msBeforeNext / 1000) }
}

/** Sets `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10): what the quota is, and what is left of it. */
export function setRateLimitHeaders(headers: Record<string, string>, { name, requests, seconds }: Quota, { remaining, resetSeconds }: Left): void {
  headers['ratelimit-policy'] = `"${name}";q=${requests};w=${seconds}`
  headers['ratelimit'] = `"${name}";r=${remaining};t=${resetSeconds}`
}
