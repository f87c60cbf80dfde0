/** @import { Money, PaymentGateway, PaymentResult, PluginHost } from '@catalyst/plugins/contracts' */
/** @import { StripeApi, StripeObject } from './api.js' */
import { createHash } from 'node:crypto'
import { StripeError } from './api.js'
import { lastCharge, methodParams } from './intents.js'
import { toStripe } from './money.js'

/** The reasons that Stripe knows by name; any other goes into the metadata. */
const REFUND_REASONS = ['duplicate', 'fraudulent', 'requested_by_customer']
const CANCEL_REASONS = [...REFUND_REASONS, 'abandoned']

/** @type {Readonly<Record<string, PaymentResult['status']>>} */
const STATUS = {
  requires_capture: 'authorized',
  succeeded: 'captured',
  processing: 'pending',
  requires_action: 'action-required',
  requires_confirmation: 'pending',
  requires_payment_method: 'declined',
  canceled: 'cancelled',
}

/**
 * The four moves of a payment, on PaymentIntents with manual capture.
 *
 * @param {StripeApi} api
 * @param {Pick<PluginHost, 'config' | 'log'>} host
 * @returns {Required<Pick<PaymentGateway, 'authorize' | 'capture' | 'refund' | 'cancel'>> & { release(paymentId: string): Promise<void> }}
 */
export function stripePayments(api, { config, log }) {
  /** @type {Required<PaymentGateway>['cancel']} */
  const cancel = async ({ paymentId, reason, key }) => {
    const known = CANCEL_REASONS.find((name) => name === reason)
    return resultOf(await api.post(`${intentPath(paymentId)}/cancel`, { cancellation_reason: known }, idempotencyKey(key, ['cancel', paymentId])))
  }

  return {
    cancel,

    async authorize({ orderId, amount, method, key }) {
      const params = {
        ...toStripe(amount),
        payment_method: method,
        confirm: true,
        capture_method: 'manual',
        ...methodParams(config),
        statement_descriptor_suffix: typeof config.statementSuffix === 'string' ? config.statementSuffix : undefined,
        metadata: { order_id: orderId },
      }
      // The same card may be tried again for the same order only under another `key`: Stripe repeats its first answer.
      const fallback = ['authorize', orderId, method, params.amount, params.currency]
      return api.post('/v1/payment_intents', params, idempotencyKey(key, fallback)).then(resultOf, declinedOrThrow)
    },

    async capture({ paymentId, amount, key }) {
      const part = amount === undefined ? undefined : await sameCurrency(api, paymentId, amount)
      return resultOf(await api.post(`${intentPath(paymentId)}/capture`, { amount_to_capture: part }, idempotencyKey(key, ['capture', paymentId, part])))
    },

    async refund({ paymentId, amount, reason, key }) {
      const part = amount === undefined ? undefined : await sameCurrency(api, paymentId, amount)
      // Without a key of the caller, "the same refund" can only mean: the same amount while nothing else was refunded.
      const before = key === undefined ? await refundedSoFar(api, paymentId) : undefined
      const refund = await api.post('/v1/refunds', { payment_intent: paymentId, amount: part, ...reasonOf(reason) }, idempotencyKey(key, ['refund', paymentId, part, before]))
      return refundResult(paymentId, refund)
    },

    async release(paymentId) {
      try {
        await cancel({ paymentId, reason: 'requested_by_customer' })
      } catch (error) {
        if (!(error instanceof StripeError) || error.code !== 'payment_intent_unexpected_state') throw error
        // Cancelled before: nothing to do. Captured: giving money back is a person's decision.
        if (error.body?.payment_intent?.status !== 'canceled') log.warn('order cancelled after its payment was captured; refund it if it shall go back', { paymentId })
      }
    },
  }
}

/** @param {StripeObject} intent @returns {PaymentResult} */
function resultOf(intent) {
  const url = intent.next_action?.redirect_to_url?.url
  return { paymentId: intent.id, status: STATUS[intent.status] ?? 'pending', ...(url === undefined ? {} : { url }) }
}

/** @param {unknown} error a declined card is an answer, not a failure @returns {PaymentResult} */
function declinedOrThrow(error) {
  if (!(error instanceof StripeError) || error.body?.type !== 'card_error') throw error
  return { paymentId: error.body.payment_intent?.id ?? '', status: 'declined', reason: error.body.decline_code ?? error.code }
}

/** @param {string} paymentId @param {StripeObject} refund @returns {PaymentResult} */
function refundResult(paymentId, refund) {
  if (refund.status === 'failed' || refund.status === 'canceled') return { paymentId, status: 'declined', reason: refund.failure_reason ?? refund.status }
  return { paymentId, status: refund.status === 'succeeded' ? 'refunded' : 'pending' }
}

/** Stripe takes partial amounts without a currency, so a mix-up would pass unseen. @param {StripeApi} api @param {string} paymentId @param {Money} money */
async function sameCurrency(api, paymentId, money) {
  const { amount, currency } = toStripe(money)
  const intent = await api.get(intentPath(paymentId))
  if (intent.currency !== currency) throw new StripeError({ code: 'currency_mismatch', message: `${paymentId} is in ${intent.currency}, not ${currency}` })
  return amount
}

/** @param {StripeApi} api @param {string} paymentId */
async function refundedSoFar(api, paymentId) {
  const charge = lastCharge(await api.get(intentPath(paymentId)))
  return charge === undefined ? 0 : (await api.get(`/v1/charges/${encodeURIComponent(charge)}`)).amount_refunded
}

/** @param {string | undefined} reason */
function reasonOf(reason) {
  if (reason === undefined) return {}
  return REFUND_REASONS.includes(reason) ? { reason } : { metadata: { reason: reason.slice(0, 500) } }
}

/** @param {string} paymentId */
function intentPath(paymentId) {
  return `/v1/payment_intents/${encodeURIComponent(paymentId)}`
}

/** @param {string | undefined} key @param {readonly unknown[]} parts */
function idempotencyKey(key, parts) {
  return `catalyst-${createHash('sha256').update(JSON.stringify(key === undefined ? parts : [parts[0], key])).digest('hex').slice(0, 40)}`
}
