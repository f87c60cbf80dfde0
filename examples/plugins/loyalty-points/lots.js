/** @import { Written } from './ledger.js' */

/** What is left of one earning. @typedef {{ reference: string, left: number, expiresAt: string | null }} Lot */

/**
 * Replays a customer's entries: whatever is taken is taken from the points that expire first. Pure; the journal is the
 * only truth.
 *
 * @param {readonly Written[]} past oldest first
 * @returns {readonly Lot[]} the earnings, those that expire first in front; used-up ones too
 */
export function lots(past) {
  /** @type {Lot[]} */
  const open = []
  for (const { kind, reference, points, expiresAt } of past) {
    if (kind === 'earn') insert(open, { reference, left: points, expiresAt })
    else take(open, -points)
  }
  return open
}

/** @param {Lot[]} open @param {Lot} lot */
function insert(open, lot) {
  const after = open.findIndex((other) => expiry(other) > expiry(lot))
  open.splice(after < 0 ? open.length : after, 0, lot)
}

/** @param {Lot[]} open @param {number} points */
function take(open, points) {
  for (const lot of open) {
    const taken = Math.min(lot.left, points)
    lot.left -= taken
    points -= taken
  }
}

/** What never expires comes last. @param {Lot} lot */
function expiry({ expiresAt }) {
  return expiresAt ?? '9999'
}

/**
 * The same day of the month, so many months later; the last day where there is no such day.
 *
 * @param {string} at ISO 8601, UTC
 * @param {number} months
 */
export function monthsLater(at, months) {
  const date = new Date(at)
  const day = date.getUTCDate()
  date.setUTCDate(1)
  date.setUTCMonth(date.getUTCMonth() + months)
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate()
  date.setUTCDate(Math.min(day, lastDay))
  return date.toISOString()
}
