import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { rotate } from '../../../catalog/tuf/ceremony.ts'
import { newSigner } from '../../../catalog/tuf/key-file.ts'
import { PUBLISHED } from '../../../catalog/tuf/layout.ts'
import { bytesOfEnvelope, envelope, type Envelope, type RootSigned, type Signed, type SnapshotSigned, type TargetsSigned, type TimestampSigned } from '../../../catalog/tuf/metadata.ts'
import { mirror, type MirrorOptions, type MirrorReport } from '../../../catalog/tuf/mirror.ts'
import { sha256Hex, targetInfo } from '../../../catalog/tuf/targets.ts'
import { sha256 } from '../../../schemas/digest.ts'
import { downloads } from '../../../registry/downloads.ts'
import { createHttp } from '../../../registry/http.ts'
import { tufIndex } from '../../../registry/tuf-index.ts'
import { FolderServer } from '../../registry/folder-server.ts'
import { indexFiles, line, lines } from '../../registry/index-files.ts'
import { refusal } from '../../registry/refusal.ts'
import { PEOPLE, SignedRegistry } from './signed-registry.ts'

const DAY_MS = 86_400_000
const http = createHttp()
const owner = newSigner('mirror')

let registry: SignedRegistry
let upstream: FolderServer
let mirrored: FolderServer
let folder: string
let base: string

/** A line whose files lie beside the index. */
const listed = (version: string) => {
  const file = (text: string, path: string) => ({ url: `file:${path}`, size: text.length, sha256: sha256(text) })
  return line('erp', version, { artifact: file(`artifact ${version}`, `artifacts/erp-${version}.tgz`), bundle: file(`bundle ${version}`, `bundles/erp-${version}.json`) })
}

async function release(...versions: readonly string[]): Promise<void> {
  registry.write({ 'index/3/e/erp': lines(versions.map(listed)) })
  for (const version of versions) for (const [kind, end] of [['artifact', 'tgz'], ['bundle', 'json']]) upstream.instead.set(`/${kind}s/erp-${version}.${end}`, (response) => response.end(`${kind} ${version}`))
  await registry.publish()
}

beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), 'tuf-mirror-'))
  folder = join(base, 'mirror')
  registry = await SignedRegistry.open({ files: indexFiles({ erp: [] }) })
  upstream = await FolderServer.open(registry.out)
  mirrored = await FolderServer.open(folder)
  await registry.signed()
  await release('1.0.0')
})
afterEach(async () => {
  await Promise.all([upstream.close(), mirrored.close()])
  registry.close()
  rmSync(base, { recursive: true, force: true })
})

function make(odd: Partial<MirrorOptions> = {}): Promise<MirrorReport> {
  const cacheDir = join(base, 'cache')
  const source = { name: 'the registry', url: upstream.url, root: registry.root, cacheDir, maxAgeMs: 0, http, retries: { retries: 0 } }
  return mirror({ source, artifacts: downloads({ cacheDir, http, retries: { retries: 0 } }), folder, signer: owner, days: 60, now: registry.now, ...odd })
}

const mirrorRoot = (): string => join(base, 'mirror.root.json')
const pin = (): void => writeFileSync(mirrorRoot(), readFileSync(join(folder, PUBLISHED.metadata('root', 1))))
const client = (odd: object = {}) => tufIndex({ name: 'official', url: 'https://registry.example', mirror: mirrored.url, mirrorRoot: mirrorRoot(), root: registry.root, cacheDir: mkdtempSync(join(base, 'client-')), maxAgeMs: 7 * DAY_MS, http, retries: { retries: 0 }, ...odd })
/** One machine: its cache stays. */
const same = () => ({ cacheDir: join(base, 'same') })

