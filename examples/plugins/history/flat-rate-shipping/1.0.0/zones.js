/** @import { Address } from '@catalyst/plugins/contracts' */
/** @import { Zone } from './rates.js' */

/**
 * The first zone that holds an address.
 *
 * @param {readonly Zone[]} zones
 * @param {Address} to
 */
export function zoneFor(zones, { country, region }) {
  return zones.find(
    ({ countries, regions }) =>
      (countries.includes('*') || has(countries, country)) &&
      (regions === undefined || (region !== undefined && has(regions, region))),
  )
}

/** @param {readonly string[]} list @param {string} one */
function has(list, one) {
  return list.some((entry) => entry.toUpperCase() === one.toUpperCase())
}
