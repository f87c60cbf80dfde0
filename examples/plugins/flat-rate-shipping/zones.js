/** @import { Address } from '@catalyst/plugins/contracts' */
/** @import { Zone } from './rates.js' */
import { holdsPostalCode } from './postal-codes.js'

/**
 * The first zone that holds an address.
 *
 * @param {readonly Zone[]} zones
 * @param {Address} to
 */
export function zoneFor(zones, { country, region, postalCode }) {
  return zones.find(
    ({ countries, regions, postalCodes }) =>
      (countries.includes('*') || has(countries, country)) &&
      (regions === undefined || (region !== undefined && has(regions, region))) &&
      (postalCodes === undefined || (postalCode !== undefined && postalCodes.some((rule) => holdsPostalCode(rule, postalCode)))),
  )
}

/** @param {readonly string[]} list @param {string} one */
function has(list, one) {
  return list.some((entry) => entry.toUpperCase() === one.toUpperCase())
}
