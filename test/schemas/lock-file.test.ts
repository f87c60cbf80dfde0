import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CatalystError } from '../../schemas/errors.ts'
import { entryDigest, type Lock, type LockBlock } from '../../schemas/lock.ts'
import { splitConflicts } from '../../schemas/lock-conflicts.ts'
import { readLock, writeLock } from '../../schemas/lock-file.ts'
import { block, lockOf } from '../builders/store.ts'
import { linesOf, problemsFrom } from './marks.ts'

const FILE = 'plugins.lock.yaml'
const rich = block('stripe-payments', '2.1.0', {
  dependencies: { templates: '>=1 <3' },
  platform: '^3.0.0',
  permissions: { database: { customers: 'read', orders: 'write' }, api: ['api.stripe.com:443'], filesystem: { 'uploads/stripe': 'r' }, hooks: ['order.placed'], admin: false },
  migrations: [{ id: '0001_init', checksum: `sha256:${'a'.repeat(64)}`, kind: 'expand', down: true }],
  tables: ['points'],
  snapshot: { registry: 'official', head: 'b'.repeat(40) },
})
const lock = lockOf({ 'stripe-payments': rich, templates: block('templates', '1.2.3') }, { removed: { 'old-loyalty': block('old-loyalty') } })
const text = writeLock(lock)

/** The error's own code and the codes inside, with lines. */
function refusal(of: string | Uint8Array): string[] {
  try {
    readLock(of, FILE)
    return []
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error
    return [error.code, ...linesOf(error.problems)]
  }
}

const lineOf = (part: string) => text.split('\n').findIndex((line) => line.includes(part)) + 1
const edited = (from: string, to: string) => {
  expect(text).toContain(from)
  return text.replace(from, to)
}

describe('writing', () => {
  test('a lock reads well: header, one fact per line, keys in the order of the format', () => {
    expect(text.split('\n').slice(0, 12)).toEqual([
      '# Written by `catalyst lock`: review it, do not edit it. After a merge conflict run `catalyst lock --merge`.',
      'lockVersion: 1',
      'needs: 0.1.0',
      'plugins:',
      '  stripe-payments:',
      '    requested: "*"',
      '    version: 2.1.0',
      '    registry: official',
      '    repository:',
      '      id: 1000',
      '      ownerId: 2000',
      '      url: https://github.com/acme/stripe-payments',
    ])
  })

  test('laws: reading gives back what was written, and input order never changes a byte', () => {
    const version = fc.tuple(fc.nat(30), fc.nat(30), fc.nat(30)).map((v) => v.join('.'))
    const id = fc.stringMatching(/^[a-z][a-z0-9]{0,6}(-[a-z0-9]{1,5})?$/).filter((name) => !/^(con|prn|aux|nul)$/.test(name))
    const word = fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('yes', '1e3', '2.10', '~', 'a: b', '# c', '\u001b[2J', '\u202e'))
    const blocks = fc.dictionary(
      id,
      fc.record({ version, provides: fc.array(word), type: word, paths: fc.dictionary(fc.stringMatching(/^[a-z0-9][a-z0-9/]{0,8}$/), fc.constantFrom('r' as const, 'rw' as const), { noNullPrototype: true }), platform: fc.option(fc.constantFrom('^3', '>=1 <2', '*'), { nil: undefined }) }).map(
        ({ version: v, provides, type, paths, platform }) => block('x', v, { provides, type, permissions: { ...rich.permissions, filesystem: paths }, ...(platform !== undefined && { platform }) }),
      ),
      { maxKeys: 5, noNullPrototype: true },
    )
    fc.assert(
      fc.property(blocks, blocks, (plugins, removed) => {
        const one: Lock = { lockVersion: 1, plugins, removed }
        const bytes = writeLock(one)
        expect(readLock(Buffer.from(bytes), FILE)).toEqual(one)
        expect(writeLock(reversed(one) as Lock)).toBe(bytes)
        expect(writeLock(readLock(bytes, FILE))).toBe(bytes)
      }),
      { numRuns: 200 },
    )
  })

  test('what waits for a person survives with its lines', () => {
    const waiting = { erp: { code: 'SIGNER_MISSING' as const, version: '1.0.0', write: 'signer:\n  workflow: .github/workflows/release.yml\n' } }
    expect(readLock(writeLock({ ...lock, waiting }), FILE).waiting).toEqual(waiting)
  })

  test('an empty lock', () => {
    expect(readLock(writeLock({ lockVersion: 1, plugins: {} }), FILE)).toEqual({ lockVersion: 1, plugins: {} })
  })
})

