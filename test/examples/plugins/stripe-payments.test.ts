import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { rateLimited } from '../../../examples/world/providers/stripe-errors.ts'
import { serveProvider, type ServedProvider } from '../../../examples/world/providers/serve.ts'
import { createStripe, type Stripe } from '../../../examples/world/providers/stripe.ts'
import type { PaymentGateway, WebhookRequest } from '../../../sandbox/contracts.ts'
import { event, hostFor, NOW, storeDatabase, type HostOptions, type TestHost } from './host.ts'
import { openRelease } from './open.ts'

const SECRETS = { secretKey: 'sk_test_loopback', webhookSecret: 'whsec_loopback' }
const CORE = readFileSync(new URL('../../../examples/plugins/core-tables.sql', import.meta.url), 'utf8')
const NOW_SECONDS = Date.parse(NOW) / 1000
const EUR_1999 = { amount: 1999, currency: 'EUR' }

let stripe: Stripe
let api: ServedProvider
let files: ServedProvider

beforeEach(async () => {
  stripe = createStripe({ ...SECRETS, now: () => NOW_SECONDS })
  api = await serveProvider(stripe.api)
  files = await serveProvider(stripe.files)
})
afterEach(() => Promise.all([api.close(), files.close()]))

interface Opened {
  readonly gateway: Required<PaymentGateway>
  readonly host: TestHost
  readonly deliver: (signed: { body: string; headers: Record<string, string> }) => ReturnType<WebhookCall>
}
type WebhookCall = (request: WebhookRequest) => Promise<{ status: number; body?: string; events?: readonly { name: string; data: Record<string, unknown> }[] }>

async function open(version = '3.0.0', options: HostOptions = {}): Promise<Opened> {
  const { manifest, createPlugin } = await openRelease('stripe-payments', version)
  const keys = version.startsWith('2.') ? { apiKey: SECRETS.secretKey, webhookSecret: SECRETS.webhookSecret } : SECRETS
  const routes = { 'api.stripe.com:443': api.origin, 'files.stripe.com:443': files.origin }
  const host = hostFor(manifest, { routes, ...options, config: { ...keys, ...options.config } })
  const gateway = (await createPlugin(host)) as Required<PaymentGateway>
  const events = gateway.webhooks['events'] as WebhookCall
  return { gateway, host, deliver: ({ body, headers }) => events({ method: 'POST', url: 'https://shop.example/hooks/stripe', headers, body }) }
}

const authorizeVisa = (gateway: PaymentGateway) => gateway.authorize({ orderId: 'o-1', amount: EUR_1999, method: 'pm_card_visa' })
const intent = (id: string) => stripe.account.intents.get(id)

