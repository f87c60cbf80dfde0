import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sha256 } from '../../schemas/digest.ts'
import { problemsOfError, type CatalystError } from '../../schemas/errors.ts'
import type { IndexLine } from '../../schemas/index-line.ts'
import { NO_PERMISSIONS, normalizePermissions } from '../../schemas/permissions.ts'
import type { RegistryEntry } from '../../schemas/registry-entry.ts'
import { lineProblems, readEntry, readIndexLines, readRegistryFile, writeIndexLine } from '../../schemas/registry-files.ts'
import { fixtures, linesOf, marksOf, problemsFrom } from './marks.ts'
import { processorTime } from '../builders/processor-time.ts'

const line = (odd: Partial<IndexLine> = {}): IndexLine => ({
  v: 1,
  id: 'stripe-payments',
  version: '2.1.0',
  repository: { url: 'https://github.com/acme/stripe-payments', id: 3, ownerId: 2 },
  tag: 'v2.1.0',
  commit: 'c'.repeat(40),
  artifact: { url: 'https://github.com/acme/stripe-payments/releases/download/v2.1.0/stripe-payments-2.1.0.tgz', size: 1000, sha256: sha256('artifact') },
  bundle: { url: 'https://github.com/acme/stripe-payments/releases/download/v2.1.0/stripe-payments-2.1.0.tgz.sigstore.json', size: 1000, sha256: sha256('bundle') },
  manifest: sha256('manifest'),
  permissions: NO_PERMISSIONS,
  publishedAt: '2026-06-01T00:00:00Z',
  ...odd,
})

const entry: RegistryEntry = {
  id: 'stripe-payments',
  repositories: [
    { url: 'https://github.com/acme/stripe', id: 1, ownerId: 2, until: '2026-01-01T00:00:00Z' },
    { url: 'https://github.com/acme/stripe-payments', id: 3, ownerId: 2 },
  ],
  signer: { workflow: '.github/workflows/release.yml' },
  permissions: { database: ['orders'], api: ['*.stripe.com'], hooks: ['order.placed'] },
  tier: 'official',
  publisher: 'Acme',
}

const file = (...lines: readonly (IndexLine | string)[]) => `${lines.map((one) => (typeof one === 'string' ? one : writeIndexLine(one))).join('\n')}\n`
const said = (bytes: string | Uint8Array, id?: string) => linesOf(problemsFrom(() => readIndexLines(bytes, 'index/st/ri/stripe-payments', id)))

describe('entries', () => {
  test.each(fixtures('registry-entries'))('%s is told exactly what its marks say', (name, bytes) => {
    expect(linesOf(problemsFrom(() => readEntry(bytes, name)))).toEqual(marksOf(bytes.toString()).errors)
  })

  test('an entry must be for the id that it is read for', () => {
    const bytes = fixtures('registry-entries').find(([name]) => name === 'valid.yaml')?.[1] ?? ''
    expect(readEntry(bytes, 'f', 'stripe-payments').publisher).toBe('Acme')
    expect(problemsFrom(() => readEntry(bytes, 'f', 'paypal'))).toMatchObject([{ message: 'the entry of paypal says that it is for stripe-payments', place: { line: 1 } }])
  })

  test('registry.yaml', () => {
    const good = 'apiVersion: catalyst.dev/v1\nkind: Registry\nname: official\nartifactHosts: ["https://cdn.example/"]\n'
    expect(readRegistryFile(good, 'registry.yaml').name).toBe('official')
    expect(linesOf(problemsFrom(() => readRegistryFile(good.replace('Registry', 'PluginSet'), 'registry.yaml')))).toEqual(['2: INVALID_VALUE'])
  })

  test('the code for all of them is INDEX_INVALID', () => {
    for (const read of [() => readEntry('a: 1', 'f'), () => readRegistryFile('\t', 'f'), () => readIndexLines('{', 'f')]) {
      expect(code(read)).toBe('INDEX_INVALID')
    }
  })
})

