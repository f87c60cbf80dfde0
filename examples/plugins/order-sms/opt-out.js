/** @import { PluginHost } from '@catalyst/plugins/contracts' */
import { createHash } from 'node:crypto'

/** @typedef {ReturnType<typeof optOuts>} OptOuts */

/** What carriers take for "no more" and for "yes again" (twilio.com/docs: default English opt-out keywords). */
const STOP = new Set(['STOP', 'STOPALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT', 'REVOKE', 'OPTOUT'])
const START = new Set(['START', 'YES', 'UNSTOP'])

/**
 * Who does not want messages. Numbers are kept as digests: enough to recognise one, not to call it.
 *
 * @param {Pick<PluginHost, 'config' | 'db' | 'now'>} host
 */
export function optOuts({ config, db, now }) {
  const table = () => db.table('opt_outs')
  const digest = (/** @type {string} */ phone) => createHash('sha256').update(`${config.accountSid}:${phone}`).digest('hex')
  return {
    /** @param {string} phone in E.164 */
    has: async (phone) => (await db.query(`SELECT 1 AS found FROM ${table()} WHERE phone_digest = ?`, [digest(phone)])).length > 0,
    /** @param {string} phone */
    add: async (phone) => void (await db.run(`INSERT INTO ${table()} (phone_digest, since) VALUES (?, ?) ON CONFLICT DO NOTHING`, [digest(phone), now()])),
    /** @param {string} phone */
    remove: async (phone) => void (await db.run(`DELETE FROM ${table()} WHERE phone_digest = ?`, [digest(phone)])),
  }
}

/**
 * What a customer's message asks for. Twilio says so itself (`OptOutType`) for messaging services with advanced opt-out.
 *
 * @param {URLSearchParams} form
 * @returns {'stop' | 'start' | undefined}
 */
export function wish(form) {
  const word = (form.get('OptOutType') ?? form.get('Body') ?? '').trim().toUpperCase()
  return STOP.has(word) ? 'stop' : START.has(word) ? 'start' : undefined
}
