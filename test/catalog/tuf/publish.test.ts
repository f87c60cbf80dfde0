import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { rotate, sign, stage } from '../../../catalog/tuf/ceremony.ts'
import { newSigner } from '../../../catalog/tuf/key-file.ts'
import { SIGNED } from '../../../catalog/tuf/layout.ts'
import { bytesOfEnvelope, type Envelope, type Signed } from '../../../catalog/tuf/metadata.ts'
import { createHttp } from '../../../registry/http.ts'
import { tufIndex } from '../../../registry/tuf-index.ts'
import { FolderServer } from '../../registry/folder-server.ts'
import { entry, indexFiles, line, lines } from '../../registry/index-files.ts'
import { refusal } from '../../registry/refusal.ts'
import { PEOPLE, SignedRegistry } from './signed-registry.ts'

const DAY_MS = 86_400_000
const http = createHttp()

let registry: SignedRegistry

beforeEach(async () => {
  registry = await SignedRegistry.open({ files: indexFiles({ erp: ['1.0.0'], crm: ['1.0.0'] }) })
  await registry.signed()
})
afterEach(() => registry.close())

const later = (days: number): string => new Date(Date.parse(registry.now) + days * DAY_MS).toISOString()
const plain = (paths: readonly string[]): readonly string[] => paths.map((path) => path.replace(/[0-9a-f]{64}\./, '').replace(/bin-[0-9a-f]+/, 'bin'))

function list(id: string, ...versions: readonly string[]): void {
  registry.write({ [`index/3/${id[0]}/${id}`]: lines(versions.map((version) => line(id, version))) })
}

describe('publishing again', () => {
  test('one changed line writes its file, one bin, snapshot and timestamp', async () => {
    await registry.publish()
    list('erp', '1.0.0', '1.1.0')
    const written = ['targets/index/3/e/erp', 'metadata/2.index-bin.json', 'metadata/2.snapshot.json', 'metadata/timestamp.json']
    expect(plain((await registry.publish({ changed: ['index/3/e/erp'] })).written)).toEqual(written)
    list('crm', '1.0.0', '1.1.0')
    expect(plain((await registry.publish()).written)).toEqual(written.map((path) => path.replace('e/erp', 'c/crm').replace('2.snapshot', '3.snapshot')))
  })

  test('writes nothing when nothing changed, and later only what is near its end', async () => {
    await registry.publish()
    expect((await registry.publish()).written).toEqual([])
    const kinds: Record<number, ReadonlySet<string>> = {}
    for (const days of [2, 8, 50]) {
      registry.now = later(days - Object.keys(kinds).reduce((_, d) => Number(d), 0))
      kinds[days] = new Set(plain((await registry.publish()).written).map((path) => path.replace(/\d+\./, '')))
    }
    expect(kinds[2]).toEqual(new Set(['metadata/timestamp.json']))
    expect(kinds[8]).toEqual(new Set(['metadata/snapshot.json', 'metadata/timestamp.json']))
    expect(kinds[50]).toEqual(new Set(['metadata/index.json', 'metadata/index-bin.json', 'metadata/snapshot.json', 'metadata/timestamp.json']))
  })

  test('keeps what was replaced for readers who have begun, and takes it away a day later', async () => {
    await registry.publish()
    list('erp', '1.0.0', '1.1.0')
    await registry.publish()
    const files = (): number => readdirSync(join(registry.out, 'targets/index/3/e')).length
    expect(files()).toBe(2)
    registry.now = later(2)
    await registry.publish()
    expect(files()).toBe(1)
    expect(readdirSync(join(registry.out, 'metadata'))).not.toContain('1.snapshot.json')
  })

  test.each([
    ['listed again within the day', async () => void (await registry.publish())],
    ['listed again by a publishing that was killed before it wrote down what it did', async () => {
      const state = readFileSync(join(registry.out, '.published.json'))
      await registry.publish()
      writeFileSync(join(registry.out, '.published.json'), state)
    }],
  ])('what was replaced and is %s stays', async (_what, again) => {
    await registry.publish()
    list('erp', '1.0.0', '1.1.0')
    await registry.publish()
    list('erp', '1.0.0')
    await again()
    const server = await FolderServer.open(registry.out)
    for (const hours of [25, 1, 30]) {
      registry.now = later(hours / 24)
      await registry.publish({ changed: [] })
      expect(await stateOfErp(server)).toBe('1.0.0 acme')
    }
    await server.close()
  })

  test('what is replaced twice stays for a day after the second time', async () => {
    await registry.publish()
    for (const versions of [['1.0.0', '1.1.0'], ['1.0.0'], ['1.0.0', '1.1.0']]) {
      list('erp', ...versions)
      await registry.publish()
      registry.now = later(20 / 24)
    }
    await registry.publish()
    expect(readdirSync(join(registry.out, 'targets/index/3/e'))).toHaveLength(2)
  })

  test('gets more bins when the index grows past what bins should hold; readers follow', async () => {
    await registry.publish()
    const server = await FolderServer.open(registry.out)
    const cacheDir = mkdtempSync(join(tmpdir(), 'tuf-cache-'))
    const open = () => tufIndex({ name: 'official', url: server.url, root: registry.root, cacheDir, maxAgeMs: DAY_MS, http }).open({})
    await open()
    registry.write(Object.fromEntries(Array.from({ length: 6500 }, (_, i) => [`index/pl/ug/plug-${i}`, '{}\n'])))
    await registry.publish()
    expect((await open()).file.name).toBe('official')
    expect((await (await open()).lines('erp')).length).toBe(1)
    expect(JSON.parse(readFileSync(join(registry.out, 'metadata/2.index.json'), 'utf8')).signed.delegations.succinct_roles.bit_length).toBe(5)
    await server.close()
    rmSync(cacheDir, { recursive: true })
  })
})

