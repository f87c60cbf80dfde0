import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CatalystError } from '../../../schemas/errors.ts'
import { compareVersions, satisfies } from '../../../schemas/versions.ts'
import { LOCK_ATTEMPT, solveAttempt } from '../../../reconciler/resolve/attempt.ts'
import { hasAbsent, hasVersion } from '../../../reconciler/resolve/bits.ts'
import type { Clause } from '../../../reconciler/resolve/clauses.ts'
import { resolve, type ResolveInput } from '../../../reconciler/resolve/resolve.ts'
import { World } from '../../../reconciler/resolve/world.ts'
import { inputOf, NOW, relock, type Case, type Release, type Wanted } from './fixtures.ts'

/* The resolver against a solver that tries everything, on worlds small enough for that. */

const IDS = ['a', 'b', 'c', 'd'] as const
const VERSIONS = ['1.0.0', '1.1.0', '2.0.0'] as const
const ranges = fc.constantFrom('*', '*', '*', '^1.0.0', '^1.0.0', '^2.0.0', '>=1.1.0', '>=1.1.0', '<2.0.0', '1.0.0', '^3.0.0')

const release: fc.Arbitrary<Release> = fc.record({
  needs: fc.dictionary(fc.constantFrom(...IDS), ranges, { maxKeys: 2 }),
  conflicts: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: fc.dictionary(fc.constantFrom(...IDS), ranges, { maxKeys: 1 }) }),
}).chain((base) =>
  fc.oneof(
    { weight: 10, arbitrary: fc.constant(base) },
    { weight: 1, arbitrary: fc.constantFrom<Release>({ yanked: 'x' }, { published: NOW }, { platform: '>=9' }, { asks: { api: ['evil.com'] } }, { advisories: [{ level: 'malicious' }] }).map((odd) => ({ ...base, ...odd })) },
  ),
)

const allVersions = fc.record(Object.fromEntries(VERSIONS.map((v) => [v, release])) as Record<string, typeof release>)

const world: fc.Arbitrary<Case> = fc
  .record({
    releases: fc.record(Object.fromEntries(IDS.map((id) => [id, fc.oneof({ weight: 6, arbitrary: allVersions }, { weight: 1, arbitrary: fc.dictionary(fc.constantFrom(...VERSIONS), release, { maxKeys: 2 }) })])) as Record<string, fc.Arbitrary<Record<string, Release>>>),
    wanted: fc.dictionary(fc.constantFrom(...IDS), fc.record({ version: ranges, reject: fc.subarray([...VERSIONS], { maxLength: 1 }) }), { minKeys: 1, maxKeys: 3 }),
    locked: fc.option(fc.dictionary(fc.constantFrom(...IDS), fc.constantFrom(...VERSIONS)), { nil: undefined }),
  })
  .map(({ releases, wanted, locked }) => {
    // every entry has a grant, so that nothing waits; entries of what is only needed come from `grantAll`
    const granted: Wanted = Object.fromEntries(Object.entries(wanted).map(([id, entry]) => [id, { ...entry, permissions: {} }]))
    const real = locked && Object.fromEntries(Object.entries(locked).filter(([id, version]) => releases[id]?.[version]))
    return { wanted: granted, releases: withoutAsksOfUnwanted(releases, granted), ...(real ? { locked: real } : {}) }
  })

/** What has no entry cannot be granted anything and would wait; waiting has laws of its own. */
function withoutAsksOfUnwanted(releases: Record<string, Record<string, Release>>, wanted: Wanted): Record<string, Record<string, Release>> {
  return Object.fromEntries(Object.entries(releases).map(([id, versions]) => [id, wanted[id] ? versions : Object.fromEntries(Object.entries(versions).map(([v, { asks: _asks, ...rest }]) => [v, rest]))]))
}

type Assignment = ReadonlyMap<string, string>

const releaseOf = (of: Case, id: string, version: string): Release => (of.releases[id] as Record<string, Release>)[version]!
const entryOf = (of: Case, id: string): { version: string; reject: string[] } | undefined => of.wanted[id] as never
const lockedOf = (of: Case, id: string): string | undefined => (of.locked as Record<string, string> | undefined)?.[id]

