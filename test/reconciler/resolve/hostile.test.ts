import { describe, expect, test } from 'vitest'
import { growingWorld } from '../../../bench/resolve.ts'
import { CatalystError } from '../../../schemas/errors.ts'
import { LOCK_ATTEMPT, solveAttempt } from '../../../reconciler/resolve/attempt.ts'
import { resolve } from '../../../reconciler/resolve/resolve.ts'
import { World } from '../../../reconciler/resolve/world.ts'
import { candidate, inputOf, resolved, short, taken, type Case, type Release } from './fixtures.ts'

/* What a careless or hostile registry could send. Every case ends, in a moment, with an answer or a CatalystError. */

const versions = (count: number, release: (i: number) => Release = () => ({})): Record<string, Release> => Object.fromEntries(Array.from({ length: count }, (_, i) => [`1.${i}.0`, release(i)]))

/** p0 needs p1 needs p2 …; the last one needs p0 in a range. */
function ring(length: number, back: string): Case['releases'] {
  return Object.fromEntries(Array.from({ length }, (_, i) => [`p${i}`, { '1.0.0': { needs: i + 1 < length ? { [`p${i + 1}`]: '^1.0.0' } : { p0: back } } }]))
}

/** One more plugin than there are versions, no two of them in the same version: impossible, and exponential to prove. */
function pigeonholes(holes: number): Case {
  const ids = Array.from({ length: holes + 1 }, (_, i) => `pigeon-${i}`)
  const release = (id: string, hole: number): Release => ({ conflicts: Object.fromEntries(ids.filter((other) => other !== id).map((other) => [other, `${hole}.0.0`])) })
  return {
    wanted: Object.fromEntries(ids.map((id) => [id, '*'])),
    releases: Object.fromEntries(ids.map((id) => [id, Object.fromEntries(Array.from({ length: holes }, (_, h) => [`${h + 1}.0.0`, release(id, h + 1)]))])),
  }
}

function failure(of: Case): CatalystError {
  try {
    resolved(of)
  } catch (error) {
    if (error instanceof CatalystError) return error
    throw error
  }
  throw new Error('it was meant to fail')
}

