import { describe, expect, test } from 'vitest'
import type { Address, LineItem, Shipping } from '../../../sandbox/contracts.ts'
import { hostFor, type TestHost } from './host.ts'
import { openRelease } from './open.ts'

const CONFIG = {
  currency: 'EUR',
  zones: [
    { countries: ['FI'], postalCodes: ['22*', '00100-00199', 'AX 1'], rates: [{ id: 'islands', label: 'Islands', price: 1990 }] },
    { countries: ['US'], regions: ['HI', 'AK'], rates: [] },
    {
      countries: ['EE', 'FI'],
      rates: [
        { id: 'courier', label: 'Courier', price: 100, byWeight: [{ upTo: 30_000, price: 1290 }, { upTo: 5000, price: 590 }] },
        { id: 'locker', label: 'Parcel locker', price: 290, freeFrom: 4900, days: 1 },
        { id: 'insured', label: 'Insured', byValue: [{ upTo: 2000, price: 300 }, { price: 900 }] },
      ],
    },
    { countries: ['*'], rates: [{ id: 'post', label: 'Post', price: 2490, days: 14 }] },
  ],
}

async function open(config: object = CONFIG, version = '1.1.0-beta.1'): Promise<{ plugin: Shipping; host: TestHost }> {
  const { manifest, createPlugin } = await openRelease('flat-rate-shipping', version)
  const host = hostFor(manifest, { config: config as Record<string, unknown> })
  return { plugin: (await createPlugin(host)) as Shipping, host }
}

const line = (amount: number, weightGrams?: number, quantity = 1, currency = 'EUR'): LineItem => ({ sku: 'T-1', quantity, price: { amount, currency }, ...(weightGrams === undefined ? {} : { weightGrams }) })

async function offers(to: Address, items: readonly LineItem[], version?: string): Promise<string[]> {
  const { plugin } = await open(CONFIG, version)
  return (await plugin.calculateRates({ to, items })).map(({ id, price }) => `${id} ${price.amount} ${price.currency}`)
}

describe('rates', () => {
  test.each<[string, Address, LineItem[], string[]]>([
    ['light and cheap', { country: 'EE' }, [line(1000, 400)], ['locker 290 EUR', 'insured 300 EUR', 'courier 690 EUR']],
    ['the edge of a step belongs to it', { country: 'EE' }, [line(2000, 2500, 1), line(0, 2500)], ['locker 290 EUR', 'insured 300 EUR', 'courier 690 EUR']],
    ['one gram and one cent more', { country: 'EE' }, [line(2001, 5001)], ['locker 290 EUR', 'insured 900 EUR', 'courier 1390 EUR']],
    ['free from an amount on', { country: 'EE' }, [line(2450, 100, 2)], ['locker 0 EUR', 'courier 690 EUR', 'insured 900 EUR']],
    ['too heavy for the courier', { country: 'EE' }, [line(1000, 30_001)], ['locker 290 EUR', 'insured 300 EUR']],
    ['a weight that nobody knows', { country: 'EE' }, [line(1000, 100), line(0)], ['locker 290 EUR', 'insured 300 EUR']],
    ['a country in small letters', { country: 'ee' }, [line(1000, 100)], ['locker 290 EUR', 'insured 300 EUR', 'courier 690 EUR']],
    ['the rest of the world', { country: 'JP' }, [line(1000)], ['post 2490 EUR']],
    ['a region without shipping', { country: 'US', region: 'hi' }, [line(1000)], []],
    ['the other regions', { country: 'US', region: 'NY' }, [line(1000)], ['post 2490 EUR']],
    ['no region given', { country: 'US' }, [line(1000)], ['post 2490 EUR']],
    ['an empty cart', { country: 'JP' }, [], ['post 2490 EUR']],
  ])('%s', async (_, to, items, expected) => {
    expect(await offers(to, items)).toEqual(expected)
  })

  test.each([
    ['22100', 'islands'],
    ['22', 'islands'],
    ['00150', 'islands'],
    ['00199', 'islands'],
    ['00200', 'locker'],
    ['150', 'locker'],
    ['ax1', 'islands'],
    [' AX-1 ', 'islands'],
    ['', 'locker'],
  ])('postcode %s is served by %s', async (postalCode, id) => {
    expect((await offers({ country: 'FI', postalCode }, [line(1000, 100)]))[0]?.split(' ')[0]).toBe(id)
  })

  test('days and label are told; another currency gets no price rather than a wrong one', async () => {
    const { plugin, host } = await open()
    expect(await plugin.calculateRates({ to: { country: 'JP' }, items: [line(1000)] })).toEqual([{ id: 'post', label: 'Post', price: { amount: 2490, currency: 'EUR' }, days: 14 }])
    expect(await plugin.calculateRates({ to: { country: 'JP' }, items: [line(1000, 1, 1, 'USD')] })).toEqual([])
    expect(host.logged).toMatchObject([{ level: 'warn' }])
  })

  test('without config it offers nothing, and is healthy', async () => {
    const { plugin } = await open({})
    expect(await plugin.health()).toEqual({ ok: true })
    expect(await plugin.calculateRates({ to: { country: 'EE' }, items: [line(1000)] })).toEqual([])
  })

  test('1.0.0 does not know postcodes', async () => {
    expect((await offers({ country: 'FI', postalCode: '99999' }, [line(1000)], '1.0.0'))[0]).toBe('islands 1990 EUR')
  })
})
