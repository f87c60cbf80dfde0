/** @import { StripeObject } from './api.js' */

/* What depends on the API version that settings.js names. */

/**
 * How an intent may be paid: by card. A bank that wants to see the customer needs an address to come back to.
 *
 * @param {Readonly<Record<string, unknown>>} config
 */
export function methodParams({ returnUrl }) {
  return { payment_method_types: ['card'], return_url: typeof returnUrl === 'string' ? returnUrl : undefined }
}

/** The id of an intent's newest charge. @param {StripeObject} intent @returns {string | undefined} */
export function lastCharge(intent) {
  return intent.charges?.data?.[0]?.id
}
