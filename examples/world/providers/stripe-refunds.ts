import { amountAt } from './stripe-amounts.ts'
import { invalid, noSuch } from './stripe-errors.ts'
import { intentOf } from './stripe-intents.ts'
import { metadataOf, textAt, type Form } from './stripe-form.ts'
import type { Charge, Refund, StripeAccount } from './stripe-objects.ts'

const REASONS = ['duplicate', 'fraudulent', 'requested_by_customer'] as const

/** POST /v1/refunds: by `payment_intent` or `charge`, all or part of what was captured. */
export function createRefund(account: StripeAccount, form: Form): Refund {
  const charge = chargeOf(account, form)
  const left = charge.amount_captured - charge.amount_refunded
  if (charge.refunded) throw invalid(`Charge ${charge.id} has already been refunded.`, { code: 'charge_already_refunded' })
  const amount = amountAt(form, 'amount') ?? left
  if (amount > left) throw invalid(`Refund amount (${amount}) is greater than unrefunded amount on charge (${left})`, { param: 'amount' })
  const refund: Refund = {
    id: account.newId('re'), object: 'refund', amount, charge: charge.id, created: account.now(), currency: charge.currency,
    metadata: metadataOf(form), payment_intent: charge.payment_intent, reason: reasonOf(form), status: 'succeeded',
  }
  charge.amount_refunded += amount
  charge.refunded = charge.amount_refunded === charge.amount_captured
  account.refunds.set(refund.id, refund)
  return refund
}

function chargeOf(account: StripeAccount, form: Form): Charge {
  const intentId = textAt(form, 'payment_intent')
  const chargeId = intentId === undefined ? textAt(form, 'charge') : intentOf(account, intentId).latest_charge
  if (chargeId === undefined) throw invalid('One of the following params should be provided for this request: payment_intent or charge.')
  const charge = account.charges.get(chargeId ?? '')
  if (!charge?.captured) throw charge ? invalid(`This PaymentIntent (${intentId}) does not have a successful charge to refund.`) : noSuch('charge', chargeId ?? '', 'charge')
  return charge
}

function reasonOf(form: Form): Refund['reason'] {
  const reason = textAt(form, 'reason')
  const known = REASONS.find((name) => name === reason)
  if (reason !== undefined && known === undefined) throw invalid('Invalid reason: must be one of duplicate, fraudulent, or requested_by_customer', { param: 'reason' })
  return known ?? null
}
