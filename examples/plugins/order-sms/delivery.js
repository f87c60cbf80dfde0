/** @import { PluginHost } from '@catalyst/plugins/contracts' */

/** @typedef {ReturnType<typeof deliveryLog>} DeliveryLog */

/** The way of a message at the carrier; callbacks may overtake each other, so it only ever goes forward. */
const STEPS = ['accepted', 'scheduled', 'queued', 'sending', 'sent', 'delivered', 'undelivered', 'failed', 'read']

/**
 * How far the messages of `messages` have come.
 *
 * @param {Pick<PluginHost, 'db' | 'now'>} host
 */
export function deliveryLog({ db, now }) {
  return {
    /**
     * Notes a step of a message; false for a message that is not ours or was further already.
     *
     * @param {string} sid
     * @param {string} step
     * @param {string | undefined} error
     */
    async note(sid, step, error) {
      const earlier = STEPS.slice(0, Math.max(STEPS.indexOf(step), 0))
      const before = `delivery IS NULL${earlier.map(() => ' OR delivery = ?').join('')}`
      const { changes } = await db.run(`UPDATE ${db.table('messages')} SET delivery = ?, error = ?, updated_at = ? WHERE sid = ? AND (${before})`, [step, error ?? null, now(), sid, ...earlier])
      return changes > 0
    },
  }
}
