/** @import { PluginHost } from '@catalyst/plugins/contracts' */
/** @import { Ga4Event } from './event.js' */

const COLLECT = 'https://www.google-analytics.com/mp/collect'

/**
 * POST /mp/collect (developers.google.com/analytics/devguides/collection/protocol/ga4).
 *
 * @param {Pick<PluginHost, 'config' | 'http'>} host
 * @param {string} clientId
 * @param {readonly Ga4Event[]} events of one visitor, at most 25
 * @throws Error with `code` `config` or `google` and `retryable`
 */
export async function collect({ config, http }, clientId, events) {
  const { measurementId, apiSecret, adUserData, adPersonalization } = config
  if (typeof measurementId !== 'string' || typeof apiSecret !== 'string') throw failure('config', 'config needs measurementId and apiSecret', false)
  const consent = { ad_user_data: granted(adUserData), ad_personalization: granted(adPersonalization) }
  const address = `${COLLECT}?${new URLSearchParams({ measurement_id: measurementId, api_secret: apiSecret }).toString()}`
  const response = await http.fetch(address, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ client_id: clientId, consent, events }) })
  if (!response.ok) throw failure('google', `Google answered ${response.status}`, response.status >= 500 || response.status === 429)
}

/** @param {unknown} agreed */
function granted(agreed) {
  return agreed === true ? 'GRANTED' : 'DENIED'
}

/** The address holds the secret, so it never stands in a message. @param {string} code @param {string} message @param {boolean} retryable */
function failure(code, message, retryable) {
  return Object.assign(new Error(`google-analytics: ${message}`), { code, retryable })
}
