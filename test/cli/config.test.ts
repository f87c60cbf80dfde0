import { readdirSync, rmSync, writeFileSync, chmodSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Manifest } from '../../schemas/manifest.ts'
import { Shop } from './shop.ts'

/* A plugin's config is held against its own schema: by lock and plan as it is written, by apply with its values. */

const SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['apiKey'],
  properties: { apiKey: { type: 'string', minLength: 8 }, port: { type: 'integer' }, currency: { enum: ['EUR', 'USD'] } },
} satisfies Manifest['config']

let shop: Shop
beforeAll(async () => {
  shop = await Shop.open()
  await shop.release('pay', '1.0.0', { manifest: { config: SCHEMA } })
  await shop.release('free', '1.0.0')
})
afterAll(() => shop.close())
beforeEach(() => {
  for (const name of ['.catalyst', 'store.db', 'plugins.lock.yaml']) rmSync(join(shop.dir, name), { recursive: true, force: true })
  delete shop.env['PAY_KEY']
})

const want = (config?: Record<string, unknown>, version = '^1.0.0'): void => shop.want({ free: {}, pay: { version, permissions: {}, ...(config ? { config } : {}) } })
const GOOD = { apiKey: 'a-long-enough-key' }

describe('what is wrong is told at lock and plan, all at once, each with its place', () => {
  test.each(['lock', 'plan', 'apply', 'lock --check'])('%s', async (command) => {
    want({ apiKey: 'short', prot: 8080, currency: 'GBP' })
    if (command !== 'lock') await shop.json('lock')
    const { exit, err } = await shop.run(command)
    expect(exit).toBe(1)
    const at = (key: string): string => `plugins.yaml:${shop.read('plugins.yaml').split('\n').findIndex((line) => line.includes(`${key}:`)) + 1}:`
    expect(err).toContain('error[CONFIG_INVALID]: pay: config has the unknown key "prot"')
    expect(err).toContain('help: Did you mean port?')
    expect(err).toContain('pay: config apiKey must NOT have fewer than 8 characters')
    expect(err).toContain('pay: config currency must be equal to one of the allowed values: "EUR", "USD"')
    for (const key of ['apiKey', 'prot', 'currency']) expect(err).toContain(at(key))
    expect(err).not.toContain('short')
  })

  test('nobody else waits: the plan blocks that plugin alone, apply installs the other', async () => {
    want({})
    await shop.json('lock')
    const { result } = await shop.json('plan')
    expect(result.blocked).toMatchObject([{ id: 'pay', code: 'CONFIG_INVALID', reason: expect.stringContaining('config has no "apiKey"') }])
    await shop.json('apply')
    expect(await shop.installed()).toEqual({ free: '1.0.0' })
  })

  test('a reference stands for any scalar until it is applied', async () => {
    want({ apiKey: '${env:PAY_KEY}', port: '${env:PAY_PORT}' })
    expect((await shop.json('lock')).exit).toBe(0)
    expect((await shop.json('plan')).exit).toBe(0)
  })

  test('add says what is still to be configured, and writes', async () => {
    shop.want({})
    const { exit, err } = await shop.run('add pay')
    expect(exit).toBe(0)
    expect(err).toContain('warning[CONFIG_INVALID]: pay: config has no "apiKey"')
    expect(shop.read('plugins.yaml')).toContain('pay:')
  })
})

