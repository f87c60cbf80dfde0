import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { stringify } from 'yaml'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { registryFile } from '../../examples/world/index-repository.ts'
import { runProcess, type Ended } from '../builders/process.ts'
import { FolderServer } from '../registry/folder-server.ts'
import { Shop } from './shop.ts'

/*
 * The whole way of a signed index: maintainers make keys and sign, a bot publishes, stores that know an address and a root
 * lock and apply; then a mirror, with every other host out of reach. All by the command in processes of their own.
 */

const ROOT = resolve(import.meta.dirname, '../..')
const RUN = join(ROOT, 'bin/catalyst.cjs')

let shop: Shop
let base: string
let registry: string
let server: FolderServer

const at = (name: string): string => join(base, name)
const env = (odd: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({ PATH: process.env.PATH, HOME: base, NO_COLOR: '1', USER: 'tester', CATALYST_KEY_PASSPHRASE: 'a long passphrase', CATALYST_CACHE_DIR: at('cache'), XDG_STATE_HOME: at('state'), ...odd })

async function catalyst(dir: string, command: string, odd: NodeJS.ProcessEnv = {}): Promise<Ended & { readonly result: any; readonly codes: readonly string[] }> { // oxlint-disable-line typescript/no-explicit-any -- each test knows its own
  const ended = await runProcess([process.execPath, RUN, '--json', '-C', dir, ...command.split(' ')], { cwd: base, env: env(odd) })
  const document = JSON.parse(ended.out || '{}') as { result?: unknown; problems?: readonly { code: string }[] }
  return { ...ended, result: document.result, codes: (document.problems ?? []).map(({ code }) => code) }
}

async function done(dir: string, command: string, odd: NodeJS.ProcessEnv = {}): Promise<any> { // oxlint-disable-line typescript/no-explicit-any -- as above
  const { exit, out, err, result } = await catalyst(dir, command, odd)
  expect({ command, exit, ...(exit === 0 ? {} : { out, err }) }).toEqual({ command, exit: 0 })
  return result
}

/** In a process of its own, which is not waited for by blocking: the server that it asks runs in this one. */
async function git(...args: readonly string[]): Promise<void> {
  const { exit, err } = await runProcess(['git', '-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { cwd: existsSync(registry) ? registry : base, env: env() })
  expect({ exit, err: exit === 0 ? '' : err }).toEqual({ exit: 0, err: '' })
}

/** A store of its own: a folder, an address, a pinned root. */
function store(name: string, odd: object = {}, plugins: object = { erp: { version: '^1.0.0' } }): string {
  const dir = at(name)
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'sigstore.json'), JSON.stringify(shop.world.sigstore.trustedRoot))
  if (!existsSync(join(dir, 'official.root.json'))) cpSync(join(registry, 'tuf/1.root.json'), join(dir, 'official.root.json'))
  const set = { apiVersion: 'catalyst.dev/v1', kind: 'PluginSet', store: { id: 'acme-eu', catalyst: '3.2.0' }, registries: [{ name: 'official', url: server.url, root: './official.root.json', sigstore: './sigstore.json', ...odd }], policy: { minimumReleaseAge: '0s' }, plugins }
  writeFileSync(join(dir, 'plugins.yaml'), stringify(set))
  return dir
}

const publish = (): Promise<any> => done(registry, `registry publish --to ${at('public')} --key ${at('online.age')}`) // oxlint-disable-line typescript/no-explicit-any -- as above

beforeAll(async () => {
  shop = await Shop.open()
  base = mkdtempSync(join(tmpdir(), 'signed-index-'))
  registry = at('registry')
  server = await FolderServer.open(at('public'))
  await shop.index.commit({ registry: registryFile('official', [`${shop.world.url}/`]) })
  await shop.release('erp', '1.0.0')
  await git('clone', '--quiet', shop.index.url, registry)
}, 240_000)
afterAll(async () => {
  await server.close()
  await shop.close()
  rmSync(base, { recursive: true, force: true })
})

test('two maintainers make keys, found the registry and sign, one after the other; then the bot publishes what is committed', async () => {
  const [anna, bela] = [await done(base, `registry keys new anna --out ${at('anna.age')}`), await done(base, `registry keys new bela --out ${at('bela.age')}`)]
  await done(registry, `registry keys init --maintainer ${anna.key} --maintainer ${bela.key} --online ${at('online.age')} --bins 2`)
  await git('add', '.')
  await git('commit', '-qm', 'Keys')
  expect(await catalyst(registry, `registry publish --to ${at('public')} --key ${at('online.age')}`)).toMatchObject({ exit: 3, codes: ['SIGNATURES_MISSING'] })
  await done(registry, `registry keys sign --yes --key ${at('anna.age')}`)
  expect((await done(registry, 'registry keys show')).waiting.every(({ missing }: { missing: number }) => missing === 1)).toBe(true)
  await done(registry, `registry keys sign --yes --key ${at('bela.age')}`)
  expect((await done(registry, 'registry keys show')).waiting).toEqual([])
  // Signed, and nobody's word before it is committed.
  expect(await catalyst(registry, `registry publish --to ${at('public')} --key ${at('online.age')}`)).toMatchObject({ exit: 3 })
  await git('add', '.')
  await git('commit', '-qm', 'Signed')
  expect(await publish()).toMatchObject({ root: 1, snapshot: 1, timestamp: 1 })
  expect(await publish()).toMatchObject({ snapshot: 1, timestamp: 1, written: [] })
  for (const file of ['anna.age', 'online.age']) expect(readFileSync(at(file), 'utf8')).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----/)
}, 240_000)

