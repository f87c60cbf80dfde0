/** @import { Entry, Kind, Written } from './ledger.js' */
import { lots } from './lots.js'
import { isRefundOf, orderReference, redeemReference, refundReference } from './references.js'

/*
 * The rules of the programme: pure functions from a customer's past to the next entry, undefined when there is none, for
 * instance because it stands there already.
 */

/**
 * Points for an order: its total in minor units, at so many points per 100, at so many percent of the tier.
 *
 * @param {readonly Written[]} past
 * @param {{ orderId: string, amount: number, pointsPer100: number, percent: number, at: string, expiresAt: string | null }} order
 * @returns {Entry | undefined}
 */
export function earnFor(past, { orderId, amount, pointsPer100, percent, at, expiresAt }) {
  const reference = orderReference(orderId)
  const points = Math.floor((amount * pointsPer100 * percent) / 10_000)
  if (points <= 0 || find(past, 'earn', reference)) return undefined
  return { kind: 'earn', reference, at, points, against: 'issued', amount, expiresAt }
}

/**
 * Takes back the share of an order's points that has been refunded so far; never more than the customer still has.
 *
 * @param {readonly Written[]} past
 * @param {{ orderId: string, refundId: string, amount: number, at: string }} refund
 * @returns {Entry | undefined}
 */
export function takeBackFor(past, { orderId, refundId, amount, at }) {
  const reference = refundReference(orderId, refundId)
  const earned = find(past, 'earn', orderReference(orderId))
  if (!earned?.amount || find(past, 'take-back', reference)) return undefined
  const before = past.filter((entry) => entry.kind === 'take-back' && isRefundOf(orderId, entry.reference))
  const refunded = Math.min(sum(before.map((entry) => entry.amount ?? 0)) + amount, earned.amount)
  const due = Math.floor((earned.points * refunded) / earned.amount) + sum(before.map(({ points }) => points))
  return { kind: 'take-back', reference, at, points: 0 - Math.min(due, balance(past, at)), against: 'issued', amount }
}

/**
 * Spends points.
 *
 * @param {readonly Written[]} past
 * @param {{ points: number, key: string, at: string }} wish
 * @returns {Entry | undefined}
 * @throws Error with `code` `not_enough_points`
 */
export function redeemFor(past, { points, key, at }) {
  const reference = redeemReference(key)
  if (find(past, 'redeem', reference)) return undefined
  const there = balance(past, at)
  if (there < points) throw Object.assign(new Error(`loyalty-points: ${points} points asked, ${there} there`), { code: 'not_enough_points' })
  return { kind: 'redeem', reference, at, points: -points, against: 'redeemed' }
}

/**
 * Writes off the first earning that has expired by `at`; also when nothing of it is left, so that it is not looked at again.
 *
 * @param {readonly Written[]} past
 * @param {string} at
 * @returns {Entry | undefined}
 */
export function expireFor(past, at) {
  const lot = lots(past).find(({ reference, expiresAt }) => expiresAt !== null && expiresAt <= at && !find(past, 'expire', reference))
  return lot && { kind: 'expire', reference: lot.reference, at, points: 0 - lot.left, against: 'expired' }
}

/** Points that can be spent at `at`. @param {readonly Written[]} past @param {string} at */
export function balance(past, at) {
  return sum(lots(past).filter(({ expiresAt }) => expiresAt === null || expiresAt > at).map(({ left }) => left))
}

/** Points earned in a lifetime and not taken back: what decides the tier. @param {readonly Written[]} past */
export function lifetime(past) {
  return sum(past.filter(({ kind }) => kind === 'earn' || kind === 'take-back').map(({ points }) => points))
}

/** @param {readonly Written[]} past @param {Kind} kind @param {string} reference */
function find(past, kind, reference) {
  return past.find((entry) => entry.kind === kind && entry.reference === reference)
}

/** @param {readonly number[]} numbers */
function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0)
}
