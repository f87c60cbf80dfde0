import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openSqlite } from '../../reconciler/store-db/sqlite.ts'
import { Shop } from './shop.ts'

let shop: Shop
const NOW = '2026-11-22T12:00:00.000Z'

beforeAll(async () => {
  shop = await Shop.open()
  await shop.release('a', '1.0.0')
  shop.want({ a: { version: '^1.0.0' } })
  await shop.settle()
})
afterAll(() => shop.close())

test('who is applying is told with since when; while they do, an apply says who, and --release takes it away for good', async () => {
  expect(await shop.run('lease')).toMatchObject({ exit: 0, out: 'Nobody is applying.\n' })
  const state = await openSqlite(join(shop.dir, 'store.db'))
  const lease = await state.acquireLease('ci-7', NOW, 60_000)
  expect((await shop.run('lease', { now: () => NOW })).out).toBe(`ci-7 since ${NOW}, until 2026-11-22T12:01:00.000Z unless renewed\n`)

  await shop.release('b', '1.0.0')
  shop.want({ a: { version: '^1.0.0' }, b: { version: '^1.0.0' } })
  expect((await shop.json('lock')).exit).toBe(0)
  const refused = await shop.json('apply', { now: () => NOW })
  expect(refused).toMatchObject({ exit: 7, problems: [{ code: 'BUSY', message: expect.stringContaining('ci-7'), hint: expect.stringContaining('catalyst lease') }] })
  expect(await shop.installed()).toEqual({ a: '1.0.0' })

  expect((await shop.json('lease --release', { now: () => NOW })).result).toMatchObject({ released: true, lease: { holder: 'ci-7' } })
  await expect(state.renewLease(lease, NOW, 60_000)).rejects.toMatchObject({ code: 'LEASE_LOST' })
  await state.close()
  expect((await shop.json('apply', { now: () => NOW })).exit).toBe(0)
  expect(await shop.installed()).toEqual({ a: '1.0.0', b: '1.0.0' })
})
