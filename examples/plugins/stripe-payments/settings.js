/** The version this code was written for. Stripe keeps answering in its shape, whatever the account's default is. */
export const API_VERSION = '2026-03-25.dahlia'

/**
 * The key that signs our requests, or undefined when the operator has not set it.
 *
 * @param {Readonly<Record<string, unknown>>} config
 */
export function secretKey({ secretKey }) {
  return typeof secretKey === 'string' && secretKey !== '' ? secretKey : undefined
}
