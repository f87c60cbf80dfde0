/** @import { StripeObject } from './api.js' */

/* What depends on the API version that settings.js names. */

/**
 * How an intent may be paid: with every method that the account's dashboard allows. Those that lead away from the page
 * need an address to come back to; without one they are left out.
 *
 * @param {Readonly<Record<string, unknown>>} config
 */
export function methodParams({ returnUrl }) {
  if (typeof returnUrl !== 'string') return { automatic_payment_methods: { enabled: true, allow_redirects: 'never' } }
  return { automatic_payment_methods: { enabled: true }, return_url: returnUrl }
}

/** The id of an intent's newest charge. @param {StripeObject} intent @returns {string | undefined} */
export function lastCharge(intent) {
  return intent.latest_charge ?? undefined
}