describe('the life of a payment', () => {
  test('authorize reserves, capture takes, refund gives back', async () => {
    const { gateway } = await open()
    const { paymentId, status } = await authorizeVisa(gateway)
    expect(status).toBe('authorized')
    expect(intent(paymentId)).toMatchObject({ amount: 1999, currency: 'eur', amount_capturable: 1999, amount_received: 0, capture_method: 'manual', metadata: { order_id: 'o-1' } })
    expect(await gateway.capture({ paymentId })).toEqual({ paymentId, status: 'captured' })
    expect(intent(paymentId)).toMatchObject({ status: 'succeeded', amount_received: 1999 })
    expect(await gateway.refund({ paymentId, reason: 'requested_by_customer' })).toEqual({ paymentId, status: 'refunded' })
    expect([...stripe.account.refunds.values()]).toMatchObject([{ amount: 1999, reason: 'requested_by_customer' }])
  })

  test('part of an amount is captured and refunded in steps', async () => {
    const { gateway } = await open()
    const { paymentId } = await authorizeVisa(gateway)
    await gateway.capture({ paymentId, amount: { amount: 1500, currency: 'EUR' } })
    await gateway.refund({ paymentId, amount: { amount: 500, currency: 'EUR' }, reason: 'arrived broken' })
    await gateway.refund({ paymentId, amount: { amount: 500, currency: 'EUR' } })
    expect([...stripe.account.refunds.values()].map(({ amount, metadata }) => [amount, metadata])).toEqual([[500, { reason: 'arrived broken' }], [500, {}]])
    await expect(gateway.refund({ paymentId, amount: { amount: 501, currency: 'EUR' } })).rejects.toMatchObject({ name: 'StripeError', code: 'invalid_request', retryable: false, status: 400 })
  })

  test('a partial amount in another currency is refused before Stripe could take it', async () => {
    const { gateway } = await open()
    const { paymentId } = await authorizeVisa(gateway)
    await expect(gateway.capture({ paymentId, amount: { amount: 1500, currency: 'SEK' } })).rejects.toMatchObject({ code: 'currency_mismatch' })
    expect(intent(paymentId)?.status).toBe('requires_capture')
  })

  test('cancel lets go of the amount; a captured one cannot be cancelled', async () => {
    const { gateway } = await open()
    const first = await authorizeVisa(gateway)
    expect(await gateway.cancel({ paymentId: first.paymentId, reason: 'abandoned' })).toMatchObject({ status: 'cancelled' })
    expect(intent(first.paymentId)).toMatchObject({ status: 'canceled', cancellation_reason: 'abandoned', amount_capturable: 0 })
    const second = await gateway.authorize({ orderId: 'o-2', amount: EUR_1999, method: 'pm_card_visa' })
    await gateway.capture({ paymentId: second.paymentId })
    await expect(gateway.cancel({ paymentId: second.paymentId })).rejects.toMatchObject({ code: 'payment_intent_unexpected_state' })
  })

  test('a bank that wants to see the customer gives a place to go on', async () => {
    const { gateway } = await open('3.0.0', { config: { returnUrl: 'https://shop.example/return' } })
    const result = await gateway.authorize({ orderId: 'o-1', amount: EUR_1999, method: 'pm_card_threeDSecure2Required' })
    expect(result).toEqual({ paymentId: expect.stringMatching(/^pi_/), status: 'action-required', url: expect.stringContaining('https://hooks.stripe.com/') })
    stripe.authenticate(result.paymentId)
    expect(await gateway.capture({ paymentId: result.paymentId })).toMatchObject({ status: 'captured' })
  })

  test.each([
    ['pm_card_visa_chargeDeclined', 'generic_decline'],
    ['pm_card_visa_chargeDeclinedInsufficientFunds', 'insufficient_funds'],
    ['pm_card_chargeDeclinedExpiredCard', 'expired_card'],
  ])('%s is declined with the bank’s reason', async (method, reason) => {
    const { gateway } = await open()
    expect(await gateway.authorize({ orderId: 'o-1', amount: EUR_1999, method })).toEqual({ paymentId: expect.stringMatching(/^pi_/), status: 'declined', reason })
  })
})

describe('the request on the wire', () => {
  test('is the form, the headers and the version that Stripe publishes', async () => {
    const { gateway } = await open('3.0.0', { config: { statementSuffix: 'Tea & Co' } })
    await gateway.authorize({ orderId: 'o 1&2=ü', amount: EUR_1999, method: 'pm_card_visa' })
    const [request] = api.requests
    expect(request).toMatchObject({ method: 'POST', path: '/v1/payment_intents' })
    expect(request?.headers).toMatchObject({
      authorization: 'Bearer sk_test_loopback',
      'content-type': 'application/x-www-form-urlencoded',
      'stripe-version': '2026-03-25.dahlia',
      'idempotency-key': expect.stringMatching(/^catalyst-[0-9a-f]{40}$/),
    })
    expect(request?.body).toBe(
      'amount=1999&currency=eur&payment_method=pm_card_visa&confirm=true&capture_method=manual&automatic_payment_methods%5Benabled%5D=true' +
        '&automatic_payment_methods%5Ballow_redirects%5D=never&statement_descriptor_suffix=Tea+%26+Co&metadata%5Border_id%5D=o+1%262%3D%C3%BC',
    )
  })

  test.each([
    ['EUR', 1999, 1999],
    ['JPY', 500, 500],
    ['ISK', 500, 50_000],
    ['UGX', 5000, 500_000],
    ['MGA', 500_000, 5000],
    ['KWD', 5120, 5120],
  ])('%s: %d of the minor unit is %d at Stripe', async (currency, amount, sent) => {
    const { gateway } = await open()
    const { paymentId } = await gateway.authorize({ orderId: 'o-1', amount: { amount, currency }, method: 'pm_card_visa' })
    expect(intent(paymentId)).toMatchObject({ amount: sent, currency: currency.toLowerCase() })
  })

  test.each([
    ['KWD', 5124],
    ['MGA', 150],
    ['EUR', 19.99],
    ['EUR', 0],
    ['EUR', -5],
    ['EUR', Number.MAX_SAFE_INTEGER + 1],
    ['EURO', 100],
  ])('%s %d is never rounded: refused without a request', async (currency, amount) => {
    const { gateway } = await open()
    await expect(gateway.authorize({ orderId: 'o-1', amount: { amount, currency }, method: 'pm_card_visa' })).rejects.toMatchObject({ code: 'invalid_amount' })
    expect(api.requests).toHaveLength(0)
  })
})

