import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isReference, referenceProblems, referencesIn, substitute } from '../../schemas/references.ts'
import { processorTime } from '../builders/processor-time.ts'

const lookup = ({ kind, name }: { kind: string; name: string }) => `<${kind} ${name}>`

test.each<[string, string[]]>([
  ['${env:STRIPE_API_KEY}', ['env STRIPE_API_KEY']],
  ['${file:/run/secrets/key}', ['file /run/secrets/key']],
  ['https://${env:HOST}/${env:PATH}', ['env HOST', 'env PATH']],
  ['$${env:A}', []],
  ['$${env:A}${env:B}', ['env B']],
  ['plain', []],
  ['$ {env:A}', []],
  ['5$ and {x}', []],
  ['${env:1A}', []],
  ['${vault:x}', []],
])('the references of %s', (text, expected) => {
  expect(referencesIn(text).map((r) => `${r.kind} ${r.name}`)).toEqual(expected)
})

test.each(['${env:A}', '${file:a/b}'])('%s is nothing but a reference', (text) => {
  expect(isReference(text)).toBe(true)
})
test.each(['${env:A} ', 'x${env:A}', '${env:A}${env:B}', '$${env:A}', '${env:}', '${env:A-B}', 7, null, undefined])('%j is not', (value) => {
  expect(isReference(value)).toBe(false)
})

describe('what is wrong with them', () => {
  const said = (value: unknown) => referenceProblems(value, ['config'], (path) => ({ file: 'f', line: path.length })).map((p) => p.message)
  test.each<[unknown, string[]]>([
    ['${vault:x}', ['config: there is a reference that is neither ${env:…} nor ${file:…}']],
    ['${HOME}', ['config: there is a reference that is neither ${env:…} nor ${file:…}']],
    ['${env:A', ['config: a reference is never closed']],
    ['${env:A B}', ['config: "A B" cannot be the name of a variable']],
    ['${file:../x}', ['config: "../x" cannot be the name of a file']],
    ['${file:a/../../x}', ['config: "a/../../x" cannot be the name of a file']],
    [{ a: ['${x:1}', { b: '${y:2}' }] }, ['config.a[0]', 'config.a[1].b'].map((at) => `${at}: there is a reference that is neither \${env:…} nor \${file:…}`)],
    ['${env:A}$${b}${file:a..b}', []],
    [{ a: 1, b: null, c: [true] }, []],
    [undefined, []],
  ])('%j', (value, expected) => {
    expect(said(value)).toEqual(expected)
  })
})

test('substitution: references are looked up, doubled dollars lose one, everything else stays', () => {
  expect(substitute({ a: '${env:A}', b: ['x ${file:b/c} y', 1, null, true], c: '$${env:A} $5', d: '${vault:x}' }, lookup)).toEqual({ a: '<env A>', b: ['x <file b/c> y', 1, null, true], c: '${env:A} $5', d: '${vault:x}' })
})

test('law: a text without ${ is never changed, and what is looked up is never read again', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }).filter((t) => !t.includes('${')), (text) => {
      expect(substitute(text, lookup)).toBe(text)
    }))
  expect(substitute('${env:A}', () => '${env:B}')).toBe('${env:B}')
})

test('a text of any length costs milliseconds', () => {
  const texts = ['${'.repeat(200_000), '$'.repeat(400_000), '${env:'.repeat(60_000), '$${'.repeat(100_000)]
  const { ms } = processorTime(() => texts.forEach((text) => referenceProblems(text, [], () => undefined)))
  expect(ms).toBeLessThan(3_000)
})
