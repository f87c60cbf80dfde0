import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { readPackage } from '../../registry/archive/package-tree.ts'
import { readLock, writeLock } from '../../schemas/lock-file.ts'
import { entryDigest, type LockBlock } from '../../schemas/lock.ts'
import { Sigstore } from '../../examples/world/sigstore/sigstore.ts'
import type { Published } from '../../examples/world/publish.ts'
import { Shop } from './shop.ts'

/*
 * `lock --check` is for accidents: whoever edits a block can edit its digest too. `--prove` is for pull requests: what
 * `apply` would refuse after the merge, a reviewer sees before it.
 */

let shop: Shop
let sound: string
beforeAll(async () => {
  shop = await Shop.open()
  await shop.release('a', '1.0.0')
  await shop.release('b', '1.0.0', { manifest: { permissions: { hooks: ['order.placed'] }, dependencies: { a: '^1.0.0' } } })
  await shop.world.publish({ id: 'direct', version: '1.0.0' })
  shop.want({ b: { version: '^1.0.0', permissions: { hooks: ['order.placed'] } }, direct: { source: 'github:acme/direct', signer: { workflow: '.github/workflows/release.yml' }, sigstore: './root.json' } })
  expect((await shop.json('lock')).exit).toBe(0)
  sound = shop.read('plugins.lock.yaml')
})
afterAll(() => shop.close())
beforeEach(() => shop.write('plugins.lock.yaml', sound))

/** Edits a block as an attacker would: the digest fits, so that `lock --check` has nothing to say. */
async function forge(odd: (block: LockBlock) => Partial<LockBlock>, id = 'b', check = 0): Promise<void> {
  const lock = readLock(sound, 'plugins.lock.yaml')
  const block = { ...lock.plugins[id]!, ...odd(lock.plugins[id]!) }
  shop.write('plugins.lock.yaml', writeLock({ ...lock, plugins: { ...lock.plugins, [id]: { ...block, entryDigest: entryDigest(block) } } }))
  expect((await shop.json('lock --check')).exit).toBe(check)
}

async function refused(code: string, says: RegExp): Promise<void> {
  const { exit, problems, result } = await shop.json('lock --check --prove')
  expect({ exit, codes: problems.map((p) => p.code), result }).toEqual({ exit: 5, codes: [code], result: { upToDate: false, proven: false } })
  expect(problems[0]?.message).toMatch(says)
}

/** The index's bot may be on the attacker's side: then the line of b names the same files. */
async function listed(release: Pick<LockBlock, 'artifact' | 'bundle'>): Promise<void> {
  await shop.index.amend('b', (line) => ({ ...line, artifact: release.artifact, bundle: { ...line.bundle, ...release.bundle } }))
}

const files = ({ artifact, bundle }: Published): Pick<LockBlock, 'artifact' | 'bundle'> => ({ artifact: { url: artifact.url, size: artifact.size, sha256: artifact.sha256 }, bundle: { url: bundle!.url, sha256: bundle!.sha256 } })

test('a sound lock holds, every release of it, and nothing is written', async () => {
  const { exit, out } = await shop.run('lock --check --prove')
  expect([exit, out]).toEqual([0, expect.stringContaining('3 plugins, each release proven again.')])
  expect(shop.read('plugins.lock.yaml')).toBe(sound)
  expect((await shop.json('lock --prove')).result).toEqual({ upToDate: true, proven: true })
  expect((await shop.json('lock --merge --prove')).problems).toMatchObject([{ code: 'USAGE' }])
})