test('a store that knows an address and a root locks and applies', async () => {
  const dir = store('shop')
  expect((await done(dir, 'lock')).changes).toMatchObject([{ id: 'erp', to: '1.0.0' }])
  expect(readFileSync(join(dir, 'plugins.lock.yaml'), 'utf8')).toMatch(/head: tuf:[0-9a-f-]{36}:1:[0-9a-f]{16}/)
  expect((await done(dir, 'apply')).generation).toBe(1)
}, 240_000)

test('a new version and a new plugin reach it: the line by the bot alone, the plugin when two people have signed its entry', async () => {
  await shop.release('erp', '1.1.0')
  await shop.release('crm', '1.0.0')
  await git('pull', '-q', '--no-rebase', '--no-edit')
  expect(await catalyst(registry, `registry publish --to ${at('public')} --key ${at('online.age')}`)).toMatchObject({ exit: 3, codes: ['SIGNATURES_MISSING'], result: { snapshot: 2 } })
  const dir = store('shop', {}, { erp: { version: '^1.0.0' }, crm: { version: '^1.0.0' } })
  expect(await catalyst(dir, 'update')).toMatchObject({ exit: 1, codes: expect.arrayContaining(['UNKNOWN_PLUGIN']) })
  for (const person of ['anna', 'bela']) await done(registry, `registry keys sign --yes --key ${at(`${person}.age`)}`)
  await git('add', '.')
  await git('commit', '-qm', 'List crm')
  await publish()
  expect((await done(dir, 'update')).changes).toMatchObject([{ id: 'crm' }, { id: 'erp', from: '1.0.0', to: '1.1.0' }])
  await done(dir, 'apply')
  // An older state of the whole repository is nothing that this lock's registry can be at.
  const seen = readFileSync(join(dir, 'plugins.lock.yaml'), 'utf8')
  expect(seen).toContain(':3:')
}, 240_000)

test('an index that has expired is stale for lock; apply and rollback go on', async () => {
  const dir = at('shop')
  const late = { NODE_OPTIONS: `--import=${join(ROOT, 'test/builders/late-clock.mjs')}`, LATE_DAYS: '8' }
  expect(await catalyst(dir, 'lock', late)).toMatchObject({ exit: 5, codes: expect.arrayContaining(['INDEX_STALE']) })
  // A machine that never saw this index, with a lock that was reviewed.
  const fresh = store('fresh', {}, { erp: { version: '^1.0.0' }, crm: { version: '^1.0.0' } })
  cpSync(join(dir, 'plugins.lock.yaml'), join(fresh, 'plugins.lock.yaml'))
  await done(fresh, 'apply', { ...late, CATALYST_CACHE_DIR: at('cache-2'), XDG_STATE_HOME: at('state-2') })
  await done(dir, 'rollback', late)
}, 240_000)

test('a mirror, sealed by its owner, serves stores that reach no other host', async () => {
  const { key } = await done(base, `registry keys new mirror --out ${at('mirror.age')}`)
  expect(key).toMatch(/^mirror:/)
  const made = await done(base, `mirror ${server.url} --to ${at('mirror')} --root ${join(registry, 'tuf/1.root.json')} --key ${at('mirror.age')}`)
  expect(made).toMatchObject({ root: 'metadata/1.root.json', plugins: 2, problems: [] })
  expect(readdirSync(join(at('mirror'), 'artifacts'))).toHaveLength(3)
  const again = await done(base, `mirror ${server.url} --to ${at('mirror')} --root ${join(registry, 'tuf/1.root.json')} --key ${at('mirror.age')}`)
  expect(again).toMatchObject({ written: 0, bytes: 0 })
  const mirrored = await FolderServer.open(at('mirror'))
  const allowed = new URL(mirrored.url).host
  const closed = { NODE_OPTIONS: `--import=${join(ROOT, 'test/builders/only-network.mjs')}`, NETWORK_ALLOWED: allowed, NETWORK_ATTEMPTS: at('attempts'), CATALYST_CACHE_DIR: at('cache-3'), XDG_STATE_HOME: at('state-3') }
  mkdirSync(at('apart'))
  cpSync(join(at('mirror'), made.root), join(at('apart'), 'mirror.root.json'))
  const dir = store('apart', { url: 'https://registry.example', mirror: mirrored.url, mirrorRoot: './mirror.root.json' }, { erp: { version: '^1.0.0' }, crm: { version: '^1.0.0' } })
  await done(dir, 'lock', closed)
  await done(dir, 'apply', closed)
  expect(new Set(readFileSync(at('attempts'), 'utf8').trim().split('\n'))).toEqual(new Set([allowed]))
  // The lock is the registry's own: nothing in it names the mirror.
  expect(readFileSync(join(dir, 'plugins.lock.yaml'), 'utf8')).not.toContain(allowed)
  // Without the mirror the same store asks the registry, and cannot.
  const direct = store('direct', {}, { erp: { version: '^1.0.0' } })
  expect(await catalyst(direct, 'lock', { ...closed, CATALYST_CACHE_DIR: at('cache-4') })).toMatchObject({ exit: 5, codes: expect.arrayContaining(['SOURCE_UNREACHABLE']) })
  // The machine may name the mirror: a copy as it is needs no root of its own.
  await done(base, `mirror ${server.url} --to ${at('copy')} --root ${join(registry, 'tuf/1.root.json')}`)
  mirrored.root = at('copy')
  expect((await done(direct, 'lock', { ...closed, CATALYST_CACHE_DIR: at('cache-5'), CATALYST_MIRROR: `official=${mirrored.url}` })).changes).toHaveLength(1)
  await mirrored.close()
}, 240_000)
