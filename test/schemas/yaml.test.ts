import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { scalarText, writeYaml } from '../../schemas/plain-yaml.ts'
import { parseYaml } from '../../schemas/yaml.ts'
import { problemsFrom } from './marks.ts'
import { processorTime } from '../builders/processor-time.ts'

const said = (bytes: Uint8Array | string) => problemsFrom(() => parseYaml(bytes, 'f.yaml')).map((p) => `${p.place?.line}:${p.place?.column} ${p.code}`)

describe('refused, with the place', () => {
  test.each<[string, string, string[]]>([
    ['a tab that indents', 'a:\n\tb: 1\n', ['2:1 YAML_TAB']],
    ['tabs in several lines', 'a:\n  b: 1\n\tc: 2\n', ['3:1 YAML_TAB']],
    ['a quote that is never closed', 'a: "x\n', ['2:1 YAML_SYNTAX']],
    ['a list that is never closed', 'a: [1\n', ['2:1 YAML_SYNTAX']],
    ['a duplicate key in a list item', '- { a: 1, b: 2, a: 3 }\n', ['1:17 YAML_DUPLICATE_KEY']],
    ['an alias without an anchor', 'a: *b\n', ['1:4 YAML_ALIAS']],
    ['two documents', 'a: 1\n---\nb: 2\n', ['2:1 YAML_SYNTAX']],
    ['a document after an end mark', 'a: 1\n...\nb: 2\n', ['3:1 YAML_SYNTAX']],
    ['keys that only differ in their quotes', 'a: 1\n"a": 2\n', ['2:1 YAML_DUPLICATE_KEY']],
    ['prototype keys at any depth', 'a: [{ b: { __proto__: 1 } }]\n', ['1:12 FORBIDDEN_KEY']],
  ])('%s', (_name, text, expected) => {
    expect(said(text)).toEqual(expected)
  })

  test('all problems of one kind at once, in the order of the file', () => {
    expect(said('a: 1\na: 2\nb: { c: 1, c: 2 }\n__proto__: 3\n')).toEqual(['2:1 YAML_DUPLICATE_KEY', '3:12 YAML_DUPLICATE_KEY', '4:1 FORBIDDEN_KEY'])
  })
})

