import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { holderName, isGone } from '../../../reconciler/apply/holder.ts'
import { holdLease, LEASE_TTL_MS, type LeaseDeps } from '../../../reconciler/apply/lease.ts'
import { memoryStore } from '../../../reconciler/store-db/memory.ts'

const clock = (): string => new Date().toISOString()
const depsOf = (odd: Partial<LeaseDeps> = {}): LeaseDeps => ({ state: memoryStore(), clock, holder: holderName(), by: 'tester', ...odd })
/** The name of a process of this machine that has ended. */
const goneHolder = (): string => `${holderName().slice(0, holderName().lastIndexOf(':'))}:${spawnSync('true').pid}`

describe('holding the lease', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('it is renewed while it is held, and given back', async () => {
    const deps = depsOf()
    const lease = await holdLease(deps)
    await vi.advanceTimersByTimeAsync(10 * LEASE_TTL_MS)
    expect(await deps.state.lease(clock())).toMatchObject({ holder: deps.holder, token: lease.token })
    await expect(holdLease({ ...deps, holder: 'other:1' })).rejects.toMatchObject({ code: 'BUSY' })
    await lease.release()
    expect(await deps.state.lease(clock())).toBeUndefined()
    await vi.advanceTimersByTimeAsync(LEASE_TTL_MS)
    expect(lease.signal.aborted).toBe(false)
  })

  test('when somebody takes it away the holder learns it at the next beat', async () => {
    const deps = depsOf()
    const lease = await holdLease(deps)
    await deps.state.breakLease(clock(), 'operator')
    await vi.advanceTimersByTimeAsync(LEASE_TTL_MS / 3 + 1)
    expect(lease.signal.reason).toMatchObject({ code: 'LEASE_LOST' })
    await expect(lease.confirm()).rejects.toMatchObject({ code: 'LEASE_LOST' })
    await lease.release()
  })

  test('a beat that fails because the database is busy is not the end', async () => {
    const deps = depsOf()
    let fails = 1
    const state = Object.assign(Object.create(deps.state), {
      acquireLease: deps.state.acquireLease.bind(deps.state),
      releaseLease: deps.state.releaseLease.bind(deps.state),
      renewLease: (...args: Parameters<typeof deps.state.renewLease>) => (fails-- > 0 ? Promise.reject(new Error('busy')) : deps.state.renewLease(...args)),
    })
    const lease = await holdLease({ ...deps, state })
    await vi.advanceTimersByTimeAsync(LEASE_TTL_MS)
    expect(lease.signal.aborted).toBe(false)
    await lease.confirm()
    await lease.release()
  })
})

describe('who holds it', () => {
  test('this process lives, another name is never judged, an ended process of this machine is gone', () => {
    expect(isGone(holderName())).toBe(false)
    expect(isGone('elsewhere/abc/1:1')).toBe(false)
    expect(isGone('tester')).toBe(false)
    expect(isGone('')).toBe(false)
    expect(isGone(goneHolder())).toBe(true)
    expect(isGone(goneHolder().replace(/:\d+$/, ':0'))).toBe(false)
    expect(isGone(goneHolder().replace(/:\d+$/, ':-1'))).toBe(false)
    expect(isGone(goneHolder().replace(/:\d+$/, `:${process.ppid}`))).toBe(false)
  })

  test('a killed apply of this machine holds nobody up; one of another machine does until it expires', async () => {
    const deps = depsOf()
    await deps.state.acquireLease(goneHolder(), clock(), LEASE_TTL_MS)
    const lease = await holdLease(deps)
    expect(await deps.state.audit({ limit: 1 })).toMatchObject([{ event: 'lease.broken', by: 'tester' }])
    await lease.release()
    await deps.state.acquireLease('elsewhere/abc/1:1', clock(), LEASE_TTL_MS)
    await expect(holdLease(deps)).rejects.toMatchObject({ code: 'BUSY' })
  })
})