/** May this version be taken, whatever the others are? Written down a second time, from RECONCILER.md. */
function mayBe(of: Case, id: string, version: string): boolean {
  const odd = releaseOf(of, id, version)
  const entry = entryOf(of, id)
  if (entry && (!satisfies(version, entry.version) || entry.reject.includes(version) || odd.asks)) return false
  if (odd.platform) return false
  if (lockedOf(of, id) === version) return true
  return !odd.yanked && !odd.advisories && (!odd.published || entry?.version === version)
}

function holdsTogether(of: Case, taken: Assignment): boolean {
  return [...taken].every(([id, version]) => {
    const { needs = {}, conflicts = {} } = releaseOf(of, id, version)
    const met = Object.entries(needs).every(([target, range]) => taken.has(target) && satisfies(taken.get(target)!, range))
    return met && !Object.entries(conflicts).some(([target, range]) => taken.has(target) && satisfies(taken.get(target)!, range))
  })
}

function isValid(of: Case, taken: Assignment): boolean {
  return Object.keys(of.wanted).every((id) => taken.has(id)) && [...taken].every(([id, v]) => mayBe(of, id, v)) && holdsTogether(of, taken)
}

/** Every answer there is. */
function* answers(of: Case, ids: readonly string[] = IDS, taken: Assignment = new Map()): Generator<Assignment> {
  const [id, ...rest] = ids
  if (id === undefined) {
    if (isValid(of, taken)) yield taken
    return
  }
  if (!of.wanted[id]) yield* answers(of, rest, taken)
  for (const version of Object.keys(of.releases[id] ?? {})) if (mayBe(of, id, version)) yield* answers(of, rest, new Map([...taken, [id, version]]))
}

function attempt(input: ResolveInput): Assignment | CatalystError {
  try {
    return new Map(resolve(input).selections.map((s) => [s.id, s.candidate.version]))
  } catch (error) {
    if (error instanceof CatalystError) return error
    throw error
  }
}

function has(of: Case, test: (answer: Assignment) => boolean): boolean {
  for (const answer of answers(of)) if (test(answer)) return true
  return false
}

// one seed, so that a red run is red again; LAW_SEED and LAW_RUNS try others and more
const RUNS = { numRuns: Number(process.env.LAW_RUNS ?? 400), seed: Number(process.env.LAW_SEED ?? 20_261_122) }