describe('too much', () => {
  test('50 MB are refused before a byte is decoded', () => {
    const huge = Buffer.alloc(50_000_000, 'a: 1\n')
    const { result: problems, ms } = processorTime(() => problemsFrom(() => parseYaml(huge, 'f.yaml')))
    expect(problems).toMatchObject([{ code: 'FILE_TOO_LARGE', message: 'f.yaml has 50000000 bytes; the limit is 1000000 bytes' }])
    expect(ms).toBeLessThan(100)
  })

  test('an alias bomb is refused in milliseconds, at its first anchor', () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]', ...Array.from({ length: 30 }, (_, i) => `b${i}: &b${i} [${Array(9).fill(i === 0 ? '*a' : `*b${i - 1}`).join(', ')}]`)].join('\n')
    const { result: problems, ms } = processorTime(() => problemsFrom(() => parseYaml(bomb, 'f.yaml')))
    expect(ms).toBeLessThan(500)
    expect(problems[0]).toMatchObject({ code: 'YAML_ALIAS', message: 'anchor &a', place: { line: 1, column: 4 } })
    expect(problems.length).toBe(100)
  })

  test.each([
    ['brackets', '['.repeat(400_000)],
    ['braces', '{a: '.repeat(200_000)],
    ['dashes', '- '.repeat(400_000)],
    ['question marks', '? '.repeat(400_000)],
    ['indents', Array.from({ length: 500 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
  ])('a tower of %s ends at 32 levels without filling the stack', (_name, tower) => {
    const { result: problems, ms } = processorTime(() => problemsFrom(() => parseYaml(tower, 'f.yaml')))
    expect(problems[0]).toMatchObject({ code: 'YAML_SYNTAX', message: 'nested deeper than 32 levels' })
    expect(ms).toBeLessThan(2_000)
  })

  test('32 levels are read', () => {
    expect(said(`${'['.repeat(32)}${']'.repeat(32)}`)).toEqual([])
  })

  test('60,000 keys in one mapping are compared in linear time', () => {
    const text = Array.from({ length: 60_000 }, (_, i) => `k${i}: 1`).join('\n')
    const { ms } = processorTime(() => expect(Object.keys(parseYaml(text, 'f.yaml').value as object).length).toBe(60_000))
    expect(ms).toBeLessThan(10_000)
  })
})

describe('bytes', () => {
  test.each<[string, number[], string]>([
    ['a Latin-1 letter', [0x61, 0x3a, 0x20, 0xe9, 0x0a], '1:4'],
    ['a lone continuation byte in line 2', [0x61, 0x3a, 0x31, 0x0a, 0x62, 0x80, 0x0a], '2:2'],
    ['an overlong form', [0x61, 0xc0, 0xaf], '1:2'],
    ['a surrogate', [0x61, 0xed, 0xa0, 0x80], '1:2'],
    ['an unfinished character at the end', [0x61, 0x62, 0xe2, 0x82], '1:3'],
    ['UTF-16', [0xff, 0xfe, 0x61, 0x00], '1:1'],
    ['a bad byte behind a good character', [0xc3, 0xa9, 0xff], '1:2'],
  ])('%s is NOT_UTF8 at its place', (_name, bytes, place) => {
    expect(said(Uint8Array.from(bytes))).toEqual([`${place} NOT_UTF8`])
  })

  test('a byte order mark and CRLF are taken; columns do not count the mark', () => {
    const document = parseYaml(Buffer.from('\ufeffa: 1\r\nb: x # c\r\n'), 'f.yaml')
    expect(document.value).toEqual({ a: 1, b: 'x' })
    expect(document.placeOf(['a'], 'key')).toMatchObject({ line: 1, column: 1 })
    expect(document.placeOf(['b'])).toMatchObject({ line: 2, column: 4 })
  })

  test.each([['nothing', ''], ['comments', '# a\n# b\n'], ['a mark', '---\n']])('a file with %s is null', (_name, text) => {
    expect(parseYaml(text, 'f.yaml').value).toBeNull()
  })
})

describe('values', () => {
  test('YAML 1.2 core: yes and no are text, octal needs 0o, dates are text', () => {
    expect(parseYaml('[yes, no, on, off, 0o17, 017, 2026-11-22, 1_000, 12:30:45, ~, "", Null]', 'f').value).toEqual(['yes', 'no', 'on', 'off', 15, 17, '2026-11-22', '1_000', '12:30:45', null, '', null])
  })

  test('numbers keep their source', () => {
    const document = parseYaml('a: 2.10\nb: [1.0]\nc: "2.10"\n', 'f')
    expect([document.sourceOf(['a']), document.sourceOf(['b', 0]), document.sourceOf(['b']), document.sourceOf(['x'])]).toEqual(['2.10', '1.0', undefined, undefined])
  })

  test('law: what is written is read back the same, whatever it is', () => {
    const key = fc.string({ unit: 'binary', maxLength: 20 }).filter((k) => !['__proto__', 'constructor', 'prototype', '<<'].includes(k) && k.isWellFormed())
    const text = fc.string({ unit: 'binary', maxLength: 30 }).filter((t) => t.isWellFormed())
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, text, fc.integer(), fc.boolean(), fc.constant(null), fc.constantFrom('yes', '2.10', '1e3', '~', '- a', '* b', '# c', '<<<<<<< ours', '123456789012345678901234567890123456789e', 'a: b', '%', '\ufeff'), fc.array(tie('value'), { maxLength: 4 }), fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true })),
    }))
    fc.assert(
      fc.property(value, (data) => {
        expect(parseYaml(writeYaml({ data }), 'f').value).toEqual({ data })
      }),
      { numRuns: 400 },
    )
    fc.assert(
      fc.property(text, (t) => {
        expect(parseYaml(`a: [${scalarText(t)}]\n`, 'f').value).toEqual({ a: [t] })
      }),
      { numRuns: 400 },
    )
  })

})
