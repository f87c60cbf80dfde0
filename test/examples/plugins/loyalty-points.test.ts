import fc from 'fast-check'
import type { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import type { Plugin } from '../../../sandbox/contracts.ts'
import { event, hostFor, NOW, ownPrefix, storeDatabase, type TestHost } from './host.ts'
import { migrateDown, migrateUp, schemaOf } from './migrations.ts'
import { openRelease } from './open.ts'

const CONFIG = { currency: 'EUR', pointsPer100: 10, pointValue: 2, expireMonths: 12 }
const TIERS = [{ name: 'gold', from: 1000, percent: 200 }, { name: 'silver', from: 500, percent: 150 }]
const P = ownPrefix('loyalty-points')

interface Balance {
  readonly points: number
  readonly tier?: string
  readonly expiring: readonly { points: number; at: string }[]
}
interface Shop {
  readonly plugin: Plugin
  readonly host: TestHost
  readonly database: DatabaseSync
  /** The present day of this shop. */
  clock: { now: string }
  readonly place: (orderId: string, amount: number, more?: Record<string, unknown>) => Promise<void>
  readonly refund: (orderId: string, refundId: string, amount: number) => Promise<void>
  readonly daily: () => Promise<void>
  readonly redeem: (points: number, key: string, customerId?: string) => Promise<{ points: number; discount: unknown }>
  readonly balance: (customerId?: string) => Promise<Balance>
  readonly call: (operation: string, input: object) => Promise<unknown>
}

async function openOn(database: DatabaseSync, version: string, config: object = {}): Promise<Shop> {
  const release = await openRelease('loyalty-points', version)
  const clock = { now: NOW }
  const host = hostFor(release.manifest, { config: { ...CONFIG, ...config }, database, now: () => clock.now })
  const plugin = await release.createPlugin(host)
  const raise = async (name: string, data: Record<string, unknown>) => plugin.hooks?.[name]?.({ ...event(name, data), at: clock.now })
  const call = async (operation: string, input: object) => plugin.operations?.[operation]?.(input as never)
  return {
    plugin, host, database, clock, call,
    place: (orderId, amount, more = {}) => raise('order.placed', { orderId, customerId: 'c-1', total: { amount, currency: 'EUR' }, ...more }),
    refund: (orderId, refundId, amount) => raise('order.refunded', { orderId, refundId, amount: { amount, currency: 'EUR' } }),
    daily: () => raise('schedule.daily', {}),
    redeem: (points, key, customerId = 'c-1') => call('redeem', { customerId, points, key }) as never,
    balance: (customerId = 'c-1') => call('balance', { customerId }) as never,
  }
}

async function open(config: object = {}, version = '2.0.0'): Promise<Shop> {
  const database = storeDatabase()
  migrateUp(database, await openRelease('loyalty-points', version))
  return openOn(database, version, config)
}

/** The law of the books: every entry's two postings sum to zero, and the entries of a customer are numbered 1, 2, 3, … */
function expectBooksInOrder(database: DatabaseSync): void {
  const entries = database.prepare(`SELECT customer_id, sequence, SUM(points) AS sum, COUNT(*) AS postings FROM ${P}postings GROUP BY customer_id, sequence ORDER BY customer_id, sequence`).all()
  expect(entries.filter(({ sum, postings }) => sum !== 0 || postings !== 2)).toEqual([])
  const gaps = database.prepare(`SELECT customer_id FROM ${P}journal GROUP BY customer_id HAVING COUNT(*) <> MAX(sequence)`).all()
  expect(gaps).toEqual([])
}

describe('earning and spending', () => {
  test('an order earns, a redemption spends, the books tell both', async () => {
    const { place, redeem, balance, call, database } = await open()
    await place('o-1', 1999)
    expect(await balance()).toEqual({ points: 199, tier: 'basic', expiring: [{ points: 199, at: '2027-11-10T12:00:00.000Z' }] })
    expect(await redeem(50, 'cart-9')).toEqual({ points: 50, discount: { amount: 100, currency: 'EUR' } })
    expect((await balance()).points).toBe(149)
    expect(await call('history', { customerId: 'c-1' })).toEqual([
      { kind: 'earn', reference: 'order:o-1', points: 199, at: NOW },
      { kind: 'redeem', reference: 'redeem:cart-9', points: -50, at: NOW },
    ])
    const sides = database.prepare(`SELECT account, SUM(points) AS points FROM ${P}postings GROUP BY account ORDER BY account`).all().map((row) => ({ ...row }))
    expect(sides).toEqual([{ account: 'customer', points: 149 }, { account: 'issued', points: -199 }, { account: 'redeemed', points: 50 }])
    expectBooksInOrder(database)
  })

  test('the same event and the same key again change nothing', async () => {
    const { place, redeem, refund, balance, database } = await open()
    for (let times = 0; times < 3; times += 1) await place('o-1', 1000)
    for (let times = 0; times < 3; times += 1) expect(await redeem(30, 'k')).toMatchObject({ points: 30 })
    expect(await redeem(99, 'k')).toMatchObject({ points: 30 })
    for (let times = 0; times < 3; times += 1) await refund('o-1', 'r-1', 200)
    expect((await balance()).points).toBe(100 - 30 - 20)
    expectBooksInOrder(database)
  })

  test('no more than there is, and only whole points', async () => {
    const { place, redeem, balance } = await open()
    await place('o-1', 1000)
    await expect(redeem(101, 'a')).rejects.toMatchObject({ code: 'not_enough_points', message: 'loyalty-points: 101 points asked, 100 there' })
    for (const points of [0, -5, 1.5, Number.NaN]) await expect(redeem(points, 'b')).rejects.toMatchObject({ code: 'invalid_points' })
    await expect(redeem(1, 'c', 'nobody')).rejects.toMatchObject({ code: 'not_enough_points' })
    expect((await balance()).points).toBe(100)
  })

  test('two carts at once do not spend the same points', async () => {
    const { place, redeem, balance, database } = await open()
    await place('o-1', 1000)
    const results = await Promise.allSettled(['a', 'b', 'c'].map((key) => redeem(60, key)))
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected'])
    expect((await balance()).points).toBe(40)
    expectBooksInOrder(database)
  })

  test.each([
    ['another currency', { total: { amount: 1000, currency: 'USD' } }],
    ['a guest', { customerId: null }],
    ['no total', { total: undefined }],
    ['a total that is no whole number', { total: { amount: 9.5, currency: 'EUR' } }],
    ['too little for a point', { total: { amount: 9, currency: 'EUR' } }],
  ])('%s earns nothing', async (_, more) => {
    const { place, balance } = await open()
    await place('o-1', 1000, more)
    expect((await balance()).points).toBe(0)
  })

  test('without a currency in config it says so', async () => {
    const { place, plugin } = await open({ currency: undefined })
    await expect(place('o-1', 1000)).rejects.toMatchObject({ code: 'config' })
    expect(await plugin.health()).toEqual({ ok: true })
  })
})

describe('refunds', () => {
  test('each takes back its share, to the last point', async () => {
    const { place, refund, balance } = await open()
    await place('o-1', 1999)
    for (const [id, amount] of [['r-1', 666], ['r-2', 666], ['r-3', 667]] as const) await refund('o-1', id, amount)
    expect((await balance()).points).toBe(0)
    await refund('o-1', 'r-4', 1999)
    expect((await balance()).points).toBe(0)
  })

  test('orders whose ids begin alike are kept apart', async () => {
    const { place, refund, balance } = await open()
    await place('o-1', 1000)
    await place('o-10', 1000)
    await refund('o-10', 'r-1', 1000)
    await refund('o-1', 'r-2', 500)
    expect((await balance()).points).toBe(50)
  })

  test('what was spent already is not taken back', async () => {
    const { place, refund, redeem, balance, database } = await open()
    await place('o-1', 1000)
    await redeem(80, 'k')
    await refund('o-1', 'r-1', 1000)
    expect((await balance()).points).toBe(0)
    expectBooksInOrder(database)
  })

  test('of an order that earned nothing', async () => {
    const { refund, call } = await open()
    await refund('o-404', 'r-1', 1000)
    expect(await call('history', { customerId: 'c-1' })).toEqual([])
  })
})

describe('expiry', () => {
  test('spends what expires first, and writes off the rest once', async () => {
    const { place, redeem, balance, daily, clock, database, call } = await open()
    await place('o-1', 1000)
    clock.now = '2027-03-01T00:00:00.000Z'
    await place('o-2', 2000)
    await redeem(60, 'k')
    expect(await balance()).toMatchObject({ points: 240, expiring: [{ points: 40, at: '2027-11-10T12:00:00.000Z' }, { points: 200, at: '2028-03-01T00:00:00.000Z' }] })
    clock.now = '2027-11-10T12:00:00.000Z'
    expect((await balance()).points).toBe(200)
    await daily()
    await daily()
    expect(await call('history', { customerId: 'c-1' })).toMatchObject([{}, {}, {}, { kind: 'expire', reference: 'order:o-1', points: -40 }])
    clock.now = '2030-01-01T00:00:00.000Z'
    await daily()
    expect((await balance()).points).toBe(0)
    expectBooksInOrder(database)
  })

  test('expired points are not spent even when the daily run is late', async () => {
    const { place, redeem, clock } = await open()
    await place('o-1', 1000)
    clock.now = '2027-11-10T12:00:00.001Z'
    await expect(redeem(1, 'k')).rejects.toMatchObject({ code: 'not_enough_points' })
  })

  test('a refund is taken from points that can still be spent, not from expired ones', async () => {
    const { place, refund, balance, clock } = await open()
    await place('o-1', 1000)
    clock.now = '2027-12-01T00:00:00.000Z'
    await place('o-2', 1000)
    await refund('o-2', 'r-1', 1000)
    expect((await balance()).points).toBe(0)
  })

  test('points that were given a shorter life later are spent first', async () => {
    const long = await open({ expireMonths: 24 })
    await long.place('o-1', 1000)
    const short = await openOn(long.database, '2.0.0', { expireMonths: 1 })
    await short.place('o-2', 1000)
    await short.redeem(80, 'k')
    expect((await short.balance()).expiring).toEqual([{ points: 20, at: '2026-12-10T12:00:00.000Z' }, { points: 100, at: '2028-11-10T12:00:00.000Z' }])
  })

  test('many customers in batches', async () => {
    const { place, balance, daily, clock, database } = await open()
    for (let n = 0; n < 230; n += 1) await place(`o-${n}`, 1000, { customerId: `c-${n}` })
    clock.now = '2028-01-01T00:00:00.000Z'
    await daily()
    expect((await balance('c-229')).points).toBe(0)
    expect(database.prepare(`SELECT COUNT(*) AS n FROM ${P}journal WHERE kind = 'expire'`).get()).toMatchObject({ n: 230 })
  })

  test('never, when the shop does not want it', async () => {
    const { place, balance, daily, clock } = await open({ expireMonths: undefined })
    await place('o-1', 1000)
    clock.now = '2050-01-01T00:00:00.000Z'
    await daily()
    expect(await balance()).toMatchObject({ points: 100, expiring: [] })
  })

  test.each([
    ['2026-01-31T10:00:00.000Z', 1, '2026-02-28T10:00:00.000Z'],
    ['2027-01-31T10:00:00.000Z', 13, '2028-02-29T10:00:00.000Z'],
    ['2026-12-15T00:00:00.000Z', 24, '2028-12-15T00:00:00.000Z'],
  ])('%s and %d months is %s', async (at, months, expected) => {
    const { place, balance, clock } = await open({ expireMonths: months })
    clock.now = at
    await place('o-1', 1000)
    expect((await balance()).expiring[0]?.at).toBe(expected)
  })
})

describe('tiers', () => {
  test('who earned more earns faster; refunds count down; spending does not', async () => {
    const { place, balance, refund, redeem, call } = await open({ tiers: TIERS })
    await place('o-1', 5000)
    expect(await balance()).toMatchObject({ points: 500, tier: 'silver' })
    await redeem(500, 'k')
    expect((await balance()).tier).toBe('silver')
    await place('o-2', 4000)
    expect(await balance()).toMatchObject({ points: 600, tier: 'gold' })
    expect(await call('members', { tier: 'gold' })).toEqual(['c-1'])
    await refund('o-2', 'r-1', 4000)
    expect(await balance()).toMatchObject({ points: 0, tier: 'silver' })
  })

  test('members come page by page', async () => {
    const { place, call } = await open({ tiers: TIERS })
    for (const customerId of ['c-3', 'c-1', 'c-2', 'c-4']) await place(`o-${customerId}`, customerId === 'c-4' ? 100 : 5000, { customerId })
    expect(await call('members', { tier: 'silver', limit: 2 })).toEqual(['c-1', 'c-2'])
    expect(await call('members', { tier: 'silver', after: 'c-2', limit: 2 })).toEqual(['c-3'])
  })
})

describe('law', () => {
  const move = fc.oneof(
    fc.record({ do: fc.constant('place' as const), order: fc.nat(4), amount: fc.integer({ min: 1, max: 9000 }) }),
    fc.record({ do: fc.constant('refund' as const), order: fc.nat(4), refund: fc.nat(3), amount: fc.integer({ min: 1, max: 9000 }) }),
    fc.record({ do: fc.constant('redeem' as const), points: fc.integer({ min: 1, max: 500 }), key: fc.nat(6) }),
    fc.record({ do: fc.constant('later' as const), months: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ do: fc.constant('daily' as const) }),
  )

  test('whatever happens in whatever order: the books sum to zero, nobody owes points, a repeat changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(move, { maxLength: 14 }), async (moves) => {
        const shop = await open()
        const play = async (one: (typeof moves)[number]): Promise<void> => {
          if (one.do === 'place') await shop.place(`o-${one.order}`, one.amount)
          else if (one.do === 'refund') await shop.refund(`o-${one.order}`, `r-${one.refund}`, one.amount)
          else if (one.do === 'redeem') await shop.redeem(one.points, `k-${one.key}`).catch((error: { code: string }) => expect(error.code).toBe('not_enough_points'))
          else if (one.do === 'daily') await shop.daily()
        }
        for (const one of moves) {
          if (one.do === 'later') shop.clock.now = new Date(Date.parse(shop.clock.now) + one.months * 30 * 86_400_000).toISOString()
          await play(one)
          const once = await shop.balance()
          if (one.do !== 'redeem') await play(one)
          expect(await shop.balance()).toEqual(once)
          expect(once.points).toBeGreaterThanOrEqual(0)
        }
        expectBooksInOrder(shop.database)
        await shop.daily()
        const sum = shop.database.prepare(`SELECT COALESCE(SUM(points), 0) AS points FROM ${P}postings WHERE account = 'customer'`).get()
        expect(sum).toMatchObject({ points: (await shop.balance()).points })
      }),
      { numRuns: 60 },
    )
  })
})

