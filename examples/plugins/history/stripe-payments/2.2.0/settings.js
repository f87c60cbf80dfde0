/** The version this code was written for. Stripe keeps answering in its shape, whatever the account's default is. */
export const API_VERSION = '2022-08-01'

/**
 * The key that signs our requests, or undefined when the operator has not set it.
 *
 * @param {Readonly<Record<string, unknown>>} config
 */
export function secretKey({ apiKey }) {
  return typeof apiKey === 'string' && apiKey !== '' ? apiKey : undefined
}
