import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseJson } from '../../schemas/json.ts'
import { parseJsonLines } from '../../schemas/json-lines.ts'
import { problemsFrom } from './marks.ts'

const said = (text: string) => problemsFrom(() => parseJson(text, 'f.json')).map((p) => `${p.place?.line}:${p.place?.column} ${p.code}`)

describe('refused, with the place', () => {
  test.each<[string, string, string[]]>([
    ['nothing', '', ['1:1 JSON_SYNTAX']],
    ['a trailing comma', '{\n  "a": 1,\n}', ['3:1 JSON_SYNTAX']],
    ['a missing comma', '[1 2]', ['1:4 JSON_SYNTAX']],
    ['a key without quotes', '{a: 1}', ['1:2 JSON_SYNTAX']],
    ['single quotes', "{'a': 1}", ['1:2 JSON_SYNTAX']],
    ['a comment', '{} // c', ['1:4 JSON_SYNTAX']],
    ['an octal number', '[01]', ['1:2 JSON_SYNTAX']],
    ['NaN', '[NaN]', ['1:2 JSON_SYNTAX']],
    ['a number beyond all numbers', '[1e999]', ['1:7 JSON_SYNTAX']],
    ['a raw line feed in a text', '"a\nb"', ['1:1 JSON_SYNTAX']],
    ['a bad escape', '"\\x41"', ['1:1 JSON_SYNTAX']],
    ['an end too early', '{"a":', ['1:6 JSON_SYNTAX']],
    ['two values', '{} {}', ['1:4 JSON_SYNTAX']],
    ['equal keys', '{"a": 1,\n "\\u0061": 2}', ['2:2 JSON_SYNTAX']],
    ['prototype keys, all of them', '{"__proto__": 1, "b": [{"constructor": 1}], "\\u005f_proto__": 2}', ['1:2 FORBIDDEN_KEY', '1:25 FORBIDDEN_KEY', '1:45 FORBIDDEN_KEY']],
  ])('%s', (_name, text, expected) => {
    expect(said(text)).toEqual(expected)
  })

  test.each(['[', '{"a":'])('a tower of %s ends at 32 levels', (step) => {
    expect(problemsFrom(() => parseJson(step.repeat(40_000), 'f.json'))).toMatchObject([{ code: 'JSON_SYNTAX', message: 'nested deeper than 32 levels' }])
  })

  test('a file over the limit', () => {
    expect(problemsFrom(() => parseJson(' '.repeat(100), 'f.json', { maxBytes: 99 }))).toMatchObject([{ code: 'FILE_TOO_LARGE' }])
  })
})

test('places of keys and values, through escapes and blanks', () => {
  const document = parseJson('{\n  "a": [10, {"b\\n": "x"}],\n\t"c" : null }', 'f.json')
  expect(document.placeOf(['a', 1, 'b\n'])).toEqual({ file: 'f.json', line: 2, column: 21 })
  expect(document.placeOf(['a', 1, 'b\n'], 'key')).toEqual({ file: 'f.json', line: 2, column: 14 })
  expect(document.placeOf(['c'], 'key')).toEqual({ file: 'f.json', line: 3, column: 2 })
  expect(document.placeOf(['c', 'd'])).toBeUndefined()
  expect(document.sourceOf(['a', 0])).toBe('10')
  expect(document.sourceOf(['a'])).toBeUndefined()
})

describe('laws', () => {
  const reads = (text: string, read: (text: string) => unknown) => {
    try {
      return { value: read(text) }
    } catch {
      return 'refused'
    }
  }

  test('what JSON.stringify writes is read back, blanks or none', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 2, '\t'), (value, space) => {
        const text = JSON.stringify(value, undefined, space)
        const mine = reads(text, (t) => parseJson(t, 'f').value)
        if (mine !== 'refused') expect(mine).toEqual({ value: JSON.parse(text) })
        else expect(text).toMatch(/__proto__|constructor|prototype/)
      }),
      { numRuns: 500 },
    )
  })

  test('it takes what JSON.parse takes and refuses what it refuses', () => {
    const piece = fc.constantFrom('{', '}', '[', ']', ',', ':', '"a"', '"b\\u00e9"', '"', '1', '-0.5e+3', '01', '-', '.', 'true', 'null', 'nul', ' ', '\n', '\t', '\\', '\u0000', '\u00a0', 'e', '\ufeff', '\u2028')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 9 }).map((parts) => parts.join('')), (text) => {
        const mine = reads(text, (t) => parseJson(t, 'f').value)
        const theirs = reads(text.replace(/^\ufeff/, ''), JSON.parse)
        if (mine === 'refused' && theirs !== 'refused') expect(said(text).join()).toMatch(/JSON_SYNTAX/)
        else expect(mine).toEqual(theirs)
      }),
      { numRuns: 3_000 },
    )
  })
})

test('lines: places name the line of the file, and all bad lines are told', () => {
  const limits = { maxBytes: 1_000, maxLineBytes: 50, maxLines: 10 }
  const [, second] = parseJsonLines('{"a":1}\n\n{"a":2}\n', 'f', limits)
  expect(second?.placeOf(['a'])).toEqual({ file: 'f', line: 3, column: 6 })
  const problems = problemsFrom(() => parseJsonLines(`{"a":1}\n{"a":}\n{}\n{"x": "${'y'.repeat(60)}"}\n{`, 'f', limits))
  expect(problems.map((p) => `${p.place?.line}: ${p.code}`)).toEqual(['2: JSON_SYNTAX', '4: FILE_TOO_LARGE', '5: JSON_SYNTAX'])
})

test('lines: their number is bounded, and so is what is told of them', () => {
  const limits = { maxBytes: 1_000_000, maxLineBytes: 50, maxLines: 10_000 }
  expect(problemsFrom(() => parseJsonLines('x\n'.repeat(10_000), 'f', limits))).toHaveLength(100)
  expect(problemsFrom(() => parseJsonLines('1\n'.repeat(10_001), 'f', limits))).toMatchObject([{ code: 'FILE_TOO_LARGE' }])
})