describe('migrations', () => {
  test.each(['1.0.0', '1.1.0', '2.0.0'])('%s: up, and down again to nothing', async (version) => {
    const release = await openRelease('loyalty-points', version)
    const database = storeDatabase()
    migrateUp(database, release)
    expect(Object.keys(schemaOf(database, P))).toEqual(expect.arrayContaining((release.manifest.tables ?? []).map((table) => P + table)))
    migrateDown(database, release)
    expect(schemaOf(database, '')).toEqual({})
  })

  test('each down gives back the very schema that was there before its up', async () => {
    const release = await openRelease('loyalty-points', '2.0.0')
    const all = release.manifest.migrations ?? []
    for (let count = 1; count <= all.length; count += 1) {
      const before = storeDatabase()
      migrateUp(before, { ...release, manifest: { ...release.manifest, migrations: all.slice(0, count - 1) } })
      const after = storeDatabase()
      const upTo = { ...release, manifest: { ...release.manifest, migrations: all.slice(0, count) } }
      migrateUp(after, upTo)
      migrateDown(after, upTo, count - 1)
      // A dropped column comes back at the end of its table: the columns are the same, their order is not.
      const columns = (database: DatabaseSync) => Object.entries(schemaOf(database, P)).map(([name]) => [name, database.prepare(`SELECT name, type FROM pragma_table_info(?) ORDER BY name`).all(name).map((row) => ({ ...row }))])
      expect(columns(after)).toEqual(columns(before))
    }
  })

  test('1.0.0 goes on running while 1.1.0’s tables are there: the migration only expands', async () => {
    const { database, place, balance } = await open({}, '1.0.0')
    await place('o-1', 1000)
    migrateUp(database, await openRelease('loyalty-points', '1.1.0'), 1)
    await place('o-2', 1000, { customerId: 'c-2' })
    expect((await balance()).points).toBe(100)
    const younger = await openOn(database, '1.1.0', { tiers: TIERS })
    expect(await younger.balance('c-2')).toMatchObject({ points: 100, tier: 'basic' })
  })

  test('1.1.0 cannot run on 2.0.0’s tables: that is why it is called breaking', async () => {
    const { database, place } = await open({}, '1.1.0')
    migrateUp(database, await openRelease('loyalty-points', '2.0.0'), 2)
    await expect(place('o-1', 1000)).rejects.toThrow(/order_id/)
  })

  test('what 1.x wrote means the same to 2.0.0, and again to 1.1.0 after the way back', async () => {
    const old = await open({}, '1.1.0')
    await old.place('o-1', 1000, { email: 'Ada@Example.org' })
    await old.place('o-2', 2000)
    await old.refund('o-2', 'r-1', 1000)
    await old.redeem(40, 'cart-1')
    expect(await old.call('balance', { email: 'ada@example.ORG' })).toMatchObject({ points: 160 })

    const release = await openRelease('loyalty-points', '2.0.0')
    migrateUp(old.database, release, 2)
    const young = await openOn(old.database, '2.0.0')
    expect((await young.balance()).points).toBe(160)
    await young.place('o-1', 1000)
    expect(await young.redeem(40, 'cart-1')).toMatchObject({ points: 40 })
    expect((await young.balance()).points).toBe(160)
    await young.refund('o-2', 'r-2', 1000)
    expect((await young.balance()).points).toBe(60)

    migrateDown(old.database, release, 2)
    expect((await old.balance()).points).toBe(60)
    await old.place('o-1', 1000)
    expect((await old.balance()).points).toBe(60)
    expect(await old.call('balance', { email: 'ada@example.org' })).toMatchObject({ points: 0 })
    expectBooksInOrder(old.database)
  })

  test('1.x takes an order back once only', async () => {
    const { place, refund, balance } = await open({}, '1.1.0')
    await place('o-1', 1000)
    await refund('o-1', 'r-1', 300)
    await refund('o-1', 'r-2', 300)
    expect((await balance()).points).toBe(70)
  })
})
