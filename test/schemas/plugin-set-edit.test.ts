import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PluginEntry, PluginSet } from '../../schemas/plugin-set.ts'
import { readPluginSet } from '../../schemas/plugin-set-file.ts'
import { editPluginSet } from '../../schemas/plugin-set-edit.ts'
import { deleteInYaml, setInYaml } from '../../schemas/yaml-edit.ts'
import { parseYaml } from '../../schemas/yaml.ts'
import { fixtures, problemsFrom } from './marks.ts'

const START = `# Acme's plugins
apiVersion: catalyst.dev/v1
kind: PluginSet   # always
store: { id: acme-eu,  catalyst: 3.2.0 }

plugins:
  # takes the money
  stripe:        # the one
    version:   '^2.1.0'   # keep on 2
    permissions:
      # refunds
      database: {orders: read}
      api: [api.stripe.com:443]   # prod
  mail: {version: "1.x", enabled: true}  # flow
  # old-thing:
  #   version: 1.0.0

# the end
`
const edit = (text = START) => editPluginSet(text, 'plugins.yaml')
const setOf = (text: string): PluginSet => readPluginSet(text, 'plugins.yaml').set

/** The lines that an edit changed: those taken away with -, those new with +. */
function changes(before: string, after: string): string[] {
  const [a, b] = [before.split('\n'), after.split('\n')]
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start++
  let end = 0
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++
  return [...a.slice(start, a.length - end).map((line) => `-${line}`), ...b.slice(start, b.length - end).map((line) => `+${line}`)]
}

const diff = (run: (editor: ReturnType<typeof edit>) => unknown, text = START) => {
  const editor = edit(text)
  run(editor)
  return changes(text, editor.toString())
}

describe('an edit touches only the lines it must', () => {
  test('a version keeps its quotes, its spaces and its comment', () => {
    expect(diff((e) => e.setVersion('stripe', '>=2 <4'))).toEqual(["-    version:   '^2.1.0'   # keep on 2", "+    version:   '>=2 <4'   # keep on 2"])
    expect(diff((e) => e.setVersion('mail', '2.10'))).toEqual(['-  mail: {version: "1.x", enabled: true}  # flow', '+  mail: {version: "2.10", enabled: true}  # flow'])
  })

  test('a version that looks like a number is put in quotes', () => {
    expect(diff((e) => e.setVersion('a', '2.10'), START.replace('  mail:', '  a: { version: 1.x }\n  mail:'))).toEqual(['-  a: { version: 1.x }', '+  a: { version: "2.10" }'])
  })

  test('a new plugin goes behind the others, before the comments that end the section', () => {
    expect(diff((e) => e.addPlugin('flat-rate', { version: '^1.0.0', permissions: { hooks: ['cart.totals'], database: { orders: 'read' } }, config: { price: '4.90' } }))).toEqual([
      '+  flat-rate:',
      '+    version: ^1.0.0',
      '+    permissions:',
      '+      hooks: [cart.totals]',
      '+      database: { orders: read }',
      '+    config: { price: "4.90" }',
    ])
  })

  test('a plugin goes with the comments inside it; those above it stay', () => {
    expect(diff((e) => e.removePlugin('stripe'))).toEqual(START.split('\n').slice(7, 13).map((line) => `-${line}`))
    expect(diff((e) => e.removePlugin('mail'))).toEqual(['-  mail: {version: "1.x", enabled: true}  # flow'])
  })

  test('permissions are merged: comments inside them stay', () => {
    expect(diff((e) => e.setPermissions('stripe', { database: { orders: 'write', customers: 'read' }, api: ['api.stripe.com:443', 'files.stripe.com:443'], hooks: ['order.paid'] }))).toEqual([
      '-      database: {orders: read}',
      '-      api: [api.stripe.com:443]   # prod',
      '+      database: {orders: write, customers: read}',
      '+      api: [api.stripe.com:443, files.stripe.com:443]   # prod',
      '+      hooks: [order.paid]',
    ])
  })

  test('permissions where there were none, in block and in flow', () => {
    expect(diff((e) => e.setPermissions('mail', { api: ['smtp.example:587'] }))[1]).toBe('+  mail: {version: "1.x", enabled: true, permissions: { api: [smtp.example:587] }}  # flow')
    expect(diff((e) => e.setPermissions('a', {}), START.replace('  mail:', '  a:\n    version: 1.x\n  mail:'))).toEqual(['+    permissions: {}'])
  })

  test('a first and a second approval; a first and a second rejected version', () => {
    const to = `sha256:${'0'.repeat(64)}` as const
    expect(diff((e) => e.addApproval({ plugin: 'stripe', to, accept: ['major', 'signer'] }).addApproval({ removals: ['a', 'b'] }))).toEqual([
      '+approvals:',
      `+  - { plugin: stripe, to: ${to}, accept: [major, signer] }`,
      '+  - { removals: [a, b] }',
      '+',
    ])
    expect(diff((e) => e.reject('stripe', '2.1.3').reject('stripe', '2.1.4').reject('stripe', '2.1.3'))).toEqual(['+    reject: [2.1.3, 2.1.4]'])
  })

  test('the last plugin leaves an empty section, and the next one fills it again', () => {
    const editor = edit().removePlugin('stripe').removePlugin('mail')
    expect(editor.toString()).toContain('\nplugins: {}\n  # takes the money\n')
    expect(setOf(editor.toString()).plugins).toEqual({})
    expect(setOf(editor.addPlugin('mail', { version: '1.x' }).toString()).plugins).toEqual({ mail: { version: '1.x' } })
  })

  test('the indent, the line ends and a missing last line end are the file\'s own', () => {
    const windows = START.replaceAll('\n', '\r\n')
    expect(edit(windows).addPlugin('a', { version: '1.x' }).toString()).toContain('\r\n  a:\r\n    version: 1.x\r\n')
    expect(edit(windows).addPlugin('a', { version: '1.x' }).toString()).not.toMatch(/[^\r]\n/)
    const wide = 'apiVersion: catalyst.dev/v1\nkind: PluginSet\nstore:\n    id: a\nplugins:\n    b:\n        version: 1.x'
    expect(edit(wide).addPlugin('c', { version: '2.x' }).toString()).toBe(`${wide}\n    c:\n        version: 2.x`)
  })

  test('a plugins section in flow style', () => {
    const flow = 'apiVersion: catalyst.dev/v1\nkind: PluginSet\nstore: { id: a }\nplugins: { b: { version: 1.x }, c: {} } # all\n'
    expect(diff((e) => e.addPlugin('d', { version: '2.x' }), flow)[1]).toBe('+plugins: { b: { version: 1.x }, c: {}, d: { version: 2.x } } # all')
    expect(diff((e) => e.removePlugin('b'), flow)[1]).toBe('+plugins: { c: {} } # all')
    expect(diff((e) => e.removePlugin('c').removePlugin('b'), flow)[1]).toBe('+plugins: {} # all')
  })
})

