/** @import { PluginHost } from '@catalyst/plugins/contracts' */
/** @import { SmsSender } from './sender.js' */
import { NotSendable } from './sender.js'
import { TwilioError } from './twilio.js'

/**
 * One message per order and event, however often the store raises the event. The row is written first: when it is not
 * certain whether Twilio took a message, it is not sent again. A text too few is better than the same text twice.
 *
 * @param {Pick<PluginHost, 'db' | 'log' | 'now'>} host
 * @param {SmsSender} sender
 */
export function orderMessages({ db, log, now }, sender) {
  const table = () => db.table('messages')

  /** @param {string} orderId @param {string} event @param {{ state: string, sid?: string, error?: string }} outcome */
  const settle = (orderId, event, { state, sid, error }) =>
    db.run(`UPDATE ${table()} SET state = ?, sid = ?, error = ?, updated_at = ? WHERE order_id = ? AND event = ?`, [state, sid ?? null, error ?? null, now(), orderId, event])

  return {
    /**
     * @param {string} event also the name of the template
     * @param {Readonly<Record<string, unknown>>} data of the store's event: orderId, number, phone, locale, smsConsent
     * @param {Record<string, unknown>} values more for the template
     */
    async tell(event, { orderId, number, phone, locale, smsConsent }, values) {
      if (typeof phone !== 'string' || phone === '' || smsConsent === false) return
      const order = String(orderId)
      const claimed = await db.run(`INSERT INTO ${table()} (order_id, event, state, created_at, updated_at) VALUES (?, ?, 'claimed', ?, ?) ON CONFLICT DO NOTHING`, [order, event, now(), now()])
      if (claimed.changes === 0) return
      try {
        const { id } = await sender.send({ to: phone, template: event, ...(typeof locale === 'string' ? { locale } : {}), values: { number, ...values } })
        await settle(order, event, { state: 'sent', sid: id })
      } catch (error) {
        const outcome = outcomeOf(error)
        log.warn('order message not sent', { order, event, ...outcome })
        if (outcome.state !== 'released') return void (await settle(order, event, outcome))
        await db.run(`DELETE FROM ${table()} WHERE order_id = ? AND event = ?`, [order, event])
        throw error
      }
    },
  }
}

/**
 * `released`: certainly not sent and worth another try, which the store makes by raising the event again.
 *
 * @param {unknown} error
 */
function outcomeOf(error) {
  if (error instanceof NotSendable) return { state: 'skipped', error: error.code }
  if (!(error instanceof TwilioError)) return { state: 'released', error: String(/** @type {Error} */ (error).message) }
  if (!error.certain) return { state: 'unknown', error: String(error.code) }
  const again = error.retryable || error.status === 401 || error.status === 403 || error.code === 'config'
  return { state: again ? 'released' : 'failed', error: String(error.code) }
}