describe('asking again', () => {
  test('an answer lost on the way does not reserve twice', async () => {
    const { gateway } = await open()
    api.faults.push('drop-after')
    expect(await authorizeVisa(gateway)).toMatchObject({ status: 'authorized' })
    expect(api.requests).toHaveLength(2)
    expect(stripe.account.intents.size).toBe(1)
  })

  test('the same key means the same refund; another key another one', async () => {
    const { gateway } = await open()
    const { paymentId } = await authorizeVisa(gateway)
    await gateway.capture({ paymentId })
    const amount = { amount: 300, currency: 'EUR' }
    for (const key of ['return-7', 'return-7', 'return-8']) await gateway.refund({ paymentId, amount, key })
    expect(stripe.account.refunds.size).toBe(2)
  })

  test('a key used for something else is an error, not a second effect', async () => {
    const { gateway } = await open()
    await gateway.authorize({ orderId: 'o-1', amount: EUR_1999, method: 'pm_card_visa', key: 'attempt-1' })
    await expect(gateway.authorize({ orderId: 'o-2', amount: EUR_1999, method: 'pm_card_visa', key: 'attempt-1' })).rejects.toMatchObject({ code: 'idempotency', retryable: false })
  })

  test('a customer may try the same card again under a new key', async () => {
    const { gateway } = await open()
    const attempt = (key: string) => gateway.authorize({ orderId: 'o-1', amount: EUR_1999, method: 'pm_card_visa_chargeDeclined', key })
    await attempt('1')
    await attempt('1')
    await attempt('2')
    expect(stripe.account.intents.size).toBe(2)
  })
})

describe('when Stripe says no', () => {
  test('too many requests: when to come back', async () => {
    const { gateway } = await open()
    api.faults.push(rateLimited(7))
    await expect(authorizeVisa(gateway)).rejects.toMatchObject({ code: 'rate_limit', retryable: true, retryAfterSeconds: 7 })
  })

  test('no connection, twice: retryable, and nothing of the request in the message', async () => {
    const { gateway } = await open()
    api.faults.push('drop', 'drop')
    await expect(authorizeVisa(gateway)).rejects.toMatchObject({ code: 'api_connection', retryable: true, message: 'Stripe: no answer from api.stripe.com' })
  })

  test('a wrong key', async () => {
    const { gateway } = await open('3.0.0', { config: { secretKey: 'sk_test_wrong' } })
    const error = (await authorizeVisa(gateway).catch((thrown: unknown) => thrown)) as Error
    expect(error).toMatchObject({ code: 'authentication', retryable: false })
    expect(error.message).not.toContain('sk_test_wrong')
  })

  test('no key in config: said without a request', async () => {
    const { gateway } = await open('3.0.0', { config: { secretKey: '' } })
    await expect(authorizeVisa(gateway)).rejects.toMatchObject({ code: 'authentication', message: 'Stripe: the secret key is missing in config' })
    expect(api.requests).toHaveLength(0)
  })

  test('an answer that is not JSON', async () => {
    const { gateway } = await open()
    api.faults.push({ status: 502, headers: { 'content-type': 'text/html' }, body: '<html>Bad gateway</html>' })
    await expect(authorizeVisa(gateway)).rejects.toMatchObject({ code: 'api_error', retryable: true, status: 502 })
  })

  test('the host’s no is passed on as it is', async () => {
    const { gateway } = await open()
    const manifest = (await openRelease('stripe-payments', '3.0.0')).manifest
    const shut = hostFor({ ...manifest, permissions: {} }, { config: SECRETS })
    const { createPlugin } = await openRelease('stripe-payments', '3.0.0')
    await expect(authorizeVisa((await createPlugin(shut)) as PaymentGateway)).rejects.toMatchObject({ code: 'CAPABILITY_DENIED' })
    expect(await gateway.health()).toEqual({ ok: true })
  })

  test('a publishable key is noticed by health', async () => {
    const { gateway } = await open('3.0.0', { config: { secretKey: 'pk_test_x' } })
    expect(await gateway.health()).toMatchObject({ ok: false, message: expect.stringContaining('publishable') })
  })
})

