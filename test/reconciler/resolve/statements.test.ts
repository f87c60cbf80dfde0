import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hasVersion } from '../../../reconciler/resolve/bits.ts'
import type { Clause } from '../../../reconciler/resolve/clauses.ts'
import { Readings } from '../../../reconciler/resolve/ranges.ts'
import { statementsOf } from '../../../reconciler/resolve/statements.ts'
import { parseVersion } from '../../../schemas/versions.ts'
import type { Version } from '../../../reconciler/resolve/world-plugin.ts'
import { candidate } from './fixtures.ts'

/* What versions say is said again exactly as their candidates say it, however many say it and in whatever order. */

interface Said {
  readonly dependencies: Readonly<Record<string, string>>
  readonly conflicts: Readonly<Record<string, string>>
}

const ranges = fc.constantFrom('*', '^1.0.0', '^2.0.0')
const ids = fc.constantFrom('a', 'b', 'c', 'constructor')
const said = fc.record({ dependencies: fc.dictionary(ids, ranges), conflicts: fc.dictionary(ids, ranges, { maxKeys: 2 }) })
const NUMBERS = ['a', 'b', 'c']

function statements(of: readonly Said[]): ReturnType<typeof statementsOf> {
  const versions = of.map((one, i): Version => ({ candidate: { ...candidate('p', `1.${i}.0`), ...one }, parsed: parseVersion(`1.${i}.0`)!, isLocked: false, bar: undefined, inRange: true, undecided: [] }))
  return statementsOf(versions, new Readings(), (id) => NUMBERS.indexOf(id))
}

function expected({ dependencies, conflicts }: Said): unknown[] {
  const sorted = (map: Readonly<Record<string, string>>): [string, string][] => Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1))
  return [...sorted(dependencies).map(([id, range]) => ['needs', id, NUMBERS.indexOf(id), range]), ...sorted(conflicts).map(([id, range]) => ['conflicts', id, NUMBERS.indexOf(id), range])]
}

function heard(all: ReturnType<typeof statementsOf>, version: number): unknown[] {
  return all.of(version).map((statement) => [statement.kind, statement.id, statement.target, statement.rangeOf(version)?.text])
}

describe('statements', () => {
  test('each version says what its candidate says: needs by id, then conflicts by id', () => {
    fc.assert(
      fc.property(fc.array(said, { maxLength: 6 }), (of) => {
        const all = statements(of)
        of.forEach((one, version) => expect(heard(all, version)).toEqual(expected(one)))
      }),
      { seed: 20_261_122 },
    )
  })

  test('past the few, too', () => {
    const of = Array.from({ length: 40 }, (_, i): Said => ({ dependencies: { a: '*', ...Object.fromEntries([0, 1, 2].map((n) => [`own-${i}-${n}`, '*'])) }, conflicts: i % 2 === 0 ? { b: '^1.0.0' } : {} }))
    const all = statements(of)
    of.forEach((one, version) => expect(heard(all, version)).toEqual(expected(one)))
  })

  test('a range names the versions that say it and no other', () => {
    fc.assert(
      fc.property(fc.array(said, { maxLength: 6 }), (of) => {
        const all = statements(of)
        of.forEach((one, version) => {
          for (const statement of all.of(version)) {
            const says = (other: Said): string | undefined => Object.entries(statement.kind === 'needs' ? other.dependencies : other.conflicts).find(([id]) => id === statement.id)?.[1]
            const range = statement.rangeOf(version)!
            const saying = statement.saying(range, of.length)
            expect(of.filter((_, v) => hasVersion(saying, v))).toEqual(of.filter((other) => says(other) === says(one)))
          }
        })
      }),
      { seed: 20_261_122 },
    )
  })

  test('what is kept of a range is known to it and to no other; no clause is an answer, too', () => {
    const all = statements([{ dependencies: { a: '*' }, conflicts: {} }, { dependencies: { a: '^1.0.0' }, conflicts: {} }, { dependencies: { a: '*' }, conflicts: {} }])
    const [a] = all.of(0)
    const made: Clause = { plugins: [], terms: [], cause: { kind: 'wanted', plugin: 0 } }
    expect(a?.known(a.rangeOf(0)!)).toBeUndefined()
    a?.keep(a.rangeOf(0)!, made)
    expect([a?.known(a.rangeOf(1)!), a?.known(a.rangeOf(2)!)?.clause]).toEqual([undefined, made])
    a?.keep(a.rangeOf(1)!, undefined)
    expect([a?.known(a.rangeOf(1)!)?.clause, a?.known(a.rangeOf(0)!)?.clause]).toEqual([undefined, made])
  })

  test('a version that says nothing of a plugin brings no clause about it', () => {
    const all = statements([{ dependencies: { a: '*' }, conflicts: {} }, { dependencies: {}, conflicts: {} }, { dependencies: { a: '*' }, conflicts: {} }])
    const [a] = all.of(0)
    expect(all.of(1)).toEqual([])
    expect([0, 1, 2, 3].map((v) => a?.rangeOf(v)?.text)).toEqual(['*', undefined, '*', undefined])
  })
})
