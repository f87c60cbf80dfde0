/*
 * What an entry of the journal stands for, written in one column. A kind and its order exist once: that is what makes
 * every event harmless when it comes again.
 */

/** The column of the journal. */
export const REFERENCE = 'order_id'

/** @param {string} orderId */
export const orderReference = (orderId) => orderId

/** An order is taken back once, at its first refund. @param {string} orderId @param {string} _refundId */
export const refundReference = (orderId, _refundId) => orderId

/** @param {string} orderId @param {string} reference */
export const isRefundOf = (orderId, reference) => reference === orderId

/** @param {string} key */
export const redeemReference = (key) => key
