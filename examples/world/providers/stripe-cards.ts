/** What a test payment method does when it is confirmed (docs.stripe.com/testing). */
export type CardOutcome =
  | { readonly kind: 'approve' }
  | { readonly kind: 'authenticate' }
  | { readonly kind: 'decline'; readonly code: string; readonly declineCode: string; readonly message: string }

const decline = (code: string, declineCode: string, message: string): CardOutcome => ({ kind: 'decline', code, declineCode, message })

const CARDS: Readonly<Record<string, CardOutcome>> = {
  pm_card_visa: { kind: 'approve' },
  pm_card_mastercard: { kind: 'approve' },
  pm_card_threeDSecure2Required: { kind: 'authenticate' },
  pm_card_visa_chargeDeclined: decline('card_declined', 'generic_decline', 'Your card was declined.'),
  pm_card_visa_chargeDeclinedInsufficientFunds: decline('card_declined', 'insufficient_funds', 'Your card has insufficient funds.'),
  pm_card_chargeDeclinedExpiredCard: decline('expired_card', 'expired_card', 'Your card has expired.'),
}

export function cardOutcome(paymentMethod: string): CardOutcome | undefined {
  return Object.hasOwn(CARDS, paymentMethod) ? CARDS[paymentMethod] : undefined
}
