import { CatalystError } from '../../schemas/errors.ts'
import type { Lease } from '../ports.ts'

/*
 * The rules of the lease, the same for every engine. A token is never given twice: it counts up with every
 * acquisition and every break, so that whoever holds an older one can be told at the moment of writing.
 */

/** True while nobody else may take the lease. Times are ISO 8601 and may have different precision. */
export function isHeld(lease: Lease | undefined, now: string): lease is Lease {
  return lease !== undefined && Date.parse(lease.expiresAt) > Date.parse(now)
}

/** A lease that begins now. */
export function newLease(holder: string, token: number, now: string, ttlMs: number): Lease {
  return { holder, token, since: now, expiresAt: expiry(now, ttlMs) }
}

/** The same lease, longer. */
export function renewed(lease: Lease, now: string, ttlMs: number): Lease {
  return { ...lease, expiresAt: expiry(now, ttlMs) }
}

/** @throws CatalystError BUSY when somebody holds the lease. */
export function assertFree(present: Lease | undefined, now: string): void {
  if (!isHeld(present, now)) return
  throw new CatalystError('BUSY', `${present.holder} holds the lease of this store since ${present.since}, until ${present.expiresAt} if it does not renew it`)
}

/** @throws CatalystError LEASE_LOST when `token` is not the one of the present lease. An expired lease that nobody took is still its holder's. */
export function assertToken(present: Lease | undefined, token: number): void {
  if (present?.token === token) return
  const now = present ? `${present.holder} holds the lease now (token ${present.token})` : 'nobody holds the lease now'
  throw new CatalystError('LEASE_LOST', `The lease with token ${token} was taken away: ${now}`)
}

function expiry(now: string, ttlMs: number): string {
  return new Date(Date.parse(now) + ttlMs).toISOString()
}
