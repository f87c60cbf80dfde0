/** @import { Marketing, PluginHost } from '@catalyst/plugins/contracts' */
import { orderMessages } from './order-messages.js'
import { smsSender } from './sender.js'

/**
 * Order messages by SMS through Twilio.
 *
 * @param {PluginHost} host
 * @returns {Marketing}
 */
export function createPlugin(host) {
  const sender = smsSender(host)
  const messages = orderMessages(host, sender)
  return {
    async health() {
      const { config } = host
      if (config.accountSid !== undefined && config.from === undefined && config.messagingServiceSid === undefined) return { ok: false, message: 'config needs `from` or `messagingServiceSid`' }
      return { ok: true }
    },
    send: sender.send,
    hooks: {
      'order.placed': ({ data }) => messages.tell('order-placed', data, { items: data.items, total: data.total }),
      'order.shipped': ({ data }) => messages.tell('order-shipped', data, { carrier: data.carrier ?? '', url: data.trackingUrl ?? '' }),
    },
  }
}
