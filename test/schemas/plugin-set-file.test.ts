import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CatalystError } from '../../schemas/errors.ts'
import { readPluginSet } from '../../schemas/plugin-set-file.ts'
import { fixtures, linesOf, marksOf, problemsFrom } from './marks.ts'
import { processorTime } from '../builders/processor-time.ts'

describe('each fixture is told exactly what its marks say, at the very lines', () => {
  test.each(fixtures('plugin-sets'))('%s', (name, bytes) => {
    const expected = marksOf(bytes.toString())
    const problems = problemsFrom(() => {
      expect(linesOf(readPluginSet(bytes, name).warnings)).toEqual(expected.warnings)
    })
    expect(linesOf(problems)).toEqual(expected.errors)
    const hints = problems.map((p) => `${p.place?.line}: ${p.hint}`)
    for (const hint of expected.hints) expect(hints).toContain(hint)
    for (const problem of problems) expect(problem.place).toMatchObject({ file: name })
  })
})

const HEAD = 'apiVersion: catalyst.dev/v1\nkind: PluginSet\nstore: { id: acme-eu }\n'

describe('the places are exact', () => {
  test('keys, values and list items name their own column', () => {
    const { placeOf } = readPluginSet(`${HEAD}plugins:\n  stripe:\n    version: ^2.1.0\n    reject: [2.1.3,   2.1.4]\n`, 'plugins.yaml')
    expect(placeOf(['plugins', 'stripe'], 'key')).toEqual({ file: 'plugins.yaml', line: 5, column: 3 })
    expect(placeOf(['plugins', 'stripe', 'version'])).toEqual({ file: 'plugins.yaml', line: 6, column: 14 })
    expect(placeOf(['plugins', 'stripe', 'reject', 1])).toEqual({ file: 'plugins.yaml', line: 7, column: 23 })
    expect(placeOf(['plugins', 'other'])).toBeUndefined()
  })

  test('an unknown key is named at the key, a wrong value at the value', () => {
    const problems = problemsFrom(() => readPluginSet(`${HEAD}plugins:\n  stripe: { verison: ^2, enabled: 1 }\n`, 'p'))
    expect(problems.map((p) => p.place)).toEqual([{ file: 'p', line: 5, column: 13 }, { file: 'p', line: 5, column: 35 }])
  })

  test('a union gives one problem and not one per branch', () => {
    const problems = problemsFrom(() => readPluginSet(`${HEAD}plugins:\n  a: { permissions: { database: 7 } }\n  b: { permissions: { database: [Orders] } }\n`, 'p'))
    expect(problems.map((p) => p.message)).toEqual(['plugins.a.permissions.database must be a mapping or a list, is 7', 'plugins.b.permissions.database[0] is "Orders", not a table name'])
  })
})

describe('hostile ranges', () => {
  test.each([
    ['10,000 characters', '1'.repeat(10_000)],
    ['many alternatives', '1||'.repeat(80)],
    ['blanks', `${' '.repeat(255)}!`],
    ['repeated hyphens', '1 - '.repeat(60)],
    ['a long prerelease', `1.2.3-${'a.'.repeat(5_000)}`],
    ['escape codes', '^1\u001b[2J'],
  ])('%s are INVALID_RANGE, quickly', (_name, range) => {
    const { result: problems, ms } = processorTime(() => problemsFrom(() => readPluginSet(`${HEAD}plugins: { a: { version: ${JSON.stringify(range)} } }\n`, 'p')))
    expect(problems.map((p) => p.code)).toEqual(['INVALID_RANGE'])
    expect(problems[0]?.message.length).toBeLessThan(200)
    expect(problems[0]?.message).not.toContain('\u001b')
    expect(ms).toBeLessThan(1_000)
  })
})

test.each(['', '\n', '# only a comment\n'])('a file that says nothing has a next step: %j', (text) => {
  expect(problemsFrom(() => readPluginSet(text, 'p'))).toMatchObject([{ code: 'WRONG_TYPE', hint: expect.stringContaining('bring back what git has of it') }])
})

test('hints are the next step: the nearest registry, the level of the key', () => {
  const problems = problemsFrom(() => readPluginSet(`${HEAD}plugins:\n  a: { registry: x }\n`, 'p'))
  expect(problems[0]).toMatchObject({ code: 'UNKNOWN_REGISTRY', message: 'a: there is no registry called x' })
})

test('a million wrong keys give a hundred problems, not a million', () => {
  const problems = problemsFrom(() => readPluginSet(`${HEAD}plugins: {}\n${Array.from({ length: 20_000 }, (_, i) => `wrong${i}: 1`).join('\n')}\n`, 'p'))
  expect(problems.length).toBe(100)
})

describe('laws', () => {
  const valid = fixtures('plugin-sets').find(([name]) => name === 'valid-everything.yaml')?.[1].toString() ?? ''

  test('any bytes give a set or a CatalystError, and no prototype is ever changed', () => {
    const before = Object.getOwnPropertyNames(Object.prototype).join()
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string({ unit: 'binary', maxLength: 300 })), (bytes) => {
        problemsFrom(() => readPluginSet(bytes, 'p'))
      }),
      { numRuns: 500 },
    )
    expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(before)
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  test('a valid file with any bytes put over any place of it gives a set or a CatalystError with places', () => {
    fc.assert(
      fc.property(fc.nat(valid.length), fc.string({ unit: fc.constantFrom('{', '}', '[', ']', ':', '-', ' ', '\n', '\t', '&', '*', '!', '|', '>', '"', "'", '#', '%', '<', '$', '0', 'a', '?', ','), maxLength: 6 }), (at, noise) => {
        const text = valid.slice(0, at) + noise + valid.slice(at + noise.length)
        for (const problem of problemsFrom(() => readPluginSet(text, 'p'))) expect(problem.place?.file).toBe('p')
      }),
      { numRuns: 300 },
    )
  })
})

test('a CatalystError carries all problems, and its own message counts them', () => {
  try {
    readPluginSet('a: 1\nb: 2\n', 'p')
    expect.unreachable()
  } catch (error) {
    expect(error).toBeInstanceOf(CatalystError)
    expect((error as CatalystError).message).toMatch(/\(and 5 more\)$/)
  }
})

test('a thousand plugins are read in the time of a blink', () => {
  const plugin = (i: number) => `  plugin-${i}:\n    version: ^2.${i}.0\n    permissions:\n      database: { orders: read }\n      api: [api.stripe.com:443]   # why\n    config: { apiKey: "\${env:KEY}" }\n`
  const text = `${HEAD}plugins:\n${Array.from({ length: 1000 }, (_, i) => plugin(i)).join('')}`
  readPluginSet(text, 'p')
  const { ms } = processorTime(() => expect(Object.keys(readPluginSet(text, 'p').set.plugins).length).toBe(1000))
  console.log(`1,000 plugins, ${text.length} bytes: ${ms.toFixed(0)} ms`)
  expect(ms).toBeLessThan(5_000)
})
