import { amountAt, checkCharge } from './stripe-amounts.ts'
import { cardOutcome } from './stripe-cards.ts'
import { invalid, noSuch, StripeFailure } from './stripe-errors.ts'
import { formAt, metadataOf, textAt, type Form } from './stripe-form.ts'
import type { Charge, IntentStatus, PaymentIntent, StripeAccount } from './stripe-objects.ts'

/** From this API version on an intent without `payment_method_types` takes all methods of the dashboard. */
const AUTOMATIC_METHODS_SINCE = '2023-08-16'

/** POST /v1/payment_intents, confirmed at once when the form says so. */
export function createIntent(account: StripeAccount, form: Form, apiVersion: string): PaymentIntent {
  const amount = amountAt(form, 'amount')
  const currency = textAt(form, 'currency')
  if (amount === undefined) throw invalid('Missing required param: amount.', { code: 'parameter_missing', param: 'amount' })
  if (currency === undefined) throw invalid('Missing required param: currency.', { code: 'parameter_missing', param: 'currency' })
  checkCharge(amount, currency)
  const id = account.newId('pi')
  const automatic = automaticMethods(form, apiVersion)
  const intent: PaymentIntent = {
    id, object: 'payment_intent', amount, amount_capturable: 0, amount_received: 0, canceled_at: null, cancellation_reason: null,
    capture_method: captureMethod(form), client_secret: `${id}_secret_cat`, created: account.now(), currency, customer: textAt(form, 'customer') ?? null,
    description: textAt(form, 'description') ?? null, last_payment_error: null, latest_charge: null, livemode: false, metadata: metadataOf(form), next_action: null,
    payment_method: textAt(form, 'payment_method') ?? null, payment_method_types: automatic ? ['card', 'link'] : ['card'], automatic_payment_methods: automatic,
    status: textAt(form, 'payment_method') === undefined ? 'requires_payment_method' : 'requires_confirmation',
  }
  account.intents.set(id, intent)
  if (textAt(form, 'confirm') === 'true') confirmIntent(account, intent, textAt(form, 'return_url'))
  return intent
}

/** POST /v1/payment_intents/:id/capture */
export function captureIntent(account: StripeAccount, id: string, form: Form): PaymentIntent {
  const intent = intentOf(account, id)
  if (intent.status !== 'requires_capture') {
    throw unexpectedState(intent, `This PaymentIntent could not be captured because it has a status of ${intent.status}. Only a PaymentIntent with one of the following statuses may be captured: requires_capture.`)
  }
  const amount = amountAt(form, 'amount_to_capture') ?? intent.amount_capturable
  if (amount > intent.amount_capturable) {
    throw invalid('The amount_to_capture cannot exceed the amount that is capturable.', { code: 'amount_too_large', param: 'amount_to_capture' })
  }
  take(account, intent, amount)
  return intent
}

/** POST /v1/payment_intents/:id/cancel */
export function cancelIntent(account: StripeAccount, id: string, form: Form): PaymentIntent {
  const intent = intentOf(account, id)
  const reason = textAt(form, 'cancellation_reason') ?? null
  if (reason !== null && !['duplicate', 'fraudulent', 'requested_by_customer', 'abandoned'].includes(reason)) {
    throw invalid(`Invalid cancellation_reason: must be one of duplicate, fraudulent, requested_by_customer, or abandoned`, { param: 'cancellation_reason' })
  }
  if (intent.status === 'succeeded' || intent.status === 'canceled') {
    throw unexpectedState(intent, `You cannot cancel this PaymentIntent because it has a status of ${intent.status}.`)
  }
  Object.assign(intent, { status: 'canceled' satisfies IntentStatus, canceled_at: account.now(), cancellation_reason: reason, amount_capturable: 0 })
  return intent
}

/** The customer came back from the bank: what the redirect leads to. */
export function authenticate(account: StripeAccount, id: string): PaymentIntent {
  const intent = intentOf(account, id)
  approve(account, intent)
  return intent
}

export function intentOf(account: StripeAccount, id: string): PaymentIntent {
  const intent = account.intents.get(id)
  if (!intent) throw noSuch('payment_intent', id)
  return intent
}

