import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { plan } from '../../../reconciler/plan/decide.ts'
import type { ObservedState } from '../../../reconciler/plan/observed.ts'
import type { InstallRecord } from '../../../reconciler/ports.ts'
import type { Plan } from '../../../schemas/plan.ts'
import type { Lock } from '../../../schemas/lock.ts'
import type { DesiredState } from '../../../reconciler/plan/desired.ts'
import { satisfies } from '../../../schemas/versions.ts'
import { block, desired, lockOf, observed, recordOf } from '../../builders/store.ts'

/* Laws 1, 5 and 6 of ARCHITECTURE.md on the pure planner, over random stores. */

const IDS = ['a', 'b', 'c', 'd', 'e', 'f'] as const
const version = fc.constantFrom('1.0.0', '1.1.0', '2.0.0')

interface World {
  readonly wish: DesiredState
  readonly lock: Lock
  readonly before: ObservedState
}

/** A random store whose lock and whose records are each consistent in themselves, as `lock` and `apply` leave them. */
const world: fc.Arbitrary<World> = fc
  .record({
    wanted: fc.dictionary(fc.constantFrom(...IDS), version),
    installed: fc.dictionary(fc.constantFrom(...IDS), version),
    links: fc.array(fc.tuple(fc.constantFrom(...IDS), fc.constantFrom(...IDS)), { maxLength: 4 }),
    off: fc.subarray([...IDS]),
    approve: fc.boolean(),
  })
  .map(({ wanted, installed, links, off, approve }) => {
    const blocks = (set: Record<string, string>) =>
      Object.fromEntries(
        Object.entries(set).map(([id, v]) => {
          const needs = links.filter(([from, to]) => from === id && from !== to && set[to] !== undefined)
          return [id, block(id, v, { dependencies: Object.fromEntries(needs.map(([, to]) => [to, `^${set[to]}`])) })]
        }),
      )
    const lock = lockOf(blocks(wanted))
    const plugins = Object.fromEntries(Object.keys(wanted).map((id) => [id, { enabled: !off.includes(id as (typeof IDS)[number]) }]))
    const approvals = Object.entries(lock.plugins).map(([id, b]) => ({ plugin: id, to: b.entryDigest, accept: ['major' as const] }))
    const wish = desired(plugins, { policy: { maxRemovals: '100%' }, ...(approve ? { approvals } : {}) })
    return { wish, lock, before: observed(Object.entries(blocks(installed)).map(([id, b]) => recordOf(id, b))) }
  })

/** What apply leaves behind when it does exactly what a plan says. */
function after(decided: Plan, { wish, lock, before }: World): ObservedState {
  const records = new Map(before.store.installs.map((r): [string, InstallRecord] => [r.id, r]))
  for (const change of decided.changes) {
    const wanted = lock.plugins[change.id]
    if (change.action === 'remove' || !wanted) records.delete(change.id)
    else records.set(change.id, recordOf(change.id, wanted, wish))
  }
  return observed([...records.values()])
}

function shuffled<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).reverse())
}

describe('laws of the planner', () => {
  test('law 1: applying a plan makes the next plan empty', () => {
    fc.assert(
      fc.property(world, (w) => {
        const first = plan({ desired: w.wish, lock: w.lock, observed: w.before })
        const second = plan({ desired: w.wish, lock: w.lock, observed: after(first, w) })
        expect(second.changes).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  test('law 1: the order of the input never changes a byte of the output', () => {
    fc.assert(
      fc.property(world, ({ wish, lock, before }) => {
        const other = plan({
          desired: { ...wish, plugins: [...wish.plugins].reverse(), approvals: [...wish.approvals].reverse() },
          lock: { ...lock, plugins: shuffled(lock.plugins) },
          observed: { ...before, store: { ...before.store, installs: [...before.store.installs].reverse() } },
        })
        expect(JSON.stringify(other)).toBe(JSON.stringify(plan({ desired: wish, lock, observed: before })))
      }),
      { numRuns: 1000 },
    )
  })

  test('law 5: removals stand last, dependencies stand before their dependents', () => {
    fc.assert(
      fc.property(world, (w) => {
        const { changes } = plan({ desired: w.wish, lock: w.lock, observed: w.before })
        const removal = changes.findIndex((c) => c.action === 'remove')
        if (removal >= 0) expect(changes.slice(removal).every((c) => c.action === 'remove')).toBe(true)
        const place = new Map(changes.map((c, i) => [c.id, i]))
        for (const change of changes.filter((c) => c.action !== 'remove')) {
          for (const dependency of Object.keys(w.lock.plugins[change.id]?.dependencies ?? {})) {
            if (reaches(dependency, change.id, w.lock)) continue
            expect(place.get(dependency) ?? -1).toBeLessThan(place.get(change.id) ?? -1)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  test('law 6: whatever waits, what the store would hold is always whole', () => {
    fc.assert(
      fc.property(world, (w) => {
        const decided = plan({ desired: w.wish, lock: w.lock, observed: w.before })
        const result = new Map(after(decided, w).store.installs.map((r) => [r.id, r.block]))
        for (const [id, b] of result) {
          for (const [dependency, range] of Object.entries(b.dependencies)) {
            expect(satisfies(result.get(dependency)?.version ?? '0.0.0-none', range, true), `${id} needs ${dependency} ${range}`).toBe(true)
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  test('law 6: with nothing to decide nothing is blocked', () => {
    fc.assert(
      fc.property(world, (w) => {
        const approvals = Object.entries(w.lock.plugins).map(([id, b]) => ({ plugin: id, to: b.entryDigest, accept: ['major' as const] }))
        const removals = { removals: [...IDS] }
        const decided = plan({ desired: { ...w.wish, approvals: [...approvals, removals] }, lock: w.lock, observed: w.before })
        expect(decided.blocked).toEqual([])
      }),
      { numRuns: 300 },
    )
  })
})

function reaches(from: string, to: string, lock: Lock, seen = new Set<string>()): boolean {
  if (from === to) return true
  if (seen.has(from)) return false
  seen.add(from)
  return Object.keys(lock.plugins[from]?.dependencies ?? {}).some((next) => reaches(next, to, lock, seen))
}
