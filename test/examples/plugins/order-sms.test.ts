import fc from 'fast-check'
import { createHmac } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { serveProvider, type ServedProvider } from '../../../examples/world/providers/serve.ts'
import { createTwilio, twilioTooMany, type Twilio, type TwilioCallback } from '../../../examples/world/providers/twilio.ts'
import type { Marketing, WebhookResponse } from '../../../sandbox/contracts.ts'
import { event, hostFor, NOW, ownPrefix, storeDatabase, type TestHost } from './host.ts'
import { migrateDown, migrateUp, schemaOf } from './migrations.ts'
import { openRelease } from './open.ts'

const ACCOUNT = { accountSid: `AC${'0'.repeat(32)}`, authToken: 'loopback-token' }
const CONFIG = { ...ACCOUNT, from: '+3725550100', shopName: 'Tea & Cup', statusCallback: 'https://shop.example/hooks/order-sms/status' }
const PLACED = { orderId: 'o-1', number: '1001', phone: '+372 5550 1234', locale: 'de', items: 2, total: { amount: 1999, currency: 'EUR' } }
const SHIPPED = { orderId: 'o-1', number: '1001', phone: '+372 5550 1234', locale: 'en', carrier: 'Omniva', trackingUrl: 'https://t.example/EE1' }

let twilio: Twilio
let server: ServedProvider

beforeEach(async () => {
  twilio = createTwilio({ ...ACCOUNT, senders: ['+3725550100', 'TeaCup'], now: () => Date.parse(NOW) / 1000 })
  server = await serveProvider(twilio.api)
})
afterEach(() => server.close())

interface Opened {
  readonly plugin: Marketing
  readonly host: TestHost
  readonly database: DatabaseSync
  readonly raise: (name: string, data: Record<string, unknown>) => Promise<void>
  readonly deliver: (hook: string, callback: TwilioCallback) => Promise<WebhookResponse>
  readonly rows: () => unknown[]
}

async function open(config: Record<string, unknown> = {}, version = '1.2.0'): Promise<Opened> {
  const release = await openRelease('order-sms', version)
  const templates = await openRelease('message-templates', '1.1.0')
  const database = storeDatabase()
  migrateUp(database, release)
  const plugins = { 'message-templates': await templates.createPlugin(hostFor(templates.manifest)) }
  const host = hostFor(release.manifest, { config: { ...CONFIG, ...config }, database, plugins, routes: { 'api.twilio.com:443': server.origin } })
  const plugin = (await release.createPlugin(host)) as Marketing
  return {
    plugin, host, database,
    raise: async (name, data) => plugin.hooks?.[name]?.(event(name, data)),
    deliver: async (hook, { url, body, headers }) => (await plugin.webhooks?.[hook]?.({ method: 'POST', url, headers, body })) ?? { status: 404 },
    rows: () => database.prepare('SELECT * FROM plg_order_sms__messages ORDER BY order_id, event').all(),
  }
}

