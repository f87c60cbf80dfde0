import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareParsed, compareVersions, parseVersion, pinnedVersion, rangeTest, satisfies } from '../../schemas/versions.ts'

const part = fc.nat({ max: 3 })
const prerelease = fc.oneof({ weight: 3, arbitrary: fc.constant('') }, { weight: 1, arbitrary: fc.constantFrom('-alpha', '-beta.1', '-beta.2', '-rc.1') })
const version = fc.tuple(part, part, part, prerelease, fc.constantFrom('', '', '+build')).map(([a, b, c, pre, build]) => `${a}.${b}.${c}${pre}${build}`)
const bound = fc.oneof(version, part.map(String), fc.tuple(part, part).map(([a, b]) => `${a}.${b}`), fc.constantFrom('*', 'x', '1.x', '2.1.x', ''))
const comparator = fc.tuple(fc.constantFrom('', '=', '>', '>=', '<', '<=', '^', '~'), bound).map(([operator, text]) => `${operator}${text}`)
const range = fc.array(fc.oneof({ weight: 4, arbitrary: fc.array(comparator, { minLength: 1, maxLength: 3 }).map((all) => all.join(' ')) }, { weight: 1, arbitrary: fc.tuple(bound, bound).map(([low, high]) => `${low} - ${high}`) }), { minLength: 1, maxLength: 3 }).map((any) => any.join(' || '))

describe('versions and ranges read once', () => {
  test('a range read once answers like `satisfies`', () => {
    fc.assert(
      fc.property(version, range, fc.boolean(), (text, among, loosely) => {
        const parsed = parseVersion(text)
        expect(parsed && rangeTest(among, loosely)?.(parsed)).toBe(rangeTest(among) === undefined ? undefined : satisfies(text, among, loosely))
      }),
      { numRuns: 3000, seed: 20_261_122 },
    )
  })

  test('versions read once have the order of `compareVersions`', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(Math.sign(compareParsed(parseVersion(a)!, parseVersion(b)!))).toBe(compareVersions(a, b))
      }),
      { numRuns: 1000, seed: 20_261_122 },
    )
  })

  test.each([' 1.2.3', '1.2.3 ', '1.2.3\n', 'v1.2.3', '=1.2.3', '1.2', '', 'latest', '01.2.3'])('`%s` is not an exact version', (text) => {
    expect(parseVersion(text)).toBe(undefined)
  })

  test.each([['1.2.3', '1.2.3'], ['=1.2.3', '1.2.3'], ['= 1.2.3-rc.1', '1.2.3-rc.1'], ['^1.2.3', undefined], ['1.2', undefined], ['1.2.3 || 1.2.4', undefined], ['', undefined]])('`%s` pins %s', (text, pinned) => {
    expect(pinnedVersion(text)).toBe(pinned)
  })

  test.each(['', 'latest', '][', '>2 <', 'x'.repeat(300)])('what is no range has no test: `%s`', (text) => {
    expect(rangeTest(text) === undefined).toBe(text !== '')
  })
})
