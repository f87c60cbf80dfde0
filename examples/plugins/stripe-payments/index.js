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
  return {
    async health() {
      if (String(host.config.secretKey ?? '').startsWith('pk_')) return { ok: false, message: 'secretKey holds a publishable key (pk_…); it needs the secret one (sk_… or rk_…)' }
      return { ok: true }
    },
    ...moves,
    hooks: {
      // A cancelled order must not keep the customer's money reserved.
      'order.cancelled': async ({ data }) => {
        const [order] = await host.db.query('SELECT payment_id FROM orders WHERE id = ?', [String(data.orderId)])
        if (typeof order?.payment_id === 'string') await release(order.payment_id)
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
