import { existsSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { IndexRepository, registryFile } from '../../examples/world/index-repository.ts'
import type { Published } from '../../examples/world/publish.ts'
import { Sigstore } from '../../examples/world/sigstore/sigstore.ts'
import { readPackage } from '../../registry/archive/package-tree.ts'
import { readLock, writeLock } from '../../schemas/lock-file.ts'
import { entryDigest, type Lock, type LockBlock, type WaitingBlock } from '../../schemas/lock.ts'
import type { PluginEntry } from '../../schemas/plugin-set.ts'
import { Shop } from './shop.ts'

/*
 * Somebody edits the lock alone, digests and all, and every release in it is truly signed by its publisher. What the
 * tools would not have written must not be applied: which registry, which release, in which range, for how much.
 */

let shop: Shop
beforeEach(async () => {
  shop = await Shop.open()
  await shop.release('a', '1.0.0')
})
afterEach(() => shop.close())

const lockNow = (): Lock => readLock(shop.read('plugins.lock.yaml'), 'plugins.lock.yaml')

function forge(odd: (lock: Lock) => Partial<Lock>): void {
  const lock = lockNow()
  shop.write('plugins.lock.yaml', writeLock({ ...lock, ...odd(lock) }))
}

function forgeBlock(id: string, odd: (block: LockBlock) => Partial<LockBlock>): void {
  forge(({ plugins }) => {
    const block = { ...plugins[id]!, ...odd(plugins[id]!) }
    return { plugins: { ...plugins, [id]: { ...block, entryDigest: entryDigest(block) } } }
  })
}

/** The fields of a block that tell which release it is. */
function releaseOf(published: Published, before: LockBlock): Partial<LockBlock> {
  const { version, tag, commit, artifact, bundle, manifestDigest, repository } = published
  return {
    version, tag, commit, manifest: manifestDigest, tree: readPackage(artifact.bytes).treeDigest,
    repository: { url: `https://github.com/${repository.owner.login}/${repository.name}`, id: repository.id, ownerId: repository.owner.id },
    artifact: { url: artifact.url, size: artifact.size, sha256: artifact.sha256 }, bundle: { url: bundle!.url, sha256: bundle!.sha256 },
    signer: { ...before.signer, ref: `refs/tags/${tag}` } as LockBlock['signer'],
  }
}

async function locked(plugins: Record<string, PluginEntry>, odd = {}): Promise<void> {
  shop.want(plugins, odd)
  const { exit, problems } = await shop.json('lock')
  expect({ exit, problems }).toMatchObject({ exit: 0 })
}

async function refused(code: string): Promise<void> {
  const { exit, problems } = await shop.json('apply')
  expect(problems.map((p) => p.code)).toEqual([code])
  expect(exit).not.toBe(0)
  // What apply refuses after the merge, a pull request shows before it.
  expect((await shop.json('lock --check --prove')).exit).not.toBe(0)
}

describe('another registry of plugins.yaml', () => {
  /** A registry that the store trusts for some plugins, and that lists more. */
  async function second(...releases: Published[]) {
    const shadow = new IndexRepository(shop.world.github.createRepository('mallory/index'), shop.world.url)
    await shadow.commit({ registry: registryFile('second', [shop.world.url]), message: 'Begin' })
    await shadow.list(releases)
    return { registries: [{ name: 'official', url: `git+${shop.index.url}`, sigstore: './root.json' }, { name: 'second', url: `git+${shadow.url}`, sigstore: './root.json' }] }
  }

  test('an id that an earlier registry lists cannot be had from a later one by saying so in the lock', async () => {
    const evil = await shop.world.publish({ id: 'a', version: '1.0.0', repository: 'mallory/a' })
    await locked({ a: {} }, await second(evil))
    forgeBlock('a', (b) => ({ ...releaseOf(evil, b), registry: 'second' }))
    await refused('REGISTRY_SHADOWED')
    expect(await shop.installed()).toEqual({})
  })

  test('nor can a dependency, which belongs to the registry of its dependent', async () => {
    await shop.release('app', '1.0.0', { manifest: { dependencies: { a: '^1.0.0' } } })
    const evil = await shop.world.publish({ id: 'a', version: '1.0.0', repository: 'mallory/a' })
    const other = await shop.world.publish({ id: 'other', version: '1.0.0', repository: 'mallory/other' })
    await locked({ app: {}, other: {} }, await second(evil, other))
    forgeBlock('a', (b) => ({ ...releaseOf(evil, b), registry: 'second' }))
    await refused('AUTHORITY_MISMATCH')
    expect(await shop.installed()).toEqual({ other: '1.0.0' })
  })

  test('nor one that plugins of both need', async () => {
    const needs = { manifest: { dependencies: { a: '^1.0.0' } } }
    await shop.release('app', '1.0.0', needs)
    const evil = await shop.world.publish({ id: 'a', version: '1.0.0', repository: 'mallory/a' })
    const aaa = await shop.world.publish({ id: 'aaa', version: '1.0.0', repository: 'mallory/aaa', ...needs })
    await locked({ aaa: {}, app: {} }, await second(evil, aaa))
    // Whoever asks first: the order of plugins.yaml decides.
    expect(lockNow().plugins['a']).toMatchObject({ registry: 'official' })
    forgeBlock('a', (b) => ({ ...releaseOf(evil, b), registry: 'second' }))
    await refused('REGISTRY_SHADOWED')
    expect(await shop.installed()).toEqual({})
  })

  test('nor one that a plugin of the later one asks for before', async () => {
    await shop.release('mid', '1.0.0', { manifest: { dependencies: { a: '^1.0.0' } } })
    await shop.release('app', '1.0.0', { manifest: { dependencies: { mid: '^1.0.0' } } })
    const evil = await shop.world.publish({ id: 'a', version: '1.0.0', repository: 'mallory/a' })
    const aaa = await shop.world.publish({ id: 'aaa', version: '1.0.0', repository: 'mallory/aaa', manifest: { dependencies: { a: '^1.0.0' } } })
    await locked({ aaa: {}, app: {} }, await second(evil, aaa))
    expect(lockNow().plugins['a']).toMatchObject({ registry: 'official' })
    expect((await shop.json('lock --check --prove')).exit).toBe(0)
    expect((await shop.json('apply')).exit).toBe(0)
  })

  test('a dependency of a plugin of the later registry is its own, also where the earlier one lists the id', async () => {
    const app = await shop.world.publish({ id: 'app', version: '1.0.0', repository: 'mallory/app', manifest: { dependencies: { a: '^1.0.0' } } })
    const own = await shop.world.publish({ id: 'a', version: '1.5.0', repository: 'mallory/a' })
    await locked({ app: {} }, await second(app, own))
    expect(lockNow().plugins['a']).toMatchObject({ version: '1.5.0', registry: 'second' })
    expect((await shop.json('lock --check --prove')).exit).toBe(0)
    expect((await shop.json('apply')).exit).toBe(0)
    expect(await shop.installed()).toEqual({ a: '1.5.0', app: '1.0.0' })
  })

  test('a plugin that stayed with its registry when an earlier one listed it goes on there', async () => {
    const odd = await second(await shop.world.publish({ id: 'b', version: '1.0.0', repository: 'mallory/b' }))
    shop.want({ b: {} }, odd)
    await shop.settle()
    await shop.release('b', '9.0.0', { repository: 'acme/b' })
    const { exit } = await shop.json('lock')
    expect(exit).toBe(3)
    expect((await shop.json('apply')).exit).toBe(0)
    expect(await shop.installed()).toEqual({ b: '1.0.0' })
  })
})

describe('another release of the same publisher', () => {
  test('one that the registry never listed', async () => {
    const unlisted = await shop.world.publish({ id: 'a', version: '1.1.0' })
    await locked({ a: {} })
    forgeBlock('a', (b) => releaseOf(unlisted, b))
    await refused('AUTHORITY_MISMATCH')
    expect(await shop.installed()).toEqual({})
  })

  test('one that the registry calls malicious', async () => {
    const bad = await shop.release('a', '1.1.0')
    await locked({ a: { version: '1.0.0' } })
    await shop.index.amend('a', (line) => (line.version === '1.1.0' ? { ...line, advisories: [{ level: 'malicious', title: 'steals cards' }] } : line))
    shop.want({ a: { version: '^1.0.0' } })
    expect((await shop.json('lock')).exit).toBe(0)
    forgeBlock('a', (b) => releaseOf(bad, b))
    await refused('AUTHORITY_MISMATCH')
    expect(await shop.installed()).toEqual({})
  })

  test('other bytes under the same version', async () => {
    await locked({ a: {} })
    const again = await shop.world.publish({ id: 'a', version: '1.0.0', tag: 'a-v1.0.0', files: { 'more.js': '//' } })
    forgeBlock('a', (b) => releaseOf(again, b))
    await refused('AUTHORITY_MISMATCH')
  })

  test('of a direct source: one whose tag is not that of a release', async () => {
    await shop.world.publish({ id: 'd', version: '1.0.0' })
    const nightly = await shop.world.publish({ id: 'd', version: '1.1.0', tag: 'nightly' })
    await locked({ d: { source: 'github:acme/d', signer: { workflow: '.github/workflows/release.yml' }, sigstore: './root.json' } })
    forgeBlock('d', (b) => releaseOf(nightly, b))
    await refused('AUTHORITY_MISMATCH')
    expect(await shop.installed()).toEqual({})
  })

  test('of a direct source: from an address that is not its repository’s', async () => {
    await shop.world.publish({ id: 'd', version: '1.0.0' })
    await locked({ d: { source: 'github:acme/d', signer: { workflow: '.github/workflows/release.yml' }, sigstore: './root.json' } })
    const sound = shop.read('plugins.lock.yaml')
    for (const url of ['http://169.254.169.254/latest/meta-data', 'https://evil.example/d-1.0.0.tgz', `${shop.world.url}/acme/d/../../mallory/d/releases/download/v1.0.0/d-1.0.0.tgz`, 'file:///etc/passwd']) {
      shop.write('plugins.lock.yaml', sound)
      forgeBlock('d', (b) => ({ artifact: { ...b.artifact, url } }))
      await refused('FOREIGN_URL')
      shop.write('plugins.lock.yaml', sound)
      forgeBlock('d', (b) => ({ bundle: { ...b.bundle!, url } }))
      await refused('FOREIGN_URL')
    }
    shop.write('plugins.lock.yaml', sound)
    expect((await shop.json('apply')).exit).toBe(0)
  })
})

test('the proof of one release and the tree of another that is here already', async () => {
  // Both call themselves a 1.0.0: the direct one was allowed by hand, once.
  const old = await shop.world.publish({ id: 'a', version: '1.0.0', repository: 'acme/old', signed: 'no', files: { 'index.js': 'export const createPlugin = () => ({ health: async () => ({ ok: true }) }) // never proven\n' } })
  shop.want({ a: { source: 'github:acme/old', verify: { unsigned: true, sha256: old.artifact.sha256 } } })
  await shop.settle()
  shop.want({}, { approvals: [{ removals: ['a'] }] })
  await shop.settle()
  await locked({ a: {} })
  forgeBlock('a', () => ({ tree: readPackage(old.artifact.bytes).treeDigest }))
  // Another origin, and signed by now: that is consented to; the mixture is not.
  shop.want({ a: {} }, { approvals: [{ plugin: 'a', to: lockNow().plugins['a']!.entryDigest as `sha256:${string}`, accept: ['registry', 'evidence'] }] })
  await refused('TREE_MISMATCH')
  expect(await shop.installed()).toEqual({})
})

test('an unsigned release that was allowed once is not allowed again by the lock alone', async () => {
  const old = await shop.world.publish({ id: 'd', version: '1.0.0', signed: 'no' })
  shop.want({ d: { source: 'github:acme/d', verify: { unsigned: true, sha256: old.artifact.sha256 } }, a: {} })
  await shop.settle()
  const block = lockNow().plugins['d']!
  shop.want({ a: {} })
  await shop.settle()
  await shop.world.publish({ id: 'd', version: '1.1.0' })
  shop.want({ a: {}, d: { source: 'github:acme/d', signer: { workflow: '.github/workflows/release.yml' }, sigstore: './root.json' } })
  await shop.json('lock')
  expect(lockNow().plugins['d']).toMatchObject({ version: '1.1.0' })
  forge(({ plugins }) => ({ plugins: { ...plugins, d: block } }))
  await refused('LOCK_STALE')
  expect(await shop.installed()).toEqual({ a: '1.0.0' })
})

describe('what waits', () => {
  const waiting = (odd: Partial<WaitingBlock> = {}): WaitingBlock => ({ requested: '^1.5.0', code: 'DECISION_REQUIRED', version: '1.6.0', write: 'nothing', ...odd })

  test('a block that waits is not taken out of the range, nor in spite of `reject:`', async () => {
    const old = await shop.release('b', '1.1.0')
    await shop.release('b', '1.5.0')
    shop.want({ b: { version: '^1.5.0', reject: ['1.1.0'] } })
    await shop.settle()
    forgeBlock('b', (b) => releaseOf(old, b))
    forge(() => ({ waiting: { b: waiting() } }))
    await shop.json('apply')
    expect(await shop.installed()).toEqual({ b: '1.5.0' })
  })

  test('nor for more than was granted', async () => {
    await shop.index.list([await shop.world.publish({ id: 'b', version: '1.5.0' })])
    shop.want({ b: { version: '^1.5.0', permissions: {} } })
    await shop.settle()
    const greedy = await shop.world.publish({ id: 'b', version: '1.6.0', manifest: { permissions: { admin: true } } })
    await shop.index.list([greedy], { entry: { permissions: { admin: true } } })
    forgeBlock('b', (b) => ({ ...releaseOf(greedy, b), permissions: { ...b.permissions, admin: true } }))
    forge(() => ({ waiting: { b: waiting() } }))
    await shop.json('apply')
    expect(await shop.installed()).toEqual({ b: '1.5.0' })
  })

  test('a plugin that left plugins.yaml cannot be kept by saying that it waits', async () => {
    await shop.release('b', '1.5.0')
    shop.want({ a: {}, b: {} })
    await shop.settle()
    await locked({ a: {} })
    forge(() => ({ waiting: { b: waiting({ code: 'RELEASE_REFUSED', requested: '*' }) } }))
    expect((await shop.json('plan')).result.changes).toMatchObject([{ id: 'b', action: 'remove' }])
    forge(() => ({ waiting: { a: waiting({ requested: '*' }), b: waiting({ requested: '*' }) } }))
    expect((await shop.json('plan')).result.changes).toMatchObject([{ id: 'b', action: 'remove' }])
  })
})

test('a plugin that asks for something is not taken while plugins.yaml says nothing of it', async () => {
  const asks = await shop.world.publish({ id: 'b', version: '1.0.0', manifest: { permissions: { hooks: ['order.placed'] } } })
  await shop.index.list([asks])
  shop.want({ b: { permissions: { hooks: ['order.placed'] } } })
  expect((await shop.json('lock')).exit).toBe(0)
  shop.want({ b: {} })
  await refused('LOCK_STALE')
  expect(existsSync(`${shop.dir}/.catalyst`)).toBe(false)
})

describe('plugins.yaml says otherwise who must have signed: what was proven before is proven again', () => {
  const release = '.github/workflows/release.yml'
  const nightly = '.github/workflows/nightly.yml'
  const direct = (workflow: string): PluginEntry => ({ source: 'github:acme/d', signer: { workflow }, sigstore: './root.json' })

  test('another workflow: the plugin stays as it is, says so, and holds nobody up', async () => {
    await shop.world.publish({ id: 'd', version: '1.0.0' })
    shop.want({ a: { version: '1.0.0' }, d: direct(release) })
    await shop.settle()
    await shop.release('a', '1.1.0')
    shop.want({ a: { version: '1.1.0' }, d: direct(nightly) })
    expect(await shop.json('plan')).toMatchObject({ exit: 4 })
    expect(await shop.json('lock')).toMatchObject({ exit: 5, problems: [{ code: 'IDENTITY_MISMATCH' }] })
    expect((await shop.json('apply')).exit).toBe(0)
    expect(await shop.installed()).toEqual({ a: '1.1.0', d: '1.0.0' })
    expect((await shop.json('plan')).result.notices).toMatchObject([{ id: 'd', code: 'ReleaseRefused' }])
    await shop.world.publish({ id: 'd', version: '1.1.0', run: { workflow: nightly } })
    expect((await shop.json('update')).result.changes).toMatchObject([{ id: 'd', to: '1.1.0' }])
  })

  test('an unsigned release that is signed by now', async () => {
    const old = await shop.world.publish({ id: 'd', version: '1.0.0', signed: 'no' })
    shop.want({ d: { source: 'github:acme/d', verify: { unsigned: true, sha256: old.artifact.sha256 } } })
    await shop.settle()
    shop.want({ d: direct(release) })
    expect(await shop.json('plan')).toMatchObject({ exit: 4, problems: [{ message: expect.stringContaining('unsigned') }] })
    expect(await shop.json('lock')).toMatchObject({ exit: 5, problems: [{ code: 'BUNDLE_MISSING' }] })
    expect(await shop.installed()).toEqual({ d: '1.0.0' })
  })

  test('another trust profile of a registry', async () => {
    shop.want({ a: {} })
    await shop.settle()
    shop.write('other.json', JSON.stringify(new Sigstore().trustedRoot))
    shop.want({ a: {} }, { registries: [{ name: 'official', url: `git+${shop.index.url}`, sigstore: './other.json' }] })
    expect(await shop.json('plan')).toMatchObject({ exit: 4 })
    expect(await shop.json('lock')).toMatchObject({ exit: 5, problems: [{ code: 'SIGNATURE_INVALID' }] })
    expect((await shop.json('apply')).exit).toBe(0)
    expect(await shop.installed()).toEqual({ a: '1.0.0' })
  })
})

test('taking a plugin out and in again is no way around the consent to another publisher', async () => {
  shop.want({ a: {} })
  await shop.settle()
  shop.want({}, { approvals: [{ removals: ['a'] }] })
  await shop.settle()
  await shop.world.publish({ id: 'a', version: '1.0.0', repository: 'mallory/a' })
  await locked({ a: { source: 'github:mallory/a', signer: { workflow: '.github/workflows/release.yml' }, sigstore: './root.json' } })
  const { exit, result } = await shop.json('apply')
  expect({ exit, blocked: result.blocked }).toMatchObject({ exit: 3, blocked: [{ id: 'a', code: 'APPROVAL_MISSING', hint: expect.stringContaining('accept: [registry, signer]') }] })
  expect(await shop.installed()).toEqual({})
})

test('a registry that goes back behind what the store has seen speaks for nothing new', async () => {
  shop.want({ a: { version: '1.0.0' } })
  await shop.settle()
  await shop.release('b', '1.0.0')
  await locked({ a: { version: '1.0.0' }, b: {} })
  forge(({ plugins }) => ({ plugins: Object.fromEntries(Object.entries(plugins).map(([id, { snapshot: _, ...block }]) => [id, block])) }))
  await shop.index.rewriteHistory()
  const { exit, problems } = await shop.json('apply')
  expect({ exit, codes: problems.map((p) => p.code) }).toEqual({ exit: 5, codes: ['AUTHORITY_UNCHECKED'] })
  expect(problems[0]?.message).toContain('does not descend')
})
