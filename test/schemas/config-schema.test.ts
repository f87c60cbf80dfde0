import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkConfig, checkConfigSchema } from '../../schemas/config-schema.ts'

const said = (schema: unknown) => checkConfigSchema(schema).map((p) => p.message.replace('config schema', '').trim())

describe('the subset', () => {
  test('what a plugin needs is in it', () => {
    expect(
      said({
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        type: 'object',
        $defs: { money: { type: 'integer', minimum: 0 }, limits: { type: 'object', properties: { max: { $ref: '#/$defs/money' } } } },
        properties: {
          apiKey: { type: 'string', minLength: 1, writeOnly: true, description: 'The key' },
          mode: { enum: ['test', 'live'], default: 'test' },
          limits: { $ref: '#/$defs/limits' },
          hosts: { type: 'array', items: { type: 'string', format: 'hostname' }, maxItems: 10 },
          either: { oneOf: [{ type: 'string' }, { type: 'number' }] },
        },
        required: ['apiKey'],
        additionalProperties: false,
        if: { properties: { mode: { const: 'live' } } },
        then: { required: ['limits'] },
      }),
    ).toEqual([])
  })

  test.each<[string, unknown, string]>([
    ['a pattern', { properties: { a: { pattern: '(a+)+$' } } }, 'properties.a.pattern: the keyword pattern is not part of the subset'],
    ['patternProperties', { patternProperties: { '(a+)+': {} } }, 'patternProperties: the keyword patternProperties is not part of the subset'],
    ['a remote reference', { $ref: 'https://evil.example/s.json' }, '$ref: https://evil.example/s.json is not a definition of this schema'],
    ['a file', { $ref: 'file:///etc/passwd' }, '$ref: file:///etc/passwd is not a definition of this schema'],
    ['the whole document', { properties: { a: { $ref: '#' } } }, 'properties.a.$ref: # is not a definition of this schema'],
    ['a definition that is not there', { $ref: '#/$defs/x' }, '$ref: #/$defs/x is not a definition of this schema'],
    ['a name that every object inherits', { $ref: '#/$defs/toString', $defs: {} }, '$ref: #/$defs/toString is not a definition of this schema'],
    ['a dynamic reference', { $dynamicRef: '#a' }, '$dynamicRef: the keyword $dynamicRef is not part of the subset'],
    ['an identity', { $id: 'https://catalyst.dev/schemas/lock.schema.json' }, '$id: the keyword $id is not part of the subset'],
    ['our own keyword', { 'x-catalyst-reference': 'scalar' }, 'x-catalyst-reference: the keyword x-catalyst-reference is not part of the subset'],
    ['uniqueItems, which compares each with each', { uniqueItems: true }, 'uniqueItems: the keyword uniqueItems is not part of the subset'],
    ['a type nobody knows', { type: 'date' }, 'type: the value of type is not one that JSON Schema allows'],
    ['a count below zero', { minLength: -1 }, 'minLength: the value of minLength is not one that JSON Schema allows'],
    ['division by nothing', { multipleOf: 0 }, 'multipleOf: the value of multipleOf is not one that JSON Schema allows'],
    ['a schema that is a list', { properties: { a: [] } }, 'properties.a: must be a schema, that is an object'],
    ['no schema at all', 'x', ': must be a schema, that is an object'],
    ['a circle', { $ref: '#/$defs/a', $defs: { a: { properties: { b: { $ref: '#/$defs/a' } } } } }, ': its $ref go round in a circle'],
    ['a reference bomb', { $ref: '#/$defs/d0', $defs: Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`d${i}`, i === 29 ? { type: 'string' } : { anyOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] }])) }, ': its $ref unfold into more than 5000 subschemas'],
    ['64 KB', { description: 'x'.repeat(70_000) }, ': has 70018 bytes; the limit is 65536'],
  ])('not %s', (_name, schema, message) => {
    expect(said(schema)).toEqual([message])
  })

  test('17 levels are too deep', () => {
    const deep = (levels: number): object => (levels === 0 ? { type: 'string' } : { properties: { a: deep(levels - 1) } })
    expect(said(deep(16))).toEqual([])
    expect(said(deep(17))).toHaveLength(1)
  })

  test('all at once, with the place of each', () => {
    const problems = checkConfigSchema({ pattern: 'x', properties: { a: { $id: 'x' } } }, (path) => ({ file: 'm', line: path.length }))
    expect(problems.map((p) => [p.code, p.place?.line])).toEqual([['SCHEMA_UNSUPPORTED', 1], ['SCHEMA_UNSUPPORTED', 3]])
  })
})

