import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Fault } from '../../examples/world/faults.ts'
import { Shop } from './shop.ts'

/* What the world does to a store: nothing of it may remove or half-change anything. */

let shop: Shop
beforeAll(async () => {
  shop = await Shop.open()
  await shop.release('a', '1.0.0')
  await shop.release('b', '1.0.0')
  shop.want({ a: { version: '1.0.0' }, b: { version: '1.0.0' } })
  await shop.settle()
  await shop.release('a', '1.1.0')
  shop.want({ a: { version: '1.1.0' }, b: { version: '1.0.0' } })
})
afterAll(() => shop.close())

const OLD = { a: '1.0.0', b: '1.0.0' }

describe('a registry that cannot be asked is could-not-check, and nobody leaves', () => {
  test.each<[string, Fault, string]>([
    ['dropped connections', { kind: 'drop' }, 'SOURCE_UNREACHABLE'],
    ['500', { kind: 'status', status: 500 }, 'SOURCE_UNREACHABLE'],
    ['404', { kind: 'status', status: 404 }, 'NOT_FOUND'],
    ['no permission', { kind: 'status', status: 401 }, 'UNAUTHORIZED'],
    ['half an answer', { kind: 'truncate' }, 'SOURCE_UNREACHABLE'],
  ])('%s', async (_what, fault, code) => {
    const off = shop.world.faults.add({ path: '/catalyst/index.git', times: Infinity }, fault)
    const before = shop.read('plugins.lock.yaml')
    shop.env.CATALYST_CACHE_DIR = join(shop.dir, `.cache-${code}-${Math.abs(hash(_what))}`)
    const { exit, problems } = await shop.json('lock')
    off()
    shop.env.CATALYST_CACHE_DIR = join(shop.dir, '.cache')
    expect(exit).toBe(5)
    expect(problems.map((p) => p.code)).toContain(code)
    // The pin in plugins.yaml moved on, so the lock is what it was but for nothing: no plugin left it.
    expect(Object.keys(blocksOf(shop.read('plugins.lock.yaml')))).toEqual(Object.keys(blocksOf(before)))
    expect(await shop.installed()).toEqual(OLD)
  })
})

describe('downloads', () => {
  // Releases redirect to the host of the bytes, where the assets are numbered.
  const artifact = '/release-assets/'
  let before: string
  beforeEach(() => {
    before = shop.read('plugins.lock.yaml')
    rmSync(join(shop.dir, '.cache'), { recursive: true, force: true })
  })
  afterEach(() => shop.write('plugins.lock.yaml', before))

  test.each<[string, Fault, string, string]>([
    ['truncated for good', { kind: 'truncate' }, 'SOURCE_UNREACHABLE', 'ReleaseUnchecked'],
    ['shortened', { kind: 'shorten' }, 'SIZE_MISMATCH', 'ReleaseUnchecked'],
    ['altered', { kind: 'alter' }, 'DIGEST_MISMATCH', 'ReleaseRefused'],
    ['dropped', { kind: 'drop' }, 'SOURCE_UNREACHABLE', 'ReleaseUnchecked'],
    ['forbidden for now', { kind: 'secondary-rate-limit', retryAfterS: 3600, status: 429 }, 'RATE_LIMITED', 'ReleaseUnchecked'],
    ['sent to a file of this machine', { kind: 'redirect', to: 'file:///etc/passwd' }, 'FOREIGN_URL', 'ReleaseRefused'],
  ])('%s', async (_what, fault, code, notice) => {
    const off = shop.world.faults.add({ path: artifact, times: Infinity }, fault)
    const { exit, problems } = await shop.json('lock')
    off()
    expect(exit).toBe(5)
    expect(problems.map((p) => p.code)).toContain(code)
    expect(await shop.installed()).toEqual(OLD)
    // One bad release holds nobody up: the lock records it, and plan and apply go on with all others.
    expect((await shop.json('apply')).exit).toBe(0)
    expect((await shop.json('plan')).result.notices).toMatchObject([{ id: 'a', code: notice }])
    expect(await shop.installed()).toEqual(OLD)
  })

  test('a fault that passes is not even noticed', async () => {
    shop.world.faults.add({ path: artifact, times: 1 }, { kind: 'drop' })
    expect((await shop.json('lock')).exit).toBe(0)
  })
})

