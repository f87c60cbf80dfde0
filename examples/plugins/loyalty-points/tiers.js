/** @typedef {{ name: string, from: number, percent: number }} Tier */

/** @type {Tier} */
const BASIC = { name: 'basic', from: 0, percent: 100 }

/**
 * The highest level that so many points, earned in a lifetime, have reached.
 *
 * @param {readonly Tier[]} tiers
 * @param {number} earned
 */
export function tierFor(tiers, earned) {
  return tiers.filter(({ from }) => from <= earned).reduce((best, tier) => (tier.from > best.from ? tier : best), BASIC)
}