describe('where the schema comes from', () => {
  const forget = (...names: string[]): void => {
    for (const name of names) rmSync(join(shop.dir, name), { recursive: true, force: true })
  }

  test('from the cache, offline, where nothing was ever unpacked', async () => {
    want({})
    await shop.json('lock')
    await shop.world.github.find('acme/pay')
    expect((await shop.json('plan')).result.blocked).toHaveLength(1)
  })

  test('neither cache nor tree: said, never taken for well; apply checks before anything goes live', async () => {
    want({ apiKey: 'short' })
    await shop.json('lock')
    forget('.cache')
    const planned = await shop.json('plan')
    expect(planned.exit).toBe(0)
    expect(planned.result.notices).toMatchObject([{ id: 'pay', code: 'ConfigUnchecked', message: expect.stringContaining('not in the cache') }])
    const checked = await shop.json('lock --check')
    expect([checked.exit, checked.problems]).toMatchObject([0, [{ code: 'CONFIG_UNCHECKED', severity: 'warning' }]])
    const applied = await shop.json('apply')
    expect([applied.exit, applied.problems]).toMatchObject([1, [{ code: 'CONFIG_INVALID', message: expect.stringContaining('apiKey'), place: { line: expect.any(Number) } }]])
    expect(await shop.installed()).toEqual({ free: '1.0.0' })
  })

  test('from the unpacked tree of what is installed, and never from one that was altered', async () => {
    want(GOOD)
    await shop.settle()
    forget('.cache')
    want({ apiKey: 'short' })
    expect((await shop.json('plan')).result.blocked).toMatchObject([{ id: 'pay', action: 'configure', code: 'CONFIG_INVALID' }])
    for (const tree of readdirSync(join(shop.dir, '.catalyst/trees')).filter((name) => /^[0-9a-f]{64}$/.test(name))) {
      const file = join(shop.dir, '.catalyst/trees', tree, 'manifest.json')
      chmodSync(file, 0o644)
      writeFileSync(file, '{"id":"pay"}')
    }
    expect((await shop.json('plan')).result.notices).toMatchObject([{ id: 'pay', code: 'ConfigUnchecked' }])
  })

  test('lock fetches what it must to check', async () => {
    want(GOOD)
    await shop.json('lock')
    forget('.cache')
    want({ apiKey: 'short' })
    expect((await shop.json('lock')).problems).toMatchObject([{ code: 'CONFIG_INVALID' }])
  })
})

describe('an upgrade whose schema takes the present config no more', () => {
  test('is named, waits, and goes on when the config is corrected', async () => {
    want(GOOD)
    await shop.settle()
    await shop.release('pay', '1.1.0', { manifest: { config: { ...SCHEMA, required: ['apiKey', 'currency'] } } })
    expect((await shop.json('update')).exit).toBe(1)
    const { exit, out } = await shop.run('plan')
    expect(exit).toBe(1)
    expect(out).toContain(`! pay 1.1.0  upgrade blocked (CONFIG_INVALID): 1.1.0 does not take the config that 1.0.0 works with: config has no "currency"
    Correct \`config\` of pay in plugins.yaml; until then 1.0.0 stays.`)
    await shop.json('apply')
    expect(await shop.installed()).toEqual({ free: '1.0.0', pay: '1.0.0' })
    const status = (await shop.json('status')).result.plugins.find((p: { id: string }) => p.id === 'pay')
    expect(status.conditions).toContainEqual({ type: 'DecisionRequired', status: 'true', reason: 'ConfigInvalid' })
    want({ ...GOOD, currency: 'EUR' })
    expect((await shop.json('apply')).exit).toBe(0)
    expect(await shop.installed()).toEqual({ free: '1.0.0', pay: '1.1.0' })
  })
})

describe('values are looked at when applying, and nowhere told', () => {
  test('what is missing: each with place and what to do', async () => {
    want({ apiKey: '${env:PAY_KEY}', port: '${file:secrets/port}' }, '1.0.0')
    await shop.json('lock')
    const { exit, err } = await shop.run('apply')
    expect(exit).toBe(1)
    expect(err).toContain('error[SECRET_MISSING]: pay: ${env:PAY_KEY}: the variable PAY_KEY is not set, or empty')
    expect(err).toContain('help: Set PAY_KEY for the process that runs `catalyst apply`.')
    expect(err).toContain('pay: ${file:secrets/port}: the file secrets/port is not there')
    expect(err).toMatch(/--> .*plugins\.yaml:\d+:\d+/)
    expect(await shop.installed()).toEqual({ free: '1.0.0' })
  })

  test('a value that the schema does not take is refused without showing it', async () => {
    want({ apiKey: '${env:PAY_KEY}', port: '${env:PAY_PORT}' }, '1.0.0')
    shop.env['PAY_KEY'] = 'tooshrt'
    shop.env['PAY_PORT'] = 'not-a-number'
    await shop.json('lock')
    const { exit, err, out } = await shop.run('apply')
    expect(exit).toBe(1)
    expect(err).toContain('pay: config port must be integer')
    expect(err).toContain('pay: config apiKey must NOT have fewer than 8 characters')
    expect(err + out).not.toMatch(/tooshrt|not-a-number/)
    Object.assign(shop.env, { PAY_KEY: 'long-enough-now', PAY_PORT: '8080' })
    expect((await shop.json('apply')).exit).toBe(0)
    delete shop.env['PAY_PORT']
  })

  test('a plugin that is switched off needs no values', async () => {
    shop.want({ pay: { version: '1.0.0', permissions: {}, enabled: false, config: { apiKey: '${env:PAY_KEY}' } } })
    await shop.settle()
    expect(await shop.installed()).toEqual({ pay: '1.0.0' })
  })
})
