import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { start } from '../../cli/fast.ts'
import { toolVersion } from '../../cli/version.ts'
import { Shop } from './shop.ts'

/* A secret that changes behind its reference is seen, without being written down anywhere. */

let shop: Shop
beforeAll(async () => {
  shop = await Shop.open()
  for (const version of ['1.0.0', '1.1.0']) await shop.release('pay', version)
  await shop.release('free', '1.0.0')
})
afterAll(() => shop.close())

const CONFIG = { key: '${env:PAY_KEY}', text: 'id-${file:secret.txt}' }
const want = (version = '1.0.0'): void => shop.want({ pay: { version, config: CONFIG }, free: {} })
beforeEach(async () => {
  for (const name of ['.catalyst', 'store.db', 'plugins.lock.yaml']) rmSync(join(shop.dir, name), { recursive: true, force: true })
  shop.env['PAY_KEY'] = 'first-secret'
  shop.write('secret.txt', 'from-a-file\n')
  want()
  await shop.settle()
})

const changes = async (command = 'plan'): Promise<unknown[]> => ((await shop.json(command)).result.changes as { id: string; action: string; reason: string }[]).map((c) => [c.id, c.action, c.reason])
const CHANGED = [['pay', 'configure', 'a value that its config refers to changed']]

test('applying makes the next plan empty, and the same value later is the same', async () => {
  expect(await changes()).toEqual([])
  shop.write('secret.txt', 'from-a-file')
  expect(await changes()).toEqual([])
})

test.each([
  ['a variable', () => void (shop.env['PAY_KEY'] = 'second-secret')],
  ['a file', () => shop.write('secret.txt', 'another')],
])('%s that changes is a change of that plugin alone; applied, it is none', async (_what, change) => {
  change()
  expect(await changes()).toEqual(CHANGED)
  expect((await shop.json('apply')).result).toMatchObject({ activated: true, outcomes: [{ id: 'pay', action: 'configure', outcome: 'applied' }] })
  expect(await changes()).toEqual([])
})

test('a value that is not known here is no change: a machine without secrets plans too', async () => {
  delete shop.env['PAY_KEY']
  expect(await changes()).toEqual([])
})

test('who reviews has no secrets: the digest of a plan does not depend on them', async () => {
  shop.write('plugins.lock.yaml', '')
  rmSync(join(shop.dir, 'plugins.lock.yaml'))
  want('1.1.0')
  await shop.json('lock')
  const here = (await shop.json('plan')).result.planDigest
  delete shop.env['PAY_KEY']
  expect((await shop.json('plan')).result.planDigest).toBe(here)
  shop.env['PAY_KEY'] = 'rotated-meanwhile'
  expect((await shop.json('plan')).result.planDigest).toBe(here)
  expect((await shop.json(`apply --expect ${here}`)).exit).toBe(0)
  expect(await changes()).toEqual([])
  shop.env['PAY_KEY'] = 'rotated-again'
  expect((await shop.json(`apply --expect ${here}`)).exit).toBe(0)
  expect(await changes()).toEqual([])
})

test('going back over a rotation holds nothing: the secret behind the reference now counts', async () => {
  shop.env['PAY_KEY'] = 'second-secret'
  await shop.json('apply')
  expect((await shop.json('rollback --to 1')).result).toMatchObject({ generation: 1, activated: true })
  const { result } = await shop.json('plan')
  expect([result.notices, result.changes.map((c: { id: string; action: string }) => [c.id, c.action])]).toEqual([[], [['pay', 'configure']]])
  expect((await shop.json('apply')).exit).toBe(0)
  expect(await changes()).toEqual([])
})

test('the quick answer knows it too', async () => {
  vi.stubEnv('PAY_KEY', 'first-secret')
  expect(quick()).toContain('No changes.')
  vi.stubEnv('PAY_KEY', 'second-secret')
  expect(quick()).toBeUndefined()
  vi.stubEnv('PAY_KEY', 'first-secret')
  writeFileSync(join(shop.dir, 'secret.txt'), 'another')
  expect(quick()).toBeUndefined()
  vi.unstubAllEnvs()
})

test('the key is in the database alone, and two stores digest one secret differently', async () => {
  const keyOf = (): unknown => {
    const db = new DatabaseSync(join(shop.dir, 'store.db'), { readOnly: true })
    const key = db.prepare('SELECT key FROM catalyst_key').get()?.['key']
    db.close()
    return key
  }
  const digestOf = async (): Promise<unknown> => {
    shop.env['PAY_KEY'] = 'second-secret'
    return (await shop.json('plan')).result.changes[0].to.references
  }
  const [key, digest] = [keyOf(), await digestOf()]
  expect(key).toMatch(/^[0-9a-f]{64}$/)
  expect(digest).toMatch(/^hmac-sha256:[0-9a-f]{64}$/)
  rmSync(join(shop.dir, 'store.db'))
  shop.env['PAY_KEY'] = 'first-secret'
  await shop.settle()
  expect([keyOf() === key, (await digestOf()) === digest]).toEqual([false, false])
})

function quick(): string | undefined {
  const told: string[] = []
  const out = vi.spyOn(process.stdout, 'write').mockImplementation((text) => told.push(String(text)) > 0)
  const loaded: string[] = []
  try {
    start(['plan', '-C', shop.dir], toolVersion(), '/nowhere', (file) => void loaded.push(file))
  } finally {
    out.mockRestore()
  }
  return loaded.length > 0 ? undefined : told.join('')
}
