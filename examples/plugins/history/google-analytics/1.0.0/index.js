/** @import { Analytics, PluginHost } from '@catalyst/plugins/contracts' */
import { ga4Event } from './event.js'
import { collect } from './measurement-protocol.js'
import { purchaseOf, refundOf } from './purchases.js'

/**
 * Google Analytics 4 from the server.
 *
 * @param {PluginHost} host
 * @returns {Analytics}
 */
export function createPlugin(host) {
  /** @param {string | undefined} clientId @param {{ name: string, at: string, properties: Record<string, unknown> }} event */
  const track = async (clientId, event) => {
    // Without the visitor's own id there is nothing to count: making one up would invent visitors.
    const made = clientId === undefined || clientId === '' ? undefined : ga4Event(event, host.now())
    if (made === undefined) return host.log.info('event left out', { name: event.name })
    await collect(host, String(clientId), [made])
  }
  return {
    health: async () => ({ ok: true }),
    track: ({ name, at, clientId, properties = {} }) => track(clientId, { name, at, properties }),
    hooks: {
      'order.placed': ({ at, data }) => track(clientOf(data), { name: 'purchase', at, properties: purchaseOf(data) }),
      'order.refunded': ({ at, data }) => track(clientOf(data), { name: 'refund', at, properties: refundOf(data) }),
    },
  }
}

/** @param {Readonly<Record<string, unknown>>} data */
function clientOf({ clientId }) {
  return typeof clientId === 'string' ? clientId : undefined
}
