import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { rotate, sign, stage } from '../../catalog/tuf/ceremony.ts'
import { newSigner } from '../../catalog/tuf/key-file.ts'
import { PUBLISHED } from '../../catalog/tuf/layout.ts'
import { bytesOfEnvelope, envelope, expiryAfter, type Envelope, type RootSigned, type Signed, type Signer, type SnapshotSigned, type TargetsSigned, type TimestampSigned } from '../../catalog/tuf/metadata.ts'
import { sha256Hex, targetInfo } from '../../catalog/tuf/targets.ts'
import { createHttp } from '../../registry/http.ts'
import { tufIndex, type TufIndexSettings } from '../../registry/tuf-index.ts'
import { BOT, PEOPLE, SignedRegistry } from '../catalog/tuf/signed-registry.ts'
import { FolderServer } from './folder-server.ts'
import { entry, indexFiles, line, lines } from './index-files.ts'
import { refusal } from './refusal.ts'

/* The client of a signed index, and everything that an owner of the server, of the bot's keys, or of the cache may try. */

const DAY_MS = 86_400_000
const http = createHttp({ idleMs: 60_000 })
/** For servers that say nothing: those that do are given time. */
const hasty = createHttp({ idleMs: 300, minBytesPerSecond: 50_000 })

let registry: SignedRegistry
let server: FolderServer
let cacheDir: string

beforeEach(async () => {
  registry = await SignedRegistry.open({ files: indexFiles({ erp: ['1.0.0'], crm: ['1.0.0'], seo: ['1.0.0'] }) })
  await registry.signed()
  await registry.publish()
  server = await FolderServer.open(registry.out)
  cacheDir = mkdtempSync(join(tmpdir(), 'tuf-cache-'))
})
afterEach(async () => {
  await server.close()
  registry.close()
  rmSync(cacheDir, { recursive: true, force: true })
})

const client = (odd: Partial<TufIndexSettings> = {}) => tufIndex({ name: 'official', url: server.url, root: registry.root, cacheDir, maxAgeMs: 7 * DAY_MS, http, retries: { retries: 0 }, ...odd })
const elsewhere = (): Partial<TufIndexSettings> => ({ cacheDir: mkdtempSync(join(cacheDir, 'new-')) })

/** Lists one more version, as the bot does. */
async function release(version: string, id = 'erp'): Promise<void> {
  const before = readFileSync(join(registry.dir, `index/3/${id[0]}/${id}`), 'utf8')
  registry.write({ [`index/3/${id[0]}/${id}`]: before + lines([line(id, version)]) })
  await registry.publish()
}