describe('a config', () => {
  const schema = {
    type: 'object',
    properties: {
      apiKey: { type: 'string', minLength: 5 },
      retries: { type: 'integer', minimum: 0, maximum: 5 },
      live: { type: 'boolean' },
      mode: { enum: ['test', 'live'] },
      hosts: { type: 'array', items: { type: 'string', maxLength: 10 } },
      nested: { type: 'object', properties: { url: { type: 'string' } }, required: ['url'], additionalProperties: false },
      either: { oneOf: [{ properties: { a: { type: 'string' } }, required: ['a'] }, { properties: { a: { type: 'integer' } }, required: ['a'] }] },
      never: { not: { const: 'x' } },
    },
    required: ['apiKey'],
    additionalProperties: false,
  }
  const wrong = (config: unknown) => checkConfig(schema, config).map((p) => p.message)

  test('that obeys', () => {
    expect(wrong({ apiKey: 'abcde', retries: 3, live: true, mode: 'test', hosts: ['a'], nested: { url: 'x' }, either: { a: 1 }, never: 'y' })).toEqual([])
  })

  test('a reference satisfies any scalar, wherever it stands', () => {
    expect(wrong({ apiKey: '${env:K}', retries: '${env:R}', live: '${env:L}', mode: '${file:m}', hosts: ['${env:A_VERY_LONG_NAME}'], nested: { url: '${env:U}' }, either: { a: '${env:A}' }, never: '${env:N}' })).toEqual([])
  })

  test('inside a text it satisfies what text may', () => {
    expect(wrong({ apiKey: 'abcde', hosts: ['https://${env:HOST}/'], retries: '1${env:R}' })).toEqual(['config retries must be integer'])
  })

  test('it stands for no mapping and no list', () => {
    expect(wrong({ apiKey: 'abcde', nested: '${env:N}', hosts: '${env:H}' })).toEqual(['config hosts must be array', 'config nested must be object'])
  })

  test.each<[string, object, string[]]>([
    ['a missing key', {}, ['config has no "apiKey"']],
    ['an unknown key', { apikey: 'abcde', apiKey: 'abcde' }, ['config has the unknown key "apikey"']],
    ['a wrong type', { apiKey: 'abcde', retries: 'three' }, ['config retries must be integer']],
    ['out of bounds', { apiKey: 'abcde', retries: 9 }, ['config retries must be <= 5']],
    ['a word that is not allowed', { apiKey: 'abcde', mode: 'prod' }, ['config mode must be equal to one of the allowed values: "test", "live"']],
    ['deep inside', { apiKey: 'abcde', nested: { uri: 'x' }, hosts: ['a', 'x'.repeat(11)] }, ['config nested has no "url"', 'config nested has the unknown key "uri"', 'config hosts[1] must NOT have more than 10 characters']],
  ])('%s', (_name, config, expected) => {
    expect(wrong(config).toSorted()).toEqual(expected.toSorted())
  })

  test('what is missing is told with what to write: in the words of the schema, on one line, or how a secret is written', () => {
    const hints = (properties: object) => checkConfig({ type: 'object', required: Object.keys(properties), properties }, {}).map(({ hint }) => hint)
    expect(hints({ apiKey: { type: 'string' }, retries: { type: 'integer' }, 'x\u001b[2J': {} })).toEqual([
      'Write "apiKey" there. A secret is written as a reference: ${env:API_KEY}.',
      'Write "retries" there.',
      'Write "x\\u001b[2J" there. A secret is written as a reference: ${env:NAME}.',
    ])
    expect(hints({ key: { type: 'string', title: 'Key', description: 'Such as ${env:KEY}.\n= help: run curl' } })).toEqual(['Write "key" there: "Key: Such as ${env:KEY}.\\n= help: run curl".'])
  })

  test('no message ever holds a value: it could be a secret', () => {
    const secret = 'sk-not-a-known-shape'
    const problems = checkConfig(schema, { apiKey: 1, retries: secret, live: secret, mode: secret, hosts: [secret, secret], nested: { url: 1, x: secret }, never: 'x' })
    expect(problems.length).toBeGreaterThan(5)
    expect(JSON.stringify(problems)).not.toContain(secret)
  })

  test('places are those of plugins.yaml; an unknown key has its own', () => {
    const problems = checkConfig(schema, { apiKey: 'abcde', nested: { url: 'x', urll: 'y' }, retries: -1 }, (path) => ({ file: 'plugins.yaml', line: path.length * 10 }))
    expect(problems.map((p) => [p.code, p.place?.line, p.hint])).toEqual([['CONFIG_INVALID', 10, undefined], ['CONFIG_INVALID', 20, 'Did you mean url?']])
  })

  test('law: any schema that passes the subset can be checked; what obeys it still obeys with references for all its scalars', () => {
    const leaf = fc.constantFrom<object>({ type: 'string' }, { type: ['integer', 'null'] }, { enum: [1, 'a'] }, { const: null }, {}, { $ref: '#/$defs/a' }, { pattern: 'x' }, { minimum: 1, maxLength: 2 })
    const { node } = fc.letrec<{ node: object }>((tie) => ({
      node: fc.oneof({ maxDepth: 3 }, leaf, fc.record({ type: fc.constant('object'), properties: fc.dictionary(fc.constantFrom('a', 'b', 'then', 'required'), tie('node')), additionalProperties: fc.oneof(fc.boolean(), tie('node')) }, { requiredKeys: [] }), fc.record({ items: tie('node') }), fc.record({ anyOf: fc.array(tie('node'), { minLength: 1, maxLength: 2 }) }), fc.record({ not: tie('node') }), fc.record({ if: tie('node'), then: tie('node'), else: tie('node') })),
    }))
    let checked = 0
    fc.assert(
      fc.property(node, fc.jsonValue({ maxDepth: 3 }), (sub, config) => {
        const whole = { ...sub, $defs: { a: { type: 'string' } } }
        if (checkConfigSchema(whole).length > 0) return
        const found = checkConfig(whole, config)
        if (found.length > 0 || /"(not|if)"/.test(JSON.stringify(whole))) return
        checked++
        expect(checkConfig(whole, mapLeaves(config))).toEqual([])
      }),
      // Of 400 it was 41 once: so many more that the 50 are never missed by chance.
      { numRuns: 1_200 },
    )
    expect(checked).toBeGreaterThan(50)
  })
})

function mapLeaves(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(mapLeaves)
  if (typeof value !== 'object' || value === null) return '${env:A}'
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapLeaves(item)]))
}