describe('a mirror', () => {
  test('holds the index, artifacts and bundles by digest, and fetches only what is new', async () => {
    expect(await make()).toMatchObject({ plugins: 1, problems: [], root: 'metadata/1.root.json' })
    pin()
    expect((await (await client().open({})).lines('erp')).map(({ version }) => version)).toEqual(['1.0.0'])
    await release('1.0.0', '1.1.0')
    upstream.taken()
    expect(await make()).toMatchObject({ problems: [], bytes: 'artifact 1.1.0bundle 1.1.0'.length })
    expect(upstream.taken().map(({ path }) => path.replace(/[0-9a-f]{64}\./, '').replace(/bin-[0-9a-f]+/, 'bin'))).toEqual(['/metadata/2.root.json', '/metadata/timestamp.json', '/metadata/2.snapshot.json', '/metadata/2.index-bin.json', '/targets/index/3/e/erp', '/artifacts/erp-1.1.0.tgz', '/bundles/erp-1.1.0.json'])
    expect(await make()).toMatchObject({ written: 0, bytes: 0 })
    const found = (await (await client().open({})).lines('erp')).at(-1)
    expect(found?.version).toBe('1.1.0')
    const located = client().locate(found?.artifact.url ?? '', { kind: 'artifact', sha256: found?.artifact.sha256 ?? 'sha256:' })
    expect(await (await fetch(located)).text()).toBe('artifact 1.1.0')
  })

  test('goes on without a release that cannot be fetched or is not what was signed, and says so', async () => {
    await release('1.0.0', '1.1.0')
    upstream.instead.set('/artifacts/erp-1.1.0.tgz', (response) => response.end('artifact 6.6.6'))
    expect((await make()).problems).toMatchObject([{ code: 'DIGEST_MISMATCH', message: expect.stringContaining('erp 1.1.0') }])
    expect(readdirSync(join(folder, 'artifacts'))).toEqual([`${sha256Hex(Buffer.from('artifact 1.0.0'))}.tgz`])
  })

  test('is not made of a copy that nobody could confirm', async () => {
    await make()
    await upstream.close()
    await refusal(() => make({ now: new Date(Date.now() + 1).toISOString() }), 'INDEX_STALE')
  })

  test('without a key is the registry’s own: stores keep its root', async () => {
    await make({ signer: undefined })
    expect(await (await client({ mirrorRoot: undefined }).open({})).lines('erp')).toHaveLength(1)
    await refusal(() => make(), 'KEY_INVALID')
  })

  test('follows new keys of the registry', async () => {
    await make()
    pin()
    const dora = newSigner('dora')
    await rotate(registry.dir, { role: 'maintainers', add: [dora.key], remove: ['anna'], now: registry.now })
    await registry.signed([PEOPLE.anna, PEOPLE.bela])
    await registry.signed([PEOPLE.bela, dora])
    await registry.publish()
    await make()
    expect(await (await client(same()).open({})).entry('erp')).toBeDefined()
    expect(mirrored.taken().map(({ path }) => path)).toContain('/upstream/2.root.json')
    await client(same()).open({})
    expect(mirrored.taken().map(({ path }) => path)).not.toContain('/upstream/2.root.json')
  })

  test.each([
    ['that the registry did not sign', (root: Envelope<RootSigned>) => bytesOfEnvelope(envelope(root.signed, [owner]))],
    ['that is none', () => Buffer.from('<html>log in</html>')],
  ])('asks again for a root of the registry once it was given one %s', async (_what, forged) => {
    await make()
    pin()
    await rotate(registry.dir, { role: 'maintainers', add: [newSigner('dora').key], remove: [], now: registry.now })
    await registry.signed()
    await registry.publish()
    await make()
    const good = read<RootSigned>('upstream/2.root.json')
    mirrored.instead.set('/upstream/2.root.json', (response) => response.end(forged(good)))
    await expect(client(same()).open({})).rejects.toThrow()
    mirrored.instead.clear()
    expect(await (await client(same()).open({})).entry('erp')).toBeDefined()
  })

  test('keeps to the key that it was made with', async () => {
    await make()
    await refusal(() => make({ signer: newSigner('other') }), 'KEY_INVALID')
  })
})

