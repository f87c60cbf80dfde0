import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readPlainYaml, writeYaml } from '../../schemas/plain-yaml.ts'
import { parseYaml } from '../../schemas/yaml.ts'
import { writeLock } from '../../schemas/lock-file.ts'
import { block, lockOf } from '../builders/store.ts'

const sample = writeLock(lockOf({ 'stripe-payments': block('stripe-payments', '2.1.0', { dependencies: { templates: '>=1 <3' }, migrations: [{ id: '0001_init', checksum: `sha256:${'a'.repeat(64)}`, kind: 'expand', down: true }], tables: ['points'], permissions: { database: { orders: 'read' }, api: ['api.stripe.com:443'], filesystem: { 'uploads/stripe': 'rw' }, hooks: ['order.placed'], admin: false } }), templates: block('templates', '1.2.3') }))

test('it reads what writeLock writes', () => {
  expect(readPlainYaml(sample)).toEqual(parseYaml(sample, 'f').value)
})

const written = `# What the shop wants.
apiVersion: catalyst.dev/v1   # the first

store:
  id: tee-und-tasse
policy: { maxRemovals: 100%, minimumReleaseAge: 0s }
registries:
  - name: examples            # a mirror in a folder
    url: file:./examples/registry
  - { name: own, url: "git+http://127.0.0.1:9/index.git", sigstore: ./trusted-root.json }   
plugins:
  flat-rate-shipping:
    version: ^1.0.0
    permissions: { api: ["api.stripe.com", b.example], admin: false, database: {} }

    # Zones of the post.
    config:
      zones:
        - countries: [EE, LV, LT]
          rates:
            - { id: locker, label: Parcel locker, price: 290 }
        - countries: ["*"]
  templates: {"version":"~1.0.0","config":{"of":["a",1,true,[]]}}
  thin: {}
`

test('it reads what people write: comments, empty lines, small maps and lists', () => {
  expect(readPlainYaml(written)).toEqual(parseYaml(written, 'f').value)
})

test.each(['a', 'a:', 'a: 1', 'a: *b\n', 'a: &b c\n', 'a: !!str 1\n', 'a: 2.10\n', 'a: 1e3\n', 'a: 0x10\n', 'a: ~\n', 'a: null\n', 'a: b: c\n', 'a: b:\n', 'a: |\n  b\n', 'a: b\n  c\n', 'a: b\na: c\n', '__proto__: b\n', 'a:\n   b: c\n', "a: 'b'\n", 'a: b\n---\n', 'a: b\r\n', 'true: b\n', '\ta: b\n', 'a:\n- b\n', '- - a\n', 'a: "b" c\n', '# c\n', '', 'a: .5\n', 'a: -1\n', 'a: Infinity\n', 'a: "b # c"\n', "a: it's # c\n", 'a: b#\n', 'a: [b\n', 'a: [b,]\n', 'a: [,b]\n', 'a: {b}\n', 'a: {b: }\n', 'a: {b:c}\n', 'a: {b: c, b: d}\n', 'a: [b: c]\n', 'a: {__proto__: b}\n', 'a: [2.10]\n', 'a: [null]\n', 'a: [b] c\n', 'a: [b # c]\n', 'a: [\'b\']\n', '# c\rb: c\na: b\n', 'a: # c\n', 'a: %b\n', `a: {"${'k'.repeat(2000)}": b}\n`, `a: ${'['.repeat(200)}${']'.repeat(200)}\n`])('%j is left to the general parser', (text) => {
  expect(readPlainYaml(text)).toBeUndefined()
})

test.each<[string, string]>([
  ['blanks before a letter', `a:${' '.repeat(1_000_000)}b`],
  ['blanks before a comment that is none', `a: b${' '.repeat(1_000_000)}x#\u0001`],
  ['a comment that ends badly', `a: b #${' #'.repeat(500_000)}\u0001`],
  ['quotes behind a sharp', `#${'"'.repeat(1_000_000)}`],
  ['quotes before none', `a: ${'"'.repeat(1_000_000)}#`],
  ['words of a list', `a: [${'b '.repeat(500_000)}`],
  ['brackets', `a: ${'['.repeat(1_000_000)}`],
  ['commas', `a: [${','.repeat(1_000_000)}`],
])('a million %s in one line take no longer than they are long', (_, line) => {
  // Whoever went over them anew for each of them would not come to an end.
  for (let i = 0; i < 20; i++) readPlainYaml(`${line}\n`)
})

describe('law: where it reads at all, it reads what the general parser reads', () => {
  const check = (text: string) => {
    const quick = readPlainYaml(text)
    if (quick !== undefined) expect(parseYaml(text, 'f').value).toEqual(quick)
  }

  test('of any data', () => {
    const key = fc.oneof(fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/), fc.string({ unit: 'binary', maxLength: 6 }))
    const leaf = fc.oneof(fc.integer(), fc.boolean(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.string({ unit: 'binary', maxLength: 12 }), fc.stringMatching(/^[a-z0-9^~<>=*:#|@ .+-]{0,8}$/))
    const { value } = fc.letrec((tie) => ({ value: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('value'), { maxLength: 4 }), fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true })) }))
    let read = 0
    fc.assert(
      fc.property(value, (data) => {
        const text = writeYaml({ data })
        if (readPlainYaml(text) !== undefined) read++
        try {
          parseYaml(text, 'f')
        } catch {
          expect(readPlainYaml(text)).toBeUndefined()
          return
        }
        check(text)
      }),
      { numRuns: 500 },
    )
    expect(read).toBeGreaterThan(50)
  })

  test.each([['a lock', sample], ['a wish', written]])('of %s with any piece of any line changed, doubled, moved or taken away', (_, whole) => {
    const lines = whole.split('\n')
    const noise = fc.string({ unit: fc.constantFrom(' ', '-', ':', '#', '"', "'", '{', '}', '[', ']', '&', '*', '!', '|', '>', '~', '0', '.', 'e', 'a', '\n', '\t', '\r', '\\', '?', '%', '@', '`', ',', '=', '<', '\u0085', '\u00a0', '\ufeff', '\u2028'), maxLength: 4 })
    fc.assert(
      fc.property(fc.nat(lines.length - 1), fc.nat(60), fc.nat(5), noise, fc.constantFrom('change', 'double', 'drop', 'indent'), (row, column, cut, text, how) => {
        const line = lines[row] ?? ''
        const changed = how === 'change' ? [line.slice(0, column) + text + line.slice(column + cut)] : how === 'double' ? [line, line] : how === 'drop' ? [] : [`${' '.repeat(cut)}${line}`]
        check(lines.toSpliced(row, 1, ...changed).join('\n'))
      }),
      { numRuns: 3_000 },
    )
  })

  test('of short texts of all kinds', () => {
    const piece = fc.constantFrom('a', 'b', ':', ': ', '- ', '  ', '\n', '\n  ', '1', 'true', '"', '"x"', '{}', '[]', '#', ' #', '{', '}', '[', ']', '%', ', ', ',', "'", '~', '^1', '>=', 'null', '.', 'e5', '0', '-', ' ', '\t')
    fc.assert(fc.property(fc.array(piece, { maxLength: 12 }).map((parts) => `${parts.join('')}\n`), check), { numRuns: 10_000 })
  })
})
