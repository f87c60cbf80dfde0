/** @import { StripeApi } from './api.js' */

const FILES = 'https://files.stripe.com'

/**
 * Uploads a file of text (RFC 7578) and gives its id, such as `file_1Mz…`.
 *
 * @param {StripeApi} api
 * @param {{ name: string, type: string, text: string, purpose: 'dispute_evidence' }} file
 * @param {string} key the idempotency key
 */
export async function uploadFile(api, { name, type, text, purpose }, key) {
  const boundary = `catalyst-${key.replaceAll(/[^a-z0-9]/gi, '')}`
  const part = (/** @type {string} */ head, /** @type {string} */ content) => `--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n${content}\r\n`
  const body = part('name="purpose"', purpose) + part(`name="file"; filename="${name}"\r\nContent-Type: ${type}`, text) + `--${boundary}--\r\n`
  const file = await api.send(`${FILES}/v1/files`, { method: 'POST', headers: { 'content-type': `multipart/form-data; boundary=${boundary}`, 'idempotency-key': key }, body })
  return file.id
}
