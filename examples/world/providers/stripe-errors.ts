import { json, type ProviderResponse } from './serve.ts'

/** The `error` object of Stripe's answers (docs.stripe.com/api/errors). */
export interface StripeErrorBody {
  readonly type: 'api_error' | 'card_error' | 'idempotency_error' | 'invalid_request_error'
  readonly message: string
  readonly code?: string
  readonly decline_code?: string
  readonly param?: string
  readonly payment_intent?: unknown
  readonly charge?: string
}

/** Thrown by the pieces of the fake; `stripe.ts` turns it into the answer. */
export class StripeFailure extends Error {
  readonly status: number
  readonly body: StripeErrorBody

  constructor(status: number, body: StripeErrorBody) {
    super(body.message)
    this.status = status
    this.body = body
  }
}

export function errorResponse(status: number, error: StripeErrorBody, headers: Readonly<Record<string, string>> = {}): ProviderResponse {
  const doc_url = error.code === undefined ? {} : { doc_url: `https://docs.stripe.com/error-codes/${error.code.replaceAll('_', '-')}` }
  return json(status, { error: { ...error, ...doc_url } }, headers)
}

/** 429 as Stripe sends it when an account asks too fast. */
export function rateLimited(retryAfterSeconds: number): ProviderResponse {
  const message = 'Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.'
  return errorResponse(429, { type: 'invalid_request_error', code: 'rate_limit', message }, { 'retry-after': String(retryAfterSeconds), 'stripe-rate-limited-reason': 'global-rate' })
}

export function invalid(message: string, more: Partial<StripeErrorBody> = {}, status = 400): StripeFailure {
  return new StripeFailure(status, { type: 'invalid_request_error', message, ...more })
}

export function noSuch(kind: string, id: string, param = 'intent'): StripeFailure {
  return invalid(`No such ${kind}: '${id}'`, { code: 'resource_missing', param }, 404)
}
