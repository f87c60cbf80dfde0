import { createHmac } from 'node:crypto'
import { json, type Provider, type ProviderRequest, type ProviderResponse } from './serve.ts'

/** One message of Twilio's Messages resource (twilio.com/docs/messaging/api/message-resource), as JSON names its fields. */
export interface TwilioMessage {
  readonly sid: string
  readonly account_sid: string
  readonly to: string
  readonly from: string | null
  readonly messaging_service_sid: string | null
  readonly body: string
  readonly status_callback: string | null
  status: string
}

export interface TwilioOptions {
  readonly accountSid: string
  readonly authToken: string
  /** Numbers and names that the account may send from. */
  readonly senders: readonly string[]
  readonly now: () => number
}

/** A signed request of Twilio to a webhook. */
export interface TwilioCallback {
  readonly url: string
  readonly body: string
  readonly headers: Record<string, string>
}

/** One Twilio account that answers at `api.twilio.com`. */
export interface Twilio {
  readonly api: Provider
  readonly messages: TwilioMessage[]
  /** Numbers that answered STOP to this account. */
  readonly unsubscribed: Set<string>
  /** What Twilio posts when a message's status changes. */
  status(message: TwilioMessage, status: string, errorCode?: number): TwilioCallback
  /** What Twilio posts when somebody writes to us. */
  inbound(url: string, from: string, body: string, more?: Readonly<Record<string, string>>): TwilioCallback
}

const E164 = /^\+[1-9]\d{6,14}$/
const MAX_BODY = 1600

/** Thrown by the checks; becomes `{ code, message, more_info, status }`. */
class Refusal extends Error {
  readonly status: number
  readonly code: number

  constructor(status: number, code: number, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** POST …/Accounts/{sid}/Messages.json, errors of twilio.com/docs/api/errors, signatures of twilio.com/docs/usage/security. */
export function createTwilio(options: TwilioOptions): Twilio {
  const messages: TwilioMessage[] = []
  const unsubscribed = new Set<string>()
  const signed = (url: string, fields: Readonly<Record<string, string>>) => callback(options.authToken, url, fields)
  return {
    messages,
    unsubscribed,
    api: (request) => {
      try {
        checkAccess(options, request)
        const message = newMessage(options, new URLSearchParams(request.body), { unsubscribed, count: messages.length })
        messages.push(message)
        return json(201, presented(message, options.now()))
      } catch (error) {
        if (error instanceof Refusal) return refusal(error)
        throw error
      }
    },
    status: (message, status, errorCode) => {
      message.status = status
      const fields = { AccountSid: message.account_sid, ApiVersion: '2010-04-01', From: message.from ?? '', MessageSid: message.sid, MessageStatus: status, SmsSid: message.sid, SmsStatus: status, To: message.to }
      return signed(message.status_callback ?? '', errorCode === undefined ? fields : { ...fields, ErrorCode: String(errorCode) })
    },
    inbound: (url, from, body, more = {}) =>
      signed(url, { AccountSid: options.accountSid, ApiVersion: '2010-04-01', Body: body, From: from, MessageSid: 'SM'.padEnd(34, '9'), NumMedia: '0', NumSegments: '1', To: options.senders[0] ?? '', ...more }),
  }
}

/** 429 as Twilio sends it: too many requests at once. */
export function twilioTooMany(): ProviderResponse {
  return refusal(new Refusal(429, 20429, 'Too Many Requests'))
}

function checkAccess({ accountSid, authToken }: TwilioOptions, { method, path, headers }: ProviderRequest): void {
  const expected = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`
  if (headers['authorization'] !== expected) throw new Refusal(401, 20003, 'Authenticate')
  if (path !== `/2010-04-01/Accounts/${accountSid}/Messages.json`) throw new Refusal(404, 20404, `The requested resource ${path} was not found`)
  if (method !== 'POST') throw new Refusal(405, 20004, 'Method not allowed')
  if (!headers['content-type']?.startsWith('application/x-www-form-urlencoded')) throw new Refusal(400, 21604, "A 'To' phone number is required.")
}

function newMessage({ accountSid, senders }: TwilioOptions, form: URLSearchParams, { unsubscribed, count }: { unsubscribed: ReadonlySet<string>; count: number }): TwilioMessage {
  const [to, body, from, service, statusCallback] = ['To', 'Body', 'From', 'MessagingServiceSid', 'StatusCallback'].map((name) => form.get(name))
  if (!to) throw new Refusal(400, 21604, "A 'To' phone number is required.")
  if (!from && !service) throw new Refusal(400, 21603, "A 'From' phone number is required.")
  if (!body) throw new Refusal(400, 21602, 'Message body is required.')
  if (body.length > MAX_BODY) throw new Refusal(400, 21617, 'The concatenated message body exceeds the 1600 character limit')
  if (!E164.test(to)) throw new Refusal(400, 21211, `Invalid 'To' Phone Number: ${to}`)
  if (from && !senders.includes(from)) throw new Refusal(400, 21606, `The 'From' phone number provided (${from}) is not a valid message-capable Twilio phone number for this destination`)
  if (statusCallback && !/^https?:\/\//.test(statusCallback)) throw new Refusal(400, 21609, `The 'StatusCallback' URL ${statusCallback} is not a valid URL.`)
  if (unsubscribed.has(to)) throw new Refusal(400, 21610, 'Attempt to send to unsubscribed recipient')
  const sid = `SM${String(count + 1).padStart(32, '0')}`
  return { sid, account_sid: accountSid, to, from: from ?? null, messaging_service_sid: service ?? null, body, status_callback: statusCallback ?? null, status: service ? 'accepted' : 'queued' }
}

function presented({ status_callback: _callback, ...message }: TwilioMessage, now: number): unknown {
  const date = new Date(now * 1000).toUTCString().replace('GMT', '+0000')
  return {
    ...message, api_version: '2010-04-01', date_created: date, date_sent: null, date_updated: date, direction: 'outbound-api', error_code: null, error_message: null,
    num_media: '0', num_segments: '1', price: null, price_unit: null, subresource_uris: { media: `/2010-04-01/Accounts/${message.account_sid}/Messages/${message.sid}/Media.json` },
    uri: `/2010-04-01/Accounts/${message.account_sid}/Messages/${message.sid}.json`,
  }
}

function refusal({ status, code, message }: Refusal): ProviderResponse {
  return json(status, { code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status })
}

function callback(token: string, url: string, fields: Readonly<Record<string, string>>): TwilioCallback {
  const sorted = Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1))
  const signature = createHmac('sha1', token).update(url + sorted.map(([name, value]) => name + value).join('')).digest('base64')
  return { url, body: new URLSearchParams(fields).toString(), headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-twilio-signature': signature } }
}