describe('LOCK_EDITED names the field where one change explains it', () => {
  const cases: [string, string, string, string][] = [
    ['a permission widened', '        orders: write', '        orders: read', 'stripe-payments was changed after it was locked: permissions.database.orders was write'],
    ['admin taken', '      admin: false', '      admin: true', 'stripe-payments was changed after it was locked: permissions.admin was false'],
    ['a host added', '        - api.stripe.com:443', '        - api.stripe.com:443\n        - evil.example:443', 'stripe-payments was changed after it was locked: permissions.api[1] was added'],
    ['a mode widened', '        uploads/stripe: r', '        uploads/stripe: rw', 'stripe-payments was changed after it was locked: permissions.filesystem.uploads/stripe was r'],
    ['half an upgrade', '    version: 2.1.0', '    version: 2.1.1', 'stripe-payments was changed after it was locked: version was 2.1.0'],
    ['a tag', '    tag: v2.1.0', '    tag: v2.0.0', 'stripe-payments was changed after it was locked: tag was v2.1.0'],
    ['a policy loosened', '      data: ask', '      data: remove', 'stripe-payments was changed after it was locked: uninstall.data was ask'],
    ['a migration', '        kind: expand', '        kind: contract', 'stripe-payments was changed after it was locked: migrations[0].kind was expand'],
    ['an optional field added', '    platform: ^3.0.0', '    platform: ^3.0.0\n    source: github:evil/x', 'stripe-payments was changed after it was locked: source was added'],
  ]
  test.each(cases)('%s', (_name, from, to, message) => {
    const problems = problemsFrom(() => readLock(edited(from, to), FILE))
    expect(problems).toMatchObject([{ code: 'LOCK_EDITED', message }])
    expect(problems[0]?.place?.line).toBe(lineOf(from.trim()) + (to.includes('\n') ? 1 : 0))
  })

  test('a digest that cannot be guessed is named at the entryDigest of its block', () => {
    const problems = problemsFrom(() => readLock(edited(rich.commit, 'd'.repeat(40)), FILE))
    expect(problems).toMatchObject([{ code: 'LOCK_EDITED', message: 'stripe-payments was changed after it was locked', place: { line: lineOf(`entryDigest: ${rich.entryDigest}`) } }])
  })

  test('every edited block is told, removed ones too; exit 5', () => {
    expect(refusal(text.replaceAll('grace: 7d', 'grace: 1d'))).toEqual(['LOCK_EDITED', expect.stringMatching(/LOCK_EDITED/), expect.stringMatching(/LOCK_EDITED/), expect.stringMatching(/LOCK_EDITED/)])
    expect(new CatalystError('LOCK_EDITED', '').exit).toBe(5)
  })

  test('a block with thousands of fields is not searched: each guess digests all of it', () => {
    const dependencies = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`d${i}`, '*']))
    const wide = writeLock({ ...lock, plugins: { wide: { ...rich, dependencies } } })
    expect(problemsFrom(() => readLock(wide, 'plugins.lock.yaml'))).toMatchObject([{ code: 'LOCK_EDITED', message: 'wide was changed after it was locked' }])
  })

  test('a large lock that is not as we write it is refused at once; an edit of one that is, is still told', () => {
    expect(problemsFrom(() => readLock(`lockVersion: 1\nplugins:\n${'  k: {version: 1, x: [1,2,3]}\n'.repeat(40_000)}`, FILE))).toMatchObject([{ code: 'LOCK_INVALID', message: expect.stringContaining('not written as our tools write it') }])
    const many = Object.fromEntries(Array.from({ length: 700 }, (_, i) => [`p${i}`, rich]))
    const large = writeLock({ lockVersion: 1, plugins: many })
    expect(large.length).toBeGreaterThan(1_000_000)
    expect(problemsFrom(() => readLock(large.replace('admin: false', 'admin: true'), FILE))).toMatchObject([{ code: 'LOCK_EDITED', message: 'p0 was changed after it was locked: permissions.admin was false' }])
    expect(problemsFrom(() => readLock(large.replace('lockVersion: 1', 'lockVersion: 2'), FILE))).toMatchObject([{ code: 'LOCK_TOO_NEW' }])
  })

  test('the snapshot is for audit: it may change', () => {
    expect(refusal(edited('b'.repeat(40), 'c'.repeat(40)))).toEqual([])
  })

  test('law: no single edit of any leaf goes unnoticed', () => {
    const leaves = (value: unknown, path: (string | number)[] = []): (string | number)[][] => (typeof value !== 'object' || value === null ? [path] : Object.entries(value).flatMap(([k, v]) => leaves(v, [...path, Array.isArray(value) ? Number(k) : k])))
    const { snapshot: _s, entryDigest: digest, ...fields } = rich
    for (const path of leaves(fields)) {
      const copy = structuredClone(fields) as Record<string, unknown>
      const parent = path.slice(0, -1).reduce<Record<string | number, unknown>>((at, step) => at[step] as Record<string | number, unknown>, copy)
      const key = path.at(-1) ?? ''
      parent[key] = typeof parent[key] === 'boolean' ? !parent[key] : typeof parent[key] === 'number' ? Number(parent[key]) + 1 : `${String(parent[key])}x`
      expect(entryDigest(copy as unknown as LockBlock), path.join('.')).not.toBe(digest)
    }
  })
})

