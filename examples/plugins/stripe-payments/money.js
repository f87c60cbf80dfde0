/** @import { Money } from '@catalyst/plugins/contracts' */

/*
 * The store counts in the minor unit of ISO 4217, and so does Stripe, but for these (docs.stripe.com/currencies):
 * Stripe wants ISK and UGX, which have no minor unit, as hundredths; and MGA, which has one, in whole ariary.
 */
const SENT_AS_HUNDREDTHS = new Set(['ISK', 'UGX'])
const SENT_AS_WHOLE = new Set(['MGA'])
/** Thousandths, of which card networks take only whole tens. */
const THREE_DECIMALS = new Set(['BHD', 'JOD', 'KWD', 'OMR', 'TND'])

/**
 * An amount of the store as Stripe's `amount` and `currency`.
 *
 * @param {Money} money
 * @throws Error with `code` `invalid_amount` for an amount that Stripe could not take exactly: we never round money.
 */
export function toStripe({ amount, currency }) {
  const code = currency.toUpperCase()
  if (!/^[A-Z]{3}$/.test(code)) throw invalid(`'${currency}' is not an ISO 4217 currency code`)
  if (!Number.isSafeInteger(amount) || amount <= 0) throw invalid(`${amount} ${code} is not a positive whole number of the minor unit`)
  if (THREE_DECIMALS.has(code) && amount % 10 !== 0) throw invalid(`${amount} ${code} (thousandths) must end in 0`)
  if (SENT_AS_WHOLE.has(code) && amount % 100 !== 0) throw invalid(`${amount} ${code} (hundredths) must be whole ariary`)
  const sent = SENT_AS_HUNDREDTHS.has(code) ? amount * 100 : SENT_AS_WHOLE.has(code) ? amount / 100 : amount
  return { amount: sent, currency: code.toLowerCase() }
}

/**
 * The way back.
 *
 * @param {number} amount
 * @param {string} currency
 * @returns {Money}
 */
export function fromStripe(amount, currency) {
  const code = currency.toUpperCase()
  return { amount: SENT_AS_HUNDREDTHS.has(code) ? amount / 100 : SENT_AS_WHOLE.has(code) ? amount * 100 : amount, currency: code }
}

/** @param {string} message */
function invalid(message) {
  return Object.assign(new Error(`Stripe: ${message}`), { code: 'invalid_amount' })
}
