/* The objects of Stripe's API as far as a payment plugin meets them (docs.stripe.com/api). */

export type IntentStatus = 'requires_payment_method' | 'requires_confirmation' | 'requires_action' | 'processing' | 'requires_capture' | 'canceled' | 'succeeded'

export interface PaymentIntent {
  readonly id: string
  readonly object: 'payment_intent'
  amount: number
  amount_capturable: number
  amount_received: number
  canceled_at: number | null
  cancellation_reason: string | null
  readonly capture_method: 'automatic' | 'automatic_async' | 'manual'
  readonly client_secret: string
  readonly created: number
  readonly currency: string
  readonly customer: string | null
  readonly description: string | null
  last_payment_error: unknown
  latest_charge: string | null
  readonly livemode: false
  readonly metadata: Record<string, string>
  next_action: { type: 'redirect_to_url'; redirect_to_url: { url: string; return_url: string } } | { type: 'use_stripe_sdk'; use_stripe_sdk: object } | null
  payment_method: string | null
  readonly payment_method_types: readonly string[]
  readonly automatic_payment_methods: { enabled: boolean; allow_redirects: 'always' | 'never' } | null
  status: IntentStatus
}

export interface Charge {
  readonly id: string
  readonly object: 'charge'
  readonly amount: number
  amount_captured: number
  amount_refunded: number
  captured: boolean
  readonly created: number
  readonly currency: string
  disputed: boolean
  readonly livemode: false
  readonly metadata: Record<string, string>
  readonly outcome: { readonly network_status: string; readonly type: string; readonly reason: string | null }
  readonly paid: boolean
  readonly failure_code: string | null
  readonly payment_intent: string
  readonly payment_method: string
  refunded: boolean
  readonly status: 'succeeded' | 'failed' | 'pending'
}

export interface Refund {
  readonly id: string
  readonly object: 'refund'
  readonly amount: number
  readonly charge: string
  readonly created: number
  readonly currency: string
  readonly metadata: Record<string, string>
  readonly payment_intent: string
  readonly reason: 'duplicate' | 'fraudulent' | 'requested_by_customer' | null
  readonly status: 'succeeded' | 'pending' | 'failed'
}

export interface StripeFile {
  readonly id: string
  readonly object: 'file'
  readonly created: number
  readonly filename: string
  readonly purpose: string
  readonly size: number
  readonly type: 'pdf' | 'png' | 'jpg'
}

export interface Dispute {
  readonly id: string
  readonly object: 'dispute'
  readonly amount: number
  readonly charge: string
  readonly created: number
  readonly currency: string
  readonly payment_intent: string
  readonly reason: string
  evidence: Record<string, string>
  evidence_details: { due_by: number; has_evidence: boolean; past_due: boolean; submission_count: number }
  readonly metadata: Record<string, string>
  status: 'needs_response' | 'under_review'
}

/** Everything one Stripe account remembers. */
export interface StripeAccount {
  readonly intents: Map<string, PaymentIntent>
  readonly charges: Map<string, Charge>
  readonly refunds: Map<string, Refund>
  readonly files: Map<string, StripeFile>
  readonly disputes: Map<string, Dispute>
  /** A fresh id such as `pi_3Cat000000000000000000001`. */
  newId(prefix: string): string
  /** Seconds since 1970. */
  now(): number
}

export function newAccount(now: () => number): StripeAccount {
  let count = 0
  return {
    intents: new Map(), charges: new Map(), refunds: new Map(), files: new Map(), disputes: new Map(),
    newId: (prefix) => `${prefix}_3Cat${String((count += 1)).padStart(20, '0')}`,
    now,
  }
}
