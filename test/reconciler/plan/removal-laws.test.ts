import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SealedPolicy, UninstallPolicy } from '../../../schemas/common.ts'
import { durationMs } from '../../../schemas/durations.ts'
import { DATA_CLASSES, type Answers, type DataClass } from '../../../reconciler/data-ports.ts'
import { plan } from '../../../reconciler/plan/decide.ts'
import type { PlanInput } from '../../../reconciler/plan/observed.ts'
import { days, inventory, migration } from '../../builders/removals.ts'
import { block, desired, lockOf } from '../../builders/store.ts'
import { RemovalStore } from './removal-store.ts'

/*
 * Laws 1, 5 and 6 of ARCHITECTURE.md for data, over random histories: entries come, change, go and come back, people write
 * tombstones and answer, time passes. The oracle below knows only what people said, not how the planner decides.
 */

const IDS = ['a', 'b'] as const
type Id = (typeof IDS)[number]

const wish = fc.constantFrom('keep' as const, 'ask' as const, 'remove' as const, 'remove' as const)
const sealed: fc.Arbitrary<SealedPolicy> = fc.record({ code: fc.constantFrom('keep' as const, 'remove' as const), config: wish, data: wish, tables: wish, backup: fc.boolean(), grace: fc.constantFrom('0s', '1d', '7d') })
const partly: fc.Arbitrary<UninstallPolicy> = fc.record({ code: fc.constantFrom('keep' as const, 'remove' as const), config: wish, data: wish, tables: wish, backup: fc.boolean(), grace: fc.constantFrom('0s', '1d', '30d') }, { requiredKeys: [] })
const answers: fc.Arbitrary<Answers> = fc.dictionary(fc.constantFrom(...DATA_CLASSES), fc.constantFrom('keep' as const, 'remove' as const), { maxKeys: 3 })

type Event =
  | { readonly kind: 'want'; readonly id: Id; readonly policy: SealedPolicy; readonly version: string }
  | { readonly kind: 'drop'; readonly id: Id; readonly edited: SealedPolicy | undefined }
  | { readonly kind: 'tombstone'; readonly id: Id; readonly version: string; readonly says: UninstallPolicy | undefined }
  | { readonly kind: 'answer'; readonly id: Id; readonly answers: Answers }
  | { readonly kind: 'wait'; readonly days: number }

const id = fc.constantFrom(...IDS)
const version = fc.constantFrom('1.0.0', '1.0.0', '1.1.0')
const want = fc.record({ kind: fc.constant('want' as const), id, policy: sealed, version })
const drop = fc.record({ kind: fc.constant('drop' as const), id, edited: fc.option(sealed, { nil: undefined, freq: 3 }) })
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 2, arbitrary: want },
  { weight: 3, arbitrary: drop },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('tombstone' as const), id, version, says: fc.option(partly, { nil: undefined, freq: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('answer' as const), id, answers }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), days: fc.constantFrom(1, 3, 8) }) },
)
const history: fc.Arbitrary<readonly Event[]> = fc.tuple(want, drop, fc.array(event, { minLength: 1, maxLength: 10 })).map(([first, second, rest]) => [first, { ...second, id: first.id }, ...rest])

/** What git says, what the clock shows, and what people have said about removed plugins. */
class World {
  readonly store = new RemovalStore()
  wanted: Partial<Record<Id, ReturnType<typeof block>>> = {}
  gone: Partial<Record<Id, ReturnType<typeof block>>> = {}
  tombstones: Record<string, UninstallPolicy> = {}
  day = 0
  /** By removed plugin: the more careful of the policy in force and the one written while deleting; answers since. */
  readonly said = new Map<string, { readonly seal: SealedPolicy; readonly answers: Answers }>()

  input(given: ReadonlyMap<string, Answers> = new Map()): PlanInput {
    const plugins = Object.fromEntries(Object.entries(this.wanted).map(([id, b]) => [id, { uninstall: b.uninstall }]))
    const removed = Object.fromEntries(Object.entries(this.tombstones).filter(([key]) => !Object.hasOwn(this.wanted, key[0] ?? '')))
    const wish = desired({ anchor: {}, ...plugins }, { policy: { maxRemovals: '100%' }, removed })
    return { desired: wish, lock: lockOf({ anchor: block('anchor'), ...this.wanted }, { removed: this.gone as Record<string, ReturnType<typeof block>> }), observed: this.store.observed(), now: days(this.day), answers: given }
  }

  /** Changes what git says, applies, and returns what was destroyed meanwhile. */
  pass(event: Event): void {
    const given = event.kind === 'answer' ? new Map([[event.id as string, event.answers]]) : new Map<string, Answers>()
    this.#say(event)
    const input = this.input(given)
    for (const record of input.observed.store.installs) {
      const left = this.gone[record.id as Id]
      if (!this.wanted[record.id as Id] && left) this.said.set(record.id, { seal: careful(record.block.uninstall, left.uninstall), answers: {} })
    }
    for (const [id, more] of given) {
      const before = this.said.get(id)
      if (before && !this.wanted[id as Id]) this.said.set(id, { ...before, answers: { ...before.answers, ...answersTo(before.seal, this.tombstoneOf(id), more) } })
    }
    this.store.apply(plan(input), { desired: input.desired, lock: input.lock, now: days(this.day) })
  }

