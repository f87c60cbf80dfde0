import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Context, MiddlewareHandler } from 'hono'
import type { ServerResponse } from 'node:http'
import { problemJson } from './github/answers.ts'
import type { Env } from './github/http.ts'

/** What goes wrong. */
export type Fault =
  /** The budget is used up: 403 (or 429), `x-ratelimit-remaining: 0`, free again in `resetS` seconds. */
  | { readonly kind: 'rate-limit'; readonly resetS?: number; readonly status?: 403 | 429 }
  /** Too much at once: 403 (or 429) with `retry-after`, or without it when `retryAfterS` is null. */
  | { readonly kind: 'secondary-rate-limit'; readonly retryAfterS?: number | null; readonly status?: 403 | 429 }
  /** Any status, with a page as body. */
  | { readonly kind: 'status'; readonly status: number; readonly body?: string; readonly headers?: Readonly<Record<string, string>> }
  /** The headers promise the whole body, the connection ends after this many bytes of it (default half). */
  | { readonly kind: 'truncate'; readonly afterBytes?: number }
  /** The body is shorter and its length header agrees, so that only its size or digest can tell. */
  | { readonly kind: 'shorten'; readonly toBytes?: number }
  /** Other bytes: one bit flipped in the middle, or what `change` makes of them. */
  | { readonly kind: 'alter'; readonly change?: (bytes: Buffer) => Uint8Array }
  /** The body in pieces with pauses between them; what is left after `maxMs` (default 2,000) comes at once. */
  | { readonly kind: 'slow'; readonly pieceBytes?: number; readonly everyMs?: number; readonly maxMs?: number }
  /** Headers, then silence; until the client gives up or the world closes. */
  | { readonly kind: 'stall' }
  /** The connection is closed without an answer. */
  | { readonly kind: 'drop' }
  | { readonly kind: 'redirect'; readonly to: string; readonly status?: 301 | 302 | 307 }

/** Where and how often. Everything given must agree; the fault stands for `times` requests (default 1, Infinity for good). */
export interface FaultRule {
  /** Text that the path with its query contains, or an expression. */
  readonly path: string | RegExp
  readonly method?: string
  readonly times?: number
  /** Lets this many matching requests through first. */
  readonly after?: number
}

interface Armed {
  readonly rule: FaultRule
  readonly fault: Fault
  skip: number
  left: number
}

/** The switchboard of faults: none at the start, the oldest matching one acts. */
export class Faults {
  #armed: Armed[] = []

