import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Shop } from './shop.ts'

/* `catalyst adopt` makes git say what is: plugins.yaml and the lock follow the records, and nothing else does. */

let shop: Shop
let before: string
beforeAll(async () => {
  shop = await Shop.open()
  await shop.release('base', '1.0.0')
  for (const version of ['1.0.0', '1.1.0']) await shop.release('pay', version, { manifest: { permissions: { hooks: ['order.placed'] }, dependencies: { base: '^1.0.0' } } })
  await shop.release('free', '1.0.0')
})
afterAll(() => shop.close())

const FILE = (plugins: string): string => `# our plugins
apiVersion: catalyst.dev/v1
kind: PluginSet
store: { id: acme-eu, catalyst: "3.2.0" } # the shop
registries:
  - { name: official, url: "git+${shop.index.url}", sigstore: ./root.json }
policy: { minimumReleaseAge: 0s }
plugins:
${plugins}# the end
`
const PAY = `  pay: # takes money
    version: 1.0.0
    permissions: { hooks: [order.placed] }
    config: { colour: red, key: "\${env:PAY_KEY}" }
`
const FREE = '  free: {} # costs nothing\n'

beforeEach(async () => {
  for (const name of ['.catalyst', 'store.db', 'plugins.lock.yaml']) rmSync(join(shop.dir, name), { recursive: true, force: true })
  shop.env['PAY_KEY'] = 'a-secret-value'
  before = FILE(PAY + FREE)
  shop.write('plugins.yaml', before)
  await shop.settle()
})

/** Git says something else, by hand and by a lock of it. */
async function gitSays(plugins: string): Promise<void> {
  shop.write('plugins.yaml', FILE(plugins))
  await shop.json('lock')
}

async function settled(): Promise<void> {
  expect(await shop.json('lock --check')).toMatchObject({ exit: 0, problems: [] })
  expect((await shop.json('plan')).result).toMatchObject({ changes: [], blocked: [] })
}

test('nothing differs: nothing is written', async () => {
  const lock = shop.read('plugins.lock.yaml')
  expect((await shop.run('adopt')).out).toBe('Git says what is: there is nothing to adopt.\n')
  expect([shop.read('plugins.yaml'), shop.read('plugins.lock.yaml')]).toEqual([before, lock])
})

test('an entry that was taken out comes back with range, grant and config as they were, around comments', async () => {
  await gitSays(FREE)
  expect((await shop.json('plan')).result.blocked).toMatchObject([{ id: 'base', code: 'MASS_REMOVAL' }, { id: 'pay' }])
  const { exit, out } = await shop.run('adopt pay')
  expect(exit).toBe(0)
  expect(out).toContain('+ pay 1.0.0  plugins.yaml has no entry')
  const text = shop.read('plugins.yaml')
  for (const kept of ['# our plugins', '# the shop', '# costs nothing', '# the end']) expect(text).toContain(kept)
  expect(text).not.toContain('base:') // it is needed, nobody asked for it
  expect(text).toContain('key: "${env:PAY_KEY}"')
  expect(text).not.toContain('a-secret-value')
  await settled()
})

describe('an entry that says otherwise', () => {
  test.each([
    ['another version', PAY.replace('1.0.0', '1.1.0'), ['version', 'the lock'], 'version: 1.0.0'],
    ['another grant', PAY.replace('[order.placed]', '[order.placed, order.paid]'), ['permissions'], 'permissions: { hooks: [ order.placed ] }'],
    ['switched off', `${PAY}    enabled: false\n`, ['enabled'], 'enabled: true'],
    ['another config', PAY.replace('red', 'blue'), ['config'], 'colour: red'],
    ['another policy', `${PAY}    uninstall: { data: remove }\n`, ['uninstall', 'the lock'], 'uninstall: {}'],
  ])('%s', async (_what, entry, differs, written) => {
    await gitSays(entry + FREE)
    expect((await shop.json('plan')).result.changes.length + (await shop.json('plan')).result.blocked.length).toBeGreaterThan(0)
    expect((await shop.json('adopt pay')).result).toEqual({ written: true, adopted: [{ id: 'pay', differs }], refused: [] })
    const text = shop.read('plugins.yaml')
    expect(text.replaceAll(/\s+/g, ' ')).toContain(written.replace('[ order.placed ]', '[order.placed]'))
    for (const kept of ['# our plugins', '# the shop', '# takes money', '# costs nothing', '# the end']) expect(text).toContain(kept)
    await settled()
  })
})

test('after a rollback git says the older version, and no hold is needed any more', async () => {
  await gitSays(PAY.replace('1.0.0', '^1.0.0') + FREE)
  await shop.json('update')
  expect((await shop.json('apply')).exit).toBe(0)
  await shop.json('rollback pay')
  expect((await shop.json('plan')).result.notices).toMatchObject([{ id: 'pay', code: 'Held' }])
  expect((await shop.json('adopt pay')).exit).toBe(0)
  expect((await shop.json('plan')).result).toMatchObject({ changes: [], blocked: [], notices: [] })
})

describe('what stands against it is told, and nothing of it is written', () => {
  test.each([
    ['plugins.yaml rejects the version', `  pay: { version: 1.1.0, permissions: { hooks: [order.placed] }, reject: [1.0.0] }\n`, 'plugins.yaml rejects 1.0.0'],
    ['another source', `  pay: { source: "github:acme/pay", version: 1.0.0, permissions: { hooks: [order.placed] }, signer: { workflow: .github/workflows/release.yml } }\n`, 'it came from a registry, plugins.yaml says github:acme/pay'],
  ])('%s', async (_what, entry, reason) => {
    await gitSays(entry + FREE)
    const text = shop.read('plugins.yaml')
    const { exit, result, problems } = await shop.json('adopt pay')
    expect([exit, result.written, result.refused[0]]).toMatchObject([1, false, { id: 'pay', reasons: expect.arrayContaining([reason]) }])
    expect(problems).toMatchObject([{ code: 'CONTRADICTION' }])
    expect(shop.read('plugins.yaml')).toBe(text)
  })

  test('what is not installed', async () => {
    expect((await shop.json('adopt stranger')).problems).toMatchObject([{ code: 'NOT_INSTALLED' }])
  })
})

test('--dry-run writes nothing; the store is never changed', async () => {
  await gitSays(FREE)
  const [text, lock, installed] = [shop.read('plugins.yaml'), shop.read('plugins.lock.yaml'), await shop.installed()]
  const { out } = await shop.run('adopt --dry-run')
  expect(out).toContain('Nothing was written (--dry-run).')
  expect([shop.read('plugins.yaml'), shop.read('plugins.lock.yaml')]).toEqual([text, lock])
  await shop.run('adopt')
  expect(await shop.installed()).toEqual(installed)
  expect((await shop.json('audit')).result.records).toHaveLength(3)
})

test('a lock that was lost is made again from what is installed', async () => {
  rmSync(join(shop.dir, 'plugins.lock.yaml'))
  expect((await shop.json('adopt')).exit).toBe(0)
  await settled()
  expect(shop.read('plugins.yaml')).toBe(before)
})
