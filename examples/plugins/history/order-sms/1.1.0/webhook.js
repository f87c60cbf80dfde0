/** @import { WebhookResponse } from '@catalyst/plugins/contracts' */
/** @import { OptOuts } from './opt-out.js' */
import { wish } from './opt-out.js'
import { e164 } from './phone.js'

/** Twilio wants an answer in its own markup; an empty one sends nothing back. */
const SILENCE = { status: 200, headers: { 'content-type': 'text/xml' }, body: '<?xml version="1.0" encoding="UTF-8"?><Response/>' }

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
