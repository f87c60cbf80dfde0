import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createGoogleAnalytics, type GoogleAnalytics } from '../../../examples/world/providers/google-analytics.ts'
import { serveProvider, type ServedProvider } from '../../../examples/world/providers/serve.ts'
import type { Analytics } from '../../../sandbox/contracts.ts'
import { event, hostFor, NOW, type TestHost } from './host.ts'
import { openRelease } from './open.ts'

const STREAM = { measurementId: 'G-ABC123DEF4', apiSecret: 'loopback-secret' }

let google: GoogleAnalytics
let server: ServedProvider

beforeEach(async () => {
  google = createGoogleAnalytics(STREAM)
  server = await serveProvider(google.api)
})
afterEach(() => server.close())

async function open(config: Record<string, unknown> = {}, version = '1.1.0'): Promise<{ plugin: Analytics; host: TestHost }> {
  const { manifest, createPlugin } = await openRelease('google-analytics', version)
  const host = hostFor(manifest, { config: { ...STREAM, ...config }, routes: { 'www.google-analytics.com:443': server.origin } })
  return { plugin: (await createPlugin(host)) as Analytics, host }
}

const viewed = (more: Partial<Parameters<Analytics['track']>[0]> = {}) => ({ name: 'product.viewed', at: NOW, clientId: 'v-1', properties: { sku: 'T-1' }, ...more })
const sizes = () => server.requests.map(({ body }) => (JSON.parse(body) as { events: unknown[] }).events.length)

describe('track', () => {
  test('an event counts, as the protocol wants it', async () => {
    const { plugin } = await open({ adUserData: true })
    await plugin.track(viewed())
    expect(google.events).toEqual([{ client_id: 'v-1', name: 'product_viewed', params: { sku: 'T-1' }, timestamp_micros: Date.parse(NOW) * 1000 }])
    expect(server.requests[0]).toMatchObject({ method: 'POST', path: '/mp/collect', headers: { 'content-type': 'application/json' } })
    expect(JSON.parse(server.requests[0]?.body ?? '')).toMatchObject({ consent: { ad_user_data: 'GRANTED', ad_personalization: 'DENIED' } })
  })

  test('60 events of one visitor travel as 25, 25 and 10; another visitor’s travel apart', async () => {
    const { plugin } = await open()
    await Promise.all([...Array.from({ length: 60 }, (_, n) => plugin.track(viewed({ properties: { n } }))), plugin.track(viewed({ clientId: 'v-2' }))])
    expect(sizes().sort((a, b) => b - a)).toEqual([25, 25, 10, 1])
    expect(google.events.filter(({ client_id }) => client_id === 'v-1').map(({ params }) => params?.['n'])).toHaveLength(60)
    expect(google.thrownAway).toEqual([])
  })

  test('1.0.0 sends them one by one', async () => {
    const { plugin } = await open({}, '1.0.0')
    await Promise.all([plugin.track(viewed()), plugin.track(viewed())])
    expect(sizes()).toEqual([1, 1])
  })

  test('who waits for a batch hears that it failed; the next one is not touched', async () => {
    const { plugin } = await open()
    server.faults.push({ status: 503, body: '' })
    const failed = await Promise.allSettled([plugin.track(viewed()), plugin.track(viewed())])
    expect(failed).toMatchObject([{ status: 'rejected', reason: { code: 'google', retryable: true } }, { status: 'rejected' }])
    await plugin.track(viewed())
    expect(google.events).toHaveLength(1)
  })

  test('the secret stands in the address, and in no message', async () => {
    const { plugin } = await open()
    server.faults.push({ status: 400, body: '' })
    const error = await plugin.track(viewed()).catch((thrown: unknown) => String(thrown))
    expect(error).toBe('Error: google-analytics: Google answered 400')
  })

  test('without a secret it says so', async () => {
    const { plugin } = await open({ apiSecret: undefined })
    await expect(plugin.track(viewed())).rejects.toMatchObject({ code: 'config' })
    expect(await plugin.health()).toEqual({ ok: true })
  })

  test.each([
    ['no visitor', { clientId: undefined }],
    ['an empty visitor', { clientId: '' }],
    ['a reserved name', { name: 'session_start' }],
    ['a reserved beginning', { name: 'google.visit' }],
    ['a name with a digit in front', { name: '3d' }],
    ['a name of 41 letters', { name: 'a'.repeat(41) }],
    ['an event of four days ago', { at: '2026-11-06T11:59:59.000Z' }],
    ['no time', { at: 'yesterday' }],
  ])('%s: left out and logged, because Google would not count it', async (_, change) => {
    const { plugin, host } = await open()
    await plugin.track(viewed(change as Partial<Parameters<Analytics['track']>[0]>))
    expect([server.requests.length, host.logged.length]).toEqual([0, 1])
  })

  test('parameters keep to the limits, and carry nobody’s address', async () => {
    const { plugin } = await open()
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`p${n}`, n]))
    await plugin.track(viewed({ properties: { email: 'ada@example.org', phone: '+372 5550 1234', note: 'write to ada@example.org', ga_x: 1, bad_key$: 1, none: null, nan: Number.NaN, long: 'ö'.repeat(150), ...many } }))
    const params = google.events[0]?.params ?? {}
    expect(google.thrownAway).toEqual([])
    expect(Object.keys(params)).toHaveLength(25)
    expect(params['long']).toBe('ö'.repeat(100))
    expect(JSON.stringify(params)).not.toMatch(/ada|5550/)
  })
})

describe('orders', () => {
  test('become purchases and refunds in the major unit', async () => {
    const { plugin } = await open()
    const lines = [{ sku: 'T-1', quantity: 2, price: { amount: 950, currency: 'EUR' } }]
    await plugin.hooks?.['order.placed']?.(event('order.placed', { orderId: 'o-1', clientId: 'v-1', total: { amount: 1999, currency: 'EUR' }, lines }))
    await plugin.hooks?.['order.refunded']?.(event('order.refunded', { orderId: 'o-2', clientId: 'v-1', amount: { amount: 500, currency: 'JPY' } }))
    expect(google.events).toMatchObject([
      { name: 'purchase', params: { transaction_id: 'o-1', value: 19.99, currency: 'EUR', items: [{ item_id: 'T-1', quantity: 2, price: 9.5 }] } },
      { name: 'refund', params: { transaction_id: 'o-2', value: 500, currency: 'JPY' } },
    ])
  })
})
