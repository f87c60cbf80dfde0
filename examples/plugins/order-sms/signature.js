/** @import { PluginHost, WebhookRequest, WebhookResponse } from '@catalyst/plugins/contracts' */
import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * Lets only requests through that Twilio signed (twilio.com/docs/usage/security): 403 otherwise.
 *
 * @param {Pick<PluginHost, 'config' | 'log'>} host
 * @param {(form: URLSearchParams) => Promise<WebhookResponse>} answer
 * @returns {(request: WebhookRequest) => Promise<WebhookResponse>}
 */
export function signedBy({ config, log }, answer) {
  return async (request) => {
    const form = new URLSearchParams(request.body)
    const token = typeof config.authToken === 'string' ? config.authToken : ''
    if (token !== '' && isSigned(request, form, token)) return answer(form)
    log.warn('refused a callback that is not proven to be from Twilio')
    return { status: 403 }
  }
}

/** Twilio signs the address as it has it; a proxy may have added or dropped the standard port. @param {WebhookRequest} request @param {URLSearchParams} form @param {string} token */
function isSigned({ url, headers }, form, token) {
  const given = Buffer.from(headers['x-twilio-signature'] ?? '', 'base64')
  const fields = [...new Set(form.keys())].sort().map((name) => name + [...new Set(form.getAll(name))].sort().map((value, index) => (index > 0 ? name : '') + value).join(''))
  return spellings(url).some((address) => {
    const expected = createHmac('sha1', token).update(address + fields.join('')).digest()
    return expected.length === given.length && timingSafeEqual(expected, given)
  })
}

/** @param {string} url */
function spellings(url) {
  const [, origin = url, port = '', rest = ''] = /^(https?:\/\/[^/:?#]+)(:\d+)?(.*)$/.exec(url) ?? []
  const standard = origin.startsWith('https:') ? ':443' : ':80'
  return port === '' || port === standard ? [origin + rest, origin + standard + rest] : [url]
}
