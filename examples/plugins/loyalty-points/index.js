/** @import { Plugin, PluginHost } from '@catalyst/plugins/contracts' */
import { programme } from './programme.js'

/**
 * A loyalty programme: earns on `order.placed`, takes back on `order.refunded`, lets points expire on `schedule.daily`.
 * `loyalty@2` is what stands under `operations`.
 *
 * @param {PluginHost} host
 * @returns {Plugin}
 */
export function createPlugin(host) {
  const points = programme(host)
  return {
    health: async () => ({ ok: true }),
    hooks: {
      'order.placed': ({ data, at }) => points.earn({ orderId: String(data.orderId), customerId: data.customerId, total: data.total, at }),
      'order.refunded': ({ data, at }) => points.takeBack({ orderId: String(data.orderId), refundId: String(data.refundId), amount: data.amount, at }),
      'schedule.daily': ({ at }) => points.expireAll(at),
    },
    operations: {
      /** `{ customerId }` -> `{ points, tier, expiring: [{ points, at }] }` */
      balance: (/** @type {{ customerId: string }} */ { customerId }) => points.balance(customerId),
      /** `{ customerId, points, key }` -> `{ points, discount }`; the same `key` again spends nothing again. */
      redeem: points.redeem,
      /** `{ customerId }` -> `[{ kind, reference, points, at }]`, oldest first */
      history: (/** @type {{ customerId: string }} */ { customerId }) => points.history(customerId),
      /** `{ tier, after?, limit? }` -> customer ids */
      members: points.members,
    },
  }
}
