import { afterAll, beforeAll, expect, test } from 'vitest'
import { Shop } from './shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await Shop.open()
  shop.want({})
  const asks = { permissions: { hooks: ['order.placed'] } }
  const published = [await shop.world.publish({ id: 'sms', version: '1.0.0', manifest: asks }), await shop.world.publish({ id: 'sms', version: '2.0.0', manifest: asks })]
  await shop.index.list(published, { entry: { permissions: { hooks: ['order.placed'] } } })
})
afterAll(() => shop.close())

test('without consent nothing is written, and the command to type again is the one typed', async () => {
  const before = shop.read('plugins.yaml')
  const { exit, out } = await shop.run('add sms --version ^1.0.0 --registry official')
  expect(exit).toBe(3)
  expect(out).toContain("sms 1.0.0 of github.com/acme/sms asks for:\n  events               order.placed")
  expect(out).toContain("catalyst add sms --version '^1.0.0' --registry 'official' --yes")
  expect(shop.read('plugins.yaml')).toBe(before)
})

test('what is wrong with an entry that stands in no file yet has no line', async () => {
  const { exit, problems } = await shop.json('add nosuch')
  expect({ exit, problems }).toMatchObject({ exit: 1, problems: [{ code: 'UNKNOWN_PLUGIN' }] })
  expect(problems[0]).not.toHaveProperty('place')
})

test.each([
  ['add other --version <0.0.0', 'EMPTY_RANGE'],
  ['add other --source gitlab:a/b', 'INVALID_VALUE'],
  ['add other --registry nobody', 'UNKNOWN_REGISTRY'],
])('%s: nor has an option that cannot be', async (line, code) => {
  const { exit, problems } = await shop.json(line)
  expect({ exit, problems }).toMatchObject({ exit: 1, problems: [{ code }] })
  expect(problems[0]).not.toHaveProperty('place')
})

test('machines are told what is missing, and how it is given', async () => {
  const { exit, problems } = await shop.json('add sms')
  expect({ exit, problems }).toMatchObject({ exit: 3, problems: [{ code: 'GRANT_MISSING', hint: 'To grant this: catalyst add sms --yes' }] })
})

test('a dependency that waits is shown with what to write', async () => {
  await shop.index.list([await shop.world.publish({ id: 'templates', version: '1.0.0', manifest: { permissions: { hooks: ['order.shipped'] } } })], { entry: { permissions: { hooks: ['order.shipped'] } } })
  await shop.release('mail', '1.0.0', { manifest: { dependencies: { templates: '^1.0.0' } } })
  const { exit, out } = await shop.run('add mail --yes')
  expect(exit).toBe(3)
  expect(out).toContain('! templates waits (GRANT_MISSING)')
  expect(out).toContain('hooks: [order.shipped]')
  expect(out).toContain('Nothing was written. Write what is shown and the new entry into plugins.yaml')
})

test('with consent the entry has the range asked for and exactly the permissions shown', async () => {
  const { exit } = await shop.json('add sms --version ^1.0.0 --yes')
  expect(exit).toBe(0)
  expect(shop.read('plugins.yaml')).toContain('  sms:\n    version: ^1.0.0\n    permissions:\n      hooks: [order.placed]\n')
  expect(shop.read('plugins.lock.yaml')).toContain('version: 1.0.0')
})
