/** @import { PluginHost } from '@catalyst/plugins/contracts' */
import { e164 } from './phone.js'
import { fit } from './segments.js'
import { createMessage, TwilioError, UNSUBSCRIBED } from './twilio.js'

/** @typedef {{ to: string, template: string, locale?: string, values?: Record<string, unknown> }} Sms */
/** @typedef {{ send(message: Sms): Promise<{ id: string }> }} SmsSender */

const DEFAULT_SEGMENTS = 3

/** Not sent, and trying again would not help. */
export class NotSendable extends Error {
  /** @param {'invalid_number' | 'opted_out'} code @param {string} message */
  constructor(code, message) {
    super(message)
    this.name = 'NotSendable'
    this.code = code
  }
}

/**
 * Renders a template and sends it, unless the number cannot be one.
 *
 * @param {Pick<PluginHost, 'config' | 'http' | 'plugins'>} host
 * @returns {SmsSender}
 */
export function smsSender(host) {
  const maxSegments = Number(host.config.maxSegments ?? DEFAULT_SEGMENTS)
  return {
    async send({ to, template, locale, values }) {
      const phone = e164(to)
      if (phone === undefined) throw new NotSendable('invalid_number', 'the phone number is not in the international form +372 5551 2345')
      const text = await textOf(host, { template, locale, values: { shop: host.config.shopName, ...values } })
      try {
        return { id: await createMessage(host, { to: phone, body: fit(text, maxSegments) }) }
      } catch (error) {
        if (!(error instanceof TwilioError) || error.code !== UNSUBSCRIBED) throw error
        throw new NotSendable('opted_out', 'the customer has told the carrier to stop')
      }
    },
  }
}

/** @param {Pick<PluginHost, 'plugins'>} host @param {{ template: string, locale: string | undefined, values: Record<string, unknown> }} input */
async function textOf({ plugins }, { template, locale, values }) {
  const input = { template, format: 'sms', values, ...(locale === undefined ? {} : { locale }) }
  const { text } = /** @type {{ text: string }} */ (await plugins.call('message-templates', 'render', input))
  // A value that an order does not have leaves a hole.
  return text.replace(/ {2,}/g, ' ').trim()
}