describe('order messages', () => {
  test('placed and shipped reach the customer in their language, over Twilio’s API', async () => {
    const { raise, rows } = await open()
    await raise('order.placed', PLACED)
    await raise('order.shipped', SHIPPED)
    expect(twilio.messages).toMatchObject([
      { to: '+37255501234', from: '+3725550100', body: 'Tea & Cup: Danke! Deine Bestellung 1001 ist da: 2 Artikel, 19,99 €.', status_callback: CONFIG.statusCallback },
      { body: 'Tea & Cup: your order 1001 is on its way. Omniva https://t.example/EE1' },
    ])
    expect(server.requests[0]).toMatchObject({
      method: 'POST',
      path: `/2010-04-01/Accounts/${ACCOUNT.accountSid}/Messages.json`,
      headers: { authorization: `Basic ${Buffer.from(`${ACCOUNT.accountSid}:${ACCOUNT.authToken}`).toString('base64')}`, 'content-type': 'application/x-www-form-urlencoded' },
    })
    expect(rows()).toMatchObject([{ order_id: 'o-1', event: 'order-placed', state: 'sent', sid: twilio.messages[0]?.sid }, { event: 'order-shipped', state: 'sent' }])
  })

  test('an order without carrier and address leaves no hole', async () => {
    const { raise } = await open()
    await raise('order.shipped', { ...SHIPPED, carrier: undefined, trackingUrl: undefined })
    expect(twilio.messages[0]?.body).toBe('Tea & Cup: your order 1001 is on its way.')
  })

  test('the same event twice, also at once, is one message', async () => {
    const { raise } = await open()
    await Promise.all([raise('order.placed', PLACED), raise('order.placed', PLACED)])
    await raise('order.placed', PLACED)
    expect(twilio.messages).toHaveLength(1)
  })

  test('a messaging service instead of a number', async () => {
    const service = `MG${'1'.repeat(32)}`
    const { raise } = await open({ from: undefined, messagingServiceSid: service })
    await raise('order.placed', PLACED)
    expect(twilio.messages).toMatchObject([{ from: null, messaging_service_sid: service, status: 'accepted' }])
  })

  test.each([
    ['no phone', { phone: undefined }],
    ['an empty phone', { phone: '' }],
    ['no consent', { smsConsent: false }],
  ])('%s: nothing happens', async (_, change) => {
    const { raise, rows } = await open()
    await raise('order.placed', { ...PLACED, ...change })
    expect([server.requests.length, rows()]).toEqual([0, []])
  })

  test.each(['5550 1234', '0372 5550 1234', '+0 5550 1234', '+372 5550 1234 567890', 'call me', '+372;DROP'])('%s is no E.164 number: skipped, and not in the log', async (phone) => {
    const { raise, rows, host } = await open()
    await raise('order.placed', { ...PLACED, phone })
    expect(server.requests).toHaveLength(0)
    expect(rows()).toMatchObject([{ state: 'skipped', error: 'invalid_number' }])
    expect(JSON.stringify(host.logged)).not.toContain(phone)
  })

  test.each(['+372 (5550) 12-34', '00372 5550 1234', '+372.5550.1234', '+372\u00a05550\u20111234'])('%s is understood', async (phone) => {
    const { raise } = await open()
    await raise('order.placed', { ...PLACED, phone })
    expect(twilio.messages).toMatchObject([{ to: '+37255501234' }])
  })

  test('send is for anyone, as often as they like', async () => {
    const { plugin } = await open()
    const message = { to: '+37255501234', template: 'order-shipped', values: { number: '7', carrier: 'DHL', url: '' } }
    const first = await plugin.send?.(message)
    const second = await plugin.send?.(message)
    expect([first?.id, second?.id]).toEqual(twilio.messages.map(({ sid }) => sid))
    await expect(plugin.send?.({ ...message, to: '123' })).rejects.toMatchObject({ name: 'NotSendable', code: 'invalid_number' })
    await expect(plugin.send?.({ ...message, template: 'no-such' })).rejects.toMatchObject({ code: 'unknown_template' })
  })

  test('a missing sender is noticed by health', async () => {
    expect(await (await open({ from: undefined })).plugin.health()).toMatchObject({ ok: false })
    expect(await (await open()).plugin.health()).toEqual({ ok: true })
  })
})

describe('when Twilio says no', () => {
  test('too many requests: certainly not sent, so the next event may try again', async () => {
    const { raise } = await open()
    server.faults.push(twilioTooMany())
    await expect(raise('order.placed', PLACED)).rejects.toMatchObject({ name: 'TwilioError', code: 20429, retryable: true })
    await raise('order.placed', PLACED)
    expect(twilio.messages).toHaveLength(1)
  })

  test('a connection that breaks after the message was taken: never a second one', async () => {
    const { raise, rows, host } = await open()
    server.faults.push('drop-after')
    await raise('order.placed', PLACED)
    await raise('order.placed', PLACED)
    expect(twilio.messages).toHaveLength(1)
    expect(rows()).toMatchObject([{ state: 'unknown', error: 'connection' }])
    expect(host.logged).toMatchObject([{ level: 'warn', fields: { order: 'o-1', state: 'unknown' } }])
  })

  test('a wrong token is the operator’s matter: thrown, and the message is not lost', async () => {
    const wrong = await open({ authToken: 'wrong' })
    const error = await wrong.raise('order.placed', PLACED).catch((thrown: unknown) => thrown as Error)
    expect(error).toMatchObject({ code: 20003 })
    expect(String(error)).not.toContain('wrong')
    expect(wrong.rows()).toEqual([])
  })

  test('config without an account: said without a request', async () => {
    const { raise } = await open({ accountSid: undefined })
    await expect(raise('order.placed', PLACED)).rejects.toMatchObject({ code: 'config' })
    expect(server.requests).toHaveLength(0)
  })

  test('a number that Twilio refuses stays refused', async () => {
    const { raise, rows } = await open({ from: '+15550000' })
    await raise('order.placed', PLACED)
    await raise('order.placed', PLACED)
    expect(server.requests).toHaveLength(1)
    expect(rows()).toMatchObject([{ state: 'failed', error: '21606' }])
  })

  test('21610: the customer said stop, and is not asked for again', async () => {
    const { raise, rows } = await open()
    twilio.unsubscribed.add('+37255501234')
    await raise('order.placed', PLACED)
    await raise('order.shipped', SHIPPED)
    expect(server.requests).toHaveLength(1)
    expect(rows()).toMatchObject([{ state: 'skipped', error: 'opted_out' }, { state: 'skipped', error: 'opted_out' }])
  })
})

