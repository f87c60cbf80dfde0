/** @import { PluginHost, Shipping } from '@catalyst/plugins/contracts' */
/** @import { Config } from './rates.js' */
import { cartOf, ratesFor } from './rates.js'
import { zoneFor } from './zones.js'

/**
 * Shipping prices from the shop's own table. Needs nothing but its config.
 *
 * @param {PluginHost} host
 * @returns {Shipping}
 */
export function createPlugin({ config, log }) {
  const { currency = '', zones = [] } = /** @type {Partial<Config>} */ (config)
  return {
    health: async () => ({ ok: true }),
    async calculateRates({ to, items }) {
      const cart = cartOf(items)
      const zone = zoneFor(zones, to)
      if (zone === undefined) return []
      if (cart.currencies.some((one) => one !== currency)) {
        log.warn('no rates for a cart in another currency', { currency, cart: cart.currencies.join(',') })
        return []
      }
      return ratesFor(zone, cart, currency)
    },
  }
}
