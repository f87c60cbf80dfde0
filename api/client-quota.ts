import type { Left, Quota } from './rate-limit.ts'

/** More clients than this in one window share what is left: an attacker with many addresses shall not fill our memory. */
const MAX_CLIENTS = 50_000

/**
 * Counts the requests of each client in windows of one length for all, in this process alone. Answers at once, unlike
 * `RateLimit`: every request asks it, and an answer that has to be awaited keeps the adapter from its fast path.
 */
export class ClientQuota {
  readonly quota: Quota
  #counts = new Map<string, number>()
  #endsAt = -Infinity

  constructor(quota: Quota) {
    this.quota = quota
  }

  /** Takes one request from the quota of a client. */
  take(client: string): Left {
    const now = performance.now()
    if (now >= this.#endsAt) {
      this.#counts = new Map()
      this.#endsAt = now + this.quota.seconds * 1000
    }
    const key = this.#counts.size < MAX_CLIENTS || this.#counts.has(client) ? client : 'the rest'
    const taken = (this.#counts.get(key) ?? 0) + 1
    this.#counts.set(key, taken)
    return { ok: taken <= this.quota.requests, remaining: Math.max(0, this.quota.requests - taken), resetSeconds: Math.ceil((this.#endsAt - now) / 1000) }
  }
}