describe('what comes from Twilio', () => {
  const INBOUND = 'https://shop.example/hooks/order-sms/inbound'

  test('STOP and START are obeyed; other words are left to people', async () => {
    const { raise, deliver } = await open()
    expect(await deliver('inbound', twilio.inbound(INBOUND, '+37255501234', ' stop '))).toEqual({ status: 200, headers: { 'content-type': 'text/xml' }, body: '<?xml version="1.0" encoding="UTF-8"?><Response/>' })
    await raise('order.placed', PLACED)
    await deliver('inbound', twilio.inbound(INBOUND, '+37255501234', 'Start please'))
    await raise('order.shipped', SHIPPED)
    expect(twilio.messages).toHaveLength(0)
    await deliver('inbound', twilio.inbound(INBOUND, '+37255501234', 'anything', { OptOutType: 'START' }))
    await raise('order.placed', { ...PLACED, orderId: 'o-2' })
    expect(twilio.messages).toHaveLength(1)
  })

  test('who said stop is kept as a digest', async () => {
    const { deliver, database } = await open()
    await deliver('inbound', twilio.inbound(INBOUND, '+37255501234', 'STOP'))
    const rows = database.prepare('SELECT * FROM plg_order_sms__opt_outs').all()
    expect(rows).toHaveLength(1)
    expect(JSON.stringify(rows)).not.toContain('5550')
  })

  test('delivery goes forward only, and a failure is told', async () => {
    const { raise, deliver, rows } = await open()
    await raise('order.placed', PLACED)
    const [message] = twilio.messages
    if (!message) throw new Error('no message')
    expect(await deliver('status', twilio.status(message, 'sent'))).toEqual({ status: 204 })
    expect(await deliver('status', twilio.status(message, 'queued'))).toEqual({ status: 204 })
    expect(rows()).toMatchObject([{ delivery: 'sent' }])
    expect(await deliver('status', twilio.status(message, 'undelivered', 30003))).toEqual({ status: 204, events: [{ name: 'message.undelivered', data: { channel: 'sms', messageId: message.sid, reason: '30003' } }] })
    expect(await deliver('status', twilio.status(message, 'undelivered', 30003))).toEqual({ status: 204 })
    expect(rows()).toMatchObject([{ delivery: 'undelivered', error: '30003' }])
  })

  test.each<[string, (callback: TwilioCallback) => TwilioCallback]>([
    ['a changed field', (c) => ({ ...c, body: c.body.replace('STOP', 'START') })],
    ['a field too many', (c) => ({ ...c, body: `${c.body}&x=1` })],
    ['another address', (c) => ({ ...c, url: 'https://shop.example/hooks/other' })],
    ['no signature', (c) => ({ ...c, headers: {} })],
    ['another token', (c) => ({ ...c, headers: { 'x-twilio-signature': createHmac('sha1', 'other').update(c.url).digest('base64') } })],
  ])('%s is refused with 403', async (_, forge) => {
    const { deliver, host, database } = await open()
    expect(await deliver('inbound', forge(twilio.inbound(INBOUND, '+37255501234', 'STOP')))).toEqual({ status: 403 })
    expect(database.prepare('SELECT * FROM plg_order_sms__opt_outs').all()).toEqual([])
    expect(host.logged).toHaveLength(1)
  })

  test('without a token nothing is believed', async () => {
    const { deliver } = await open({ authToken: '' })
    const forged = twilio.inbound(INBOUND, '+37255501234', 'STOP')
    const signature = createHmac('sha1', '').update('x').digest('base64')
    expect(await deliver('inbound', { ...forged, headers: { 'x-twilio-signature': signature } })).toEqual({ status: 403 })
  })

  test('a proxy may write the standard port', async () => {
    const { deliver } = await open()
    const signed = twilio.inbound(INBOUND, '+37255501234', 'STOP')
    expect(await deliver('inbound', { ...signed, url: INBOUND.replace('.example/', '.example:443/') })).toMatchObject({ status: 200 })
  })

  test('the vector that Twilio’s own library makes', async () => {
    // twilio@6.2.0: getExpectedTwilioSignature('loopback-token', url, fields)
    const { deliver } = await open()
    const url = 'https://shop.example/hooks/order-sms/status?store=eu'
    const body = new URLSearchParams({ MessageSid: 'SM1', MessageStatus: 'sent', To: '+37255501234', From: '+3725550100' }).toString()
    expect(await deliver('status', { url, body, headers: { 'x-twilio-signature': 'Y1GdE5CDQLd+HdS12g9Rvnhkkio=' } })).toEqual({ status: 204 })
  })
})