describe('laws of resolving', () => {
  test('it finds an answer exactly when there is one, and the answer is right', () => {
    const seen = { solved: 0, impossible: 0 }
    fc.assert(
      fc.property(world, (of) => {
        const found = attempt(inputOf(of))
        if (found instanceof CatalystError) {
          seen.impossible += 1
          expect(['CONFLICT', 'NO_VERSION', 'UNKNOWN_PLUGIN']).toContain(found.code)
          expect(has(of, () => true)).toBe(false)
        } else {
          seen.solved += 1
          expect(isValid(of, found)).toBe(true)
        }
      }),
      RUNS,
    )
    // a law that never met one of the two cases would say nothing about it
    expect(Math.min(seen.solved, seen.impossible)).toBeGreaterThan(RUNS.numRuns / 10)
  })

  test('it takes nothing that nobody needs', () => {
    fc.assert(
      fc.property(world, (of) => {
        const found = attempt(inputOf(of))
        if (found instanceof CatalystError) return
        const reached = new Set(Object.keys(of.wanted))
        for (const id of reached) for (const target of Object.keys(releaseOf(of, id, found.get(id)!).needs ?? {})) reached.add(target)
        expect([...found.keys()].sort()).toEqual([...reached].sort())
      }),
      RUNS,
    )
  })

  test('no wanted plugin moves that could have stayed beside those that stayed', () => {
    fc.assert(
      fc.property(world, (of) => {
        const found = attempt(inputOf(of))
        if (found instanceof CatalystError) return
        const stayed = Object.keys(of.wanted).filter((id) => found.get(id) === lockedOf(of, id))
        for (const id of Object.keys(of.wanted)) {
          const locked = lockedOf(of, id)
          if (locked === undefined || found.get(id) === locked) continue
          expect(has(of, (answer) => [...stayed, id].every((kept) => answer.get(kept) === lockedOf(of, kept)))).toBe(false)
        }
      }),
      RUNS,
    )
  })

  test.each<ResolveInput['mode']>([{ kind: 'lock' }, { kind: 'update', ids: 'all', latest: false }])('without a lock no plugin alone could be newer ($kind)', (mode) => {
    fc.assert(
      fc.property(world, ({ locked: _locked, ...of }) => {
        const found = attempt(inputOf({ ...of, mode, policy: { upgrades: 'major' } }))
        if (found instanceof CatalystError) return
        for (const [id, version] of found) {
          const newer = Object.keys(of.releases[id]!).filter((v) => compareVersions(v, version) > 0)
          for (const v of newer) expect(isValid(of, new Map([...found, [id, v]]))).toBe(false)
        }
      }),
      RUNS,
    )
  })

  test('locking again with the answer as the lock changes nothing', () => {
    fc.assert(
      fc.property(world, (of) => {
        const input = inputOf(of)
        if (attempt(input) instanceof CatalystError) return
        const first = resolve(input)
        const second = resolve({ ...input, locked: relock(first) })
        expect(second.selections.map((s) => [s.id, s.candidate.version, s.locked])).toEqual(first.selections.map((s) => [s.id, s.candidate.version, true]))
      }),
      RUNS,
    )
  })

  test('update always has an answer when lock has one, within policy.upgrades of it', () => {
    fc.assert(
      fc.property(world, fc.constantFrom('none' as const, 'patch' as const, 'minor' as const, 'major' as const), fc.subarray([...IDS]), (of, upgrades, ids) => {
        const input = inputOf({ ...of, policy: { upgrades } })
        const locked = attempt(input)
        const known = ids.filter((id) => input.candidates.has(id))
        const updated = attempt({ ...input, mode: { kind: 'update', ids: known, latest: false } })
        expect(updated instanceof CatalystError).toBe(locked instanceof CatalystError)
        if (updated instanceof CatalystError || locked instanceof CatalystError) return
        expect(holdsTogether(of, updated)).toBe(true)
        for (const [id, version] of updated) {
          const from = locked.get(id)
          if (from !== undefined) expect(compareVersions(version, from)).toBeGreaterThanOrEqual(0)
          if (from === undefined || version === from) continue
          expect(upgrades).not.toMatch(/none|patch/)
          if (upgrades === 'minor') expect(version[0]).toBe(from[0])
        }
        // a wanted plugin that is not named stays
        for (const id of Object.keys(of.wanted)) if (!known.includes(id as never)) expect(updated.get(id)).toBe(locked.get(id))
      }),
      RUNS,
    )
  })

  test('the order of what comes in changes no byte of what goes out', () => {
    const shuffled = <T>(list: readonly T[], seed: number): T[] => list.map((value, i) => ({ value, key: Math.sin(seed * 1000 + i) })).sort((a, b) => a.key - b.key).map(({ value }) => value)
    const shuffledRecord = <V>(record: Readonly<Record<string, V>>, seed: number): Record<string, V> => Object.fromEntries(shuffled(Object.entries(record), seed))
    const text = (input: ResolveInput): string => {
      try {
        const { selections, ...rest } = resolve(input)
        return JSON.stringify({ ...rest, selections: selections.map((s) => ({ ...s, candidate: s.candidate.artifact })) })
      } catch (error) {
        if (!(error instanceof CatalystError)) throw error
        return JSON.stringify([error.code, error.message, error.hint, error.place, error.problems])
      }
    }
    fc.assert(
      fc.property(world, fc.nat(), fc.boolean(), (of, seed, update) => {
        const input = inputOf({ ...of, ...(update ? { mode: { kind: 'update', ids: 'all', latest: false } } : {}) })
        const other: ResolveInput = {
          ...input,
          desired: { ...input.desired, plugins: shuffled(input.desired.plugins, seed) },
          candidates: new Map(shuffled([...input.candidates], seed + 1).map(([id, list]) => [id, shuffled(list, seed + 2).map((c) => ({ ...c, dependencies: shuffledRecord(c.dependencies, seed), conflicts: shuffledRecord(c.conflicts, seed) }))])),
          locked: input.locked && { ...input.locked, plugins: shuffledRecord(input.locked.plugins, seed + 3) },
        }
        expect(text(other)).toBe(text(input))
      }),
      RUNS,
    )
  })

  test('nothing is changed that came in', () => {
    const frozen = <T>(value: T): T => {
      if (typeof value === 'object' && value !== null && !Object.isFrozen(value) && !(value instanceof Map)) Object.values(Object.freeze(value)).forEach(frozen)
      if (value instanceof Map) [...value.values()].forEach(frozen)
      return value
    }
    fc.assert(
      fc.property(world, (of) => {
        attempt(frozen(inputOf(of)))
      }),
      { ...RUNS, numRuns: 100 },
    )
  })
})

