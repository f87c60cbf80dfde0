import { createHmac } from 'node:crypto'
import { createFile, openDispute, updateDispute } from './stripe-disputes.ts'
import { errorResponse, invalid, noSuch, StripeFailure } from './stripe-errors.ts'
import { decodeForm, type Form } from './stripe-form.ts'
import { authenticate, cancelIntent, captureIntent, createIntent, intentOf, presentIntent } from './stripe-intents.ts'
import { newAccount, type Dispute, type PaymentIntent, type StripeAccount } from './stripe-objects.ts'
import { createRefund } from './stripe-refunds.ts'
import { json, type Provider, type ProviderRequest, type ProviderResponse } from './serve.ts'

/** One Stripe account that answers at `api.stripe.com` and `files.stripe.com`. */
export interface Stripe {
  readonly account: StripeAccount
  readonly api: Provider
  readonly files: Provider
  /** A signed event as Stripe posts it to a webhook endpoint. */
  event(type: string, object: unknown): { readonly body: string; readonly headers: Record<string, string> }
  /** The customer passed the bank's check. */
  authenticate(intentId: string): PaymentIntent
  openDispute(chargeId: string): Dispute
}

export interface StripeOptions {
  readonly secretKey: string
  readonly webhookSecret: string
  /** Seconds since 1970. */
  readonly now: () => number
  /** The API version of an account whose requests name none, and of its events. */
  readonly apiVersion?: string
}

/** The parameters each endpoint takes; another one is refused, as Stripe does. */
const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  create: ['amount', 'currency', 'automatic_payment_methods', 'capture_method', 'confirm', 'customer', 'description', 'metadata', 'payment_method', 'payment_method_types', 'receipt_email', 'return_url', 'statement_descriptor_suffix'],
  capture: ['amount_to_capture', 'metadata', 'statement_descriptor_suffix'],
  cancel: ['cancellation_reason'],
  refund: ['amount', 'charge', 'metadata', 'payment_intent', 'reason'],
  dispute: ['evidence', 'metadata', 'submit'],
}

/** docs.stripe.com/api: authentication, idempotent requests, versioning, errors, PaymentIntents, refunds, disputes, files. */
export function createStripe(options: StripeOptions): Stripe {
  const account = newAccount(options.now)
  const replays = new Map<string, { readonly request: string; readonly response: ProviderResponse }>()
  const guarded = (work: (request: ProviderRequest) => unknown): Provider => (request) => withRequestId(account, () => idempotent(replays, request, () => authorized(options, request, work)))
  return {
    account,
    api: guarded((request) => routeApi(account, request, request.headers['stripe-version'] ?? options.apiVersion ?? '2022-08-01')),
    files: guarded((request) => routeFiles(account, request)),
    event: (type, object) => signedEvent(account, options, { type, object }),
    authenticate: (id) => authenticate(account, id),
    openDispute: (id) => openDispute(account, id),
  }
}

function routeApi(account: StripeAccount, request: ProviderRequest, version: string): unknown {
  const [, id = '', verb] = /^\/v1\/payment_intents\/([^/]+)(?:\/(capture|cancel))?$/.exec(request.path) ?? []
  const shown = (intent: PaymentIntent) => presentIntent(account, intent, version)
  if (request.method === 'GET') {
    if (id !== '' && verb === undefined) return shown(intentOf(account, id))
    const charge = account.charges.get(/^\/v1\/charges\/([^/]+)$/.exec(request.path)?.[1] ?? '')
    if (charge) return charge
  }
  if (request.method === 'POST') {
    if (request.path === '/v1/payment_intents') return shown(createIntent(account, formOf(request, 'create'), version))
    if (verb === 'capture') return shown(captureIntent(account, id, formOf(request, 'capture')))
    if (verb === 'cancel') return shown(cancelIntent(account, id, formOf(request, 'cancel')))
    if (request.path === '/v1/refunds') return createRefund(account, formOf(request, 'refund'))
    const dispute = /^\/v1\/disputes\/([^/]+)$/.exec(request.path)?.[1]
    if (dispute !== undefined) return updateDispute(account, dispute, formOf(request, 'dispute'))
  }
  throw unrecognized(request)
}