describe('a block that was edited with its digest', () => {
  test('fewer permissions, so that the plan looks harmless', async () => {
    await forge((b) => ({ permissions: { ...b.permissions, hooks: [] } }))
    await refused('MANIFEST_MISMATCH', /b 1\.0\.0: the lock and the release differ in permissions/)
  })

  test.each<[string, (b: LockBlock) => Partial<LockBlock>, RegExp]>([
    ['tables', () => ({ tables: ['orders'] }), /differ in tables/],
    ['another entry point', () => ({ main: 'other.js' }), /differ in main/],
    ['another tree', () => ({ tree: `sha256:${'0'.repeat(64)}` }), /differ in tree/],
    ['another release date', () => ({ publishedAt: '2027-01-01T00:00:00Z' }), /differ in publishedAt/],
    ['a type that is not its own', () => ({ type: 'shipping' }), /differ in type: the lock says "shipping", the release "generic"/],
  ])('%s', async (_what, odd, says) => {
    await forge(odd)
    await refused('MANIFEST_MISMATCH', says)
  })

  test('the address of a publisher that people trust, over the numbers of the true one', async () => {
    await forge((b) => ({ repository: { ...b.repository, url: 'https://github.com/catalyst-plugins/b' } }))
    await refused('AUTHORITY_MISMATCH', /names the repository https:\/\/github.com\/catalyst-plugins\/b/)
  })

  test('the release of somebody else', async () => {
    const evil = await shop.world.publish({ id: 'b', version: '1.0.0', repository: 'mallory/b', files: { 'evil.js': '//' } })
    await forge(() => files(evil))
    await refused('AUTHORITY_MISMATCH', /b 1\.0\.0/)
    await listed(files(evil))
    await refused('IDENTITY_MISMATCH', /b 1\.0\.0/)
    await listed(readLock(sound, 'x').plugins['b']!)
  })

  test('an artifact signed by a stranger', async () => {
    const evil = await shop.world.publish({ id: 'b', version: '1.0.0', repository: 'acme/b2', signer: new Sigstore() })
    await forge(() => files(evil))
    await listed(files(evil))
    await refused('SIGNATURE_INVALID', /b 1\.0\.0/)
    await listed(readLock(sound, 'x').plugins['b']!)
  })

  test('an address that is nobody’s', async () => {
    await forge((b) => ({ artifact: { ...b.artifact, url: 'https://evil.example/b-1.0.0.tgz' } }))
    await refused('FOREIGN_URL', /evil\.example/)
  })

  test('another workflow', async () => {
    await forge((b) => ({ signer: { ...b.signer, workflow: '.github/workflows/other.yml' } as LockBlock['signer'] }))
    await refused('MANIFEST_MISMATCH', /b 1\.0\.0: the lock and the release differ in signer/)
  })

  test('what plugins.yaml itself speaks against needs no proof: `lock --check` says so', async () => {
    await forge(() => ({ signer: { kind: 'unsigned' } }), 'b', 4)
    await forge((b) => ({ signer: { ...b.signer, workflow: '.github/workflows/other.yml' } as LockBlock['signer'] }), 'direct', 4)
  })
})

test('a package that breaks a rule: our tools would not have locked it', async () => {
  const code = "import 'node:child_process'\nexport const createPlugin = () => ({ health: async () => ({ ok: true }) })\n"
  const rude = await shop.world.publish({ id: 'b', version: '1.0.0', tag: 'b-v1.0.0', manifest: { permissions: { hooks: ['order.placed'] }, dependencies: { a: '^1.0.0' } }, files: { 'index.js': code } })
  await forge((b) => ({
    ...files(rude), tag: rude.tag, commit: rude.commit, manifest: rude.manifestDigest, tree: readPackage(rude.artifact.bytes).treeDigest,
    signer: { ...b.signer, ref: `refs/tags/${rude.tag}` } as LockBlock['signer'],
  }))
  await listed(files(rude))
  await refused('RULE_FAILED', /b 1\.0\.0: .*child_process/)
  await listed(readLock(sound, 'x').plugins['b']!)
})

test('one bad block hides no other', async () => {
  const lock = readLock(sound, 'x')
  const broken = Object.fromEntries(Object.entries(lock.plugins).map(([id, block]) => {
    const odd = { ...block, tables: ['orders'] }
    return [id, { ...odd, entryDigest: entryDigest(odd) }]
  }))
  shop.write('plugins.lock.yaml', writeLock({ ...lock, plugins: broken }))
  expect((await shop.json('lock --check --prove')).problems.map((p) => `${p.code} ${p.message.split(' ')[0]}`)).toEqual(['MANIFEST_MISMATCH a', 'MANIFEST_MISMATCH b', 'MANIFEST_MISMATCH direct'])
})

test('a registry that cannot be asked is not a proof', async () => {
  const off = shop.world.faults.add({ path: '/catalyst/index.git', times: Infinity }, { kind: 'drop' })
  const { exit, problems } = await shop.json('lock --check --prove', { env: { ...shop.env, CATALYST_CACHE_DIR: `${shop.dir}/.empty-cache` } })
  expect({ exit, codes: problems.map((p) => p.code) }).toEqual({ exit: 5, codes: ['AUTHORITY_UNCHECKED', 'AUTHORITY_UNCHECKED'] })
  off()
})
