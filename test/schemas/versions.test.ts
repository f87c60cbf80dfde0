import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareParsed, compareVersions, exactVersion, isRange, isSatisfiable, parseVersion, pinnedVersion, rangeTest, satisfies, upgradeLevel } from '../../schemas/versions.ts'
import { processorTime } from '../builders/processor-time.ts'

const small = fc.integer({ min: 0, max: 3 })
const version = fc.tuple(small, small, small, fc.constantFrom('', '', '-alpha', '-alpha.1', '-beta.2', '+build')).map(([a, b, c, tail]) => `${a}.${b}.${c}${tail}`)
const clause = fc.tuple(fc.constantFrom('>', '>=', '<', '<=', '^', '~', ''), fc.tuple(small, small, small).map((v) => v.join('.'))).map((parts) => parts.join(''))
const range = fc.array(fc.array(clause, { minLength: 1, maxLength: 2 }).map((c) => c.join(' ')), { minLength: 1, maxLength: 2 }).map((c) => c.join(' || '))

/** Every version there is below 5.5.5, which is more than the ranges above can reach. */
const GRID = [0, 1, 2, 3, 4].flatMap((a) => [0, 1, 2, 3, 4].flatMap((b) => [0, 1, 2, 3, 4].map((c) => `${a}.${b}.${c}`)))

describe('exactVersion', () => {
  test.each(['1.2.3', '0.0.0', '1.0.0-rc.1', '1.0.0+b.5', '10.20.30-a-b.c'])('%s is one', (text) => {
    expect(exactVersion(text)).toBe(text)
  })
  test.each(['', '1', '1.2', 'v1.2.3', '=1.2.3', ' 1.2.3', '1.2.3 ', '1.2.3\n', '01.2.3', '1.2.3-01', '1.2.3.4', '1.2.x', 'latest', '^1.2.3', '1.2.3-', '99999999999999999999.0.0', `1.2.3-${'a'.repeat(300)}`])('%j is none', (text) => {
    expect(exactVersion(text)).toBeUndefined()
  })
})

describe('isRange', () => {
  test.each(['^2.1.0', '~2', '2.x', '*', '>=1 <3', '1.2.3 || ^2', '1 - 2', '>=1.0.0-rc.1'])('%s is one', (text) => {
    expect(isRange(text)).toBe(true)
  })
  test.each(['latest', '>=', '1.2.3.4', '^^1', 'http://x', '1 || || x', '^1 ||', '|| ^1', ' ', '', '../1', '\u001b[2J', 'x'.repeat(257), '1.2.3 '.repeat(50)])('%j is none', (text) => {
    expect(isRange(text)).toBe(false)
  })

  test('shapes that make careless expressions slow cost milliseconds', () => {
    const shapes = ['1'.repeat(10_000), '>'.repeat(250), ` ${' '.repeat(240)}x`, '1.'.repeat(120), '1 - '.repeat(60), `1.2.3-${'a.'.repeat(120)}`, '||'.repeat(125), '^1 '.repeat(85), `${' '.repeat(10_000)}1`]
    const { ms } = processorTime(() => shapes.filter(isRange).forEach(isSatisfiable))
    expect(ms).toBeLessThan(500)
  })
})

describe('isSatisfiable', () => {
  test.each(['^1', '*', '>1.0.0', '>=1 <2', '<1 || >3', '>2 <1 || 5.0.0', '1.0.0-alpha', '>1.0.0-alpha <1.0.0', '~0.0.1', '<=0.0.0', '>9007199254740990.0.0'])('%s', (text) => {
    expect(isSatisfiable(text)).toBe(true)
  })
  test.each(['>2 <1', '<0.0.0', '^1 ^2', '1.0.0 2.0.0', '>1.0.0 <1.0.1', '>=2 <2', '>1 <1 || >2 <2', '<0.0.0-0'])('not %s', (text) => {
    expect(isSatisfiable(text)).toBe(false)
  })

  test('law: it agrees with trying every version', () => {
    fc.assert(
      fc.property(range, (text) => {
        expect(isSatisfiable(text)).toBe(GRID.some((v) => satisfies(v, text)))
      }),
      { numRuns: 300 },
    )
  })
})

describe('order', () => {
  test('laws: total, antisymmetric, transitive; parsed and unparsed agree; different texts are never equal', () => {
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0)
        expect(compareVersions(a, b) === 0).toBe(a === b)
        if (compareVersions(a, b) < 0 && compareVersions(b, c) < 0) expect(compareVersions(a, c)).toBeLessThan(0)
        const [pa, pb] = [parseVersion(a), parseVersion(b)]
        if (pa && pb) expect(Math.sign(compareParsed(pa, pb))).toBe(Math.sign(compareVersions(a, b)))
      }),
    )
  })

  test('law: a parsed range answers like the range', () => {
    fc.assert(
      fc.property(range, version, fc.boolean(), (text, v, prerelease) => {
        const parsed = parseVersion(v)
        expect(parsed && rangeTest(text, prerelease)?.(parsed)).toBe(satisfies(v, text, prerelease))
      }),
    )
  })

  test('prereleases only where the range names them, or when asked for', () => {
    expect(satisfies('2.0.0-rc.1', '>=1')).toBe(false)
    expect(satisfies('2.0.0-rc.1', '>=1', true)).toBe(true)
    expect(satisfies('2.0.0-rc.1', '>=2.0.0-rc.0')).toBe(true)
  })
})

test.each([
  ['1.2.3', '1.2.3', 'none'],
  ['1.2.3', '1.2.4', 'patch'],
  ['1.2.3', '1.3.0', 'minor'],
  ['1.2.3', '2.0.0', 'major'],
  ['0.1.0', '0.2.0', 'major'],
  ['0.1.0', '0.1.1', 'patch'],
  ['1.2.3', '2.0.0-rc.1', 'major'],
  ['2.0.0-rc.1', '2.0.0-rc.2', 'patch'],
  ['2.0.0-rc.1', '2.0.0', 'major'],
  ['1.2.3-rc.1', '1.2.3', 'patch'],
])('from %s to %s is a step of level %s', (from, to, level) => {
  expect(upgradeLevel(from, to)).toBe(level)
})

test('a pin is a range that leaves no choice', () => {
  expect(['2.1.3', '=2.1.3', '= 2.1.3', '^2.1.3', '2.1', '*'].map(pinnedVersion)).toEqual(['2.1.3', '2.1.3', '2.1.3', undefined, undefined, undefined])
})
