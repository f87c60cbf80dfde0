/** @import { Product } from './catalogue.js' */

/*
 * What Google wants of a product (support.google.com/merchants: product data specification). A product that breaks a rule
 * is left out: Google would refuse it too, and too many refusals suspend the account.
 */

/**
 * @param {Product} product
 * @returns {readonly string[]} for people; empty when the product may stand in the feed
 */
export function problemsOf({ sku, title, description, url, image_url, price_amount, price_currency }) {
  return [
    lengthProblem('sku', sku, 50),
    lengthProblem('title', title, 150),
    lengthProblem('description', description, 5000),
    isWebAddress(url) ? undefined : 'url is no web address',
    image_url === null || image_url === '' ? 'image_url is missing' : isWebAddress(image_url) ? undefined : 'image_url is no web address',
    Number.isSafeInteger(price_amount) && price_amount > 0 ? undefined : 'price must be a whole number of minor units above 0',
    /^[A-Z]{3}$/.test(price_currency) ? undefined : `'${price_currency}' is no ISO 4217 currency`,
  ].filter((problem) => problem !== undefined)
}

/**
 * Whether a GTIN (8, 12, 13 or 14 digits) has its right check digit and is not one of the numbers that GS1 keeps for
 * shops' own use.
 *
 * @param {string} gtin
 */
export function isGtin(gtin) {
  if (!/^(\d{8}|\d{12,14})$/.test(gtin)) return false
  const digits = [...gtin.padStart(14, '0')].map(Number)
  const sum = digits.reduce((total, digit, index) => total + digit * (index % 2 === 0 ? 3 : 1), 0)
  return sum % 10 === 0 && !/^(2|02|04)/.test(gtin.padStart(13, '0').slice(-13))
}

/** @param {string} name @param {string} text @param {number} max */
function lengthProblem(name, text, max) {
  const length = [...text.trim()].length
  if (length === 0) return `${name} is empty`
  return length > max ? `${name} has ${length} characters; Google takes ${max}` : undefined
}

/** @param {string} text */
function isWebAddress(text) {
  return text.length <= 2000 && URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
}
