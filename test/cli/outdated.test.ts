import { afterAll, beforeAll, expect, test } from 'vitest'
import { Shop } from './shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await Shop.open()
  await shop.release('feed', '1.0.0')
  shop.want({ feed: { version: '~1.0.0', permissions: {} } })
  await shop.settle()
})
afterAll(() => shop.close())

test('everything at its newest version', async () => {
  expect((await shop.run('outdated')).out).toBe('Every plugin is at its newest version.\n')
})

test('what `update` would take, and why not more', async () => {
  for (const version of ['1.0.1', '1.1.0']) await shop.release('feed', version)
  const { exit, out } = await shop.run('outdated')
  expect(exit).toBe(0)
  expect(out).toMatch(/^feed\s+1\.0\.0\s+1\.0\.1\s+1\.1\.0\s+outside ~1\.0\.0$/m)
})