/** An intent as an API version shows it: before 2022-11-15 its charges stood inside it, since then `latest_charge` names the last one. */
export function presentIntent(account: StripeAccount, intent: PaymentIntent, apiVersion: string): unknown {
  if (apiVersion >= '2022-11-15') return intent
  const { latest_charge, ...rest } = intent
  const data = latest_charge === null ? [] : [account.charges.get(latest_charge)]
  return { ...rest, charges: { object: 'list', data, has_more: false, url: `/v1/charges?payment_intent=${intent.id}` } }
}

function confirmIntent(account: StripeAccount, intent: PaymentIntent, returnUrl: string | undefined): void {
  const outcome = cardOutcome(intent.payment_method ?? '')
  if (!outcome) throw noSuch('PaymentMethod', intent.payment_method ?? '', 'payment_method')
  if (intent.automatic_payment_methods?.allow_redirects === 'always' && returnUrl === undefined) {
    throw invalid('This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these payment methods might redirect your customer off of your page, you must provide a `return_url`.')
  }
  if (outcome.kind === 'approve') return approve(account, intent)
  if (outcome.kind === 'authenticate') {
    const url = `https://hooks.stripe.com/3d_secure_2/hosted?payment_intent=${intent.id}`
    intent.next_action = returnUrl === undefined ? { type: 'use_stripe_sdk', use_stripe_sdk: {} } : { type: 'redirect_to_url', redirect_to_url: { url, return_url: returnUrl } }
    intent.status = 'requires_action'
    return
  }
  const charge = addCharge(account, intent, outcome.code)
  const error = { type: 'card_error', code: outcome.code, decline_code: outcome.declineCode, message: outcome.message, charge: charge.id } as const
  Object.assign(intent, { status: 'requires_payment_method' satisfies IntentStatus, last_payment_error: error, payment_method: null })
  throw new StripeFailure(402, { ...error, payment_intent: intent })
}

function approve(account: StripeAccount, intent: PaymentIntent): void {
  addCharge(account, intent, null)
  intent.next_action = null
  if (intent.capture_method !== 'manual') return take(account, intent, intent.amount)
  intent.status = 'requires_capture'
  intent.amount_capturable = intent.amount
}

function take(account: StripeAccount, intent: PaymentIntent, amount: number): void {
  const charge = account.charges.get(intent.latest_charge ?? '')
  if (charge) Object.assign(charge, { captured: true, amount_captured: amount })
  Object.assign(intent, { status: 'succeeded' satisfies IntentStatus, amount_received: amount, amount_capturable: 0 })
}

function addCharge(account: StripeAccount, intent: PaymentIntent, failure: string | null): Charge {
  const charge: Charge = {
    id: account.newId('ch'), object: 'charge', amount: intent.amount, amount_captured: 0, amount_refunded: 0, captured: false, created: account.now(),
    currency: intent.currency, disputed: false, livemode: false, metadata: intent.metadata, paid: failure === null, failure_code: failure,
    outcome: failure === null ? { network_status: 'approved_by_network', type: 'authorized', reason: null } : { network_status: 'declined_by_network', type: 'issuer_declined', reason: failure },
    payment_intent: intent.id, payment_method: intent.payment_method ?? '', refunded: false, status: failure === null ? 'succeeded' : 'failed',
  }
  account.charges.set(charge.id, charge)
  intent.latest_charge = charge.id
  return charge
}

function captureMethod(form: Form): PaymentIntent['capture_method'] {
  const method = textAt(form, 'capture_method') ?? 'automatic'
  if (method !== 'automatic' && method !== 'automatic_async' && method !== 'manual') {
    throw invalid('Invalid capture_method: must be one of automatic, automatic_async, or manual', { param: 'capture_method' })
  }
  return method
}

function automaticMethods(form: Form, apiVersion: string): PaymentIntent['automatic_payment_methods'] {
  const asked = formAt(form, 'automatic_payment_methods')
  if (textAt(asked, 'enabled') === 'true') return { enabled: true, allow_redirects: textAt(asked, 'allow_redirects') === 'never' ? 'never' : 'always' }
  const named = form['payment_method_types'] !== undefined
  return apiVersion >= AUTOMATIC_METHODS_SINCE && !named ? { enabled: true, allow_redirects: 'always' } : null
}

function unexpectedState(intent: PaymentIntent, message: string): StripeFailure {
  return invalid(message, { code: 'payment_intent_unexpected_state', payment_intent: intent })
}
