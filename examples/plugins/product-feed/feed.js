/** @import { Product } from './catalogue.js' */
import { isGtin } from './rules.js'
import { element } from './xml.js'

/** With the namespace of Google's attributes, which is a name and is never fetched. */
const RSS = '<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0">'

/**
 * One product as an RSS item with Google's attributes.
 *
 * @param {Product} product
 */
export function item({ sku, title, description, url, image_url, price_amount, price_currency, stock, brand, gtin }) {
  const known = gtin !== null && isGtin(gtin)
  /** @type {readonly [string, string | null][]} */
  const attributes = [
    ['g:id', sku],
    ['g:title', title],
    ['g:description', description],
    ['g:link', url],
    ['g:image_link', image_url],
    ['g:price', price(price_amount, price_currency)],
    ['g:availability', stock > 0 ? 'in_stock' : 'out_of_stock'],
    ['g:condition', 'new'],
    ['g:brand', brand === null || brand === '' ? null : brand],
    ['g:gtin', known ? gtin : null],
    ['g:identifier_exists', known ? null : 'no'],
  ]
  const lines = attributes.flatMap(([name, text]) => (text === null ? [] : [`      ${element(name, text)}`]))
  return `    <item>\n${lines.join('\n')}\n    </item>`
}

/**
 * The whole feed: RSS 2.0.
 *
 * @param {{ title: string, link: string, description: string }} channel
 * @param {readonly string[]} items
 */
export function feed({ title, link, description }, items) {
  const head = [element('title', title), element('link', link), element('description', description)].map((line) => `    ${line}`)
  return ['<?xml version="1.0" encoding="UTF-8"?>', RSS, '  <channel>', ...head, ...items, '  </channel>', '</rss>', ''].join('\n')
}

/** `19.99 EUR`: always with a point, as many digits as the currency has. @param {number} amount minor units @param {string} currency */
function price(amount, currency) {
  const digits = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2
  const padded = String(amount).padStart(digits + 1, '0')
  return `${digits === 0 ? padded : `${padded.slice(0, -digits)}.${padded.slice(-digits)}`} ${currency}`
}