  /** Switches a fault on; the function returned switches it off. */
  add(rule: FaultRule, fault: Fault): () => void {
    const armed = { rule, fault, skip: rule.after ?? 0, left: rule.times ?? 1 }
    this.#armed.push(armed)
    return () => void (this.#armed = this.#armed.filter((other) => other !== armed))
  }

  clear(): void {
    this.#armed = []
  }

  /** Takes the fault that a request meets, if any. */
  take(method: string, path: string): Fault | undefined {
    for (const armed of this.#armed) {
      const { rule } = armed
      const hit = typeof rule.path === 'string' ? path.includes(rule.path) : rule.path.test(path)
      if (!hit || armed.left <= 0 || (rule.method ?? method) !== method) continue
      if (armed.skip > 0) armed.skip -= 1
      else {
        armed.left -= 1
        return armed.fault
      }
    }
    return undefined
  }
}

/** Lets armed faults act. Those that break a body first let the true answer be made, then send it broken. */
export function faulty(faults: Faults): MiddlewareHandler<Env> {
  return async (c, next) => {
    const { pathname, search } = new URL(c.req.url)
    const fault = faults.take(c.req.method, pathname + search)
    if (!fault) return next()
    const instead = answerOf(fault)
    if (instead) return instead
    if (fault.kind === 'drop') return unsent(c, (out) => out.socket?.destroy())
    await next()
    const spoiled = await spoil(c, fault)
    // Set, not returned: after next() a returned answer is not looked at. Unset first, or headers would be merged.
    c.res = undefined
    c.res = spoiled
    return undefined
  }
}

const SECONDARY = 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.'
const PRIMARY = 'API rate limit exceeded for 127.0.0.1.'
const ABOUT_LIMITS = 'https://docs.github.com/rest/overview/rate-limits-for-the-rest-api'

/** The answers that do not need the true one. */
function answerOf(fault: Fault): Response | undefined {
  switch (fault.kind) {
    case 'rate-limit': {
      const reset = Math.ceil(Date.now() / 1000) + (fault.resetS ?? 3600)
      const headers = { 'x-ratelimit-limit': '60', 'x-ratelimit-remaining': '0', 'x-ratelimit-used': '60', 'x-ratelimit-reset': String(reset), 'x-ratelimit-resource': 'core' }
      return Response.json(problemJson(fault.status ?? 403, PRIMARY, ABOUT_LIMITS), { status: fault.status ?? 403, headers })
    }
    case 'secondary-rate-limit': {
      const headers: Record<string, string> = fault.retryAfterS === null ? {} : { 'retry-after': String(fault.retryAfterS ?? 60) }
      return Response.json(problemJson(fault.status ?? 403, SECONDARY, `${ABOUT_LIMITS}#about-secondary-rate-limits`), { status: fault.status ?? 403, headers })
    }
    case 'status':
      return new Response(fault.body ?? `<html><body>${fault.status}</body></html>`, { status: fault.status, headers: { 'content-type': 'text/html', ...fault.headers } })
    case 'redirect':
      return new Response(null, { status: fault.status ?? 302, headers: { location: fault.to } })
    default:
      return undefined
  }
}

async function spoil(c: Context<Env>, fault: Fault): Promise<Response> {
  const { status } = c.res
  const headers = new Headers(c.res.headers)
  const body = Buffer.from(await c.res.arrayBuffer())
  headers.set('content-length', String(body.length))
  const begun = (act: (out: ServerResponse) => void): Response => unsent(c, (out) => {
    out.writeHead(status, Object.fromEntries(headers))
    act(out)
  })
  switch (fault.kind) {
    case 'alter':
      return whole(fault.change?.(body) ?? flipped(body), status, headers)
    case 'shorten':
      return whole(body.subarray(0, fault.toBytes ?? body.length >> 1), status, headers)
    case 'truncate':
      // Destroyed only after the piece has left, so that the client has seen exactly that much.
      return begun((out) => out.write(body.subarray(0, fault.afterBytes ?? body.length >> 1), () => out.socket?.destroySoon()))
    case 'slow':
      return begun((out) => void drip(out, body, fault))
    default:
      return begun((out) => out.flushHeaders())
  }
}

function whole(body: Uint8Array, status: number, headers: Headers): Response {
  headers.set('content-length', String(body.length))
  return new Response(Uint8Array.from(body), { status, headers })
}

function flipped(body: Buffer): Buffer {
  const copy = Buffer.from(body)
  const at = copy.length >> 1
  if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

/** Answers by hand on node's own response. */
function unsent(c: Context<Env>, act: (out: ServerResponse) => void): Response {
  act(c.env.outgoing as ServerResponse)
  return RESPONSE_ALREADY_SENT
}

function drip(out: ServerResponse, body: Buffer, fault: Fault & { kind: 'slow' }): void {
  const piece = fault.pieceBytes ?? Math.max(1, Math.ceil(body.length / 20))
  const end = Date.now() + (fault.maxMs ?? 2000)
  let sent = 0
  const timer = setInterval(() => {
    const next = Date.now() >= end ? body.length : sent + piece
    out.write(body.subarray(sent, next))
    sent = next
    if (sent >= body.length) out.end()
  }, fault.everyMs ?? 25)
  out.on('close', () => clearInterval(timer))
  out.on('finish', () => clearInterval(timer))
}