describe('events', () => {
  test('a signed one tells the store what happened', async () => {
    const { gateway, deliver } = await open()
    const { paymentId } = await authorizeVisa(gateway)
    await gateway.capture({ paymentId })
    expect(await deliver(stripe.event('payment_intent.succeeded', intent(paymentId)))).toEqual({
      status: 200,
      events: [{ name: 'payment.captured', data: { paymentId, orderId: 'o-1', amount: EUR_1999, providerEvent: expect.stringMatching(/^evt_/) } }],
    })
  })

  test('a dispute names its payment and its reason', async () => {
    const { gateway, deliver } = await open()
    const { paymentId } = await authorizeVisa(gateway)
    await gateway.capture({ paymentId })
    const dispute = stripe.openDispute(intent(paymentId)?.latest_charge ?? '')
    expect((await deliver(stripe.event('charge.dispute.created', dispute))).events).toMatchObject([{ name: 'payment.disputed', data: { paymentId, disputeId: dispute.id, reason: 'product_not_received' } }])
  })

  test('an event that means nothing to the store is acknowledged', async () => {
    const { deliver } = await open()
    expect(await deliver(stripe.event('customer.created', { object: 'customer' }))).toEqual({ status: 200 })
  })

  const signed = () => stripe.event('customer.created', { object: 'customer' })
  const header = (payload: string, { secret = SECRETS.webhookSecret, at = NOW_SECONDS } = {}) => `t=${at},v1=${createHmac('sha256', secret).update(`${at}.${payload}`).digest('hex')}`
  test.each<[string, (body: string) => { body: string; signature: string }]>([
    ['an altered body', (body) => ({ body: body.replace('customer', 'attacker'), signature: header(body) })],
    ['another secret', (body) => ({ body, signature: header(body, { secret: 'whsec_other' }) })],
    ['an old event sent again', (body) => ({ body, signature: header(body, { at: NOW_SECONDS - 301 }) })],
    ['an event from the future', (body) => ({ body, signature: header(body, { at: NOW_SECONDS + 301 }) })],
    ['only the test scheme v0', (body) => ({ body, signature: header(body).replace('v1=', 'v0=') })],
    ['a short signature', (body) => ({ body, signature: header(body).slice(0, -2) })],
    ['no time', (body) => ({ body, signature: header(body).replace(/t=\d+,/, '') })],
    ['no header', (body) => ({ body, signature: '' })],
  ])('%s is refused', async (_, forge) => {
    const { deliver, host } = await open()
    const { body, signature } = forge(signed().body)
    expect(await deliver({ body, headers: { 'stripe-signature': signature } })).toMatchObject({ status: 400 })
    expect(host.logged).toMatchObject([{ level: 'warn' }])
  })

  test('without a secret nothing is believed', async () => {
    const { deliver } = await open('3.0.0', { config: { webhookSecret: '' } })
    expect(await deliver(signed())).toMatchObject({ status: 400 })
  })

  test('the tolerance can be set', async () => {
    const { deliver } = await open('3.0.0', { config: { webhookToleranceSeconds: 600 } })
    const { body } = signed()
    expect(await deliver({ body, headers: { 'stripe-signature': header(body, { at: NOW_SECONDS - 500 }) } })).toEqual({ status: 200 })
  })

  test('the vector that Stripe’s own library makes', async () => {
    // stripe@23.1.0: webhooks.generateTestHeaderString({ payload, secret: 'whsec_loopback', timestamp: 1794312000 })
    const { deliver } = await open()
    const body = '{"id":"evt_1","object":"event","type":"ping","data":{"object":{}}}'
    expect(await deliver({ body, headers: { 'stripe-signature': 't=1794312000,v1=d80081c1dc0e83f419d5755ac746eca3675e72307253a989850ad40adfbfe943' } })).toEqual({ status: 200 })
  })
})

