import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CatalystError } from '../../schemas/errors.ts'
import { readManifest } from '../../schemas/manifest-file.ts'
import { problemsFrom } from './marks.ts'

const good = {
  id: 'stripe-payments',
  name: 'Stripe payments',
  version: '2.1.0',
  type: 'payment-gateway',
  main: 'dist/index.js',
  license: 'Apache-2.0',
  compatibility: { catalyst: '^3.0.0' },
  capabilities: ['payments.capture'],
  provides: ['payments@1'],
  permissions: { database: ['orders'], api: ['api.stripe.com'], filesystem: { uploads: 'rw' }, hooks: ['order.placed'] },
  resourceLimits: { memory: '128MB', cpu: '50%', diskIO: '10MB/s', networkConnections: 10, storage: '1GiB' },
  dependencies: { templates: '^1.0.0' },
  conflicts: { 'old-stripe': '*' },
  config: { type: 'object', properties: { apiKey: { type: 'string', writeOnly: true } }, required: ['apiKey'], additionalProperties: false },
  migrations: ['0001_init', '0002_points'],
  tables: ['points'],
  pricing: { model: 'subscription', amount: '9.90', currency: 'EUR', interval: 'month' },
}

const said = (odd: object) => problemsFrom(() => readManifest(JSON.stringify({ ...good, ...odd }), 'manifest.json')).map((p) => `${p.code} ${p.message}`)

test('a good manifest', () => {
  expect(readManifest(JSON.stringify(good), 'manifest.json')).toEqual(good)
})

describe('what cannot be', () => {
  test.each<[string, object, string[]]>([
    ['a range for a version', { version: '^2.1.0' }, ['INVALID_VALUE version is "^2.1.0", not an exact version such as 2.1.3']],
    ['a version with a v', { version: 'v2.1.0' }, ['INVALID_VALUE version is "v2.1.0", not an exact version such as 2.1.3']],
    ['a bad id', { id: '../x' }, ['INVALID_ID id: "../x" cannot be the id of a plugin']],
    ['a reserved id', { id: 'aux' }, ['RESERVED_ID id: "aux" cannot be the id of a plugin']],
    ['a type that is near one', { type: 'payment-gatway' }, ['INVALID_VALUE type is "payment-gatway"; allowed are payment-gateway, shipping, analytics, marketing, tax, inventory, generic']],
    ['a main outside', { main: '../index.js' }, ['INVALID_VALUE main is "../index.js", not a path of a JavaScript file']],
    ['a main that is absolute', { main: '/etc/x.js' }, ['INVALID_VALUE main is "/etc/x.js", not a path of a JavaScript file']],
    ['a bad range', { dependencies: { templates: 'latest' } }, ['INVALID_RANGE dependencies.templates: "latest" is not a version range']],
    ['an empty range', { compatibility: { catalyst: '>2 <1' } }, ['EMPTY_RANGE compatibility.catalyst: no version can satisfy ">2 <1"']],
    ['a hostile dependency', { dependencies: { con: '*' } }, ['RESERVED_ID key "con" in dependencies: "con" cannot be the id of a plugin']],
    ['itself as dependency', { dependencies: { 'stripe-payments': '*' } }, ['CONTRADICTION stripe-payments stands under its own dependencies']],
    ['itself as conflict', { conflicts: { 'stripe-payments': '*' } }, ['CONTRADICTION stripe-payments stands under its own conflicts']],
    ['needed and in conflict', { conflicts: { templates: '^1.0.0' } }, ['CONTRADICTION stripe-payments needs templates ^1.0.0 and conflicts with it']],
    ['tables that nothing makes', { migrations: [] }, ['CONTRADICTION stripe-payments names tables and no migration that makes them']],
    ['migrations out of order', { migrations: ['0002_a', '0001_b'] }, ['INVALID_VALUE migration 0001_b does not come after 0002_a: numbers must rise']],
    ['two migrations with one number', { migrations: ['0001_a', '0001_b'] }, ['INVALID_VALUE migration 0001_b does not come after 0001_a: numbers must rise']],
    ['a price without an amount', { pricing: { model: 'one-time' } }, ['MISSING_KEY pricing one-time has no amount and currency']],
    ['a port that is none', { permissions: { api: ['x.example:99999'] } }, ['INVALID_VALUE x.example:99999 has no port that exists']],
    ['a whole top-level domain', { permissions: { api: ['*.com', '*.com:443'] } }, ['INVALID_VALUE *.com would allow a whole top-level domain', 'INVALID_VALUE *.com:443 would allow a whole top-level domain']],
    ['the host of everybody', { permissions: { api: ['*'] } }, ['INVALID_VALUE permissions.api[0] is "*", not a host and port such as api.stripe.com:443']],
    ['a folder by detours', { permissions: { filesystem: { 'a/./b': 'r', 'c//d': 'r' } } }, ['INVALID_VALUE a/./b is not a plain relative path', 'INVALID_VALUE c//d is not a plain relative path']],
    ['a folder outside', { permissions: { filesystem: { '../x': 'r' } } }, ['INVALID_VALUE key "../x" in permissions.filesystem is "../x", not a relative path']],
    ['a config schema outside the subset', { config: { properties: { a: { pattern: '(a+)+$' } } } }, ['SCHEMA_UNSUPPORTED config schema properties.a.pattern: the keyword pattern is not part of the subset']],
    ['a config that is no mapping', { config: { type: 'string' } }, ['SCHEMA_UNSUPPORTED config is a mapping: the type of its schema can only be object']],
    ['a misspelt key', { permisions: {} }, ['UNKNOWN_KEY unknown key "permisions" in the file']],
  ])('%s', (_name, odd, expected) => {
    expect(said(odd)).toEqual(expected)
  })

  test('places are those of the JSON text', () => {
    const text = JSON.stringify({ ...good, migrations: ['0002_a', '0001_b'], config: { properties: { a: { pattern: 'x' } } } }, undefined, 2)
    const lines = problemsFrom(() => readManifest(text, 'manifest.json')).map((p) => text.split('\n')[(p.place?.line ?? 0) - 1]?.trim())
    expect(lines).toEqual(['"pattern": "x"', '"0001_b"'])
  })

  test.each([['no JSON', '{'], ['nothing', ''], ['a list', '[]'], ['too much', `"${'x'.repeat(300_000)}"`], ['bytes', Uint8Array.from([0xff])]])('%s is MANIFEST_INVALID', (_name, bytes) => {
    try {
      readManifest(bytes, 'manifest.json')
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: 'MANIFEST_INVALID', exit: 5 })
      expect((error as CatalystError).problems.length).toBeGreaterThan(0)
    }
  })

  test('law: any JSON gives a manifest or a CatalystError', () => {
    fc.assert(fc.property(fc.oneof(fc.json(), fc.record({ config: fc.jsonValue() }).map((odd) => JSON.stringify({ ...good, ...odd })), fc.uint8Array()), (bytes) => void problemsFrom(() => readManifest(bytes, 'm'))), { numRuns: 500 })
  })
})