describe('refused, and nothing changed', () => {
  test.each<[string, (e: ReturnType<typeof edit>) => unknown, string]>([
    ['a plugin that is there', (e) => e.addPlugin('mail', {}), 'CONTRADICTION'],
    ['a plugin that is not', (e) => e.removePlugin('paypal'), 'UNKNOWN_PLUGIN'],
    ['a name that every object inherits', (e) => e.setVersion('constructor', '1.x'), 'UNKNOWN_PLUGIN'],
    ['a bad id', (e) => e.addPlugin('../x', {}), 'INVALID_ID'],
    ['a prototype as id', (e) => e.addPlugin('__proto__', { version: '1.x' }), 'FORBIDDEN_KEY'],
    ['a bad range', (e) => e.setVersion('mail', 'latest'), 'INVALID_RANGE'],
    ['a range with a line end', (e) => e.setVersion('mail', '1.x\nevil: true'), 'INVALID_RANGE'],
    ['an impossible range', (e) => e.setVersion('mail', '>2 <1'), 'EMPTY_RANGE'],
    ['a bad permission', (e) => e.setPermissions('mail', { api: ['http://x'] }), 'INVALID_VALUE'],
    ['half an approval', (e) => e.addApproval({ plugin: 'mail' }), 'MISSING_KEY'],
  ])('%s', (_name, run, code) => {
    const editor = edit()
    expect(problemsFrom(() => run(editor))[0]?.code).toBe(code)
    expect(editor.toString()).toBe(START)
  })
})