  tombstoneOf(id: string): UninstallPolicy {
    const removed = this.store.retained.get(id)?.block.version ?? this.store.installs.get(id)?.block.version
    return this.tombstones[`${id}@${removed}`] ?? {}
  }

  #say(event: Event): void {
    if (event.kind === 'wait') this.day += event.days
    if (event.kind === 'want') {
      this.wanted = { ...this.wanted, [event.id]: block(event.id, event.version, { uninstall: event.policy, migrations: [migration('0001_init')] }) }
      const { [event.id]: _old, ...gone } = this.gone
      this.gone = gone
    }
    if (event.kind === 'drop') {
      const { [event.id]: left, ...rest } = this.wanted
      this.wanted = rest
      if (left) this.gone = { ...this.gone, [event.id]: block(event.id, left.version, { uninstall: event.edited ?? left.uninstall, migrations: left.migrations }) }
    }
    if (event.kind === 'tombstone') {
      this.tombstones = Object.fromEntries(Object.entries(this.tombstones).filter(([key]) => !key.startsWith(`${event.id}@`)))
      if (event.says) this.tombstones[`${event.id}@${event.version}`] = event.says
    }
  }
}

/** The oracle's own reading of "keep > ask > remove, backup true > false, longer grace > shorter". */
function careful(a: SealedPolicy, b: SealedPolicy): SealedPolicy {
  const one = (x: string, y: string): 'keep' | 'ask' | 'remove' => (x === 'keep' || y === 'keep' ? 'keep' : x === 'ask' || y === 'ask' ? 'ask' : 'remove')
  return { code: a.code === 'remove' && b.code === 'remove' ? 'remove' : 'keep', config: one(a.config, b.config), data: one(a.data, b.data), tables: one(a.tables, b.tables), backup: a.backup || b.backup, grace: durationMs(a.grace) >= durationMs(b.grace) ? a.grace : b.grace }
}

/** An answer is one only to what is asked. */
function answersTo(seal: SealedPolicy, tombstone: UninstallPolicy, given: Answers): Answers {
  return Object.fromEntries(Object.entries(given).filter(([key]) => seal[key as DataClass] === 'ask' && tombstone[key as DataClass] === undefined))
}

function said(world: World, id: string, key: DataClass): 'keep' | 'ask' | 'remove' {
  const { seal, answers } = world.said.get(id) ?? { seal: undefined, answers: {} }
  return world.tombstoneOf(id)[key] ?? (seal?.[key] === 'ask' ? (answers[key] ?? 'ask') : (seal?.[key] ?? 'keep'))
}

function live(events: readonly Event[], after: (world: World, event: Event, before: number) => void): void {
  const world = new World()
  for (const event of events) {
    const before = world.store.destroyed.length
    world.pass(event)
    after(world, event, before)
  }
}