describe('other locks that are not taken', () => {
  test('a newer version is refused by naming what it needs, whatever else stands in it', () => {
    const newer = 'lockVersion: 2\nneeds: 0.9.0\nplugins: { a: { future: true } }\n'
    const problem = problemsFrom(() => readLock(newer, FILE))[0]
    expect(problem).toMatchObject({ code: 'LOCK_TOO_NEW', message: 'plugins.lock.yaml has lockVersion 2 and needs @catalyst/plugins 0.9.0 or newer; this one reads up to 1', place: { line: 1 } })
    expect(problem?.hint).toContain('0.9.0')
    expect(refusal('lockVersion: 3\n')[0]).toBe('LOCK_TOO_NEW')
  })

  test.each<[string, string, string[]]>([
    ['nothing', '', ['LOCK_INVALID', '1: WRONG_TYPE']],
    ['no version', 'plugins: {}\n', ['LOCK_INVALID', '1: MISSING_KEY']],
    ['an older version', 'lockVersion: 0\nplugins: {}\n', ['LOCK_INVALID', '1: UNSUPPORTED_FORMAT']],
    ['broken YAML', 'lockVersion: 1\nplugins: {\n', ['LOCK_INVALID', '3: YAML_SYNTAX']],
    ['hostile ids', 'lockVersion: 1\nplugins:\n  ../../etc: {}\n  con: {}\n', ['LOCK_INVALID', '3: INVALID_ID', '4: RESERVED_ID']],
    ['a prototype key', 'lockVersion: 1\nplugins:\n  __proto__: {}\n', ['LOCK_INVALID', '3: FORBIDDEN_KEY']],
    ['an alias', 'lockVersion: 1\nplugins: &a {}\nremoved: *a\n', ['LOCK_INVALID', '2: YAML_ALIAS', '3: YAML_ALIAS']],
    ['the same plugin twice', text.replace('\n  templates:\n', '\n  stripe-payments:\n'), ['LOCK_INVALID', `${text.split('\n').indexOf('  templates:') + 1}: YAML_DUPLICATE_KEY`]],
  ])('%s', (_name, bytes, expected) => {
    expect(refusal(bytes).filter((line) => !/[34]: MISSING_KEY/.test(line))).toEqual(expected)
  })

  test.each([
    ['a way out of the bundles folder', /url: https:\/\/\S+\.sigstore\.json/, 'url: plugins.bundles/../../secrets.json'],
    ['a main outside of the package', /main: index\.js/, 'main: ../../evil.js'],
    ['a version that is none', /version: 2\.1\.0/, 'version: ../2'],
    ['a digest that is none', /tree: sha256:\w+/, 'tree: sha256:abc'],
    ['an impossible time', /publishedAt: \S+/, 'publishedAt: 2026-13-40T00:00:00Z'],
  ])('%s', (_name, from, to) => {
    expect(refusal(text.replace(from, to))[1]).toMatch(/INVALID_VALUE/)
  })

  test('bytes that are no text, and too many', () => {
    expect(refusal(Uint8Array.from([0x61, 0xff]))).toEqual(['LOCK_INVALID', '1: NOT_UTF8'])
    expect(refusal(Buffer.alloc(16_000_001, '#'))).toEqual(['LOCK_INVALID', '1: FILE_TOO_LARGE'])
  })

  test('law: any bytes, and any noise in a good lock, give a lock or a CatalystError', () => {
    fc.assert(fc.property(fc.oneof(fc.uint8Array(), fc.string({ unit: 'binary' })), (bytes) => void refusal(bytes)), { numRuns: 300 })
    fc.assert(
      fc.property(fc.nat(text.length), fc.string({ maxLength: 4 }), fc.nat(4), (at, noise, cut) => {
        const broken = text.slice(0, at) + noise + text.slice(at + cut)
        if (refusal(broken).length === 0) {
          const { plugins } = readLock(broken, FILE)
          for (const [id, one] of Object.entries(plugins)) expect(entryDigest(one), id).toBe(one.entryDigest)
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('merge conflicts', () => {
  const conflict = (base?: string) => `lockVersion: 1\n<<<<<<< HEAD\nours: 1\n${base === undefined ? '' : `||||||| merged common ancestors\n${base}\n`}=======\ntheirs: 1\n>>>>>>> feature/x\nend: 1\n`

  test.each([['plain', conflict()], ['diff3', conflict('base: 1')], ['CRLF', conflict().replaceAll('\n', '\r\n')]])('%s markers are LOCK_CONFLICT at the first, and both sides can be had', (name, bytes) => {
    expect(problemsFrom(() => readLock(bytes, FILE))).toMatchObject([{ code: 'LOCK_CONFLICT', place: { line: 2, column: 1 }, hint: 'Run `catalyst lock --merge`.' }])
    const eol = name === 'CRLF' ? '\r\n' : '\n'
    expect(splitConflicts(bytes)).toEqual({ ours: ['lockVersion: 1', 'ours: 1', 'end: 1', ''].join(eol), theirs: ['lockVersion: 1', 'theirs: 1', 'end: 1', ''].join(eol) })
  })

  test('several conflicts, empty sides, and a file without any', () => {
    expect(splitConflicts('<<<<<<< a\n=======\nx\n>>>>>>> b\ny\n<<<<<<< a\nz\n=======\n>>>>>>> b\n')).toEqual({ ours: 'y\nz\n', theirs: 'x\ny\n' })
    expect(splitConflicts(text)).toEqual({ ours: text, theirs: text })
  })

  test.each([
    ['no end', '<<<<<<< a\nx\n=======\ny\n', 5],
    ['no start', 'x\n=======\n', 2],
    ['no middle', '<<<<<<< a\nx\n>>>>>>> b\n', 3],
    ['one inside another', '<<<<<<< a\n<<<<<<< b\n', 2],
    ['two middles', '<<<<<<< a\n=======\n=======\n', 3],
  ])('%s is LOCK_INVALID at its line', (_name, bytes, line) => {
    expect(problemsFrom(() => splitConflicts(bytes))).toMatchObject([{ code: 'LOCK_INVALID', place: { line } }])
  })

  test('law: what git merges by hand, both sides come back whole', () => {
    const lines = fc.array(fc.stringMatching(/^[a-z: ]{0,6}$/), { maxLength: 4 })
    fc.assert(
      fc.property(fc.array(fc.record({ both: lines, ours: lines, theirs: lines, base: fc.option(lines) }), { maxLength: 4 }), (parts) => {
        const merged = parts.flatMap(({ both, ours, theirs, base }) => [...both, '<<<<<<< a', ...ours, ...(base ? ['||||||| b', ...base] : []), '=======', ...theirs, '>>>>>>> c'])
        const side = (key: 'ours' | 'theirs') => parts.flatMap((part) => [...part.both, ...part[key]]).join('\n')
        expect(splitConflicts(merged.join('\n'))).toEqual({ ours: side('ours'), theirs: side('theirs') })
      }),
    )
  })
})

function reversed(value: unknown): unknown {
  if (Array.isArray(value) || typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).reverse().map(([key, item]) => [key, reversed(item)]))
}
