/** @import { PluginHost, WebhookRequest, WebhookResponse } from '@catalyst/plugins/contracts' */
import { fromStripe } from './money.js'
import { signatureProblem } from './signature.js'

const DEFAULT_TOLERANCE_SECONDS = 300

/**
 * What each event means for the store. Others are acknowledged and left alone, or Stripe would send them for days.
 *
 * @type {Readonly<Record<string, { name: string, amount: string }>>}
 */
const MEANING = {
  'payment_intent.amount_capturable_updated': { name: 'payment.authorized', amount: 'amount_capturable' },
  'payment_intent.succeeded': { name: 'payment.captured', amount: 'amount_received' },
  'payment_intent.payment_failed': { name: 'payment.declined', amount: 'amount' },
  'payment_intent.canceled': { name: 'payment.cancelled', amount: 'amount' },
  'charge.refunded': { name: 'payment.refunded', amount: 'amount_refunded' },
  'charge.dispute.created': { name: 'payment.disputed', amount: 'amount' },
}

/**
 * Answers one event of Stripe: 400 unless Stripe signed it just now. `providerEvent` lets the store drop repeats.
 *
 * @param {WebhookRequest} request
 * @param {Pick<PluginHost, 'config' | 'log' | 'now'>} host
 * @returns {WebhookResponse}
 */
export function answerEvent(request, { config, log, now }) {
  const problem = signatureProblem(request, {
    secret: String(config.webhookSecret ?? ''),
    toleranceSeconds: Number(config.webhookToleranceSeconds ?? DEFAULT_TOLERANCE_SECONDS),
    nowSeconds: Math.floor(Date.parse(now()) / 1000),
  })
  if (problem !== undefined) {
    log.warn('refused an event that is not proven to be from Stripe', { problem })
    return { status: 400, body: problem }
  }
  const event = JSON.parse(request.body)
  const meaning = Object.hasOwn(MEANING, event.type) ? MEANING[event.type] : undefined
  if (meaning === undefined) return { status: 200 }
  const object = event.data.object
  const data = {
    paymentId: object.object === 'payment_intent' ? object.id : object.payment_intent,
    orderId: object.metadata?.order_id ?? null,
    amount: fromStripe(object[meaning.amount], object.currency),
    providerEvent: event.id,
    ...(object.object === 'dispute' ? { disputeId: object.id, reason: object.reason } : {}),
  }
  return { status: 200, events: [{ name: meaning.name, data }] }
}
