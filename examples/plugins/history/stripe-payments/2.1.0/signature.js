/** @import { WebhookRequest } from '@catalyst/plugins/contracts' */
import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * Why a request is not proven to be Stripe's, or undefined when it is (docs.stripe.com/webhooks/signature).
 *
 * @param {WebhookRequest} request
 * @param {{ secret: string, toleranceSeconds: number, nowSeconds: number }} rule
 */
export function signatureProblem({ headers, body }, { secret, toleranceSeconds, nowSeconds }) {
  if (secret === '') return 'config.webhookSecret is missing'
  const fields = (headers['stripe-signature'] ?? '').split(',').map((field) => field.split('='))
  const timestamp = fields.find(([scheme]) => scheme === 't')?.[1] ?? ''
  if (!/^\d+$/.test(timestamp)) return 'no timestamp in Stripe-Signature'
  const signature = fields.find(([scheme]) => scheme === 'v1')?.[1] ?? ''
  const expected = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest()
  if (!equal(expected, Buffer.from(signature, 'hex'))) return 'no signature matches'
  if (Math.abs(nowSeconds - Number(timestamp)) > toleranceSeconds) return `signed more than ${toleranceSeconds} s away from our clock`
  return undefined
}

/** In constant time, so that nobody can guess a signature digit by digit. @param {Uint8Array} a @param {Uint8Array} b */
function equal(a, b) {
  return a.length === b.length && timingSafeEqual(a, b)
}
