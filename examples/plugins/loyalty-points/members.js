/** @import { PluginHost, Statement } from '@catalyst/plugins/contracts' */

/** @param {PluginHost['db']} db @param {string} customerId @param {string} tier @returns {Statement} */
export function setTier(db, customerId, tier) {
  return { sql: `UPDATE ${db.table('accounts')} SET tier = ? WHERE customer_id = ?`, params: [tier, customerId] }
}

/**
 * Who has reached a tier, for messages and offers; page by page.
 *
 * @param {PluginHost['db']} db
 * @param {{ tier: string, after?: string, limit?: number }} page `after` is the last customer id of the page before
 */
export async function members(db, { tier, after = '', limit = 100 }) {
  const sql = `SELECT customer_id FROM ${db.table('accounts')} WHERE tier = ? AND customer_id > ? ORDER BY customer_id LIMIT ?`
  return (await db.query(sql, [tier, after, Math.min(limit, 1000)])).map(({ customer_id }) => String(customer_id))
}
