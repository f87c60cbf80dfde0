/** @import { HttpRequest, HttpResponse, PluginHost } from '@catalyst/plugins/contracts' */
import { API_VERSION, secretKey } from './settings.js'

const API = 'https://api.stripe.com'

/** @typedef {string | number | boolean | undefined | readonly FormValue[] | { readonly [key: string]: FormValue }} FormValue */
/** @typedef {{ id: string, [field: string]: any }} StripeObject what Stripe answers; docs.stripe.com/api has the fields */
/**
 * @typedef {object} StripeApi
 * @property {(path: string) => Promise<StripeObject>} get
 * @property {(path: string, params: { [key: string]: FormValue }, key: string) => Promise<StripeObject>} post `key` is the idempotency key
 * @property {(url: string, init: HttpRequest) => Promise<StripeObject>} send any other request, with our key and version
 */

/**
 * What went wrong between us and Stripe.
 *
 * `code`: `card_declined` and the other card codes, `rate_limit`, `api_connection`, `api_error`, `authentication`,
 * `permission`, `idempotency` or a code of Stripe's such as `payment_intent_unexpected_state`. `retryable` says that
 * the same call with the same key may succeed later, `retryAfterSeconds` when.
 */
export class StripeError extends Error {
  /** @param {{ code: string, message: string, status?: number, retryable?: boolean, retryAfterSeconds?: number | undefined, requestId?: string | undefined, body?: StripeObject | undefined, cause?: unknown }} details */
  constructor({ code, message, status = 0, retryable = false, retryAfterSeconds, requestId, body, cause }) {
    super(requestId ? `Stripe: ${message} (${requestId})` : `Stripe: ${message}`, { cause })
    this.name = 'StripeError'
    this.code = code
    this.status = status
    this.retryable = retryable
    this.retryAfterSeconds = retryAfterSeconds
    this.requestId = requestId
    this.body = body
  }
}

/**
 * Requests to Stripe with our key and version. Rejects with StripeError.
 *
 * @param {Pick<PluginHost, 'config' | 'http'>} host
 * @returns {StripeApi}
 */
export function stripeApi({ config, http }) {
  /** @type {StripeApi['send']} */
  const send = async (url, init) => {
    const key = secretKey(config)
    if (key === undefined) throw new StripeError({ code: 'authentication', message: 'the secret key is missing in config' })
    return read(await fetchTwice(http, url, { ...init, headers: { ...init.headers, authorization: `Bearer ${key}`, 'stripe-version': API_VERSION } }))
  }
  return {
    send,
    get: (path) => send(API + path, { method: 'GET' }),
    post: (path, params, key) =>
      send(API + path, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', 'idempotency-key': key }, body: encodeForm(params) }),
  }
}

/**
 * `{ metadata: { order: 1 }, expand: ['x'] }` -> `metadata[order]=1&expand[0]=x`, percent-encoded. Undefined members are left out.
 *
 * @param {{ [key: string]: FormValue }} params
 */
export function encodeForm(params) {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) append(form, name, value)
  return form.toString()
}

/** @param {URLSearchParams} form @param {string} name @param {FormValue} value */
function append(form, name, value) {
  if (value === undefined) return
  if (typeof value !== 'object') form.append(name, String(value))
  else for (const [key, inner] of Object.entries(value)) append(form, `${name}[${key}]`, inner)
}

/**
 * A broken connection leaves open whether Stripe acted. Asking once more is safe: reads change nothing, and every
 * write carries an idempotency key.
 *
 * @param {PluginHost['http']} http @param {string} url @param {HttpRequest} init
 */
async function fetchTwice(http, url, init) {
  for (let left = 2; ; left -= 1) {
    try {
      return await http.fetch(url, init)
    } catch (cause) {
      if (isDenied(cause)) throw cause
      if (left === 1) throw new StripeError({ code: 'api_connection', message: `no answer from ${new URL(url).host}`, retryable: true, cause })
    }
  }
}

/** @param {HttpResponse} response @returns {Promise<StripeObject>} */
async function read(response) {
  const body = await response.json().catch(() => undefined)
  if (response.ok && body !== null && typeof body === 'object') return /** @type {StripeObject} */ (body)
  throw errorOf(response, /** @type {{ error?: StripeObject } | undefined} */ (body)?.error)
}

/** @param {HttpResponse} response @param {StripeObject | undefined} error */
function errorOf(response, error) {
  const { status, headers } = response
  const seconds = Number(headers.get('retry-after') ?? NaN)
  const should = headers.get('stripe-should-retry')
  return new StripeError({
    code: codeOf(status, error),
    message: error?.message ?? `answered ${status} without an error we can read`,
    status,
    retryable: should === null ? status === 409 || status === 429 || status >= 500 : should === 'true',
    retryAfterSeconds: Number.isFinite(seconds) ? seconds : undefined,
    requestId: headers.get('request-id') ?? undefined,
    body: error,
  })
}

/** @param {number} status @param {StripeObject | undefined} error */
function codeOf(status, error) {
  if (status === 429 || error?.code === 'rate_limit') return 'rate_limit'
  if (error?.type === 'idempotency_error') return 'idempotency'
  if (status === 401) return 'authentication'
  if (status === 403) return 'permission'
  return error?.code ?? (status >= 500 ? 'api_error' : 'invalid_request')
}

/** @param {unknown} error what the host says no to is no matter of the network */
function isDenied(error) {
  return /** @type {{ code?: string } | null} */ (error)?.code === 'CAPABILITY_DENIED'
}
