/** @import { PaymentGateway, PluginHost } from '@catalyst/plugins/contracts' */
import { stripeApi } from './api.js'
import { disputeEvidence } from './disputes.js'
import { stripePayments } from './payments.js'
import { answerEvent } from './webhook.js'

/**
 * Stripe as the payment gateway of a store.
 *
 * @param {PluginHost} host
 * @returns {PaymentGateway}
 */
export function createPlugin(host) {
  const api = stripeApi(host)
  const { release, ...moves } = stripePayments(api, host)
  /** @param {Readonly<Record<string, unknown>>} data */
  const paymentOf = async (data) => {
    const [order] = await host.db.query('SELECT payment_id FROM orders WHERE id = ?', [String(data.orderId)])
    return typeof order?.payment_id === 'string' ? order.payment_id : undefined
  }
  return {
    async health() {
      if (String(host.config.apiKey ?? '').startsWith('pk_')) return { ok: false, message: 'apiKey holds a publishable key (pk_…); it needs the secret one (sk_… or rk_…)' }
      return { ok: true }
    },
    ...moves,
    hooks: {
      'order.placed': async ({ data }) => {
        const paymentId = host.config.captureOn === 'order.placed' ? await paymentOf(data) : undefined
        if (paymentId !== undefined) await moves.capture({ paymentId })
      },
      // A cancelled order must not keep the customer's money reserved.
      'order.cancelled': async ({ data }) => {
        const paymentId = await paymentOf(data)
        if (paymentId !== undefined) await release(paymentId)
      },
    },
    operations: {
      submitEvidence: disputeEvidence(api, host),
    },
    webhooks: {
      events: async (request) => answerEvent(request, host),
    },
  }
}