describe('index lines', () => {
  test('are read in file order; blank lines, a missing last line end and CRLF do not matter', () => {
    const lines = [line(), line({ version: '2.0.0', tag: 'stripe-payments@2.0.0' })]
    expect(readIndexLines(file(...lines), 'f', 'stripe-payments')).toEqual(lines)
    expect(readIndexLines(`\n${file(...lines).trim().replace('\n', '\r\n\r\n')}`, 'f')).toEqual(lines)
    expect(readIndexLines('', 'f')).toEqual([])
  })

  test('a file of a million lines is refused for their number, and a bad one tells no more than anybody reads', () => {
    expect(problemsFrom(() => readIndexLines('{"v":2}\n'.repeat(1_000_000), 'f'))).toMatchObject([{ code: 'FILE_TOO_LARGE' }])
    expect(problemsFrom(() => readIndexLines('{}\n'.repeat(20_000), 'f')).length).toBeLessThan(200)
  })

  test('lines of another v are left out, whatever is in them', () => {
    expect(readIndexLines(file('{"v":2,"id":7}', line(), '{"v":99}'), 'f')).toEqual([line()])
  })

  test.each<[string, string, string[]]>([
    ['no JSON', file(line(), '{"v":1', line({ version: '3.0.0' })), ['2: JSON_SYNTAX']],
    ['no v', file('{"id":"stripe-payments"}').replace('"id"', '"x"'), ['1: UNKNOWN_KEY']],
    ['a v that is text', file(writeIndexLine(line()).replace('"v":1', '"v":"1"')), ['1: WRONG_TYPE']],
    ['a list', '[]\n', ['1: WRONG_TYPE']],
    ['an unknown key', file(writeIndexLine(line()).replace('"tag"', '"tags":1,"tag"')), ['1: UNKNOWN_KEY']],
    ['a range for a version', file(line(), line({ version: '^2.1.0' })), ['2: INVALID_VALUE']],
    ['a bad digest in line 3', file(line(), line({ version: '2.2.0' }), line({ version: '2.3.0', manifest: 'sha256:x' })), ['3: INVALID_VALUE']],
    ['a prototype key', file(writeIndexLine(line()).replace('"tag"', '"__proto__":{},"tag"')), ['1: FORBIDDEN_KEY']],
    ['a hostile dependency', file(line({ dependencies: { 'nul': '*' } })), ['1: RESERVED_ID']],
    ['an impossible range', file(line({ dependencies: { other: '>2 <1' } })), ['1: EMPTY_RANGE']],
    ['the same version twice', file(line(), line()), ['2: INVALID_VALUE']],
    ['versions that differ in build only', file(line({ version: '2.1.0+a' }), line({ version: '2.1.0+b' })), ['2: INVALID_VALUE']],
    ['two bad lines', file('x', line(), 'y'), ['1: JSON_SYNTAX', '3: JSON_SYNTAX']],
    ['a line over 64 KB', file(line(), writeIndexLine(line()).replace('}', `,"x":"${'y'.repeat(70_000)}"}`)), ['2: FILE_TOO_LARGE']],
  ])('%s', (_name, bytes, expected) => {
    const found = said(bytes)
    expect(found.filter((f) => expected.includes(f) || !/MISSING_KEY/.test(f))).toEqual(expected)
  })

  test('a line for another id is named', () => {
    expect(problemsFrom(() => readIndexLines(file(line(), line({ id: 'paypal', version: '1.0.0' })), 'f', 'stripe-payments'))).toMatchObject([{ message: 'the file of stripe-payments has a line for paypal', place: { line: 2 } }])
  })

  test('a file over 8 MiB is refused before it is read', () => {
    expect(said(Buffer.alloc(9_000_000, '\n'))).toEqual(['1: FILE_TOO_LARGE'])
  })

  test('writing is canonical: order of keys never changes a byte', () => {
    const one = line({ permissions: normalizePermissions({ database: { b: 'read', a: 'write' } }) })
    expect(writeIndexLine(Object.fromEntries(Object.entries(one).reverse()) as IndexLine)).toBe(writeIndexLine(one))
    expect(writeIndexLine(one)).not.toContain('\n')
  })

  test('law: any bytes give lines or a CatalystError', () => {
    fc.assert(fc.property(fc.oneof(fc.uint8Array(), fc.string({ unit: 'binary' }), fc.array(fc.json()).map((l) => l.join('\n'))), (bytes) => void problemsFrom(() => readIndexLines(bytes, 'f'))), { numRuns: 300 })
  })

  test('a plugin with 2,000 versions is read quickly', () => {
    const bytes = file(...Array.from({ length: 2_000 }, (_, i) => line({ version: `1.${i}.0`, tag: `v1.${i}.0` })))
    const { ms } = processorTime(() => expect(readIndexLines(bytes, 'f').length).toBe(2_000))
    console.log(`2,000 index lines, ${bytes.length} bytes: ${ms.toFixed(0)} ms`)
    expect(ms).toBeLessThan(5_000)
  })
})