describe('reading', () => {
  test('takes two requests and less than a kilobyte when nothing changed', async () => {
    await client().open({})
    server.taken()
    const snapshot = await client().open({})
    const asked = server.taken()
    expect(asked.map(({ path }) => path)).toEqual(['/metadata/2.root.json', '/metadata/timestamp.json'])
    expect(asked.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(1000)
    expect(snapshot.freshness).toBe('fresh')
  })

  test('fetches the files of the plugins that are asked for and no other, each thing once, and keeps them', async () => {
    const snapshot = await client().open({})
    await Promise.all(['erp', 'erp', 'crm'].flatMap((id) => [snapshot.entry(id), snapshot.lines(id)]))
    const paths = server.taken().map(({ path }) => path)
    expect(new Set(paths).size).toBe(paths.length)
    expect(paths.filter((path) => path.startsWith('/targets/')).map((path) => path.replace(/[0-9a-f]{64}\./, ''))).toEqual(expect.arrayContaining(['/targets/entries/erp.yaml', '/targets/index/3/e/erp', '/targets/entries/crm.yaml', '/targets/index/3/c/crm']))
    expect(paths.some((path) => path.includes('seo'))).toBe(false)
    const again = await client().open({})
    expect(await again.lines('erp')).toHaveLength(1)
    expect(server.taken()).toHaveLength(2)
  })

  test('of one new version takes the timestamp, the snapshot, one bin and one file', async () => {
    await (await client().open({})).lines('erp')
    await release('1.1.0')
    server.taken()
    const snapshot = await client().open({})
    expect((await snapshot.lines('erp')).map(({ version }) => version)).toEqual(['1.0.0', '1.1.0'])
    expect(server.taken().map(({ path }) => path.replace(/[0-9a-f]{64}\./, '').replace(/bin-.*/, 'bin'))).toEqual(['/metadata/2.root.json', '/metadata/timestamp.json', '/metadata/2.snapshot.json', '/metadata/2.index-bin', '/targets/index/3/e/erp'])
  })

  test('goes on with the earlier copy while the server cannot be asked and it is young enough', async () => {
    await (await client().open({})).lines('erp')
    await server.close()
    const snapshot = await client().open({})
    expect(snapshot.freshness).toBe('cached')
    expect(await snapshot.lines('erp')).toHaveLength(1)
    expect((await client({ offline: true }).open({})).freshness).toBe('cached')
    await refusal(() => snapshot.lines('seo'), 'SOURCE_UNREACHABLE')
    await refusal(() => client({ maxAgeMs: DAY_MS, now: () => Date.now() + 2 * DAY_MS }).open({}), 'INDEX_STALE')
    await refusal(() => client(elsewhere()).open({}), 'SOURCE_UNREACHABLE')
  })

  test('refuses what expired, unless the lock speaks for it', async () => {
    const late = { now: () => Date.now() + 8 * DAY_MS }
    expect((await refusal(() => client(late).open({}), 'INDEX_STALE')).exit).toBe(5)
    expect(await (await client({ ...late, age: 'any' }).open({})).lines('erp')).toHaveLength(1)
    await client().open({})
    await server.close()
    await refusal(() => client({ ...late, maxAgeMs: 30 * DAY_MS }).open({}), 'INDEX_STALE')
  })

  test('says of a head whether it came before', async () => {
    const first = await client().open({})
    await release('1.1.0')
    const second = await client().open({})
    expect(await second.descendsFrom(first.head)).toBe(true)
    expect(await first.descendsFrom(second.head)).toBe(false)
    // Of another kind, or of another registry: there is nothing to compare.
    for (const head of ['a'.repeat(40), `sha256:${'a'.repeat(64)}`, 'tuf:other:99:aaaa']) expect(await first.descendsFrom(head)).toBe(true)
  })

  test.each([
    ['http://registry.example', 'FOREIGN_URL'], ['https://user:pw@registry.example', 'INVALID_VALUE'], ['https://registry.example/?x=1', 'INVALID_VALUE'], ['ftp://registry.example', 'INVALID_VALUE'],
  ] as const)('does not go to %s', async (url, code) => void (await refusal(() => client({ url }), code)))
})

describe('whoever owns the server or the cache between', () => {
  test('cannot go back to an older state: not with our memory, nor past the lock', async () => {
    const old = mkdtempSync(join(cacheDir, 'old-'))
    cpSync(registry.out, old, { recursive: true })
    await release('1.1.0')
    const { head } = await client().open({})
    server.root = old
    await refusal(() => client().open({}), 'INDEX_REWRITTEN')
    // A machine that never asked before takes it for the present state; the head in the lock tells.
    expect(await (await client(elsewhere()).open({})).descendsFrom(head)).toBe(false)
  })

  test('cannot keep an old state up for longer than it was signed for', async () => {
    await client().open({})
    await refusal(() => client({ now: () => Date.now() + 7 * DAY_MS }).open({}), 'INDEX_STALE')
  })

  test('cannot put together parts of two states', async () => {
    const first = readFileSync(join(registry.out, 'metadata/1.snapshot.json'))
    const bin = readdirSync(join(registry.out, 'metadata'))
    await release('1.1.0')
    const changed = readdirSync(join(registry.out, 'metadata')).find((name) => name.startsWith('2.index-bin') && !bin.includes(name)) ?? ''
    server.instead.set('/metadata/2.snapshot.json', (response) => response.end(first))
    await refusal(() => client().open({}), 'INDEX_UNTRUSTED')
    server.instead.clear()
    server.instead.set(`/metadata/${changed}`, (response) => response.end(readFileSync(join(registry.out, 'metadata', changed.replace('2.', '1.')))))
    await refusal(async () => (await client(elsewhere()).open({})).lines('erp'), 'INDEX_UNTRUSTED')
  })

  test('cannot change a file, nor a bin', async () => {
    const snapshot = await client().open({})
    const [file] = readdirSync(join(registry.out, 'targets/index/3/e'))
    server.instead.set(`/targets/index/3/e/${file}`, (response) => response.end(lines([line('erp', '6.6.6')])))
    await refusal(() => snapshot.lines('erp'), 'INDEX_UNTRUSTED')
    server.instead.clear()
    const bin = JSON.parse(readFileSync(binFile('index/3/e/erp'), 'utf8')) as Envelope<TargetsSigned>
    const evil = newSigner('mallory')
    for (const signers of [[evil], []]) {
      server.instead.set(`/metadata/${binFile('index/3/e/erp').split('/').at(-1)}`, (response) => response.end(bytesOfEnvelope(envelope({ ...bin.signed, targets: {} }, signers))))
      await refusal(async () => (await client(elsewhere()).open({})).lines('erp'), 'INDEX_UNTRUSTED')
    }
  })

  test('cannot bring in a root of its own', async () => {
    const root = JSON.parse(readFileSync(registry.root, 'utf8')) as Envelope<RootSigned>
    const evil = newSigner('mallory')
    const own: RootSigned = { ...root.signed, version: 2, keys: { ...root.signed.keys, [evil.keyid]: evil.key }, roles: { ...root.signed.roles, root: { keyids: [evil.keyid], threshold: 1 }, timestamp: { keyids: [evil.keyid], threshold: 1 } } }
    const all = [evil, ...Object.values(PEOPLE)]
    const forgeries: readonly (readonly [string, RootSigned, readonly Signer[]])[] = [
      ['signed by itself alone', own, [evil]],
      ['signed by one of the old keys, of two that must', own, [evil, PEOPLE.anna]],
      ['signed by the bot', own, [evil, BOT.timestamp, BOT.snapshot]],
      ['of a version that skips one', { ...own, version: 3 }, all],
      ['of the same version', { ...own, version: 1 }, all],
      ['not signed by its own keys', { ...own, roles: { ...own.roles, root: { keyids: [evil.keyid], threshold: 1 } } }, [PEOPLE.anna, PEOPLE.bela]],
    ]
    for (const [what, signed, signers] of forgeries) {
      server.instead.set('/metadata/2.root.json', (response) => response.end(bytesOfEnvelope(envelope(signed, signers))))
      const error = await refusal(() => client().open({}), 'INDEX_UNTRUSTED')
      expect(error.message, what).toContain('official')
    }
    // Nothing of it stays in the way.
    server.instead.clear()
    expect((await client().open({})).freshness).toBe('fresh')
  })

  test('cannot pass another registry off as this one', async () => {
    const other = await SignedRegistry.open({ files: indexFiles() })
    const maintainers = [newSigner('m1'), newSigner('m2')]
    const bot = { index: newSigner('index'), snapshot: newSigner('snapshot'), timestamp: newSigner('timestamp') }
    const root = JSON.parse(readFileSync(other.root, 'utf8')) as Envelope<RootSigned>
    const roles = { root: who(maintainers), targets: who(maintainers), snapshot: who([bot.snapshot]), timestamp: who([bot.timestamp]) }
    writeFileSync(join(cacheDir, 'other.root.json'), bytesOfEnvelope(envelope({ ...root.signed, keys: Object.fromEntries([...maintainers, ...Object.values(bot)].map((k) => [k.keyid, k.key])), roles }, maintainers)))
    await refusal(() => client({ root: join(cacheDir, 'other.root.json') }).open({}), 'INDEX_UNTRUSTED')
    other.close()
  })

  test('cannot fill the memory or the disk, nor hold a store up', async () => {
    const endless = (response: import('node:http').ServerResponse): void => {
      response.on('error', () => undefined)
      const more = (): void => void (response.destroyed || (response.write('x'.repeat(65_536)) ? setImmediate(more) : response.once('drain', more)))
      more()
    }
    const timestamp = '/metadata/timestamp.json'
    for (const [path, odd, code] of [
      [timestamp, endless, 'SIZE_MISMATCH'],
      ['/metadata/2.root.json', endless, 'SIZE_MISMATCH'],
      ['/metadata/1.snapshot.json', endless, 'SIZE_MISMATCH'],
      [timestamp, (r) => void r.writeHead(200, { 'content-length': 1_000_000 }).end('x'.repeat(1_000_000)), 'SIZE_MISMATCH'],
      [timestamp, (r) => void r.writeHead(200, { 'content-length': 1000 }).write('{', () => r.destroy()), 'SOURCE_UNREACHABLE'],
      [timestamp, (r) => void r.writeHead(200, { 'content-length': 400 }).write('{'), 'SOURCE_UNREACHABLE'],
      [timestamp, () => undefined, 'SOURCE_UNREACHABLE'],
      [timestamp, (r) => void r.writeHead(500).end(), 'SOURCE_UNREACHABLE'],
      [timestamp, (r) => void r.writeHead(302, { location: 'http://localhost:9/metadata/timestamp.json' }).end(), 'FOREIGN_URL'],
      [timestamp, (r) => void r.end('<html>log in to the hotel’s network</html>'), 'INDEX_INVALID'],
      [timestamp, (r) => void r.end('{"signed":{"_type":"timestamp"},"signatures":[]}'), 'INDEX_INVALID'],
      [timestamp, (r) => void r.end('{}'), 'INDEX_INVALID'],
    ] as readonly (readonly [string, Parameters<typeof server.instead.set>[1], Parameters<typeof refusal>[1]])[]) {
      server.instead.clear()
      server.instead.set(path, odd)
      await refusal(() => client({ ...elsewhere(), http: code === 'SOURCE_UNREACHABLE' ? hasty : http }).open({}), code)
    }
  })

  test('cannot make this machine believe its cache', async () => {
    const mine = { cacheDir: mkdtempSync(join(cacheDir, 'mine-')) }
    await (await client(mine).open({})).lines('erp')
    const [folder = ''] = readdirSync(join(mine.cacheDir, 'tuf'))
    const at = join(mine.cacheDir, 'tuf', folder)
    for (const name of readdirSync(at).filter((file) => file.endsWith('.json'))) writeFileSync(join(at, name), name === 'root.json' ? bytesOfEnvelope(envelope(ownRoot(), [newSigner('x')])) : '{"signed":')
    for (const name of readdirSync(join(at, 'files'))) writeFileSync(join(at, 'files', name), lines([line('erp', '6.6.6')]))
    expect((await (await client(mine).open({})).lines('erp')).map(({ version }) => version)).toEqual(['1.0.0'])
  })
})

describe('whoever owns the bot’s keys (index, snapshot, timestamp)', () => {
  test('cannot sign entries', async () => {
    for (const signers of [[BOT.index], Object.values(BOT), [PEOPLE.anna, BOT.index]]) {
      await forge(binOf('entries/erp.yaml'), { 'entries/erp.yaml': targetInfo(Buffer.from('evil')) }, signers)
      await refusal(async () => (await client(elsewhere()).open({})).entry('erp'), 'INDEX_UNTRUSTED')
    }
  })

  test('cannot smuggle an entry, nor registry.yaml, through a bin of the index', async () => {
    const evil = stringify(entry('evil', { repositories: [{ url: 'https://github.com/mallory/evil', id: 666, ownerId: 666 }] }))
    for (const bin of allBins('index-bin')) await forge(bin, { 'entries/evil.yaml': targetInfo(Buffer.from(evil)), 'registry.yaml': targetInfo(Buffer.from(evil)) }, [BOT.index])
    writeFileSync(join(registry.out, 'targets/entries', `${sha256Hex(Buffer.from(evil))}.evil.yaml`), evil)
    const snapshot = await client().open({})
    expect(snapshot.file.name).toBe('official')
    expect(await snapshot.entry('evil')).toBeUndefined()
  })

  test('cannot point its own role at the bins of entries', async () => {
    const index = JSON.parse(readFileSync(join(registry.out, 'metadata/1.index.json'), 'utf8')) as Envelope<TargetsSigned>
    const delegations = { keys: { [BOT.index.keyid]: BOT.index.key }, succinct_roles: { keyids: [BOT.index.keyid], threshold: 1, bit_length: 2, name_prefix: 'entries-bin' } }
    await seal('index', bytesOfEnvelope(envelope({ ...index.signed, version: 2, delegations }, [BOT.index])), 2)
    const snapshot = await client().open({})
    expect(await snapshot.entry('erp')).toMatchObject({ publisher: 'acme' })
    await refusal(() => snapshot.lines('erp'), 'INDEX_UNTRUSTED')
  })

  test('cannot take an entry back to a state that a store has seen go by', async () => {
    const old = binFile('entries/erp.yaml')
    registry.write({ 'entries/erp.yaml': stringify(entry('erp', { publisher: 'acme-two' })) })
    await registry.signed()
    await registry.publish()
    expect(await (await client().open({})).entry('erp')).toMatchObject({ publisher: 'acme-two' })
    await seal(binOf('entries/erp.yaml'), readFileSync(old), 1)
    await refusal(() => client().open({}), 'INDEX_REWRITTEN')
  })

  test('can take it back for a store whose cache is empty, until maintainers replace the keys that signed it: the limit that the trust model states', async () => {
    const old = readFileSync(binFile('entries/erp.yaml'))
    registry.write({ 'entries/erp.yaml': stringify(entry('erp', { publisher: 'acme-two' })) })
    await registry.signed()
    await registry.publish()
    await seal(binOf('entries/erp.yaml'), old, 1)
    expect(await (await client(elsewhere()).open({})).entry('erp')).toMatchObject({ publisher: 'acme' })
    const dora = newSigner('dora')
    await rotate(registry.dir, { role: 'maintainers', add: [dora.key], remove: ['anna'], now: registry.now })
    await registry.signed([PEOPLE.anna, PEOPLE.bela])
    await stage(registry.dir, registry.now)
    for (const person of [PEOPLE.bela, dora]) await sign(registry.dir, [person])
    await registry.publish()
    await seal(binOf('entries/erp.yaml'), old, 1)
    await refusal(async () => (await client(elsewhere()).open({})).entry('erp'), 'INDEX_UNTRUSTED')
  })

  test('cannot show two stores two states under one version without the lock telling', async () => {
    const { head } = await client().open({})
    const snapshot = JSON.parse(readFileSync(join(registry.out, 'metadata/1.snapshot.json'), 'utf8')) as Envelope<SnapshotSigned>
    writeSealed({ ...snapshot.signed, expires: expiryAfter(registry.now, 3) }, 2)
    expect(await (await client(elsewhere()).open({})).descendsFrom(head)).toBe(false)
  })
})

describe('new keys', () => {
  test('of the root are followed from the pinned one, however many there were, and known ones are not asked for again', async () => {
    for (const name of ['dora', 'emil', 'fred']) {
      await rotate(registry.dir, { role: 'root', add: [newSigner(name).key], remove: [], now: registry.now })
      await sign(registry.dir, [PEOPLE.anna, PEOPLE.bela])
    }
    await registry.publish()
    await client().open({})
    expect(server.taken().map(({ path }) => path).filter((path) => path.includes('root'))).toEqual(['/metadata/2.root.json', '/metadata/3.root.json', '/metadata/4.root.json', '/metadata/5.root.json'])
    await client().open({})
    expect(server.taken().map(({ path }) => path)).toEqual(['/metadata/5.root.json', '/metadata/timestamp.json'])
    await server.close()
    expect((await client().open({})).freshness).toBe('cached')
  })

  test.each(['index', 'snapshot', 'timestamp'] as const)('of %s: the old key is worth nothing afterwards', async (role) => {
    await client().open({})
    const fresh = newSigner(`${role}-2`)
    await rotate(registry.dir, { role, add: [fresh.key], remove: [role], now: registry.now })
    await registry.signed()
    await refusal(() => registry.publish(), 'KEY_INVALID')
    await registry.publish({ signers: { ...BOT, [role]: fresh } })
    const snapshot = await client().open({})
    expect(await snapshot.lines('erp')).toHaveLength(1)
    expect(await snapshot.entry('erp')).toBeDefined()
  })

  test('of maintainers: entries are signed anew, and who left cannot sign any more', async () => {
    await client().open({})
    const dora = newSigner('dora')
    await rotate(registry.dir, { role: 'maintainers', add: [dora.key], remove: ['anna'], now: registry.now })
    await registry.signed([PEOPLE.anna, PEOPLE.bela])
    await refusal(() => registry.publish({ out: mkdtempSync(join(cacheDir, 'out-')) }), 'SIGNATURES_MISSING')
    await stage(registry.dir, registry.now)
    for (const person of [PEOPLE.bela, dora]) await sign(registry.dir, [person])
    await registry.publish()
    expect(await (await client().open({})).entry('erp')).toBeDefined()
    await forge(binOf('entries/erp.yaml'), {}, [PEOPLE.anna, PEOPLE.bela])
    await refusal(async () => (await client(elsewhere()).open({})).entry('erp'), 'INDEX_UNTRUSTED')
  })
})

// ---- an attacker's tools ----------------------------------------------------------------------------------------

function who(signers: readonly Signer[]) {
  return { keyids: signers.map(({ keyid }) => keyid), threshold: signers.length }
}

function ownRoot(): RootSigned {
  return (JSON.parse(readFileSync(registry.root, 'utf8')) as Envelope<RootSigned>).signed
}

function snapshotNow(): Envelope<SnapshotSigned> {
  const { signed } = JSON.parse(readFileSync(join(registry.out, PUBLISHED.timestamp), 'utf8')) as Envelope<TimestampSigned>
  return JSON.parse(readFileSync(join(registry.out, PUBLISHED.metadata('snapshot', signed.meta['snapshot.json'].version)), 'utf8')) as Envelope<SnapshotSigned>
}

function allBins(prefix: string): readonly string[] {
  return Object.keys(snapshotNow().signed.meta).filter((name) => name.startsWith(prefix)).map((name) => name.replace('.json', ''))
}

/** The bin that names a path, and its file. */
function binOf(path: string): string {
  const found = [...allBins('entries-bin'), ...allBins('index-bin')].find((bin) => path in targetsOf(bin).signed.targets)
  if (!found) throw new Error(`no bin names ${path}`)
  return found
}

function binFile(path: string): string {
  const bin = binOf(path)
  return join(registry.out, PUBLISHED.metadata(bin, snapshotNow().signed.meta[`${bin}.json`]?.version ?? 0))
}

function targetsOf(bin: string): Envelope<TargetsSigned> {
  return JSON.parse(readFileSync(join(registry.out, PUBLISHED.metadata(bin, snapshotNow().signed.meta[`${bin}.json`]?.version ?? 0)), 'utf8')) as Envelope<TargetsSigned>
}

/** Publishes a bin with these targets, signed by these, under a snapshot and a timestamp that the bot's keys sign. */
async function forge(bin: string, targets: TargetsSigned['targets'], signers: readonly Signer[]): Promise<void> {
  const { signed } = targetsOf(bin)
  await seal(bin, bytesOfEnvelope(envelope({ ...signed, version: signed.version + 1, targets: { ...signed.targets, ...targets } }, signers)), signed.version + 1)
}

async function seal(role: string, bytes: Buffer, version: number): Promise<void> {
  writeFileSync(join(registry.out, PUBLISHED.metadata(role, version)), bytes)
  const { signed } = snapshotNow()
  writeSealed({ ...signed, version: signed.version + 1, meta: { ...signed.meta, [`${role}.json`]: { version } } })
}

function writeSealed(signed: SnapshotSigned, timestampVersion?: number): void {
  const timestamp = (JSON.parse(readFileSync(join(registry.out, PUBLISHED.timestamp), 'utf8')) as Envelope<TimestampSigned>).signed
  const bytes = write(PUBLISHED.metadata('snapshot', signed.version), envelope(signed, [BOT.snapshot]))
  write(PUBLISHED.timestamp, envelope({ ...timestamp, version: timestampVersion ?? timestamp.version + 1, meta: { 'snapshot.json': { version: signed.version, length: bytes.length, hashes: { sha256: sha256Hex(bytes) } } } }, [BOT.timestamp]))
}

function write(path: string, data: Envelope<Signed>): Buffer {
  const bytes = bytesOfEnvelope(data)
  writeFileSync(join(registry.out, path), bytes)
  return bytes
}
