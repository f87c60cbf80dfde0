/** @import { HttpResponse, PluginHost } from '@catalyst/plugins/contracts' */

const API = 'https://api.twilio.com/2010-04-01'

/** The recipient answered STOP to this sender. */
export const UNSUBSCRIBED = 21610

/**
 * Twilio's no, or no answer at all.
 *
 * `certain` tells that no message was made, so that it may be tried again without the customer getting two. `code` is
 * Twilio's number (21610, 20429, …) or `connection`.
 */
export class TwilioError extends Error {
  /** @param {{ code: number | 'connection' | 'config', message: string, status?: number, retryAfterSeconds?: number | undefined, certain: boolean, cause?: unknown }} details */
  constructor({ code, message, status = 0, retryAfterSeconds, certain, cause }) {
    super(`Twilio ${code}: ${message}`, { cause })
    this.name = 'TwilioError'
    this.code = code
    this.status = status
    this.retryAfterSeconds = retryAfterSeconds
    this.certain = certain
    this.retryable = status === 429 || status === 503 || code === 'connection'
  }
}

/**
 * POST …/Messages.json (twilio.com/docs/messaging/api/message-resource). Gives the new message's SID. Never asks twice:
 * Twilio has no idempotency keys, so a second request could be a second SMS.
 *
 * @param {Pick<PluginHost, 'config' | 'http'>} host
 * @param {{ to: string, body: string }} message
 * @returns {Promise<string>}
 * @throws TwilioError
 */
export async function createMessage({ config, http }, { to, body }) {
  const { accountSid, authToken } = config
  if (typeof accountSid !== 'string' || typeof authToken !== 'string') throw new TwilioError({ code: 'config', message: 'config needs accountSid and authToken', certain: true })
  const form = new URLSearchParams({ To: to, Body: body })
  for (const [name, value] of [['From', config.from], ['MessagingServiceSid', config.messagingServiceSid], ['StatusCallback', config.statusCallback]]) {
    if (typeof value === 'string') form.set(String(name), value)
  }
  const headers = { authorization: `Basic ${btoa(`${accountSid}:${authToken}`)}`, 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' }
  const url = `${API}/Accounts/${encodeURIComponent(accountSid)}/Messages.json`
  const response = await http.fetch(url, { method: 'POST', headers, body: form.toString() }).catch(unreachable)
  const answer = /** @type {{ sid?: string, code?: number, message?: string } | undefined} */ (await response.json().catch(() => undefined))
  if (response.ok && answer?.sid !== undefined) return answer.sid
  throw refused(response, answer)
}

/** @param {unknown} cause @returns {never} */
function unreachable(cause) {
  // The host said no before anything left: that is its own error, and certain.
  if (/** @type {{ code?: string }} */ (cause).code === 'CAPABILITY_DENIED') throw cause
  throw new TwilioError({ code: 'connection', message: 'no answer; the message may or may not have been sent', certain: false, cause })
}

/** @param {HttpResponse} response @param {{ code?: number, message?: string } | undefined} answer */
function refused({ status, headers }, answer) {
  const seconds = Number(headers.get('retry-after') ?? NaN)
  return new TwilioError({
    code: answer?.code ?? status,
    message: answer?.message ?? `answered ${status}`,
    status,
    retryAfterSeconds: Number.isFinite(seconds) ? seconds : undefined,
    // A 4xx or "overloaded" is said before a message is made; after any other 5xx or an odd answer nobody knows.
    certain: (status >= 400 && status < 500) || status === 503,
  })
}
