/** @import { PluginHost, Statement } from '@catalyst/plugins/contracts' */

/**
 * Makes sure that a customer has an account.
 *
 * @param {PluginHost['db']} db
 * @param {string} customerId
 * @param {string} at
 * @returns {Statement}
 */
export function openAccount(db, customerId, at) {
  return { sql: `INSERT INTO ${db.table('accounts')} (customer_id, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING`, params: [customerId, at] }
}
