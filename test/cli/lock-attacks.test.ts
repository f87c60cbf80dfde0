import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { readLock, writeLock } from '../../schemas/lock-file.ts'
import { entryDigest, type LockBlock } from '../../schemas/lock.ts'
import { Sigstore } from '../../examples/world/sigstore/sigstore.ts'
import type { Published } from '../../examples/world/publish.ts'
import { Shop } from './shop.ts'

/* The lock is reviewed by people and written by tools; an attacker may write it too. No file proves itself (law 11). */

let shop: Shop
let sound: string
beforeAll(async () => {
  shop = await Shop.open()
  await shop.release('a', '1.0.0')
  await shop.release('b', '1.0.0')
  shop.want({ a: { version: '^1.0.0' } })
  await shop.settle()
  shop.want({ a: { version: '^1.0.0' }, b: { version: '^1.0.0' } })
  expect((await shop.json('lock')).exit).toBe(0)
  sound = shop.read('plugins.lock.yaml')
})
afterAll(() => shop.close())
beforeEach(() => shop.write('plugins.lock.yaml', sound))

/** Edits the block of b as an attacker would: with a digest that fits. */
function forge(odd: (block: LockBlock) => Partial<LockBlock>): void {
  const lock = readLock(sound, 'plugins.lock.yaml')
  const block = { ...lock.plugins['b']!, ...odd(lock.plugins['b']!) }
  shop.write('plugins.lock.yaml', writeLock({ ...lock, plugins: { ...lock.plugins, b: { ...block, entryDigest: entryDigest(block) } } }))
}

/** Whoever writes the lock may be the index's bot as well: then the line of b names the same files. */
async function listed(files: Pick<LockBlock, 'artifact' | 'bundle'>): Promise<void> {
  await shop.index.amend('b', (line) => ({ ...line, artifact: files.artifact, bundle: { ...line.bundle, ...files.bundle } }))
}

const filesOf = ({ artifact, bundle }: Published): Pick<LockBlock, 'artifact' | 'bundle'> => ({ artifact: { url: artifact.url, size: artifact.size, sha256: artifact.sha256 }, bundle: { url: bundle!.url, sha256: bundle!.sha256 } })

async function refused(code: string): Promise<void> {
  const { exit, problems } = await shop.json('apply')
  expect({ exit, codes: problems.map((p) => p.code) }).toEqual({ exit: 5, codes: [code] })
  expect(problems[0]?.hint).not.toBe('')
  expect(await shop.installed()).toEqual({ a: '1.0.0' })
}

describe('accidents', () => {
  test('one field edited by hand', async () => {
    shop.write('plugins.lock.yaml', sound.replace(/tag: v1\.0\.0/, 'tag: v1.0.1'))
    const { exit, problems } = await shop.json('plan')
    expect({ exit, codes: problems.map((p) => p.code) }).toEqual({ exit: 5, codes: ['LOCK_EDITED'] })
    expect(problems[0]?.place).toMatchObject({ file: expect.stringMatching(/plugins\.lock\.yaml$/), line: expect.any(Number) })
  })

  test('merge markers: nothing applies, and lock --merge resolves both sides', async () => {
    const theirs = sound
    const ours = sound.slice(0, sound.indexOf('\n  b:'))
    shop.write('plugins.lock.yaml', `<<<<<<< HEAD\n${ours}\n=======\n${theirs}>>>>>>> feature\n`)
    expect((await shop.json('apply')).problems).toMatchObject([{ code: 'LOCK_CONFLICT' }])
    expect((await shop.json('lock --merge')).exit).toBe(0)
    expect(shop.read('plugins.lock.yaml')).toBe(sound)
  })

  test('a newer version is refused by naming it, and never rewritten', async () => {
    const newer = sound.replace('lockVersion: 1', 'lockVersion: 2')
    shop.write('plugins.lock.yaml', newer)
    for (const command of ['plan', 'apply', 'lock', 'update']) {
      expect((await shop.json(command)).problems[0]?.code).toBe('LOCK_TOO_NEW')
    }
    expect(shop.read('plugins.lock.yaml')).toBe(newer)
  })

  test('no lock: exit 4, nothing removed', async () => {
    shop.write('plugins.lock.yaml', '')
    expect((await shop.json('apply')).exit).not.toBe(0)
    expect(await shop.installed()).toEqual({ a: '1.0.0' })
  })
})

test('the registry is down: a new block cannot be authorised, and what is installed stays', async () => {
  const off = shop.world.faults.add({ path: '/catalyst/index.git', times: Infinity }, { kind: 'drop' })
  shop.env.CATALYST_CACHE_DIR = `${shop.dir}/.empty-cache`
  const { exit, problems } = await shop.json('apply')
  expect({ exit, codes: problems.map((p) => p.code) }).toEqual({ exit: 5, codes: ['AUTHORITY_UNCHECKED'] })
  expect(await shop.installed()).toEqual({ a: '1.0.0' })
  off()
  shop.env.CATALYST_CACHE_DIR = `${shop.dir}/.cache`
})