describe('laws of larger worlds', () => {
  /**
   * A world with a hidden answer: every version needs and hates at random, but the hidden versions only what the hidden
   * answer allows. Too large to try everything; large enough that much must be learned and taken back.
   */
  function hiddenWorld(seed: number): Case {
    let state = seed >>> 0
    const next = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    const ids = Array.from({ length: 8 + next(8) }, (_, i) => `p${String(i).padStart(2, '0')}`)
    const versions = Array.from({ length: 3 + next(4) }, (_, i) => `${i + 1}.0.0`)
    const hidden = new Map(ids.map((id) => [id, versions[next(versions.length)]!]))
    const range = (): string => [`<=${versions[next(versions.length)]}`, `>=${versions[next(versions.length)]}`, versions[next(versions.length)]!, `${versions[next(versions.length)]} || ${versions[next(versions.length)]}`][next(4)]!
    const pairs = (id: string, version: string, count: number, allowed: (target: string, range: string) => boolean): Record<string, string> =>
      Object.fromEntries(
        Array.from({ length: next(count + 1) }, () => [ids[next(ids.length)]!, range()] as const).filter(([target, r]) => target !== id && (hidden.get(id) !== version || allowed(target, r))),
      )
    const release = (id: string, version: string): Release => ({
      needs: pairs(id, version, 3, (target, r) => satisfies(hidden.get(target)!, r)),
      conflicts: pairs(id, version, 2, (target, r) => !satisfies(hidden.get(target)!, r)),
    })
    return {
      wanted: Object.fromEntries(ids.filter(() => next(2) === 0).map((id) => [id, { version: '*', reject: [], permissions: {} }])),
      releases: Object.fromEntries(ids.map((id) => [id, Object.fromEntries(versions.map((version) => [version, release(id, version)]))])),
      locked: Object.fromEntries(ids.filter(() => next(3) === 0).map((id) => [id, versions[next(versions.length)]!])),
    }
  }

  test('a hidden answer is found, or another one as good', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const of = hiddenWorld(seed)
        const found = attempt(inputOf(of))
        expect(found).not.toBeInstanceOf(CatalystError)
        if (!(found instanceof CatalystError)) expect(isValid(of, found)).toBe(true)
      }),
      RUNS,
    )
  })
})

describe('laws of explaining', () => {
  const valuesOf = (size: number): number[] => Array.from({ length: size + 1 }, (_, i) => i - 1)
  const within = (clause: Clause, choice: ReadonlyMap<number, number>): boolean =>
    clause.plugins.every((plugin, i) => {
      const value = choice.get(plugin)!
      return value < 0 ? hasAbsent(clause.terms[i]!) : hasVersion(clause.terms[i]!, value)
    })

  function* choices(plugins: readonly number[], sizes: readonly number[], made: ReadonlyMap<number, number> = new Map()): Generator<ReadonlyMap<number, number>> {
    const [plugin, ...rest] = plugins
    if (plugin === undefined) yield made
    else for (const value of valuesOf(sizes[plugin]!)) yield* choices(rest, sizes, new Map([...made, [plugin, value]]))
  }

  test('every step of a derivation follows from the two before it, and the facts are facts', () => {
    let steps = 0
    fc.assert(
      fc.property(world, (of) => {
        const known = new World(inputOf(of))
        const answer = solveAttempt(known, LOCK_ATTEMPT)
        if (answer.kind !== 'impossible') return
        const open = [answer.because]
        for (let clause = open.pop(); clause; clause = open.pop()) {
          const { cause } = clause
          if (cause.kind === 'derived') {
            steps += 1
            open.push(cause.left, cause.right)
            const plugins = [...new Set([...clause.plugins, ...cause.left.plugins, ...cause.right.plugins])]
            for (const choice of choices(plugins, known.sizes)) if (within(clause, choice)) expect(within(cause.left, choice) || within(cause.right, choice)).toBe(true)
          } else if (cause.kind === 'needs' || cause.kind === 'conflicts') {
            const { versions } = known.plugins[cause.plugin]!
            versions.forEach(({ candidate }, v) => {
              const said = cause.kind === 'needs' ? candidate.dependencies : candidate.conflicts
              expect(hasVersion(cause.versions, v)).toBe(said[cause.target] === cause.range)
            })
          }
        }
      }),
      RUNS,
    )
    expect(steps).toBeGreaterThan(RUNS.numRuns / 10)
  })
})