describe('whoever owns a mirror, and its key', () => {
  beforeEach(async () => {
    await make()
    pin()
  })

  test('cannot forge a line or an entry', async () => {
    for (const prefix of ['index-bin', 'entries-bin']) {
      for (const name of readdirSync(join(folder, 'metadata')).filter((file) => file.startsWith(`1.${prefix}`))) {
        const { signed } = read<TargetsSigned>(`metadata/${name}`)
        const targets = Object.fromEntries(Object.keys(signed.targets).map((path) => [path, targetInfo(Buffer.from('evil'))]))
        write(`metadata/2.${name.slice(2)}`, envelope({ ...signed, version: 2, targets }, [owner]))
        seal({ [name.slice(2)]: { version: 2 } })
      }
      await refusal(async () => (await client().open({})).lines('erp'), 'INDEX_UNTRUSTED')
    }
  })

  test('cannot give the registry other keys by its own root', async () => {
    const root = read<RootSigned>('metadata/1.root.json').signed
    const targets = read<TargetsSigned>('metadata/1.targets.json').signed
    write('metadata/2.root.json', envelope({ ...root, version: 2, roles: { ...root.roles, targets: { keyids: [owner.keyid], threshold: 1 } } }, [owner]))
    write('metadata/2.targets.json', envelope({ ...targets, version: 2 }, [owner]))
    seal({ 'targets.json': { version: 2 } })
    const error = await refusal(() => client().open({}), 'INDEX_UNTRUSTED')
    expect(error.message).toContain('names other keys')
    // Nor with a root of the registry that the registry did not sign, nor with a lower threshold.
    const own = JSON.parse(readFileSync(registry.root, 'utf8')) as Envelope<RootSigned>
    mkUpstream(envelope({ ...own.signed, version: 2, keys: { ...own.signed.keys, [owner.keyid]: owner.key }, roles: { ...own.signed.roles, targets: { keyids: [owner.keyid], threshold: 1 } } }, [owner, PEOPLE.anna]))
    await refusal(() => client().open({}), 'INDEX_UNTRUSTED')
    write('metadata/2.root.json', envelope({ ...root, version: 2, roles: { ...root.roles, targets: { ...root.roles.targets, threshold: 1 } } }, [owner]))
    await refusal(() => client().open({}), 'INDEX_UNTRUSTED')
  })

  test('cannot change an artifact unnoticed: its name is its digest', async () => {
    const [name = ''] = readdirSync(join(folder, 'artifacts'))
    writeFileSync(join(folder, 'artifacts', name), 'artifact 6.6.6')
    const fetcher = downloads({ cacheDir: mkdtempSync(join(base, 'c-')), http, retries: { retries: 0 } })
    const digest = sha256('artifact 1.0.0')
    await refusal(() => fetcher.fetch({ url: client().locate('x', { kind: 'artifact', sha256: digest }), sha256: digest, maxBytes: 100 }, {}), 'DIGEST_MISMATCH')
  })

  test('can freeze: what the registry lists since is not seen until the seal ends', async () => {
    await release('1.0.0', '1.1.0')
    expect(await (await client().open({})).lines('erp')).toHaveLength(1)
    await refusal(() => client({ now: () => Date.now() + 61 * DAY_MS }).open({}), 'INDEX_STALE')
  })

  test('can hide: a file that is not there is an error, not an absence', async () => {
    rmSync(join(folder, 'targets/index'), { recursive: true })
    await refusal(async () => (await client().open({})).lines('erp'), 'NOT_FOUND')
  })
})

function read<S extends Signed>(path: string): Envelope<S> {
  return JSON.parse(readFileSync(join(folder, path), 'utf8')) as Envelope<S>
}

function write(path: string, data: Envelope<Signed>): Buffer {
  const bytes = bytesOfEnvelope(data)
  writeFileSync(join(folder, path), bytes)
  return bytes
}

function mkUpstream(data: Envelope<RootSigned>): void {
  write('upstream/2.root.json', data)
}

/** As the owner seals: a snapshot with these files, and a timestamp. */
function seal(meta: SnapshotSigned['meta']): void {
  const { signed } = read<TimestampSigned>(PUBLISHED.timestamp)
  const snapshot = read<SnapshotSigned>(PUBLISHED.metadata('snapshot', signed.meta['snapshot.json'].version)).signed
  const version = snapshot.version + 1
  const bytes = write(PUBLISHED.metadata('snapshot', version), envelope({ ...snapshot, version, meta: { ...snapshot.meta, ...meta } }, [owner]))
  write(PUBLISHED.timestamp, envelope({ ...signed, version: signed.version + 1, meta: { 'snapshot.json': { version, length: bytes.length, hashes: { sha256: sha256Hex(bytes) } } } }, [owner]))
}
