/** @import { Plugin, PluginHost } from '@catalyst/plugins/contracts' */
import { customerByEmail, rememberEmail } from './accounts.js'
import { programme } from './programme.js'

/**
 * A loyalty programme: earns on `order.placed`, takes back on `order.refunded`, lets points expire on `schedule.daily`.
 * `loyalty@1` is what stands under `operations`.
 *
 * @param {PluginHost} host
 * @returns {Plugin}
 */
export function createPlugin(host) {
  const points = programme(host)
  return {
    health: async () => ({ ok: true }),
    hooks: {
      'order.placed': async ({ data, at }) => {
        await points.earn({ orderId: String(data.orderId), customerId: data.customerId, total: data.total, at })
        if (typeof data.customerId === 'string' && typeof data.email === 'string') await rememberEmail(host.db, data.customerId, data.email)
      },
      'order.refunded': ({ data, at }) => points.takeBack({ orderId: String(data.orderId), refundId: String(data.refundId), amount: data.amount, at }),
      'schedule.daily': ({ at }) => points.expireAll(at),
    },
    operations: {
      /** `{ customerId }` or `{ email }` -> `{ points, tier, expiring: [{ points, at }] }` */
      balance: async (/** @type {{ customerId?: string, email?: string }} */ { customerId, email = '' }) => points.balance(customerId ?? (await customerByEmail(host.db, email)) ?? ''),
      /** `{ customerId, points, key }` -> `{ points, discount }`; the same `key` again spends nothing again. */
      redeem: points.redeem,
      /** `{ customerId }` -> `[{ kind, reference, points, at }]`, oldest first */
      history: (/** @type {{ customerId: string }} */ { customerId }) => points.history(customerId),
      /** `{ tier, after?, limit? }` -> customer ids */
      members: points.members,
    },
  }
}