describe('laws of waiting', () => {
  /** As `world`, but some entries have no grant, and what is only needed may ask for something. */
  const undecided = fc
    .record({ of: world, without: fc.subarray([...IDS], { minLength: 2 }), asking: fc.subarray(IDS.flatMap((id) => VERSIONS.map((v) => `${id} ${v}`)), { minLength: 4, maxLength: 10 }) })
    .map(({ of, without, asking }): Case => ({
      ...of,
      wanted: Object.fromEntries(Object.entries(of.wanted).map(([id, entry]) => [id, without.includes(id as never) ? { version: (entry as { version: string }).version } : { version: (entry as { version: string }).version, permissions: { api: ['evil.com'] } }])),
      releases: Object.fromEntries(Object.entries(of.releases).map(([id, versions]) => [id, Object.fromEntries(Object.entries(versions as Record<string, Release>).map(([v, r]) => [v, asking.includes(`${id} ${v}`) ? { ...r, asks: { api: ['evil.com'] } } : r]))])),
    }))

  test('every wanted plugin is taken or waits; nothing undecided is taken anew; what is taken has what it needs', () => {
    let waited = 0
    fc.assert(
      fc.property(undecided, (of) => {
        const input = inputOf(of)
        if (attempt(input) instanceof CatalystError) return
        const { selections, waiting } = resolve(input)
        const taken = new Map(selections.map((s) => [s.id, s.candidate.version]))
        const waits = new Set(waiting.map((w) => w.id))
        waited += waits.size
        for (const id of Object.keys(of.wanted)) expect(taken.has(id) || waits.has(id)).toBe(true)
        expect(holdsTogether(of, taken)).toBe(true)
        for (const [id, version] of taken) {
          const granted = (of.wanted[id] as { permissions?: object } | undefined)?.permissions !== undefined
          if (releaseOf(of, id, version).asks && !granted) expect([version, waits.has(id)]).toEqual([lockedOf(of, id), true])
        }
      }),
      RUNS,
    )
    expect(waited).toBeGreaterThan(RUNS.numRuns / 10)
  })

  test('what is locked and goes together stays, whatever waits', () => {
    let met = 0
    fc.assert(
      fc.property(undecided, (of) => {
        // a lock that was once an answer: to any versions, and to what everything was granted for
        const before = attempt(inputOf({ releases: of.releases, wanted: Object.fromEntries(Object.keys(of.wanted).map((id) => [id, { version: '<2.0.0', permissions: { api: ['evil.com'] } }])) }))
        if (before instanceof CatalystError) return
        const locked = new Map([...before].filter(([id, version]) => !releaseOf(of, id, version).asks || of.wanted[id]))
        if (!holdsTogether(of, locked)) return
        const input = inputOf({ ...of, locked: Object.fromEntries(locked) })
        if (attempt(input) instanceof CatalystError) return
        met += 1
        const taken = resolve(input).selections.map((s) => s.id)
        expect(taken).toEqual(expect.arrayContaining(Object.keys(of.wanted).filter((id) => locked.has(id))))
      }),
      RUNS,
    )
    expect(met).toBeGreaterThan(RUNS.numRuns / 20)
  })
})