describe('what is wanted cannot be known, and nobody leaves', () => {
  const away = (file: string) => (): void => rmSync(join(shop.dir, file), { recursive: true, force: true })
  const text = (file: string, wrong: string) => (): void => shop.write(file, wrong)
  const folder = (file: string) => (): void => (away(file)(), void mkdirSync(join(shop.dir, file)))
  test.each<[string, string, () => void, number]>([
    ['plugins.yaml is gone', 'plugins.yaml', away('plugins.yaml'), 1],
    ['it is a folder', 'plugins.yaml', folder('plugins.yaml'), 1],
    ['it is empty', 'plugins.yaml', text('plugins.yaml', ''), 1],
    ['it is not YAML', 'plugins.yaml', text('plugins.yaml', 'plugins: ['), 1],
    ['it is another document', 'plugins.yaml', text('plugins.yaml', 'plugins: {}\n'), 1],
    ['the lock is gone', 'plugins.lock.yaml', away('plugins.lock.yaml'), 4],
    ['the lock is empty', 'plugins.lock.yaml', text('plugins.lock.yaml', ''), 1],
    ['the lock is cut off', 'plugins.lock.yaml', () => shop.write('plugins.lock.yaml', shop.read('plugins.lock.yaml').slice(0, -200)), 1],
  ])('%s', async (_what, file, spoil, code) => {
    const before = shop.read(file)
    spoil()
    try {
      for (const command of ['plan', 'apply', 'apply --check']) {
        const { exit, result } = await shop.json(command)
        expect([command, exit, result?.changes ?? []]).toEqual([command, code, []])
      }
    } finally {
      away(file)()
      shop.write(file, before)
    }
    expect(await shop.installed()).toEqual(OLD)
  })
})

describe('this machine', () => {
  test('the registry and GitHub are gone: what is locked and cached applies, rollback works', async () => {
    expect((await shop.json('lock')).exit).toBe(0)
    const off = shop.world.faults.add({ path: '/', times: Infinity }, { kind: 'drop' })
    const { exit, problems } = await shop.json('apply')
    // The block of a 1.1.0 is new: the mirror of the index from a minute ago speaks for it.
    expect({ exit, problems }).toEqual({ exit: 0, problems: [] })
    expect(await shop.installed()).toEqual({ a: '1.1.0', b: '1.0.0' })
    expect((await shop.json('rollback')).exit).toBe(0)
    expect(await shop.installed()).toEqual(OLD)
    expect((await shop.json('rollback a --lift')).exit).toBe(0)
    off()
  })

  test('two applies at once: one works, the other says BUSY, nothing is done twice', async () => {
    const [one, two] = await Promise.all([shop.json('apply'), shop.json('apply')])
    const exits = [one!.exit, two!.exit].sort()
    expect([[0, 0], [0, 7]]).toContainEqual(exits)
    if (exits[1] === 7) expect([...one!.problems, ...two!.problems].map((p) => p.code)).toContain('BUSY')
    expect(await shop.installed()).toEqual({ a: '1.1.0', b: '1.0.0' })
  })

  test('a clock that is a day slow: signatures from the future are refused, nothing changes', async () => {
    await shop.world.publish({ id: 'c', version: '1.0.0', at: new Date('2026-05-01T00:00:00Z') }).then((r) => shop.index.list([r]))
    shop.want({ a: { version: '1.1.0' }, b: { version: '1.0.0' }, c: {} })
    shop.now = '2026-04-30T00:00:00.000Z'
    const { problems, exit } = await shop.json('lock')
    shop.now = undefined
    expect(exit).not.toBe(0)
    expect(problems[0]?.hint).toBeTruthy()
    expect(await shop.installed()).toEqual({ a: '1.1.0', b: '1.0.0' })
  })

  test('a clock that is a day fast changes no verdict', async () => {
    shop.now = new Date(Date.now() + 86_400_000).toISOString()
    expect((await shop.json('lock')).exit).toBe(0)
    shop.now = undefined
  })
})

describe('disks', () => {
  beforeEach(async () => {
    shop.want({ a: { version: '1.0.0' }, b: { version: '1.0.0' } })
    expect((await shop.json('lock')).exit).toBe(0)
  })

  test('a full disk: DISK_FULL, the old state stays live', async () => {
    const small = join(shop.dir, 'small')
    mkdirSync(small)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', small])
    } catch {
      return expect(process.getuid?.()).not.toBe(0) // only root can mount; elsewhere registry tests cover it with a port
    }
    const fresh = await Shop.open()
    await fresh.release('big', '1.0.0', { files: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}.txt`, 'x'.repeat(3000)])) })
    symlinkSync(small, join(fresh.dir, '.catalyst'))
    fresh.want({ big: {} })
    expect((await fresh.json('lock')).exit).toBe(0)
    const { problems, exit } = await fresh.json('apply')
    expect({ exit, codes: problems.map((p) => p.code) }).toEqual({ exit: 1, codes: ['DISK_FULL'] })
    expect(await fresh.installed()).toEqual({})
    execFileSync('umount', [small])
    await fresh.close()
  })

  test('a file where the folder should be: an error with a hint, nothing changed', async () => {
    const fresh = await Shop.open()
    await fresh.release('x', '1.0.0')
    fresh.want({ x: {} })
    expect((await fresh.json('lock')).exit).toBe(0)
    fresh.write('.catalyst', 'in the way')
    const { exit, problems } = await fresh.json('apply')
    expect(exit).toBe(1)
    expect(problems).toMatchObject([{ code: 'FILE_UNREADABLE', hint: expect.any(String) }])
    rmSync(join(fresh.dir, '.catalyst'))
    await fresh.close()
  })
})

function blocksOf(lock: string): Record<string, true> {
  return Object.fromEntries([...lock.matchAll(/^ {2}([a-z][a-z0-9-]*):$/gm)].map((m) => [m[1] ?? '', true as const]))
}

function hash(text: string): number {
  return [...text].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) | 0, 7)
}