describe('orders and disputes', () => {
  const shop = () =>
    storeDatabase(
      CORE,
      `INSERT INTO customers VALUES ('c-1', 'Zoë (O''Neil) \\ Ltd', 'zoe@example.org', '+37255512345', 'et');
       INSERT INTO orders VALUES ('o-1', 'R/1001', 'c-1', 'cancelled', '2026-11-01', 1999, 'EUR', NULL, 'Pärnu mnt 10, Tallinn', 'Omniva', 'EE123', '2026-11-02');`,
    )

  test('a cancelled order lets go of its payment, once', async () => {
    const database = shop()
    const { gateway, host } = await open('3.0.0', { database })
    const { paymentId } = await authorizeVisa(gateway)
    database.prepare('UPDATE orders SET payment_id = ?').run(paymentId)
    for (let times = 0; times < 2; times += 1) await gateway.hooks['order.cancelled']?.(event('order.cancelled', { orderId: 'o-1' }))
    expect(intent(paymentId)?.status).toBe('canceled')
    expect(host.logged).toEqual([])
  })

  test('a captured payment is left to a person', async () => {
    const database = shop()
    const { gateway, host } = await open('3.0.0', { database })
    const { paymentId } = await authorizeVisa(gateway)
    await gateway.capture({ paymentId })
    database.prepare('UPDATE orders SET payment_id = ?').run(paymentId)
    await gateway.hooks['order.cancelled']?.(event('order.cancelled', { orderId: 'o-1' }))
    expect(intent(paymentId)?.status).toBe('succeeded')
    expect(host.logged).toMatchObject([{ level: 'warn', fields: { paymentId } }])
  })

  test('evidence reaches the bank with a receipt that is a PDF', async () => {
    const { gateway } = await open('3.0.0', { database: shop() })
    const { paymentId } = await authorizeVisa(gateway)
    await gateway.capture({ paymentId })
    const dispute = stripe.openDispute(intent(paymentId)?.latest_charge ?? '')
    const submit = gateway.operations['submitEvidence'] as unknown as (input: object) => Promise<unknown>
    expect(await submit({ disputeId: dispute.id, orderId: 'o-1' })).toEqual({ status: 'under_review' })
    expect(dispute.evidence).toMatchObject({ customer_name: "Zoë (O'Neil) \\ Ltd", customer_email_address: 'zoe@example.org', shipping_carrier: 'Omniva', receipt: expect.stringMatching(/^file_/) })
    const pdf = files.requests[0]?.body ?? ''
    expect(files.requests[0]?.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/)
    expect(pdf).toContain('filename="receipt-R_1001.pdf"')
    expect(pdf).toContain(String.raw`(Customer: Zo\353 \(O'Neil\) \\ Ltd <zoe@example.org>) Tj`)
    const from = pdf.indexOf('%PDF-')
    const offsets = [...pdf.matchAll(/^(\d{10}) 00000 n $/gm)].map(([, offset]) => Number(offset))
    expect(offsets.map((offset) => pdf.slice(from + offset, from + offset + 7))).toEqual(['1 0 obj', '2 0 obj', '3 0 obj', '4 0 obj', '5 0 obj'])
    // Asking again repeats the same request: no second file, no second submission.
    await submit({ disputeId: dispute.id, orderId: 'o-1' })
    expect(stripe.account.files.size).toBe(1)
    expect(dispute.evidence_details.submission_count).toBe(1)
    await expect(submit({ disputeId: dispute.id, orderId: 'o-404' })).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('older releases', () => {
  test('2.0.0 takes whole amounts and says so of others', async () => {
    const { gateway } = await open('2.0.0')
    const { paymentId } = await authorizeVisa(gateway)
    await expect(gateway.capture({ paymentId, amount: { amount: 1, currency: 'EUR' } })).rejects.toMatchObject({ code: 'not_supported' })
    expect(await gateway.capture({ paymentId })).toMatchObject({ status: 'captured' })
    expect(await gateway.refund({ paymentId })).toMatchObject({ status: 'refunded' })
    expect(api.requests[0]?.headers['stripe-version']).toBe('2022-08-01')
  })

  test.each([['2.1.0', 400], ['2.1.1', 200], ['3.0.0', 200]])('%s answers an event signed with two secrets, the old one first, with %d', async (version, status) => {
    const { deliver } = await open(version)
    const { body, headers } = stripe.event('customer.created', {})
    const [time = '', real = ''] = (headers['stripe-signature'] ?? '').split(',')
    expect(await deliver({ body, headers: { 'stripe-signature': `${time},v1=${'0'.repeat(64)},${real}` } })).toMatchObject({ status })
  })

  test('2.2.0 captures on order.placed when told to, and finds refunds in the charges of the intent', async () => {
    const database = storeDatabase(CORE, `INSERT INTO customers VALUES ('c-1', 'A', 'a@example.org', NULL, 'en'); INSERT INTO orders (id, number, customer_id, status, placed_at, total_amount, total_currency) VALUES ('o-1', '1', 'c-1', 'placed', '2026-11-01', 1999, 'EUR');`)
    const { gateway } = await open('2.2.0', { database, config: { captureOn: 'order.placed' } })
    const { paymentId } = await authorizeVisa(gateway)
    database.prepare('UPDATE orders SET payment_id = ?').run(paymentId)
    await gateway.hooks['order.placed']?.(event('order.placed', { orderId: 'o-1' }))
    expect(intent(paymentId)?.status).toBe('succeeded')
    for (let times = 0; times < 2; times += 1) await gateway.refund({ paymentId, amount: { amount: 100, currency: 'EUR' } })
    expect(stripe.account.refunds.size).toBe(2)
  })

  test('3.0.0 does not read the old key', async () => {
    const { gateway } = await open('3.0.0', { config: { secretKey: undefined, apiKey: SECRETS.secretKey } })
    await expect(authorizeVisa(gateway)).rejects.toMatchObject({ code: 'authentication' })
  })
})
