/*
 * What an entry of the journal stands for, written in one column. A kind and its reference exist once: that is what makes
 * every event harmless when it comes again.
 */

/** The column of the journal. */
export const REFERENCE = 'reference'

/** @param {string} orderId */
export const orderReference = (orderId) => `order:${orderId}`

/** Each refund of an order is an entry of its own. @param {string} orderId @param {string} refundId */
export const refundReference = (orderId, refundId) => `order:${orderId}/refund:${refundId}`

/** @param {string} orderId @param {string} reference */
export const isRefundOf = (orderId, reference) => reference.startsWith(refundReference(orderId, ''))

/** @param {string} key */
export const redeemReference = (key) => `redeem:${key}`
