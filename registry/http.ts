import type { Agent as HttpAgent, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { Agent as HttpsAgent } from 'node:https'
import { CatalystError } from '../schemas/errors.ts'
import { answerProblem, AnswerError, shownUrl } from './http-answer.ts'
import type { Credentials } from './credentials.ts'

// An `import` of node:http reads each of its exports, WebSocket among them, and that loads undici: 30 ms.
const http = process.getBuiltinModule('node:http')
const https = process.getBuiltinModule('node:https')

/** How we talk HTTP. All times in milliseconds. */
export interface HttpSettings {
  readonly userAgent?: string
  /** Connections to one host at a time; they are kept open. */
  readonly connections?: number
  /** A connection that is silent for so long is given up. */
  readonly idleMs?: number
  /** An answer slower than this on average is given up, so that a byte a second holds nobody up. */
  readonly minBytesPerSecond?: number
  /** `HTTPS_PROXY` and `NO_PROXY`, when the machine needs a proxy. */
  readonly proxyEnv?: Readonly<Record<string, string | undefined>>
  readonly nowMs?: () => number
}

export interface HttpRequest {
  readonly url: string
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** What to show to which host; asked anew for each redirect, so that a token never follows one to another host. */
  readonly credentials?: Credentials
  /** Refuses redirects to another origin. */
  readonly sameOrigin?: boolean
  /** More than this is not read. Bytes. */
  readonly maxBytes: number
  readonly signal?: AbortSignal | undefined
}

/** A 2xx or 304 answer whose body has not been read yet. Whoever gets it reads it or destroys it. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  /** Where the redirects ended. */
  readonly url: string
  readonly body: IncomingMessage
}

/** The one way out by HTTP. */
export interface Http {
  /**
   * Asks once (no retries) and follows at most five redirects.
   * @throws CatalystError SOURCE_UNREACHABLE, RATE_LIMITED, UNAUTHORIZED, NOT_FOUND, FOREIGN_URL (another scheme, a
   * user name in a URL, or from https: to http:), SIZE_MISMATCH (declared longer than `maxBytes`)
   */
  send(request: HttpRequest): Promise<HttpAnswer>
  /** Closes the kept connections. */
  close(): void
}

const MAX_REDIRECTS = 5

/** HTTP/1.1 over kept connections (`node:http`), with limits on everything. */
export function createHttp(settings: HttpSettings = {}): Http {
  const idleMs = settings.idleMs ?? 20_000
  const options = { keepAlive: true, maxSockets: settings.connections ?? 16, timeout: idleMs, scheduling: 'lifo' as const, ...proxyOption(settings) }
  const agents = { 'http:': new http.Agent(options), 'https:': new https.Agent(options) }
  const context: Context = { agents, idleMs, minRate: settings.minBytesPerSecond ?? 4096, userAgent: settings.userAgent ?? 'catalyst-plugins', nowMs: settings.nowMs ?? Date.now }
  return {
    send: (request) => follow(context, request),
    close: () => {
      agents['http:'].destroy()
      agents['https:'].destroy()
    },
  }
}

interface Context {
  readonly agents: { readonly 'http:': HttpAgent; readonly 'https:': HttpsAgent }
  readonly idleMs: number
  readonly minRate: number
  readonly userAgent: string
  readonly nowMs: () => number
}

function proxyOption(settings: HttpSettings): { proxyEnv?: NodeJS.ProcessEnv } {
  return settings.proxyEnv ? { proxyEnv: { ...settings.proxyEnv } } : {}
}

async function follow(context: Context, request: HttpRequest): Promise<HttpAnswer> {
  let url = allowedUrl(request.url, undefined)
  let method = request.method ?? 'GET'
  for (let step = 0; step <= MAX_REDIRECTS; step++) {
    const answer = await exchange(context, { ...request, method }, url)
    const status = answer.statusCode ?? 0
    if (status === 304 || (status >= 200 && status < 300)) return accepted(answer, url, request)
    const location = answer.headers.location
    if (![301, 302, 303, 307, 308].includes(status) || location === undefined) throw answerProblem(url, status, { ...answer.headers, ...(await hiddenLimit(answer)) }, context.nowMs())
    answer.resume()
    const next = allowedUrl(location, url)
    if (request.sameOrigin && next.origin !== url.origin) {
      throw new CatalystError('FOREIGN_URL', `${shownUrl(url)} redirects to another host, ${shownUrl(next)}`)
    }
    url = next
    // git sends its POST again wherever the repository moved; only 303 asks for GET (RFC 9110 15.4.4).
    if (status === 303) method = 'GET'
  }
  throw new CatalystError('SOURCE_UNREACHABLE', `${shownUrl(request.url)} redirects more than ${MAX_REDIRECTS} times`, { cause: new AnswerError(310, { again: false }) })
}