describe('hostile worlds', () => {
  test('1,000 versions of which only the oldest fits', () => {
    expect(taken({ wanted: { a: '*', b: '1.0.0' }, releases: { a: versions(1000, (i) => ({ needs: { b: `1.${i}.0` } })), b: versions(1000) } })).toEqual(['a 1.0.0', 'b 1.0.0'])
  })

  test('1,000 versions of which none fits', () => {
    const error = failure({ wanted: { a: '*', b: '2.0.0' }, releases: { a: versions(1000, (i) => ({ needs: { b: `1.${i}.0` } })), b: { ...versions(1000), '2.0.0': {} } } })
    expect(error.problems.map((p) => p.message)).toContain('a 1.0.0 needs b 1.0.0; a 1.1.0 needs 1.1.0; a 1.2.0 needs 1.2.0; 997 more like this.')
  })

  test('300 versions that each name twenty plugins of their own', () => {
    const needs = (i: number): Record<string, string> => (i === 0 ? { b: '*' } : Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`nobody-${i}-${n}`, `^${i}.${n}.0`])))
    const of: Case = { wanted: { a: '*' }, releases: { a: versions(300, (i) => ({ needs: needs(i), conflicts: { [`foe-${i}`]: '*' } })), b: ['1.0.0'] } }
    expect(taken(of)).toEqual(['a 1.0.0', 'b 1.0.0'])
  })

  test('a chain of 5,000 that closes', () => {
    expect(taken({ wanted: { p0: '*' }, releases: ring(5000, '^1.0.0') })).toHaveLength(5000)
  })

  test('a chain of 5,000 that does not close is told from both ends', () => {
    const lines = failure({ wanted: { p0: '*' }, releases: ring(5000, '^2.0.0') }).problems.map((p) => p.message)
    expect(lines.slice(0, 3)).toEqual(['plugins.yaml:10 asks for p0.', 'p0 1.0.0 needs p1 ^1.0.0.', 'p1 1.0.0 needs p2 ^1.0.0.'])
    expect(lines.slice(-3)).toEqual(['p4998 1.0.0 needs p4999 ^1.0.0.', 'p4999 1.0.0 needs p0 ^2.0.0 (there is only 1.0.0).', 'Whatever versions are taken, p0 cannot be installed.'])
    expect(lines.length).toBeLessThan(30)
  })

  test('a problem made to be hard is given up after counted steps, the same on every machine', () => {
    const error = failure(pigeonholes(12))
    expect([error.code, error.message]).toEqual(['CONFLICT', 'The plugins could not be resolved in reasonable time: too many of their versions exclude each other.'])
  })

  test('ids that objects inherit are ids like any other', () => {
    const of: Case = {
      wanted: Object.fromEntries([['constructor', '*'], ['tostring', '*']]),
      releases: Object.fromEntries([['constructor', { '1.0.0': { needs: { valueof: '*' } } }], ['tostring', { '1.0.0': { conflicts: { hasownproperty: '*' } } }], ['valueof', { '1.0.0': {} }]]),
    }
    const names = ['constructor', 'toString', 'valueOf', 'hasOwnProperty']
    const locked = { lockVersion: 1 as const, plugins: {} }
    expect(short(resolve({ ...inputOf(of), locked }))).toEqual(['constructor 1.0.0', 'tostring 1.0.0', 'valueof 1.0.0'])
    for (const name of names) {
      const world = { wanted: Object.fromEntries([[name, '*']]), releases: Object.fromEntries([[name, ['1.0.0']]]), locked }
      expect(taken(world)).toEqual([`${name} 1.0.0`])
    }
    const needy = new Map([['a', [{ ...candidate('a', '1.0.0'), dependencies: JSON.parse('{"__proto__": "*"}') as Record<string, string> }]]])
    expect(() => resolve({ ...inputOf({ wanted: { a: '*' }, releases: {} }), candidates: needy, locked })).toThrow('a (plugins.yaml:10) cannot be installed')
  })

  test.each(['', ' ', 'latest', '][', '>2 <1', 'x'.repeat(300), '||', '*'.repeat(200), `${'1.0.0 || '.repeat(28)}1.0.0`, '1.0.0 - ', '>=99999999999999999999.0.0'])('a dependency on `%s` ends', (range) => {
    const of: Case = { wanted: { a: '*' }, releases: { a: { '1.0.0': {}, '1.1.0': { needs: { b: range } }, '1.2.0': { conflicts: { b: range } }, '1.3.0': { platform: range } }, b: ['1.0.0'] } }
    expect(() => resolved(of)).not.toThrow()
  })

  test('versions beyond any number are versions', () => {
    expect(taken({ wanted: { a: '*' }, releases: { a: ['1.0.0', '9007199254740991.0.0', '99999999999999999999.0.0'] } })).toEqual(['a 9007199254740991.0.0'])
  })

  test('build metadata decides nothing but the tie', () => {
    expect(taken({ wanted: { a: '*' }, releases: { a: ['1.0.0+b', '1.0.0+a', '1.0.0'] } })).toEqual(['a 1.0.0+b'])
  })

  test('everything needs everything', () => {
    const ids = Array.from({ length: 30 }, (_, i) => `p${i}`)
    const release: Release = { needs: Object.fromEntries(ids.map((id) => [id, '*'])) }
    expect(taken({ wanted: { p0: '*' }, releases: Object.fromEntries(ids.map((id) => [id, versions(10, () => release)])) })).toHaveLength(30)
  })
})

describe('growth', () => {
  test('ten times the plugins take ten times the steps', () => {
    const steps = (wanted: number): number => {
      const answer = solveAttempt(new World(growingWorld(wanted)), LOCK_ATTEMPT)
      return answer.kind === 'solved' ? answer.steps : Number.NaN
    }
    const [ten, hundred, thousand] = [steps(10), steps(100), steps(1000)]
    // counted, so that a busy machine cannot make it red; bench/resolve.ts measures the time
    expect(hundred / ten).toBeLessThan(13)
    expect(thousand / hundred).toBeLessThan(13)
  })
})