describe('laws', () => {
  const id = fc.constantFrom('stripe', 'mail', 'flat-rate', 'a', 'b9', 'order-sms')
  const range = fc.constantFrom('^2.1.0', '2.10', '1.0', '2', '*', '>=1 <2', '~1.2', '1.2.3 || ^2', '=1.0.0')
  const permissions = fc.record({ database: fc.dictionary(fc.constantFrom('orders', 'stock'), fc.constantFrom('read' as const, 'write' as const), { noNullPrototype: true }), api: fc.uniqueArray(fc.constantFrom('a.example:443', 'b.example', '*.c.example')), hooks: fc.uniqueArray(fc.constantFrom('order.placed', 'cart.totals')), admin: fc.boolean() }, { requiredKeys: [], noNullPrototype: true })
  const entry = fc.record({ version: range, enabled: fc.boolean(), permissions, config: fc.dictionary(fc.constantFrom('k', '404', 'yes', 'a b'), fc.jsonValue({ maxDepth: 2 }).filter((v) => !/\$\{|__proto__|constructor|prototype|-0\b/.test(JSON.stringify(v)) && !Object.is(v, -0)), { noNullPrototype: true }) }, { requiredKeys: [], noNullPrototype: true })
  type Step = (set: Record<string, PluginEntry>, editor: ReturnType<typeof edit>) => void
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.tuple(id, entry).map(([name, what]): Step => (set, e) => {
      if (name in set) return
      set[name] = what
      e.addPlugin(name, what)
    }),
    id.map((name): Step => (set, e) => {
      if (!(name in set)) return
      delete set[name]
      e.removePlugin(name)
    }),
    fc.tuple(id, range).map(([name, version]): Step => (set, e) => {
      if (!set[name]) return
      set[name] = { ...set[name], version }
      e.setVersion(name, version)
    }),
    fc.tuple(id, permissions).map(([name, what]): Step => (set, e) => {
      if (!set[name]) return
      set[name] = { ...set[name], permissions: what }
      e.setPermissions(name, what)
    }),
  )

  test('after any edits the file says exactly what was asked, and no comment outside of a removed plugin is lost', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), fc.constantFrom('\n', '\r\n'), (steps, eol) => {
        const text = START.replaceAll('\n', eol)
        const model = structuredClone(setOf(text).plugins)
        const editor = edit(text)
        for (const run of steps) run(model, editor)
        const after = editor.toString()
        expect(JSON.parse(JSON.stringify(setOf(after).plugins))).toEqual(JSON.parse(JSON.stringify(model)))
        expect(Object.keys(setOf(after).plugins).sort()).toEqual(Object.keys(model).sort())
        for (const comment of ["# Acme's plugins", '# always', '# takes the money', '# old-thing:', '#   version: 1.0.0', '# the end']) expect(after).toContain(comment)
        expect(after.startsWith(text.slice(0, text.indexOf('plugins:')))).toBe(true)
      }),
      { numRuns: 50 },
    )
  })

  test('any value can be set and taken away at any place of any file', () => {
    const texts = [START, 'a: 1', 'a:\n- b\n- c: 1\n  d: 2\n-   - e\n', '{a: [1, {b: 2}],\n c: 3}\n', '- a\n- b: c\n', 'a:\n  b: |\n    text\n    more\n  c: "x\n    y"\n# end', ...fixtures('plugin-sets').filter(([name]) => name.startsWith('valid')).map(([, bytes]) => bytes.toString())]
    const paths = (value: unknown, path: (string | number)[] = []): (string | number)[][] => [path, ...(typeof value === 'object' && value !== null ? Object.entries(value).flatMap(([k, v]) => paths(v, [...path, Array.isArray(value) ? Number(k) : k])) : [])]
    const cases = texts.flatMap((text) => paths(parseYaml(text, 'f').value).filter((p) => p.length > 0).map((path) => ({ text, path })))
    const value = fc.oneof(fc.constantFrom<unknown>('x', '2.10', 7, true, null, [], {}, ['a', 'b'], { k: 'v' }, { k: { l: [1, { m: 'n' }] } }), fc.string({ unit: 'binary', maxLength: 8 }).filter((t) => t.isWellFormed()))
    fc.assert(
      fc.property(fc.constantFrom(...cases), value, fc.boolean(), ({ text, path }, item, remove) => {
        const before = parseYaml(text, 'f').value
        const after = parseYaml(remove ? deleteInYaml(text, path) : setInYaml(text, path, item), 'f').value
        expect(after).toEqual(expected(before, path, remove ? undefined : item))
      }),
      { numRuns: 250 },
    )
  })
})

function expected(value: unknown, path: readonly (string | number)[], to: unknown): unknown {
  const [stepTo, ...rest] = path
  if (stepTo === undefined) return to
  if (Array.isArray(value)) return value.flatMap((item, i) => (i !== stepTo ? [item] : rest.length === 0 && to === undefined ? [] : [expected(item, rest, to)]))
  return Object.fromEntries(Object.entries(value as object).flatMap(([key, item]) => (key !== stepTo ? [[key, item]] : rest.length === 0 && to === undefined ? [] : [[key, expected(item, rest, to)]])))
}
