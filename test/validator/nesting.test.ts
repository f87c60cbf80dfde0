import { describe, expect, test } from 'vitest'
import { MAX_LEVELS, MAX_RUN, nestsTooDeep } from '../../validator/nesting.ts'
import { factsOf } from '../../validator/parse.ts'
import { validate } from '../../validator/validate.ts'
import { rulesOf, samplePackage } from './package-builder.ts'

const N = MAX_LEVELS + 100

/** Everything that makes a recursive parser go one level deeper, many times over. */
const DEEP: Readonly<Record<string, string>> = {
  parentheses: '('.repeat(N) + '1' + ')'.repeat(N),
  'brackets that never close': '['.repeat(N * 2),
  arrays: '['.repeat(N) + ']'.repeat(N),
  blocks: '{'.repeat(N) + '}'.repeat(N),
  objects: `x=${'{a:'.repeat(N)}1${'}'.repeat(N)}`,
  functions: 'function f(){'.repeat(N) + '}'.repeat(N),
  methods: `x=${'{a(){x='.repeat(N)}1${'}}'.repeat(N)}`,
  classes: `x=${'class{a(){x='.repeat(N)}1${'}}'.repeat(N)}`,
  templates: '`${'.repeat(N) + '1' + '}`'.repeat(N),
  'not not': `${'!'.repeat(N * 2)}1`,
  minus: `${'- '.repeat(N)}1`,
  increments: `${'++'.repeat(N * 2)}a`,
  arrows: `${'a=>'.repeat(N)}1`,
  'async arrows': `${'async a=>'.repeat(N)}1`,
  conditions: `${'a?1:'.repeat(N)}1`,
  'conditions of functions': `${'a?function(){}:'.repeat(N)}1`,
  ifs: `${'if(a)'.repeat(N)};`,
  'ifs with white space of Unicode': `${'if\u00a0(a)\u2003'.repeat(N)};`,
  'else if': `${'if(a);else '.repeat(N)};`,
  'else if with blocks': `${'if(a){b;c}else '.repeat(N)};`,
  'else if without semicolons': `${'if(a)b\nelse '.repeat(N)};`,
  loops: `${'for(;;)'.repeat(N)};`,
  'do do': `${'do '.repeat(N * 2)};`,
  labels: `${Array.from({ length: N }, (_, i) => `l${i}:`).join('')};`,
  assignments: `${'a='.repeat(N)}1`,
  shifts: `${'a<<='.repeat(N)}1`,
  powers: `${'a**'.repeat(N)}1`,
  'new new': `${'new '.repeat(N * 2)}a`,
  'new new with white space of Unicode': `${'new\u3000'.repeat(N * 2)}a`,
  awaits: `${'await '.repeat(N)}1`,
  extends: `x=${'class A extends '.repeat(N)}a${'{}'.repeat(N)}`,
  imports: 'import('.repeat(N),
  'false ends in strings': `${'(")"+'.repeat(N)}1`,
  'false ends in templates': `${'(`)`+'.repeat(N)}1`,
  'false ends in comments': '(/*)*/'.repeat(N),
  'false ends in line comments': '(//)\n'.repeat(N),
  'false ends in regular expressions': '(/)/.x+'.repeat(N),
  'false ends in classes of regular expressions': '(/[/)]/.x+'.repeat(N),
  'false ends after divisions': '(a/b+")"/c+'.repeat(N),
  'false ends after keys that are keywords': '(a.if/")"/'.repeat(N),
  'false ends after conditions': 'if(a)/)/.x;('.repeat(N),
}

describe('a text that nests too deeply is seen before the parser is', () => {
  test.each(Object.entries(DEEP))('%s', (_, text) => expect(nestsTooDeep(text)).toBe(true))

  test.each([
    ['sum', 'a' + '+a'.repeat(MAX_RUN)],
    ['members', 'a' + '.a'.repeat(MAX_RUN)],
    ['calls', 'a' + '()'.repeat(MAX_RUN)],
  ])('a %s that makes a tree as deep as it is long', (_, text) => expect(nestsTooDeep(text)).toBe(true))
})

describe('code as people and tools write it is not', () => {
  test.each([
    ['many statements', 'const a = 1\n'.repeat(5000)],
    ['many ifs', 'if (a) {\n  b()\n}\n'.repeat(5000)],
    ['many ifs with else', 'if (a) { b } else c\n'.repeat(5000)],
    ['a long switch', `switch (a) {\n${'case 1:\n'.repeat(3000)}}`],
    ['a large object', `x = {${'a: b ? c : d,\n'.repeat(3000)}}`],
    ['many functions', 'function a() { return !b }\n'.repeat(5000)],
    ['many arrows', 'export const x = (y) => ({ z: y })\n'.repeat(5000)],
    ['a large class', `class A {\n${'  x = 1\n'.repeat(3000)}}`],
    ['a long text in pieces', `x = ${'"a" +\n'.repeat(5000)}1`],
    ['300 levels of else if', `${'if (a) { b() } else '.repeat(300)}c()`],
  ])('%s', (_, text) => expect(nestsTooDeep(text)).toBe(false))
})

test('at the limit the parser still stands, on the way without a tree and on the way with one', () => {
  const level = 'function f(){'
  const text = level.repeat(MAX_LEVELS / 2) + '}'.repeat(MAX_LEVELS / 2)
  expect(nestsTooDeep(text)).toBe(false)
  expect(factsOf(text, 'module').problem).toBeUndefined()
})

test('deep code is a finding, never a crash: an error in main, a warning where nothing reaches it', () => {
  const bomb = '[\n'.repeat(500_000)
  expect(rulesOf(validate(samplePackage({ files: { 'index.js': bomb } })))).toEqual(['unparsable error'])
  expect(rulesOf(validate(samplePackage({ files: { 'other.js': bomb } })))).toEqual(['unparsable warning'])
})

test('a tree deeper than the stack of JavaScript is a finding too', () => {
  const chain = `x = a${'+a'.repeat(MAX_RUN / 2 - 10)} // eval`
  expect(rulesOf(validate(samplePackage({ files: { 'index.js': chain } }), { everyTree: true }))).toEqual(['unparsable error'])
})
