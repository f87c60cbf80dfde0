/** @import { Tier } from './tiers.js' */

/** @typedef {{ currency: string, pointsPer100: number, pointValue: number, expireMonths: number | undefined, tiers: readonly Tier[] }} Settings */

/**
 * The config with its defaults.
 *
 * @param {Readonly<Record<string, any>>} config
 * @returns {Settings}
 * @throws Error with `code` `config` when the currency is missing
 */
export function settingsOf({ currency, pointsPer100 = 1, pointValue = 1, expireMonths, tiers = [] }) {
  if (typeof currency !== 'string') throw Object.assign(new Error('loyalty-points: config.currency is missing'), { code: 'config' })
  return { currency: currency.toUpperCase(), pointsPer100, pointValue, expireMonths, tiers }
}
