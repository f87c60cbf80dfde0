import { CatalystError } from '../../schemas/errors.ts'
import type { Lease, StoreState } from '../ports.ts'
import { isGone } from './holder.ts'

/** A lease lasts so long after its last renewal; it is renewed three times in that time. */
export const LEASE_TTL_MS = 60_000

export interface LeaseDeps {
  readonly state: StoreState
  readonly clock: () => string
  /** `holderName()` of this process. */
  readonly holder: string
  readonly by: string
}

/** The lease of a store, renewed in the background while it is held. */
export interface HeldLease {
  readonly token: number
  /** Aborted with LEASE_LOST once somebody took the lease away. */
  readonly signal: AbortSignal
  /** Renews now: after it returned nobody else may write for a minute. @throws CatalystError LEASE_LOST */
  confirm(): Promise<void>
  /** Stops renewing and gives the lease back. Never throws: it runs out by itself. */
  release(): Promise<void>
}

/**
 * Takes the lease of the store. A holder that was a process of this machine and is gone is not waited for.
 * @throws CatalystError BUSY
 */
export async function holdLease(deps: LeaseDeps, ttlMs: number = LEASE_TTL_MS): Promise<HeldLease> {
  let lease = await acquire(deps, ttlMs)
  const lost = new AbortController()
  const confirm = async (): Promise<void> => {
    lost.signal.throwIfAborted()
    try {
      lease = await deps.state.renewLease(lease, deps.clock(), ttlMs)
    } catch (error) {
      if (error instanceof CatalystError && error.code === 'LEASE_LOST') lost.abort(error)
      throw error
    }
  }
  // A renewal that fails for another reason (a busy database) is tried again at the next beat.
  const heartbeat = setInterval(() => void confirm().catch(() => undefined), ttlMs / 3)
  heartbeat.unref()
  const release = async (): Promise<void> => {
    clearInterval(heartbeat)
    await deps.state.releaseLease(lease).catch(() => undefined)
  }
  return { token: lease.token, signal: lost.signal, confirm, release }
}

async function acquire({ state, clock, holder, by }: LeaseDeps, ttlMs: number): Promise<Lease> {
  try {
    return await state.acquireLease(holder, clock(), ttlMs)
  } catch (error) {
    const present = await state.lease(clock())
    if (!present || !isGone(present.holder)) throw error
    await state.breakLease(clock(), by)
    return state.acquireLease(holder, clock(), ttlMs)
  }
}
