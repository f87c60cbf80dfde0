import type { IncomingMessage, ServerResponse } from 'node:http'
import { requestPath } from './request-path.ts'

/** One request and its answer, from the first byte to the last: what handlers are given as `c.env`, and what the log tells at its end. */
export interface Exchange {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  /** The request id: the client's when it was sane, else made. */
  readonly id: string
  /** The path as it was sent, see `requestPath`. */
  readonly path: string
  /** Whose request it is, for limits and logs: an IPv4 address, or the /64 network of an IPv6 address. */
  readonly client: string
  /** By `performance.now()`. */
  readonly startedAt: number
  /** Headers that every answer has. */
  readonly headers: Record<string, string>
  /** Which route took it, a name out of a fixed set: safe as a label of metrics. */
  route: string
  /** Who asked, once proven. */
  by?: string
  /** Code of the problem that was answered. */
  code?: string
  /** What the log tells beside the code: for the operator's eyes, never sent. */
  fault?: unknown
}

/** Nothing here is a page: no browser shall run, frame or guess anything. Any site may read. */
const CONTENT_SECURITY = "default-src 'none'; frame-ancestors 'none'"

/** The beginning of an exchange. */
export function begin(incoming: IncomingMessage, outgoing: ServerResponse, id: string, client: string): Exchange {
  return { incoming, outgoing, id, path: requestPath(incoming.url ?? '/'), client, startedAt: performance.now(), headers: { 'x-content-type-options': 'nosniff', 'content-security-policy': CONTENT_SECURITY, 'cross-origin-resource-policy': 'cross-origin', 'x-request-id': id }, route: 'none' }
}

/** An answer with the exchange's headers. They go in at once: to change them afterwards would cost more than all the rest. */
export function answer(exchange: Exchange, status: number, body: string | Uint8Array | ReadableStream<Uint8Array> | null, headers: Readonly<Record<string, string>>): Response {
  return new Response(body as ConstructorParameters<typeof Response>[0], { status, headers: Object.assign(exchange.headers, headers) })
}