test('whoever reads while it is published, or comes after it was killed at any file, finds the old state or the new one; the next publishing ends it', async () => {
  await registry.publish()
  const before = mkdtempSync(join(tmpdir(), 'tuf-before-'))
  cpSync(registry.out, before, { recursive: true })
  list('erp', '1.0.0', '1.1.0')
  registry.write({ 'entries/crm.yaml': stringify(entry('crm', { publisher: 'acme-two' })) })
  await registry.signed()
  const { written } = await registry.publish()
  expect(written.length).toBeGreaterThan(5)
  const server = await FolderServer.open(before)
  const seen = new Set<string>()
  for (let done = 0; done <= written.length; done++) {
    const killed = mkdtempSync(join(tmpdir(), 'tuf-killed-'))
    cpSync(before, killed, { recursive: true })
    for (const path of written.slice(0, done)) {
      mkdirSync(dirname(join(killed, path)), { recursive: true })
      cpSync(join(registry.out, path), join(killed, path))
    }
    seen.add(await stateIn(server, killed))
    await registry.publish({ out: killed })
    expect(await stateIn(server, killed)).toBe('1.1.0 acme-two')
    rmSync(killed, { recursive: true })
  }
  expect([...seen]).toEqual(['1.0.0 acme', '1.1.0 acme-two'])
  await server.close()
  rmSync(before, { recursive: true })
}, 120_000)

async function stateIn(server: FolderServer, root: string): Promise<string> {
  server.root = root
  const cacheDir = mkdtempSync(join(tmpdir(), 'tuf-cache-'))
  const snapshot = await tufIndex({ name: 'official', url: server.url, root: registry.root, cacheDir, maxAgeMs: DAY_MS, http }).open({})
  const state = `${(await snapshot.lines('erp')).at(-1)?.version} ${(await snapshot.entry('crm'))?.publisher}`
  rmSync(cacheDir, { recursive: true })
  return state
}

