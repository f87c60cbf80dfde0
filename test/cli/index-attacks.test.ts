import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { IndexRepository, lineOf, registryFile } from '../../examples/world/index-repository.ts'
import { Shop } from './shop.ts'

/* Whoever can write an index (its bot, its host) can do no more than its reviewed entries allow. */

let shop: Shop
beforeAll(async () => {
  shop = await Shop.open()
  await shop.release('a', '1.0.0')
  shop.want({ a: { version: '^1.0.0' } })
  await shop.settle()
})
afterAll(() => shop.close())

describe('a line that is wider than its entry is no candidate, and says so', () => {
  test.each([
    ['another repository', { repository: { url: 'https://github.com/mallory/a', id: 666, ownerId: 667 } }],
    ['the numeric id of another repository', { repository: { url: 'https://github.com/acme/a', id: 666, ownerId: 667 } }],
    ['more permissions', { permissions: { database: {}, api: ['evil.example:443'], filesystem: {}, hooks: [], admin: true } }],
    ['a download from elsewhere', { artifact: { url: 'https://evil.example/a.tgz', size: 10, sha256: `sha256:${'0'.repeat(64)}` as const } }],
  ])('%s', async (_what, line) => {
    const version = `1.9.${_what.length}`
    const published = await shop.world.publish({ id: 'a', version })
    await shop.index.list([published], { line })
    const { exit, problems, result } = await shop.json('update')
    expect(exit).toBe(5)
    expect(['INDEX_LINE_WIDER', 'FOREIGN_URL']).toContain(problems[0]?.code)
    expect(problems[0]?.message).toContain(version)
    expect(result.changes).toEqual([])
    await shop.index.amend('a', (l) => (l.version === version ? { ...lineOf(published), yanked: { reason: 'test' } } : l))
  })
})

test('a line of another format version is skipped, not refused', async () => {
  const published = await shop.world.publish({ id: 'a', version: '1.5.0' })
  await shop.index.list([published], { line: { v: 2 } as never })
  expect(await shop.json('lock')).toMatchObject({ exit: 0, result: { changes: [] } })
})

test('a broken line is INDEX_INVALID with its place; what is locked stays', async () => {
  await shop.index.commit({ files: { 'index/1/a': '{"v":1,\n' }, message: 'oops' })
  const { exit, problems } = await shop.json('lock')
  expect({ exit, code: problems[0]?.code }).toEqual({ exit: 5, code: 'INDEX_INVALID' })
  expect(await shop.installed()).toEqual({ a: '1.0.0' })
})

test('a rewritten history is refused as long as the lock remembers it', async () => {
  await shop.index.rewriteHistory()
  const { exit, problems } = await shop.json('lock')
  expect({ exit, codes: problems.map((p) => p.code) }).toEqual({ exit: 5, codes: ['INDEX_REWRITTEN'] })
  expect(shop.read('plugins.lock.yaml')).toContain('version: 1.0.0')
  expect((await shop.json('apply')).exit).toBe(0)
  expect(await shop.installed()).toEqual({ a: '1.0.0' })
})

describe('a registry that shadows another one’s id', () => {
  test('listed first, it does not take over by itself; a person pins', async () => {
    const fresh = await Shop.open()
    await fresh.release('pay', '1.0.0')
    const two = [{ name: 'official', url: `git+${fresh.index.url}`, sigstore: './root.json' }]
    fresh.want({ pay: {} }, { registries: two })
    await fresh.settle()

    const repository = fresh.world.github.createRepository('mallory/index')
    const shadow = new IndexRepository(repository, fresh.world.url)
    await shadow.commit({ registry: registryFile('shadow', [fresh.world.url]), message: 'Begin' })
    await shadow.list([await fresh.world.publish({ id: 'pay', version: '9.9.9', repository: 'mallory/pay' })])
    const registries = [{ name: 'shadow', url: `git+${shadow.url}`, sigstore: './root.json' }, ...two]
    fresh.want({ pay: {} }, { registries })
    const shadowed = await fresh.json('update')
    expect(shadowed.exit).toBe(3)
    expect(shadowed.problems).toMatchObject([{ code: 'REGISTRY_SHADOWED', place: { file: expect.stringMatching(/plugins\.yaml$/) }, hint: expect.stringContaining('registry: official') }])
    expect(await fresh.installed()).toEqual({ pay: '1.0.0' })

    fresh.want({ pay: { registry: 'shadow' } }, { registries })
    expect((await fresh.json('lock')).exit).toBe(0)
    const { exit, result } = await fresh.json('apply')
    expect(exit).toBe(3)
    expect(result.blocked).toMatchObject([{ id: 'pay', code: 'APPROVAL_MISSING', hint: expect.stringContaining('registry') }])
    expect(await fresh.installed()).toEqual({ pay: '1.0.0' })
    await fresh.close()
  })

  test('an earlier registry that cannot be asked is never taken for "next"', async () => {
    const fresh = await Shop.open()
    await fresh.release('pay', '1.0.0')
    const registries = [
      { name: 'first', url: 'git+http://127.0.0.1:9/none.git', sigstore: './root.json' },
      { name: 'official', url: `git+${fresh.index.url}`, sigstore: './root.json' },
    ]
    fresh.want({ pay: {} }, { registries })
    expect(await fresh.json('lock')).toMatchObject({ exit: 5, problems: [{ code: 'SOURCE_UNREACHABLE' }] })
    fresh.want({ pay: { registry: 'official' } }, { registries })
    expect((await fresh.json('lock')).exit).toBe(0)
    await fresh.close()
  })
})

test('terminal escapes in what strangers write are shown, never obeyed', async () => {
  const fresh = await Shop.open()
  const evil = '\u001b[2J\u001b]0;owned\u0007\u202e'
  const published = await fresh.world.publish({ id: 'a', version: '1.0.0', manifest: { name: `a${evil}` }, files: { [`x.js`]: `throw new Error(${JSON.stringify(evil)})\n`, 'index.js': `throw new Error(${JSON.stringify(evil)})\n` } })
  await fresh.index.list([published], { line: { yanked: { reason: evil } } })
  fresh.want({ a: {} })
  const outputs = [await fresh.run('lock'), await fresh.run('outdated')]
  await fresh.index.amend('a', ({ yanked: _yanked, ...l }) => l)
  outputs.push(await fresh.run('lock'), await fresh.run('plan'), await fresh.run('apply'), await fresh.run('status'), await fresh.run('why a'))
  fresh.write('plugins.yaml', stringify({ apiVersion: evil, kind: 'PluginSet', store: { id: 'x' }, plugins: { [`a${evil}`]: {} } }))
  outputs.push(await fresh.run('plan'))
  for (const { out, err } of outputs) expect(`${out}${err}`).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
  expect(outputs.map((o) => o.err).join('')).toContain('\\u{1b}')
  await fresh.close()
})
