import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asksNothing, hostMatches, NO_PERMISSIONS, normalizePermissions, permissionExcess, type PermissionsInput } from '../../schemas/permissions.ts'

const table = fc.constantFrom('orders', 'customers', 'products', 'stock')
const input: fc.Arbitrary<PermissionsInput> = fc.record(
  {
    database: fc.oneof(fc.dictionary(table, fc.constantFrom('read' as const, 'write' as const)), fc.array(table)),
    api: fc.array(fc.constantFrom('api.stripe.com', 'API.stripe.com:443', 'api.stripe.com:8443', '*.stripe.com', 'evil.example', '*.example:443')),
    filesystem: fc.dictionary(fc.constantFrom('uploads', 'uploads/stripe', 'uploads/', 'logs', '42'), fc.constantFrom('r' as const, 'rw' as const)),
    hooks: fc.array(fc.constantFrom('order.placed', 'order.paid', 'cart.updated')),
    admin: fc.boolean(),
  },
  { requiredKeys: [] },
)

describe('normalizePermissions', () => {
  test('one way to say each thing: a list of tables means read, ports are explicit, all is sorted once', () => {
    expect(normalizePermissions({ database: ['orders', 'customers'], api: ['b.example', 'A.example:8443', 'b.example:443'], hooks: ['order.paid', 'cart.updated', 'order.paid'] })).toEqual({
      database: { customers: 'read', orders: 'read' },
      api: ['a.example:8443', 'b.example:443'],
      filesystem: {},
      hooks: ['cart.updated', 'order.paid'],
      admin: false,
    })
    expect(normalizePermissions(undefined)).toEqual(NO_PERMISSIONS)
  })

  test('laws: it changes nothing the second time, and input order never changes a byte', () => {
    fc.assert(
      fc.property(input, (asked) => {
        const normal = normalizePermissions(asked)
        expect(JSON.stringify(normalizePermissions(normal))).toBe(JSON.stringify(normal))
        const reversed = { ...asked, api: asked.api?.toReversed() ?? [], hooks: asked.hooks?.toReversed() ?? [], filesystem: Object.fromEntries(Object.entries(asked.filesystem ?? {}).reverse()) }
        expect(JSON.stringify(normalizePermissions(reversed))).toBe(JSON.stringify(normal))
      }),
    )
  })
})

describe('permissionExcess', () => {
  const excess = (asked: PermissionsInput, granted: PermissionsInput) => permissionExcess(normalizePermissions(asked), normalizePermissions(granted)).map((e) => `${e.kind} ${e.what}`)

  test.each<[string, PermissionsInput, PermissionsInput, string[]]>([
    ['write includes read', { database: ['orders'] }, { database: { orders: 'write' } }, []],
    ['read does not include write', { database: { orders: 'write' } }, { database: ['orders'] }, ['database orders: write']],
    ['another table', { database: ['customers'] }, { database: ['orders'] }, ['database customers: read']],
    ['a wildcard covers what is under it', { api: ['api.stripe.com', '*.eu.stripe.com'] }, { api: ['*.stripe.com'] }, []],
    ['a wildcard does not cover the name itself', { api: ['stripe.com'] }, { api: ['*.stripe.com'] }, ['api stripe.com:443']],
    ['nor a name that only ends alike', { api: ['evilstripe.com'] }, { api: ['*.stripe.com'] }, ['api evilstripe.com:443']],
    ['nor another port', { api: ['api.stripe.com:8443'] }, { api: ['*.stripe.com'] }, ['api api.stripe.com:8443']],
    ['a host does not cover a wildcard', { api: ['*.stripe.com'] }, { api: ['api.stripe.com'] }, ['api *.stripe.com:443']],
    ['a folder covers what is in it', { filesystem: { 'uploads/stripe': 'r' } }, { filesystem: { uploads: 'rw' } }, []],
    ['but not its neighbour', { filesystem: { 'uploads-private': 'r' } }, { filesystem: { uploads: 'rw' } }, ['filesystem uploads-private: r']],
    ['nor its parent', { filesystem: { uploads: 'r' } }, { filesystem: { 'uploads/stripe': 'rw' } }, ['filesystem uploads: r']],
    ['r does not include rw', { filesystem: { uploads: 'rw' } }, { filesystem: { uploads: 'r' } }, ['filesystem uploads: rw']],
    ['a hook', { hooks: ['order.placed', 'order.paid'] }, { hooks: ['order.paid'] }, ['hooks order.placed']],
    ['admin', { admin: true }, { admin: false }, ['admin true']],
    ['names that every object inherits', { database: ['tostring'] }, {}, ['database tostring: read']],
  ])('%s', (_name, asked, granted, expected) => {
    expect(excess(asked, granted)).toEqual(expected)
  })

  test('laws: a grant covers itself, nothing covers more than nothing, and more grant never means more excess', () => {
    fc.assert(
      fc.property(input, input, (a, b) => {
        const [asked, granted] = [normalizePermissions(a), normalizePermissions(b)]
        expect(permissionExcess(asked, asked)).toEqual([])
        expect(permissionExcess(asked, NO_PERMISSIONS).length === 0).toBe(asksNothing(asked))
        const more = { ...granted, api: [...granted.api, ...asked.api], hooks: [...granted.hooks, ...asked.hooks] }
        expect(permissionExcess(asked, more).length).toBeLessThanOrEqual(permissionExcess(asked, granted).length)
      }),
    )
  })

  test('inputs are never changed', () => {
    const asked = Object.freeze({ api: Object.freeze(['b.example', 'a.example']) as unknown as string[], hooks: [] })
    normalizePermissions(asked)
    expect(asked.api).toEqual(['b.example', 'a.example'])
  })
})

test('hostMatches covers a subdomain at any depth and nothing beside it', () => {
  expect(hostMatches('a.b.stripe.com:443', '*.stripe.com:443')).toBe(true)
  expect(hostMatches('stripe.com.evil.example:443', '*.stripe.com:443')).toBe(false)
})