describe('what people have not signed is not published', () => {
  test('a first time: nothing is', async () => {
    const fresh = await SignedRegistry.open()
    expect((await refusal(() => fresh.publish(), 'SIGNATURES_MISSING')).exit).toBe(3)
    await fresh.signed([PEOPLE.anna])
    await refusal(() => fresh.publish(), 'SIGNATURES_MISSING')
    expect(() => readFileSync(join(fresh.out, 'metadata/timestamp.json'))).toThrow(/ENOENT/)
    fresh.close()
  })

  test.each([
    ['an entry that was changed and not signed', async () => undefined],
    ['one that one of two has signed', async () => registry.signed([PEOPLE.bela])],
    ['one that was changed again after it was signed', async () => {
      await registry.signed()
      registry.write({ 'entries/erp.yaml': stringify(entry('erp', { publisher: 'mallory-two' })) })
    }],
    ['a bin with signatures of others', async () => {
      await stage(registry.dir, registry.now)
      await refusal(() => sign(registry.dir, [newSigner('mallory'), newSigner('anna')]), 'KEY_INVALID')
    }],
    ['a bin that fits the entry, under the signatures of the bin before', async () => {
      const signed = bins().map((at) => JSON.parse(readFileSync(at, 'utf8')) as Envelope<Signed>)
      await stage(registry.dir, registry.now)
      for (const [i, at] of bins().entries()) {
        const staged = JSON.parse(readFileSync(at, 'utf8')) as Envelope<Signed>
        if (staged.signatures.length === 0) writeFileSync(at, bytesOfEnvelope({ ...staged, signatures: signed[i]?.signatures ?? [] }))
      }
    }],
    ['a bin that was edited after it was signed', async () => {
      await registry.signed()
      for (const at of bins()) writeFileSync(at, readFileSync(at, 'utf8').replaceAll('entries/erp.yaml', 'entries/evil.yaml'))
    }],
  ])('%s: the state before stays, lines go on, and it is told until it is signed', async (_what, oddly) => {
    await registry.publish()
    registry.write({ 'entries/erp.yaml': stringify(entry('erp', { publisher: 'mallory' })) })
    list('erp', '1.0.0', '1.1.0')
    await oddly()
    const first = await registry.publish()
    expect(new Set(first.problems.map(({ code }) => code))).toEqual(new Set(['SIGNATURES_MISSING']))
    expect((await registry.publish()).problems.length).toBe(first.problems.length)
    const server = await FolderServer.open(registry.out)
    expect(await stateOfErp(server)).toBe('1.1.0 acme')
    await registry.signed()
    expect((await registry.publish()).problems).toEqual([])
    expect(await stateOfErp(server)).toMatch(/^1\.1\.0 mallory/)
    await server.close()
  })

  test('an older bin in git than the published one: versions only grow', async () => {
    const bins = readdirSync(join(registry.dir, 'tuf')).filter((name) => name.startsWith('entries-bin'))
    const old = new Map(bins.map((name) => [name, readFileSync(join(registry.dir, 'tuf', name))]))
    registry.write({ 'entries/erp.yaml': stringify(entry('erp', { publisher: 'two' })) })
    await registry.signed()
    await registry.publish()
    for (const [name, bytes] of old) writeFileSync(join(registry.dir, 'tuf', name), bytes)
    registry.write({ 'entries/erp.yaml': stringify(entry('erp')) })
    const { problems } = await registry.publish()
    expect(problems.map(({ code, place }) => [code, place?.file])).toContainEqual(['INDEX_REWRITTEN', expect.stringContaining('tuf/entries-bin')])
  })

  test('what ends soon is spoken of', async () => {
    await registry.publish()
    registry.now = later(330)
    expect((await registry.publish()).problems.filter(({ severity }) => severity === 'warning').map(({ message }) => message).join()).toContain(SIGNED.role('targets'))
  })
})

