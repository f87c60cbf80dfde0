import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FORMATS } from '../../schemas/formats.ts'
import { schemaFiles } from '../../schemas/editor-schemas.ts'
import { quicklyObeys } from '../../schemas/quick-check.ts'
import { parseYaml } from '../../schemas/yaml.ts'
import { block, lockOf } from '../builders/store.ts'
import { fixtures } from './marks.ts'

const ajv = new Ajv2020({ strict: false, logger: false, formats: FORMATS })
const schemas = Object.entries(schemaFiles()).map(([name, text]) => ({ name, schema: JSON.parse(text) as object, truth: ajv.compile(JSON.parse(text) as object) }))
const of = (name: string) => schemas.find((s) => s.name === name) ?? expect.unreachable(name)

const yaml = (folder: string) => fixtures(folder).filter(([name]) => name.startsWith('valid')).map(([name, bytes]) => parseYaml(bytes, name).value)
const good: readonly (readonly [string, unknown])[] = [
  ...yaml('plugin-sets').map((value) => ['plugins.schema.json', value] as const),
  ...yaml('registry-entries').map((value) => ['registry-entry.schema.json', value] as const),
  ['lock.schema.json', lockOf({ a: block('a', '1.0.0', { dependencies: { b: '^1' }, migrations: [{ id: '0001_init', checksum: `sha256:${'a'.repeat(64)}`, kind: 'expand', down: true }] }), b: block('b') }, { removed: { c: block('c') } })],
]

test.each(good)('a good file is taken without ajv: %s', (name, value) => {
  expect(quicklyObeys(of(name).schema, value)).toBe(true)
})

test.each<[object, unknown]>([
  [{ uniqueItems: true }, ['a', 'a']],
  [{ uniqueItems: true }, [{}, {}]],
  [{ required: ['toString'] }, {}],
  [{ properties: { a: { type: 'string' } }, additionalProperties: false }, { constructor: 1 }],
  [{ maxLength: 1 }, '😀😀'],
  [{ minLength: 2 }, '😀'],
  [{ format: 'toString' }, 'x'],
  [{ not: {} }, 1],
  [{ type: ['string', 'null'] }, null],
])('%j does not plainly take %j', (schema, value) => {
  expect(quicklyObeys(schema, value)).toBe(false)
})

describe('law: what it takes, ajv takes', () => {
  const odd = fc.oneof(fc.constantFrom<unknown>(null, true, 0, 1, -1, 1.5, '', 'x', 'con', '2.10', '^1', '>2 <1', 'constructor', [], [1, 1], ['a', 'a'], {}, { x: 1 }, { Bad: {} }, '😀', '😀'.repeat(40), 'x'.repeat(600), '2026-99-99T00:00:00Z'), fc.string(), fc.jsonValue({ maxDepth: 2 }))
  const places = (value: unknown, path: (string | number)[] = []): (string | number)[][] => [path, ...(typeof value === 'object' && value !== null ? Object.entries(value).flatMap(([k, v]) => places(v, [...path, Array.isArray(value) ? Number(k) : k])) : [])]

  test.each(good)('of a good file with anything at any place: %s', (name, value) => {
    const { schema, truth } = of(name)
    fc.assert(
      fc.property(fc.constantFrom(...places(value)), odd, fc.constantFrom('put', 'drop', 'add', 'rename'), (path, item, how) => {
        const changed = edited(value, path, item, how)
        if (quicklyObeys(schema, changed)) expect(truth(changed), JSON.stringify(truth.errors)).toBe(true)
      }),
      { numRuns: 1_500 },
    )
  })

  test('and what ajv takes of ours, it nearly always takes: it is worth having', () => {
    let both = 0
    let ajvOnly = 0
    for (const [name, value] of good) {
      for (const path of places(value)) {
        const changed = edited(value, path, 'x', 'drop')
        if (!of(name).truth(changed)) continue
        if (quicklyObeys(of(name).schema, changed)) both++
        else ajvOnly++
      }
    }
    expect(both).toBeGreaterThan(50)
    expect(ajvOnly).toBe(0)
  })

  test('of any small schema and any value', () => {
    const text = fc.constantFrom('', 'a', 'ab', '😀', 'con', '1.0.0')
    const leaf = fc.constantFrom<object>({}, { type: 'string' }, { type: 'integer' }, { type: 'number' }, { type: 'null' }, { type: 'object' }, { type: 'array' }, { type: 'boolean' }, { const: 1 }, { const: null }, { enum: ['a', 1] }, { pattern: '^a' }, { format: 'semver' }, { minLength: 1 }, { maxLength: 1 }, { minLength: 2 }, { minimum: 1 }, { maximum: 0 }, { minItems: 1 }, { maxItems: 1 }, { uniqueItems: true }, { required: ['a'] }, { not: {} }, { minProperties: 1 }, { type: ['string', 'null'] }, { patternProperties: { a: false } })
    const { schema } = fc.letrec<{ schema: object }>((tie) => ({
      schema: fc.oneof({ maxDepth: 3 }, leaf, fc.record({ items: tie('schema') }), fc.record({ properties: fc.dictionary(text, tie('schema'), { noNullPrototype: true }), additionalProperties: fc.oneof(fc.boolean(), tie('schema')), propertyNames: tie('schema') }, { requiredKeys: [], noNullPrototype: true }), fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }), fc.tuple(leaf, leaf).map(([a, b]) => ({ ...a, ...b }))),
    }))
    const value = fc.letrec((tie) => ({ v: fc.oneof({ maxDepth: 2 }, text, fc.constantFrom<unknown>(0, 1, 1.5, null, true), fc.array(tie('v'), { maxLength: 2 }), fc.dictionary(text, tie('v'), { maxKeys: 2, noNullPrototype: true })) })).v
    let taken = 0
    fc.assert(
      fc.property(schema, value, (s, v) => {
        if (!quicklyObeys(s, v)) return
        taken++
        expect(new Ajv2020({ strict: false, logger: false, formats: FORMATS, validateSchema: false, meta: false }).validate(s, v)).toBe(true)
      }),
      { numRuns: 1_000 },
    )
    expect(taken).toBeGreaterThan(100)
  })
})

function edited(value: unknown, path: readonly (string | number)[], item: unknown, how: string): unknown {
  const [step, ...rest] = path
  if (step === undefined) return how === 'put' ? item : value
  if (Array.isArray(value)) return value.flatMap((one, i) => (i !== step ? [one] : rest.length > 0 ? [edited(one, rest, item, how)] : how === 'drop' ? [] : how === 'add' ? [one, item] : [item]))
  const entries = Object.entries(value as object).flatMap(([key, one]) => {
    if (key !== step) return [[key, one]]
    if (rest.length > 0) return [[key, edited(one, rest, item, how)]]
    if (how === 'drop') return []
    if (how === 'rename') return [[`${key}x`, one]]
    return how === 'add' ? [[key, one], [typeof item === 'string' ? item : 'extra', item]] : [[key, item]]
  })
  return Object.fromEntries(entries)
}