describe('laws of data', () => {
  test('nothing is destroyed that policy, tombstone or an answer did not say: keep never turns into remove, a question never destroys', () => {
    let destroyed = 0
    fc.assert(
      fc.property(history, (events) =>
        live(events, (world, _event, before) => {
          for (const gone of world.store.destroyed.slice(before)) {
            destroyed += 1
            expect(said(world, gone.id, gone.class), `${gone.id} ${gone.class}`).toBe('remove')
          }
        }),
      ),
      { numRuns: 800 },
    )
    expect(destroyed).toBeGreaterThan(300)
  })

  test('nothing is destroyed before its grace is over', () => {
    fc.assert(
      fc.property(history, (events) => {
        const since = new Map<string, string>()
        live(events, (world, _event, before) => {
          for (const gone of world.store.destroyed.slice(before)) {
            const grace = world.tombstoneOf(gone.id).grace ?? world.said.get(gone.id)?.seal.grace ?? '7d'
            const from = since.get(`${gone.id} ${gone.class}`) ?? gone.at
            expect(Date.parse(gone.at) - Date.parse(from)).toBeGreaterThanOrEqual(durationMs(grace))
          }
          for (const [thing, lies] of world.store.things) {
            if (lies === 'in place') since.delete(thing)
            else if (!since.has(thing)) since.set(thing, days(world.day))
          }
        })
      }),
      { numRuns: 300 },
    )
  })

  test('every destruction follows a backup, unless the tombstone says backup: false', () => {
    fc.assert(
      fc.property(history, (events) =>
        live(events, (world, _event, before) => {
          for (const gone of world.store.destroyed.slice(before)) expect(gone.backedUp || world.tombstoneOf(gone.id).backup === false).toBe(true)
        }),
      ),
      { numRuns: 300 },
    )
  })

  test('whatever was there is in place, set aside, or in the diary of what was destroyed', () => {
    fc.assert(
      fc.property(history, (events) =>
        live(events, (world) => {
          for (const id of new Set([...world.store.installs.keys(), ...world.store.retained.keys()])) {
            const removal = world.store.retained.get(id)?.removal
            for (const key of DATA_CLASSES) {
              const state = removal?.classes[key].state ?? 'in place'
              const lies = world.store.things.get(`${id} ${key}`)
              expect([id, key, lies]).toEqual([id, key, { quarantined: 'set aside', purged: undefined, retained: 'in place', awaiting: 'in place', 'in place': 'in place' }[state]])
            }
          }
        }),
      ),
      { numRuns: 300 },
    )
  })

  test('law 1: applying a plan makes the next plan empty', () => {
    fc.assert(
      fc.property(history, (events) =>
        live(events, (world) => {
          expect(plan(world.input()).changes).toEqual([])
        }),
      ),
      { numRuns: 300 },
    )
  })

  test('law 1: the order of the input never changes a byte', () => {
    const turned = <T>(record: Readonly<Record<string, T>>): Record<string, T> => Object.fromEntries(Object.entries(record).reverse())
    fc.assert(
      fc.property(history, (events) =>
        live(events, (world) => {
          world.day += 2
          const input = world.input(new Map([['a', { tables: 'remove' as const, data: 'keep' as const }]]))
          const { store } = input.observed
          const other: PlanInput = {
            ...input,
            desired: { ...input.desired, plugins: [...input.desired.plugins].reverse(), removed: turned(input.desired.removed) },
            lock: { ...input.lock, plugins: turned(input.lock.plugins), removed: turned(input.lock.removed ?? {}) },
            observed: { ...input.observed, store: { ...store, installs: [...store.installs].reverse(), retained: [...store.retained].reverse() } },
            answers: new Map([['a', { data: 'keep', tables: 'remove' }]]),
          }
          expect(JSON.stringify(plan(other))).toBe(JSON.stringify(plan(input)))
        }),
      ),
      { numRuns: 150 },
    )
  })

  test('law 6: what one removed plugin waits for changes nothing for any other', () => {
    fc.assert(
      fc.property(history, id, (events, one) =>
        live(events, (world) => {
          const input = world.input()
          const { store } = input.observed
          const without: PlanInput = { ...input, observed: { ...input.observed, store: { ...store, retained: store.retained.filter((r) => r.id !== one) } } }
          const others = (p: ReturnType<typeof plan>) => JSON.stringify(p.changes.filter((c) => c.id !== one).map(({ group: _group, ...c }) => c))
          expect(others(plan(without))).toBe(others(plan(input)))
        }),
      ),
      { numRuns: 300 },
    )
  })

  test('law 4: what plugins.yaml names is never removed and none of its data is touched, whatever the lock says', () => {
    fc.assert(
      fc.property(history, (events) =>
        live(events, (world) => {
          const input = world.input()
          const lost: PlanInput = { ...input, lock: { ...input.lock, plugins: {} }, now: days(world.day + 100) }
          const named = new Set(input.desired.plugins.map((p) => p.id))
          expect(plan(lost).changes.filter((c) => named.has(c.id))).toEqual([])
        }),
      ),
      { numRuns: 300 },
    )
  })

  test('law 5: within a change what can be undone comes first, what destroys last', () => {
    const order = ['answer', 'deactivate', 'backup', 'code', 'return', 'retain', 'ask', 'quarantine', 'purge']
    fc.assert(
      fc.property(history, (events) => {
        const world = new World()
        for (const event of events) {
          for (const { steps = [], to } of plan(world.input()).changes) {
            const ranks = steps.map((step) => order.indexOf(step.do))
            if (!to) expect(ranks).toEqual([...ranks].sort((a, b) => a - b))
          }
          world.pass(event)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('the digest covers what is done to data, and neither rows nor times nor what was looked at', () => {
    fc.assert(
      fc.property(sealed, fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 3 }), (policy, rows, later) => {
        const world = new World()
        world.pass({ kind: 'want', id: 'a', policy, version: '1.0.0' })
        world.wanted = {}
        const input = world.input()
        const looked: PlanInput = { ...input, now: days(later), observed: { ...input.observed, inventories: new Map([['a', inventory('a', rows)]]), dataFolders: new Map([['a', { files: rows, bytes: rows }]]) } }
        expect(plan(looked).planDigest).toBe(plan(input).planDigest)
        const other: PlanInput = { ...input, answers: new Map(), desired: { ...input.desired, removed: { 'a@1.0.0': { tables: policy.tables === 'keep' ? 'remove' : 'keep' } } } }
        expect(plan(other).planDigest).not.toBe(plan(input).planDigest)
      }),
      { numRuns: 200 },
    )
  })
})