describe('new keys that not all has been signed with yet', () => {
  const dora = newSigner('dora')

  test.each([
    ['another maintainer in the place of one', { add: [dora.key], remove: ['anna'] }, [PEOPLE.cleo, dora]],
    ['one signature more that must be there', { add: [], remove: [], threshold: 3 }, [PEOPLE.cleo]],
  ])('%s: whatever of it is signed, readers find the state before, until all of it is', async (_what, change, rest) => {
    await registry.publish()
    await rotate(registry.dir, { role: 'maintainers', ...change, now: registry.now })
    const server = await FolderServer.open(registry.out)
    const version: string[] = ['1.0.0']
    const published = async (): Promise<readonly (string | undefined)[]> => {
      version.push(`1.${version.length}.0`)
      list('erp', ...version)
      const { problems, versions } = await registry.publish({ changed: ['index/3/e/erp'] })
      expect(await stateOfErp(server)).toBe(`${version.at(-1)} acme`)
      return [String(versions.root), ...problems.map(({ place }) => place?.file?.replace(/bin-.*/, 'bin'))]
    }
    expect(await published()).toContain('tuf/2.root.json')
    for (const person of [PEOPLE.anna, PEOPLE.bela]) await sign(registry.dir, [person])
    expect(await published()).toEqual(expect.arrayContaining(['1', 'tuf/2.root.json', 'tuf/targets.json']))
    const unsigned = bins().map((at) => [at, readFileSync(at)] as const)
    for (const person of rest) await sign(registry.dir, [person])
    const complete = bins().map((at) => [at, readFileSync(at)] as const)
    for (const [at, bytes] of unsigned) writeFileSync(at, bytes)
    expect(new Set(await published())).toEqual(new Set(['1', 'tuf/2.root.json', 'tuf/entries-bin']))
    for (const [at, bytes] of complete) writeFileSync(at, bytes)
    expect(await published()).toEqual(['2'])
    await server.close()
  })

  test.each(['snapshot', 'timestamp', 'index'] as const)('of %s, which the bot does not have: nothing is published, and readers go on', async (role) => {
    await registry.publish()
    await rotate(registry.dir, { role, add: [newSigner('next').key], remove: [role], now: registry.now })
    await registry.signed()
    list('erp', '1.0.0', '1.1.0')
    await refusal(() => registry.publish(), 'KEY_INVALID')
    const server = await FolderServer.open(registry.out)
    expect(await stateOfErp(server)).toBe('1.0.0 acme')
    await server.close()
  })

  test('a bin of the same version with other contents is not passed over in silence', async () => {
    await registry.publish()
    const [before, after] = ['acme-two', 'acme-three'].map((publisher) => stringify(entry('erp', { publisher })))
    const old = bins().map((at) => [at, readFileSync(at)] as const)
    registry.write({ 'entries/erp.yaml': before })
    await registry.signed()
    await registry.publish()
    for (const [at, bytes] of old) writeFileSync(at, bytes)
    registry.write({ 'entries/erp.yaml': after })
    await registry.signed()
    expect((await registry.publish()).problems.map(({ code }) => code)).toContain('INDEX_REWRITTEN')
  })
})

function bins(): readonly string[] {
  return readdirSync(join(registry.dir, 'tuf')).filter((name) => name.startsWith('entries-bin')).sort().map((name) => join(registry.dir, 'tuf', name))
}

async function stateOfErp(server: FolderServer): Promise<string> {
  const cacheDir = mkdtempSync(join(tmpdir(), 'tuf-cache-'))
  const snapshot = await tufIndex({ name: 'official', url: server.url, root: registry.root, cacheDir, maxAgeMs: DAY_MS, http }).open({})
  const state = `${(await snapshot.lines('erp')).at(-1)?.version} ${(await snapshot.entry('erp'))?.publisher}`
  rmSync(cacheDir, { recursive: true })
  return state
}
