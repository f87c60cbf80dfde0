/** @import { PluginHost } from '@catalyst/plugins/contracts' */
/** @import { StripeApi } from './api.js' */
import { textPdf } from './receipt-pdf.js'
import { uploadFile } from './upload.js'

const ORDER = `SELECT o.id, o.number, o.placed_at, o.total_amount, o.total_currency, o.shipping_address, o.carrier, o.tracking_number, o.shipped_at, c.name, c.email
  FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id = ?`

/**
 * `submitEvidence({ disputeId, orderId })`: tells the bank what the store knows about a disputed order, with a receipt
 * as PDF. A person decides to call it: evidence can be submitted only once.
 *
 * @param {StripeApi} api
 * @param {Pick<PluginHost, 'db'>} host
 * @returns {(input: { disputeId: string, orderId: string }) => Promise<{ status: string }>}
 */
export function disputeEvidence(api, { db }) {
  return async ({ disputeId, orderId }) => {
    const [order] = /** @type {readonly Record<string, string | number | null>[]} */ (await db.query(ORDER, [orderId]))
    if (!order) throw Object.assign(new Error(`Stripe: no order ${orderId}`), { code: 'not_found' })
    const key = `dispute-${disputeId}-${orderId}`
    const receipt = await uploadFile(api, { name: `receipt-${fileName(order.number)}.pdf`, type: 'application/pdf', text: textPdf(receiptLines(order)), purpose: 'dispute_evidence' }, `${key}-receipt`)
    const evidence = {
      customer_name: text(order.name),
      customer_email_address: text(order.email),
      product_description: `Order ${order.number}`,
      service_date: text(order.placed_at),
      shipping_address: text(order.shipping_address),
      shipping_carrier: text(order.carrier),
      shipping_tracking_number: text(order.tracking_number),
      shipping_date: text(order.shipped_at),
      receipt,
    }
    const dispute = await api.post(`/v1/disputes/${encodeURIComponent(disputeId)}`, { evidence, submit: true }, `${key}-submit`)
    return { status: dispute.status }
  }
}

/** @param {Record<string, string | number | null>} order */
function receiptLines(order) {
  return [
    `Receipt for order ${order.number}`,
    '',
    `Placed: ${order.placed_at}`,
    `Customer: ${order.name} <${order.email}>`,
    `Total: ${order.total_amount} ${order.total_currency} (minor units)`,
    `Shipped to: ${order.shipping_address ?? '-'}`,
    `Shipped: ${order.shipped_at ?? '-'} ${order.carrier ?? ''} ${order.tracking_number ?? ''}`.trimEnd(),
  ]
}

/** Order numbers are the store's; a file name takes only some characters. @param {string | number | null | undefined} value */
function fileName(value) {
  return String(value).replaceAll(/[^A-Za-z0-9._-]/g, '_')
}

/** Absent facts are left out of the evidence. @param {string | number | null | undefined} value */
function text(value) {
  return value === null || value === undefined || value === '' ? undefined : String(value)
}
