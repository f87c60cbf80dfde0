/** @import { LineItem, Money } from '@catalyst/plugins/contracts' */

/*
 * Orders as GA4's recommended events `purchase` and `refund`: amounts in the major unit, as Google wants them.
 */

/** @param {Readonly<Record<string, unknown>>} data of `order.placed`: orderId, total, lines */
export function purchaseOf({ orderId, total, lines }) {
  return { transaction_id: String(orderId), ...valueOf(total), items: Array.isArray(lines) ? lines.map(itemOf) : [] }
}

/** @param {Readonly<Record<string, unknown>>} data of `order.refunded`: orderId, amount */
export function refundOf({ orderId, amount }) {
  return { transaction_id: String(orderId), ...valueOf(amount) }
}

/** @param {LineItem} line */
function itemOf({ sku, quantity, price }) {
  return { item_id: sku, quantity, price: major(price) }
}

/** @param {unknown} money */
function valueOf(money) {
  const { amount, currency } = /** @type {Partial<Money>} */ (money ?? {})
  return typeof amount === 'number' && typeof currency === 'string' ? { value: major({ amount, currency }), currency } : {}
}

/** @param {Money} money */
function major({ amount, currency }) {
  const digits = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2
  return Number((amount / 10 ** digits).toFixed(digits))
}
