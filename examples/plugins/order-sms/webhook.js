/** @import { WebhookResponse } from '@catalyst/plugins/contracts' */
/** @import { DeliveryLog } from './delivery.js' */
/** @import { OptOuts } from './opt-out.js' */
import { wish } from './opt-out.js'
import { e164 } from './phone.js'
import { UNSUBSCRIBED } from './twilio.js'

/** Twilio wants an answer in its own markup; an empty one sends nothing back. */
const SILENCE = { status: 200, headers: { 'content-type': 'text/xml' }, body: '<?xml version="1.0" encoding="UTF-8"?><Response/>' }

/**
 * A step of a message's delivery.
 *
 * @param {URLSearchParams} form
 * @param {DeliveryLog} deliveries
 * @param {OptOuts} refusals
 * @returns {Promise<WebhookResponse>}
 */
export async function answerStatus(form, deliveries, refusals) {
  const [sid, delivery] = [form.get('MessageSid') ?? '', form.get('MessageStatus') ?? '']
  const error = form.get('ErrorCode') ?? undefined
  const phone = e164(form.get('To') ?? '')
  if (error === String(UNSUBSCRIBED) && phone !== undefined) await refusals.add(phone)
  const changed = await deliveries.note(sid, delivery, error)
  if (!changed || (delivery !== 'failed' && delivery !== 'undelivered')) return { status: 204 }
  return { status: 204, events: [{ name: 'message.undelivered', data: { channel: 'sms', messageId: sid, reason: error ?? delivery } }] }
}

/**
 * A customer's own message: STOP and START are obeyed, everything else is left to people.
 *
 * @param {URLSearchParams} form
 * @param {OptOuts} refusals
 * @returns {Promise<WebhookResponse>}
 */
export async function answerInbound(form, refusals) {
  const phone = e164(form.get('From') ?? '')
  const asked = wish(form)
  if (phone !== undefined && asked === 'stop') await refusals.add(phone)
  if (phone !== undefined && asked === 'start') await refusals.remove(phone)
  return SILENCE
}