function routeFiles(account: StripeAccount, request: ProviderRequest): unknown {
  if (request.method !== 'POST' || request.path !== '/v1/files') throw unrecognized(request)
  return createFile(account, request.headers['content-type'] ?? '', request.body)
}

function formOf(request: ProviderRequest, endpoint: string): Form {
  const type = request.headers['content-type'] ?? ''
  if (request.body !== '' && !type.startsWith('application/x-www-form-urlencoded')) {
    throw invalid('Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you have any questions, we can help at https://support.stripe.com/.')
  }
  const form = decodeForm(request.body)
  const unknown = Object.keys(form).find((key) => !PARAMETERS[endpoint]?.includes(key))
  if (unknown !== undefined) throw invalid(`Received unknown parameter: ${unknown}`, { code: 'parameter_unknown', param: unknown })
  return form
}

function authorized(options: StripeOptions, request: ProviderRequest, work: (request: ProviderRequest) => unknown): ProviderResponse {
  const key = /^Bearer (.+)$/.exec(request.headers['authorization'] ?? '')?.[1]
  if (key === undefined) return errorResponse(401, { type: 'invalid_request_error', message: 'You did not provide an API key.' })
  if (key !== options.secretKey) return errorResponse(401, { type: 'invalid_request_error', message: `Invalid API Key provided: ${key.slice(0, 7)}****` })
  try {
    return json(200, work(request), { 'stripe-version': request.headers['stripe-version'] ?? '' })
  } catch (error) {
    if (error instanceof StripeFailure) return errorResponse(error.status, error.body)
    throw error
  }
}

/**
 * docs.stripe.com/api/idempotent_requests: the first answer of a key is kept, errors too, unless the request was
 * refused before it ran (400, 401, 404); other parameters under the same key are an error.
 */
function idempotent(replays: Map<string, { request: string; response: ProviderResponse }>, request: ProviderRequest, run: () => ProviderResponse): ProviderResponse {
  const key = request.headers['idempotency-key']
  if (key === undefined || request.method !== 'POST') return run()
  const fingerprint = `${request.path}\n${request.body}`
  const seen = replays.get(key)
  if (seen && seen.request !== fingerprint) {
    const message = `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`
    return errorResponse(400, { type: 'idempotency_error', message })
  }
  if (seen) return { ...seen.response, headers: { ...seen.response.headers, 'idempotent-replayed': 'true' } }
  const response = run()
  if (![400, 401, 404, 429].includes(response.status)) replays.set(key, { request: fingerprint, response })
  return response
}

function withRequestId(account: StripeAccount, run: () => ProviderResponse): ProviderResponse {
  const response = run()
  return { ...response, headers: { ...response.headers, 'request-id': account.newId('req') } }
}

/** docs.stripe.com/webhooks/signature: `t` and `v1`, an HMAC-SHA256 over `t.body`. */
function signedEvent(account: StripeAccount, options: StripeOptions, { type, object }: { type: string; object: unknown }): { body: string; headers: Record<string, string> } {
  const timestamp = options.now()
  const event = { id: account.newId('evt'), object: 'event', api_version: options.apiVersion ?? '2022-08-01', created: timestamp, data: { object }, livemode: false, pending_webhooks: 1, request: { id: null, idempotency_key: null }, type }
  const body = JSON.stringify(event, null, 2)
  const signature = createHmac('sha256', options.webhookSecret).update(`${timestamp}.${body}`).digest('hex')
  return { body, headers: { 'content-type': 'application/json; charset=utf-8', 'stripe-signature': `t=${timestamp},v1=${signature}` } }
}

function unrecognized({ method, path }: ProviderRequest): StripeFailure {
  if (method === 'GET' && path.startsWith('/v1/charges/')) return noSuch('charge', path.slice('/v1/charges/'.length), 'id')
  return invalid(`Unrecognized request URL (${method}: ${path}). If you are trying to list objects, remove the trailing slash.`, {}, 404)
}
