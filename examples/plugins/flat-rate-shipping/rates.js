/** @import { LineItem, ShippingRate } from '@catalyst/plugins/contracts' */

/** @typedef {{ upTo?: number, price: number }} Step */
/** @typedef {{ id: string, label: string, price?: number, byWeight?: readonly Step[], byValue?: readonly Step[], freeFrom?: number, days?: number }} Rate */
/** @typedef {{ countries: readonly string[], regions?: readonly string[], postalCodes?: readonly string[], rates: readonly Rate[] }} Zone */
/** @typedef {{ currency: string, zones: readonly Zone[] }} Config */
/** @typedef {{ value: number, weightGrams: number | undefined, currencies: readonly string[] }} Cart `weightGrams` is undefined when an item has none */

/** @param {readonly LineItem[]} items @returns {Cart} */
export function cartOf(items) {
  const weights = items.map(({ weightGrams, quantity }) => (weightGrams === undefined ? Number.NaN : weightGrams * quantity))
  const weightGrams = weights.reduce((sum, weight) => sum + weight, 0)
  return {
    value: items.reduce((sum, { price, quantity }) => sum + price.amount * quantity, 0),
    weightGrams: Number.isNaN(weightGrams) ? undefined : weightGrams,
    currencies: [...new Set(items.map(({ price }) => price.currency))],
  }
}

/**
 * What a zone offers for a cart, cheapest first. A rate without a price for this cart is left out: too heavy, or by weight
 * when a weight is unknown.
 *
 * @param {Zone} zone
 * @param {Cart} cart
 * @param {string} currency
 * @returns {ShippingRate[]}
 */
export function ratesFor({ rates }, cart, currency) {
  const offered = rates.flatMap((rate) => {
    const amount = priceOf(rate, cart)
    return amount === undefined ? [] : [{ id: rate.id, label: rate.label, price: { amount, currency }, ...(rate.days === undefined ? {} : { days: rate.days }) }]
  })
  return offered.sort((a, b) => a.price.amount - b.price.amount)
}

/** @param {Rate} rate @param {Cart} cart */
function priceOf({ price = 0, byWeight, byValue, freeFrom }, { value, weightGrams }) {
  const weight = byWeight === undefined ? 0 : weightGrams === undefined ? undefined : stepFor(byWeight, weightGrams)
  const worth = byValue === undefined ? 0 : stepFor(byValue, value)
  if (weight === undefined || worth === undefined) return undefined
  return freeFrom !== undefined && value >= freeFrom ? 0 : price + weight + worth
}

/** The price of the first step that is wide enough, whatever order they stand in. @param {readonly Step[]} steps @param {number} measure */
function stepFor(steps, measure) {
  const wide = steps.filter(({ upTo }) => upTo === undefined || measure <= upTo)
  return wide.sort((a, b) => (a.upTo ?? Infinity) - (b.upTo ?? Infinity))[0]?.price
}