describe('segments', () => {
  interface Segments {
    measure(text: string): { encoding: string; segments: number }
    fit(text: string, max: number): string
  }
  const load = () => import(pathToFileURL('examples/plugins/order-sms/segments.js').href) as Promise<Segments>

  test.each([
    ['a'.repeat(160), 'GSM-7', 1],
    ['a'.repeat(161), 'GSM-7', 2],
    ['a'.repeat(306), 'GSM-7', 2],
    ['a'.repeat(307), 'GSM-7', 3],
    ['€'.repeat(80), 'GSM-7', 1],
    ['€'.repeat(81), 'GSM-7', 2],
    [`${'a'.repeat(152)}€${'a'.repeat(152)}`, 'GSM-7', 3],
    ['õ'.repeat(70), 'UCS-2', 1],
    ['õ'.repeat(71), 'UCS-2', 2],
    ['😀'.repeat(35), 'UCS-2', 1],
    ['😀'.repeat(66), 'UCS-2', 2],
    ['😀'.repeat(67), 'UCS-2', 3],
    ['', 'GSM-7', 1],
  ])('%#: %s', async (text, encoding, segments) => {
    expect((await load()).measure(text)).toEqual({ encoding, segments })
  })

  test('GSM 03.38 has 127 characters and 10 in its extension', async () => {
    const { measure } = await load()
    const gsm = Array.from({ length: 0xd800 }, (_, code) => String.fromCodePoint(code)).filter((character) => measure(character).encoding === 'GSM-7')
    const double = gsm.filter((character) => measure(character.repeat(81)).segments === 2)
    expect([gsm.length, double.sort().join('')]).toEqual([137, '\f[\\]^{|}~€'])
  })

  test('typography is made plain where it saves; letters never change', async () => {
    const { fit } = await load()
    const long = 'x'.repeat(60)
    expect(fit(`${long} “It’s here” – 19,99\u00a0€…`, 3)).toBe(`${long} "It's here" - 19,99 €...`)
    expect(fit('“It’s here”', 3)).toBe('“It’s here”')
    expect(fit(`${long} „Õnn“ ja õis`, 1)).toMatch(/Õnn/)
  })

  test('what is cut fits, says so, and keeps its beginning', async () => {
    const { fit, measure } = await load()
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 900 }), fc.integer({ min: 1, max: 4 }), (text, max) => {
        const result = fit(text, max)
        expect(measure(result).segments).toBeLessThanOrEqual(max)
        if (result.endsWith('...') && measure(text).segments > max) expect(result.length).toBeGreaterThan(60 * max - 8)
      }),
      { numRuns: 60 },
    )
  })
})

describe('tables', () => {
  test('the migrations of every release go up and come down again, to nothing', async () => {
    for (const version of ['1.0.0', '1.1.0', '1.2.0']) {
      const release = await openRelease('order-sms', version)
      const database = storeDatabase()
      migrateUp(database, release)
      expect(Object.keys(schemaOf(database, ownPrefix('order-sms')))).toEqual(expect.arrayContaining(release.manifest.tables?.map((name) => ownPrefix('order-sms') + name) ?? []))
      migrateDown(database, release)
      expect(schemaOf(database, '')).toEqual({})
    }
  })

  test('an older version goes on running on the newer tables: its migrations only expand', async () => {
    const [old, young] = [await openRelease('order-sms', '1.0.0'), await openRelease('order-sms', '1.2.0')]
    const { database } = await open({}, '1.0.0')
    migrateUp(database, young, old.manifest.migrations?.length)
    const templates = await openRelease('message-templates', '1.0.0')
    const plugins = { 'message-templates': await templates.createPlugin(hostFor(templates.manifest)) }
    const host = hostFor(old.manifest, { config: CONFIG, database, plugins, routes: { 'api.twilio.com:443': server.origin } })
    const plugin = (await old.createPlugin(host)) as Marketing
    await plugin.hooks?.['order.placed']?.(event('order.placed', PLACED))
    expect(twilio.messages).toHaveLength(1)
  })
})