describe('a line can never widen its entry', () => {
  const wider = (odd: Partial<IndexLine>, of: RegistryEntry = entry) => lineProblems(line(odd), of).map((p) => p.message)

  test('what the entry allows', () => {
    expect(wider({})).toEqual([])
    expect(wider({ permissions: normalizePermissions({ database: ['orders'], api: ['api.stripe.com', '*.stripe.com'], hooks: ['order.placed'] }) })).toEqual([])
    expect(wider({ tag: 'stripe-payments@2.1.0' })).toEqual([])
    expect(wider({ repository: { url: 'https://github.com/acme/stripe', id: 1, ownerId: 2 }, publishedAt: '2025-12-31T23:59:59Z' })).toEqual([])
    expect(wider({ repository: { url: 'https://github.com/Acme/Stripe-Payments', id: 3, ownerId: 2 } })).toEqual([])
  })

  test.each<[string, Partial<IndexLine>, string]>([
    ['another id', { id: 'paypal', tag: 'v2.1.0' }, 'the line is for paypal, the entry for stripe-payments'],
    ['a repository that the entry does not list', { repository: { url: 'https://github.com/evil/x', id: 9, ownerId: 9 } }, 'the repository https://github.com/evil/x (id 9, owner 9) is not one of the entry\'s'],
    ['the numbers of one and the URL of another', { repository: { url: 'https://github.com/evil/stripe-payments', id: 3, ownerId: 2 } }, 'is not one of the entry\'s'],
    ['the URL and another number (a repository made anew under the old name)', { repository: { url: 'https://github.com/acme/stripe-payments', id: 4, ownerId: 2 } }, 'is not one of the entry\'s'],
    ['another owner', { repository: { url: 'https://github.com/acme/stripe-payments', id: 3, ownerId: 666 } }, 'is not one of the entry\'s'],
    ['a repository after its time', { repository: { url: 'https://github.com/acme/stripe', id: 1, ownerId: 2 } }, 'was listed only until 2026-01-01T00:00:00Z'],
    ['the tag of another version', { tag: 'v9.9.9' }, 'the tag v9.9.9 is not one of v2.1.0, stripe-payments@2.1.0, stripe-payments-v2.1.0'],
    ['the tag of another plugin', { tag: 'paypal@2.1.0' }, 'the tag paypal@2.1.0 is not one of'],
    ['a table', { permissions: normalizePermissions({ database: ['customers'] }) }, 'it asks for database customers: read, which the entry does not allow'],
    ['writing', { permissions: normalizePermissions({ database: { orders: 'write' } }) }, 'it asks for database orders: write'],
    ['a host', { permissions: normalizePermissions({ api: ['evil.example'] }) }, 'it asks for api evil.example:443'],
    ['admin', { permissions: normalizePermissions({ admin: true }) }, 'it asks for admin true'],
  ])('%s', (_name, odd, message) => {
    const problems = lineProblems(line(odd), entry, { file: 'index/st/ri/stripe-payments', line: 3 })
    expect(problems).toMatchObject([{ code: 'INDEX_LINE_WIDER', message: expect.stringContaining(message) as string, place: { line: 3 } }])
  })

  test('an entry without permissions allows none', () => {
    const { permissions: _none, ...silent } = entry
    expect(wider({ permissions: normalizePermissions({ hooks: ['order.placed'] }) }, silent)).toHaveLength(1)
  })

  test('all of it at once', () => {
    expect(wider({ id: 'paypal', tag: 'v1.0.0', repository: { url: 'https://github.com/evil/x', id: 9, ownerId: 9 }, permissions: normalizePermissions({ admin: true }) })).toHaveLength(4)
  })
})

function code(read: () => unknown): string {
  try {
    read()
    return ''
  } catch (error) {
    expect(problemsOfError(error as CatalystError).length).toBeGreaterThan(0)
    return (error as CatalystError).code
  }
}
