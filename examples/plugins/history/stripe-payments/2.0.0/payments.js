/** @import { PaymentGateway, PaymentResult, PluginHost } from '@catalyst/plugins/contracts' */
/** @import { StripeApi, StripeObject } from './api.js' */
import { StripeError } from './api.js'
import { methodParams } from './intents.js'
import { toStripe } from './money.js'

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
 * The four moves of a payment, on PaymentIntents with manual capture. Whole amounts only.
 *
 * @param {StripeApi} api
 * @param {Pick<PluginHost, 'config' | 'log'>} host
 * @returns {Required<Pick<PaymentGateway, 'authorize' | 'capture' | 'refund' | 'cancel'>> & { release(paymentId: string): Promise<void> }}
 */
export function stripePayments(api, { config, log }) {
  /** @type {Required<PaymentGateway>['cancel']} */
  const cancel = async ({ paymentId }) => resultOf(await api.post(`${intentPath(paymentId)}/cancel`, {}, `catalyst-cancel-${paymentId}`))

  return {
    cancel,

    async authorize({ orderId, amount, method }) {
      const params = {
        ...toStripe(amount),
        payment_method: method,
        confirm: true,
        capture_method: 'manual',
        ...methodParams(config),
        statement_descriptor_suffix: typeof config.statementSuffix === 'string' ? config.statementSuffix : undefined,
        metadata: { order_id: orderId },
      }
      return api.post('/v1/payment_intents', params, `catalyst-authorize-${orderId}-${method}-${params.amount}${params.currency}`).then(resultOf, declinedOrThrow)
    },

    async capture({ paymentId, amount }) {
      wholeOnly(amount)
      return resultOf(await api.post(`${intentPath(paymentId)}/capture`, {}, `catalyst-capture-${paymentId}`))
    },

    async refund({ paymentId, amount }) {
      wholeOnly(amount)
      const refund = await api.post('/v1/refunds', { payment_intent: paymentId }, `catalyst-refund-${paymentId}`)
      return { paymentId, status: refund.status === 'succeeded' ? 'refunded' : 'pending' }
    },

    async release(paymentId) {
      try {
        await cancel({ paymentId })
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

/** @param {unknown} amount */
function wholeOnly(amount) {
  if (amount !== undefined) throw new StripeError({ code: 'not_supported', message: 'partial amounts are not supported' })
}

/** @param {string} paymentId */
function intentPath(paymentId) {
  return `/v1/payment_intents/${encodeURIComponent(paymentId)}`
}
