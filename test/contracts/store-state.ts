import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Removal } from '../../reconciler/data-ports.ts'
import type { InstallRecord, Lease, RetainedRecord, StoreCommit, StoreState } from '../../reconciler/ports.ts'
import { AUDIT_START, brokenLink, chainOf } from '../../reconciler/store-db/audit.ts'
import { block } from '../builders/store.ts'
import { at, generationRecord, installRecord, SOME_DIGEST, T0 } from './records.ts'

const TTL_MS = 60_000

/** A store to test: `open` gives another connection to the same records, as a second process would have. */
export interface StoreUnderTest {
  open(): Promise<StoreState>
  remove(): Promise<void>
}

/** What every engine behind the StoreState port must do. `make` gives a fresh, empty store. */
export function storeStateContract(engine: string, make: () => Promise<StoreUnderTest>): void {
  describe(`StoreState on ${engine}`, () => {
    let under: StoreUnderTest
    let store: StoreState
    let lease: Lease

    beforeEach(async () => {
      under = await make()
      store = await under.open()
    })
    afterEach(async () => {
      await store.close()
      await under.remove()
    })

    const commitOf = (number: number, installs: readonly InstallRecord[], odd: Partial<StoreCommit> = {}): StoreCommit => ({
      generation: generationRecord(number, installs),
      activation: { at: at(number), by: 'tester', reason: `generation ${number}` },
      installs,
      removed: [],
      holds: [],
      audit: installs.map((r) => ({ event: 'install', id: r.id, details: { version: r.block.version } })),
      token: lease.token,
      ...odd,
    })
    const leased = async (): Promise<void> => {
      lease = await store.acquireLease('me', T0, TTL_MS)
    }

    test('an empty store has serial 0 and no records', async () => {
      expect(await store.serial()).toBe(0)
      expect(await store.read()).toEqual({ serial: 0, installs: [], retained: [], holds: [], generation: undefined, generations: [], activations: [] })
      expect(await store.audit({ limit: 10 })).toEqual([])
      expect(await store.lease(T0)).toBeUndefined()
    })

    describe('records', () => {
      beforeEach(leased)

      test('a commit is read back whole, also by another connection', async () => {
        const a = installRecord('alpha')
        const b = installRecord('beta', '2.1.0', { enabled: false })
        const hold = { id: 'alpha', from: SOME_DIGEST, fromVersion: '2.0.0', to: 'absent', toVersion: undefined, since: T0 } as const
        await store.commit(commitOf(1, [b, a], { holds: [hold] }), T0)
        const other = await under.open()
        const read = await other.read()
        await other.close()
        expect(read.installs).toEqual([a, b])
        expect(read.holds).toEqual([hold])
        expect(read.generation).toEqual(generationRecord(1, [a, b]))
        expect(read.generations).toEqual([generationRecord(1, [a, b])])
        expect(read.activations).toEqual([{ number: 1, generation: 1, at: at(1), by: 'tester', reason: 'generation 1' }])
      })

      test('installs and holds are replaced, generations stay', async () => {
        const old = installRecord('alpha', '1.0.0')
        const young = installRecord('alpha', '2.0.0')
        await store.commit(commitOf(1, [old]), T0)
        await store.commit(commitOf(2, [young]), T0)
        const read = await store.read()
        expect(read.installs).toEqual([young])
        expect(read.generations.map((g) => g.plugins['alpha']?.version)).toEqual(['1.0.0', '2.0.0'])
        expect(read.generation?.number).toBe(2)
      })

      test('going back to a generation makes an activation and no generation; staying makes neither', async () => {
        const first = [installRecord('alpha', '1.0.0')]
        await store.commit(commitOf(1, first), T0)
        await store.commit(commitOf(2, [installRecord('alpha', '2.0.0')]), T0)
        await store.commit(commitOf(1, first), T0)
        await store.commit(commitOf(1, first), T0)
        const read = await store.read()
        expect(read.generations.map((g) => g.number)).toEqual([1, 2])
        expect(read.activations.map((a) => [a.number, a.generation])).toEqual([[1, 1], [2, 2], [3, 1]])
        expect(read.generation?.number).toBe(1)
      })

      test('an unchanged record written back equals the one read', async () => {
        await store.commit(commitOf(1, [installRecord('alpha')]), T0)
        const before = await store.read()
        await store.commit(commitOf(2, [...before.installs, installRecord('beta')]), T0)
        expect((await store.read()).installs.map((r) => r.id)).toEqual(['alpha', 'beta'])
        expect((await store.read()).installs[0]).toEqual(before.installs[0])
      })

      test('a removed plugin is retained until it is installed again', async () => {
        const retained = { id: 'alpha', block: block('alpha'), removedAt: T0, generation: 2 }
        await store.commit(commitOf(1, [installRecord('alpha')]), T0)
        await store.commit(commitOf(2, [], { removed: [retained] }), T0)
        expect((await store.read()).retained).toEqual([retained])
        await store.commit(commitOf(3, []), T0)
        expect((await store.read()).retained).toEqual([retained])
        await store.commit(commitOf(1, [installRecord('alpha')]), T0)
        expect((await store.read()).retained).toEqual([])
      })

      test('what is retained is replaced where that is asked for, with the record of its removal', async () => {
        const kept = (id: string): RetainedRecord => ({ id, block: block(id), removedAt: T0, generation: 2 })
        const removal: Removal = {
          policy: { code: 'remove', config: 'keep', data: 'ask', tables: 'remove', backup: true, grace: '7d' },
          code: 'removed',
          classes: { config: { state: 'retained', since: T0 }, data: { state: 'awaiting', since: T0 }, tables: { state: 'quarantined', since: T0, purgeAt: at(7 * 86400) } },
          backup: undefined,
          inventory: { plugin: 'alpha', tables: [{ name: 'plg_alpha__t', rows: 3, bytes: 4096, sequences: [], indexes: [] }], others: [], quarantined: true },
          data: { files: 1, bytes: 2 },
          by: 'tester',
        }
        await store.commit(commitOf(1, [], { removed: [kept('alpha'), kept('beta'), kept('gamma')] }), T0)
        await store.commit(commitOf(2, [installRecord('gamma')], { retainedNow: [kept('gamma'), { ...kept('alpha'), removal }], removed: [kept('delta')] }), T0)
        expect((await store.read()).retained).toEqual([{ ...kept('alpha'), removal }, kept('delta')])
        await store.commit(commitOf(3, [], { retainedNow: [] }), T0)
        expect((await store.read()).retained).toEqual([])
      })

      test('ids are sorted by code unit, whatever language the database speaks', async () => {
        const ids = ['a', 'a-b', 'a0', 'ab', 'b']
        await store.commit(commitOf(1, ids.toReversed().map((id) => installRecord(id)), { holds: ids.toReversed().map((id) => ({ id, from: SOME_DIGEST, fromVersion: '1.0.0', to: 'absent', toVersion: undefined, since: T0 })) }), T0)
        await store.commit(commitOf(2, [], { removed: ids.toReversed().map((id) => ({ id, block: block(id), removedAt: T0, generation: 1 })), holds: [] }), T0)
        await store.commit(commitOf(3, ids.toReversed().map((id) => installRecord(`z${id}`)), { holds: ids.toReversed().map((id) => ({ id, from: SOME_DIGEST, fromVersion: '1.0.0', to: 'absent', toVersion: undefined, since: T0 })) }), T0)
        const read = await store.read()
        expect([read.installs, read.retained, read.holds].map((list) => list.map((r) => r.id))).toEqual([ids.map((id) => `z${id}`), ids, ids])
      })

      test('the serial changes with every commit and with nothing else', async () => {
        await store.commit(commitOf(1, [installRecord('alpha')]), T0)
        const serial = await store.serial()
        expect(serial).toBeGreaterThan(0)
        expect((await store.read()).serial).toBe(serial)
        lease = await store.renewLease(lease, at(1), TTL_MS)
        await store.releaseLease(lease)
        await leased()
        expect(await store.serial()).toBe(serial)
        const { serial: next } = await store.commit(commitOf(1, [installRecord('alpha')]), T0)
        expect(next).toBeGreaterThan(serial)
        expect(await store.serial()).toBe(next)
      })

      test('a text with quotes, newlines and astral characters survives', async () => {
        const odd = `O'Brien "x"\n\u{1f6d2} ; DROP TABLE catalyst_state; --`
        await store.commit(commitOf(1, [installRecord('alpha')], { activation: { at: T0, by: odd, reason: odd } }), T0)
        expect((await store.read()).activations[0]).toMatchObject({ by: odd, reason: odd })
      })
    })

    describe('lease', () => {
      test('one holder at a time; the next gets it after release, with a higher token', async () => {
        const first = await store.acquireLease('one', T0, TTL_MS)
        await expect(store.acquireLease('two', at(1), TTL_MS)).rejects.toMatchObject({ code: 'BUSY', exit: 7, message: expect.stringContaining('one') })
        await expect(store.acquireLease('one', at(1), TTL_MS)).rejects.toMatchObject({ code: 'BUSY' })
        await store.releaseLease(first)
        expect((await store.acquireLease('two', at(1), TTL_MS)).token).toBeGreaterThan(first.token)
      })

      test('another connection sees the same lease', async () => {
        await store.acquireLease('one', T0, TTL_MS)
        const other = await under.open()
        await expect(other.acquireLease('two', at(1), TTL_MS)).rejects.toMatchObject({ code: 'BUSY' })
        expect(await other.lease(at(1))).toMatchObject({ holder: 'one' })
        await other.close()
      })

      test('it expires unless renewed, whatever precision the clock has', async () => {
        const first = await store.acquireLease('one', '2026-11-22T12:00:00Z', TTL_MS)
        const longer = await store.renewLease(first, at(50), TTL_MS)
        await expect(store.acquireLease('two', at(100), TTL_MS)).rejects.toMatchObject({ code: 'BUSY' })
        expect(await store.lease('2026-11-22T12:01:50Z')).toBeUndefined()
        const second = await store.acquireLease('two', '2026-11-22T12:01:50Z', TTL_MS)
        expect(second).toMatchObject({ holder: 'two', since: '2026-11-22T12:01:50Z' })
        await expect(store.renewLease(longer, at(111), TTL_MS)).rejects.toMatchObject({ code: 'LEASE_LOST', exit: 7 })
      })

      test('an old token writes nothing', async () => {
        lease = await store.acquireLease('one', T0, TTL_MS)
        const stale = lease
        await store.commit(commitOf(1, [installRecord('alpha')]), T0)
        await store.acquireLease('two', at(3600), TTL_MS)
        const before = await store.read()
        await expect(store.commit(commitOf(2, [], { token: stale.token }), at(3601))).rejects.toMatchObject({ code: 'LEASE_LOST' })
        expect(await store.read()).toEqual(before)
      })

      test('an expired lease that nobody took still writes', async () => {
        lease = await store.acquireLease('one', T0, TTL_MS)
        await store.commit(commitOf(1, [installRecord('alpha')]), at(7200))
        expect((await store.read()).installs).toHaveLength(1)
      })

      test('a broken or released lease writes nothing, and the break is in the audit', async () => {
        lease = await store.acquireLease('one', T0, TTL_MS)
        const serial = await store.serial()
        await store.breakLease(at(1), 'operator')
        expect(await store.serial()).toBeGreaterThan(serial)
        await expect(store.commit(commitOf(1, []), at(2))).rejects.toMatchObject({ code: 'LEASE_LOST' })
        await expect(store.renewLease(lease, at(2), TTL_MS)).rejects.toMatchObject({ code: 'LEASE_LOST' })
        expect(await store.audit({ limit: 1 })).toMatchObject([{ event: 'lease.broken', by: 'operator', details: { holder: 'one' } }])
        lease = await store.acquireLease('two', at(3), TTL_MS)
        await store.releaseLease(lease)
        await expect(store.commit(commitOf(1, []), at(4))).rejects.toMatchObject({ code: 'LEASE_LOST' })
      })

      test('releasing a lease that was lost leaves the new one alone; breaking none does nothing', async () => {
        await store.breakLease(T0, 'operator')
        expect(await store.serial()).toBe(0)
        const first = await store.acquireLease('one', T0, TTL_MS)
        await store.acquireLease('two', at(3600), TTL_MS)
        await store.releaseLease(first)
        expect(await store.lease(at(3601))).toMatchObject({ holder: 'two' })
      })

      test('a heartbeat beside a commit of the same process disturbs neither', async () => {
        lease = await store.acquireLease('one', T0, TTL_MS)
        const work = [1, 2, 3, 4].flatMap((n) => [store.commit(commitOf(n, [installRecord('alpha', `${n}.0.0`)]), T0), store.renewLease(lease, at(n), TTL_MS), store.read()])
        await Promise.all(work)
        const read = await store.read()
        expect(read.generations.map((g) => g.number)).toEqual([1, 2, 3, 4])
        expect(brokenLink(await store.audit({ limit: 100 }))).toBeUndefined()
        expect((await store.lease(at(60)))?.expiresAt).toBe(at(64))
      })

      test('a clock that is a day ahead takes the lease, but the token of the first no longer writes', async () => {
        lease = await store.acquireLease('one', T0, TTL_MS)
        await store.acquireLease('hasty', at(24 * 3600), TTL_MS)
        await expect(store.commit(commitOf(1, []), at(1))).rejects.toMatchObject({ code: 'LEASE_LOST' })
      })
    })

    describe('the key for what is not recorded', () => {
      beforeEach(leased)

      test('is random, stays the same, and is in nothing that is read', async () => {
        const key = await store.referenceKey()
        expect(key).toMatch(/^[0-9a-f]{64}$/)
        await store.commit(commitOf(1, [installRecord('alpha')]), at(1))
        expect(await store.referenceKey()).toBe(key)
        expect(JSON.stringify([await store.read(), await store.audit({ limit: 100 })])).not.toContain(key)
      })
    })

    describe('audit', () => {
      beforeEach(leased)

      test('records are chained; the head is returned; an altered record breaks the chain', async () => {
        await store.commit(commitOf(1, [installRecord('alpha'), installRecord('beta')]), at(1))
        const { auditHead } = await store.commit(commitOf(2, [installRecord('alpha', '2.0.0')]), at(2))
        const records = await store.audit({ limit: 100 })
        expect(records.map((r) => [r.sequence, r.id, r.at, r.by])).toEqual([
          [1, 'alpha', at(1), 'tester'],
          [2, 'beta', at(1), 'tester'],
          [3, 'alpha', at(2), 'tester'],
        ])
        expect(records.at(-1)?.chain).toBe(auditHead)
        expect(brokenLink(records)).toBeUndefined()
        expect(brokenLink(records.slice(1))).toBeUndefined()
        expect(brokenLink(records.map((r) => (r.sequence === 2 ? { ...r, details: { version: '9.9.9' } } : r)))).toBe(2)
        expect(brokenLink(records.filter((r) => r.sequence !== 2))).toBe(3)
        const forged = records.map((r, i) => (r.sequence === 2 ? { ...r, by: 'forger', chain: chainOf(records[i - 1]?.chain ?? AUDIT_START, { ...r, by: 'forger' }) } : r))
        expect(brokenLink(forged)).toBe(3)
        expect(brokenLink(records.map((r) => (r.sequence === 1 ? { ...r, by: 'other' } : r)))).toBe(1)
      })

      test('the newest come last, as many as asked for', async () => {
        await store.commit(commitOf(1, ['a', 'b', 'c', 'd'].map((id) => installRecord(id))), at(1))
        expect((await store.audit({ limit: 2 })).map((r) => r.sequence)).toEqual([3, 4])
        expect(await store.audit({ limit: 0 })).toEqual([])
      })
    })
  })
}