/** The URL to ask, redirected to by `from` where that is given. @throws CatalystError FOREIGN_URL for other schemes, user names, and from https: back to http: */
export function allowedUrl(text: string, from: URL | undefined): URL {
  const url = URL.canParse(text, from) ? new URL(text, from) : undefined
  const origin = from ? `${shownUrl(from)} redirects to ` : ''
  if (!url) throw new CatalystError('FOREIGN_URL', `${origin}${text.slice(0, 200)}, which is not a URL`)
  const foreign = url.protocol !== 'https:' && url.protocol !== 'http:'
  if (foreign || url.username !== '' || url.password !== '' || (from?.protocol === 'https:' && url.protocol === 'http:')) {
    throw new CatalystError('FOREIGN_URL', `${origin}${shownUrl(url)}, where we do not go`)
  }
  return url
}

function accepted(answer: IncomingMessage, url: URL, request: HttpRequest): HttpAnswer {
  const declared = Number(answer.headers['content-length'] ?? 0)
  if (declared > request.maxBytes) {
    answer.destroy()
    throw tooLong(url, declared, request.maxBytes)
  }
  return { status: answer.statusCode ?? 0, headers: answer.headers, url: url.href, body: answer }
}

/** GitHub's secondary limit may come as a bare 403 that only its text tells apart from a refusal; it then asks for a minute. */
async function hiddenLimit(answer: IncomingMessage): Promise<{ 'retry-after'?: string }> {
  const { headers } = answer
  if (answer.statusCode !== 403 || headers['retry-after'] !== undefined || headers['x-ratelimit-remaining'] === '0') {
    answer.resume()
    return {}
  }
  let text = ''
  try {
    for await (const piece of answer) if ((text += String(piece)).length > 16_384) break
  } catch {
    // What was read tells enough, or nothing.
  }
  return /rate limit/i.test(text) ? { 'retry-after': '60' } : {}
}

/** The error for more bytes than allowed. Not worth a second try. */
export function tooLong(url: URL | string, bytes: number, maxBytes: number): CatalystError {
  return new CatalystError('SIZE_MISMATCH', `${shownUrl(url)} has ${bytes} bytes or more, but at most ${maxBytes} are taken`, { cause: new AnswerError(200, { again: false }) })
}

/** One request and the head of its answer. Idle connections and slow answers end in an error on the body. */
function exchange(context: Context, request: HttpRequest, url: URL): Promise<IncomingMessage> {
  const secure = url.protocol === 'https:'
  const send = secure ? https.request : http.request
  const authorization = request.credentials?.(url)
  const headers: OutgoingHttpHeaders = { 'user-agent': context.userAgent, ...request.headers, ...(authorization ? { authorization } : {}) }
  if (request.body) headers['content-length'] = request.body.length
  return new Promise((resolve, reject) => {
    const agent = secure ? context.agents['https:'] : context.agents['http:']
    const sent = send(url, { agent, method: request.method ?? 'GET', headers, timeout: context.idleMs, ...(request.signal ? { signal: request.signal } : {}) })
    // Destroying the answer rather than the request keeps the reason: the body then fails with it.
    let answer: IncomingMessage | undefined
    const giveUp = (reason: string): unknown => (answer ?? sent).destroy(new Error(reason))
    const deadline = setTimeout(giveUp, deadlineMs(context, request), `slower than ${context.minRate} bytes a second`)
    sent.on('timeout', () => giveUp(`silent for ${context.idleMs} ms`))
    sent.on('error', (error) => reject(unreachable(url, error, request.signal)))
    sent.on('close', () => clearTimeout(deadline))
    sent.on('response', (head) => resolve((answer = head)))
    sent.end(request.body)
  })
}

function deadlineMs(context: Context, request: HttpRequest): number {
  return Math.min(2 * context.idleMs + (request.maxBytes / context.minRate) * 1000, 2 ** 31 - 1)
}

/** What a broken connection means; an abort by the caller stays what it is. */
export function unreachable(url: URL | string, error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason
  if (error instanceof CatalystError) return error
  const reason = error instanceof Error ? (error.message || (error as NodeJS.ErrnoException).code) : String(error)
  return new CatalystError('SOURCE_UNREACHABLE', `${shownUrl(url)}: ${reason}`, { cause: error })
}
