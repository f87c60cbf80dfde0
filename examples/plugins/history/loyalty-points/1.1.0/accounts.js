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

/**
 * Keeps the address under which a customer may ask for their points.
 *
 * @param {PluginHost['db']} db
 * @param {string} customerId
 * @param {string} email
 */
export async function rememberEmail(db, customerId, email) {
  await db.run(`UPDATE ${db.table('accounts')} SET email = ? WHERE customer_id = ?`, [email.toLowerCase(), customerId])
}

/**
 * @param {PluginHost['db']} db
 * @param {string} email
 * @returns {Promise<string | undefined>}
 */
export async function customerByEmail(db, email) {
  const [row] = await db.query(`SELECT customer_id FROM ${db.table('accounts')} WHERE email = ?`, [email.toLowerCase()])
  return row === undefined ? undefined : String(row.customer_id)
}