describe('an attacker who edits identity and digests consistently', () => {
  test('another artifact from the same repository path, signed by a stranger under a look-alike', async () => {
    const evil = await shop.world.publish({ id: 'b', version: '1.0.0', repository: 'mallory/b', files: { 'evil.js': '//' } })
    const url = `https://github.com/mallory/b`
    forge(() => ({ repository: { url, id: evil.repository.id, ownerId: evil.repository.owner.id }, commit: evil.commit, ...filesOf(evil) }))
    await refused('AUTHORITY_MISMATCH')
    await listed(filesOf(evil))
    await refused('IDENTITY_MISMATCH')
    await listed(readLock(sound, 'x').plugins['b']!)
  })

  test('a true release of another trust root', async () => {
    const stranger = new Sigstore()
    const evil = await shop.world.publish({ id: 'b', version: '1.0.0', repository: 'acme/b2', signer: stranger })
    forge(() => filesOf(evil))
    await refused('SIGNATURE_INVALID')
  })

  test('an address that is nobody’s', async () => {
    forge((b) => ({ artifact: { ...b.artifact, url: 'https://evil.example/b-1.0.0.tgz' } }))
    await refused('FOREIGN_URL')
  })

  test('unsigned all of a sudden', async () => {
    forge(() => ({ signer: { kind: 'unsigned' } }))
    const { exit, problems } = await shop.json('apply')
    expect({ exit, codes: problems.map((p) => p.code) }).toEqual({ exit: 4, codes: ['LOCK_STALE'] })
    expect(await shop.installed()).toEqual({ a: '1.0.0' })
  })

  test('a source that plugins.yaml does not name', async () => {
    const lock = readLock(sound, 'x')
    const { registry: _registry, ...rest } = lock.plugins['b']!
    const block = { ...rest, source: 'github:mallory/b' }
    shop.write('plugins.lock.yaml', writeLock({ ...lock, plugins: { ...lock.plugins, b: { ...block, entryDigest: entryDigest(block) } } }))
    const { exit, problems } = await shop.json('apply')
    expect([exit, problems[0]?.code]).toEqual([4, 'LOCK_STALE'])
    expect(await shop.installed()).toEqual({ a: '1.0.0' })
  })

  test('fewer permissions than the package asks for, so that the plan looks harmless', async () => {
    await shop.index.list([await shop.world.publish({ id: 'c', version: '1.0.0', manifest: { permissions: { hooks: ['order.placed'] } } })])
    shop.want({ a: { version: '^1.0.0' }, b: { version: '^1.0.0' }, c: { permissions: { hooks: ['order.placed'] } } })
    expect((await shop.json('lock')).exit).toBe(0)
    const lock = readLock(shop.read('plugins.lock.yaml'), 'x')
    const block = { ...lock.plugins['c']!, permissions: { ...lock.plugins['c']!.permissions, hooks: [] } }
    shop.write('plugins.lock.yaml', writeLock({ ...lock, plugins: { ...lock.plugins, c: { ...block, entryDigest: entryDigest(block) } } }))
    const { exit, problems } = await shop.json('apply')
    expect({ exit, codes: problems.map((p) => p.code) }).toEqual({ exit: 5, codes: ['MANIFEST_MISMATCH'] })
    expect(await shop.installed()).not.toHaveProperty('c')
    shop.want({ a: { version: '^1.0.0' }, b: { version: '^1.0.0' } })
  })

  test('other facts about a tree that is unpacked here already', async () => {
    const evil = sound.includes('conflicts') ? { conflicts: { zzz: '*' } } : {}
    const lock = readLock(sound, 'x')
    const block = { ...lock.plugins['a']!, ...evil, tables: ['orders'] }
    const { b: _b, ...plugins } = lock.plugins
    shop.want({ a: { version: '^1.0.0' } })
    shop.write('plugins.lock.yaml', writeLock({ ...lock, plugins: { ...plugins, a: { ...block, entryDigest: entryDigest(block) } } }))
    const { exit, problems } = await shop.json('apply')
    expect({ exit, codes: problems.map((p) => p.code) }).toEqual({ exit: 5, codes: ['MANIFEST_MISMATCH'] })
    shop.want({ a: { version: '^1.0.0' }, b: { version: '^1.0.0' } })
  })
})

test('the sound lock applies', async () => {
  expect((await shop.json('apply')).exit).toBe(0)
  expect(await shop.installed()).toEqual({ a: '1.0.0', b: '1.0.0' })
})
