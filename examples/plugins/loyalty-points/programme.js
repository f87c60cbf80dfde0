/** @import { Money, PluginHost } from '@catalyst/plugins/contracts' */
/** @import { Written } from './ledger.js' */
import { ledger } from './ledger.js'
import { lots, monthsLater } from './lots.js'
import { members, setTier } from './members.js'
import { redeemReference, orderReference } from './references.js'
import { balance, earnFor, expireFor, lifetime, redeemFor, takeBackFor } from './rules.js'
import { settingsOf } from './settings.js'
import { tierFor } from './tiers.js'

/** As many customers as are written off before the next ones are looked up. */
const EXPIRE_BATCH = 200

/**
 * The programme as the store meets it. Every move may be asked for twice and happens once.
 *
 * @param {PluginHost} host
 */
export function programme({ config, db, log, now }) {
  const books = ledger({ db })
  const tier = (/** @type {readonly Written[]} */ past) => tierFor(settingsOf(config).tiers, lifetime(past))

  /** Expired points are written off before others are taken, so that those are taken from what is left. @param {string} customerId @param {string} at */
  const expire = async (customerId, at) => {
    while (await books.append(customerId, (past) => expireFor(past, at)));
  }

  return {
    /** @param {{ orderId: string, customerId: unknown, total: unknown, at: string }} order */
    async earn({ orderId, customerId, total, at }) {
      const { currency, pointsPer100, expireMonths } = settingsOf(config)
      if (typeof customerId !== 'string' || !isMoney(total)) return
      if (total.currency !== currency) return log.info('an order in another currency earns nothing', { order: orderId, currency: total.currency })
      const order = { orderId, amount: total.amount, pointsPer100, at, expiresAt: expireMonths === undefined ? null : monthsLater(at, expireMonths) }
      await books.append(
        customerId,
        (past) => earnFor(past, { ...order, percent: tier(past).percent }),
        (past, { points }) => [setTier(db, customerId, tierFor(settingsOf(config).tiers, lifetime(past) + points).name)],
      )
    },

    /** @param {{ orderId: string, refundId: string, amount: unknown, at: string }} refund */
    async takeBack({ orderId, refundId, amount, at }) {
      const customerId = await books.customerOf('earn', orderReference(orderId))
      if (customerId === undefined || !isMoney(amount)) return
      await expire(customerId, at)
      await books.append(customerId, (past) => takeBackFor(past, { orderId, refundId, amount: amount.amount, at }))
    },

    /**
     * @param {{ customerId: string, points: number, key: string }} wish
     * @returns {Promise<{ points: number, discount: Money }>} what was spent; for a repeat, what was spent the first time
     * @throws Error with `code` `invalid_points` or `not_enough_points`
     */
    async redeem({ customerId, points, key }) {
      const { currency, pointValue } = settingsOf(config)
      if (!Number.isSafeInteger(points) || points <= 0) throw Object.assign(new Error(`loyalty-points: ${points} is not a positive whole number of points`), { code: 'invalid_points' })
      await expire(customerId, now())
      const added = await books.append(customerId, (past) => redeemFor(past, { points, key, at: now() }))
      const entry = added ?? (await books.entries(customerId)).find(({ kind, reference }) => kind === 'redeem' && reference === redeemReference(key))
      const spent = -(entry?.points ?? 0)
      return { points: spent, discount: { amount: spent * pointValue, currency } }
    },

    /** @param {string} at */
    async expireAll(at) {
      for (let batch = await books.withExpired(at, EXPIRE_BATCH); batch.length > 0; batch = await books.withExpired(at, EXPIRE_BATCH)) {
        for (const customerId of batch) await expire(customerId, at)
      }
    },

    /** @param {string} customerId */
    async balance(customerId) {
      const past = await books.entries(customerId)
      const open = lots(past).filter(({ left, expiresAt }) => left > 0 && expiresAt !== null && expiresAt > now())
      return { points: balance(past, now()), tier: tier(past).name, expiring: open.map(({ left, expiresAt }) => ({ points: left, at: expiresAt })) }
    },

    /** @param {string} customerId */
    async history(customerId) {
      return (await books.entries(customerId)).map(({ kind, reference, points, at }) => ({ kind, reference, points, at }))
    },

    /** @param {{ tier: string, after?: string, limit?: number }} page */
    members: (page) => members(db, page),
  }
}

/** @param {unknown} value @returns {value is Money} */
function isMoney(value) {
  const { amount, currency } = /** @type {Partial<Money>} */ (value ?? {})
  return Number.isSafeInteger(amount) && Number(amount) > 0 && typeof currency === 'string'
}
