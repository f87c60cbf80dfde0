import { getRequestListener } from '@hono/node-server'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { API_PROBLEMS, type ApiProblemCode } from '../schemas/api-problems.ts'
import { CatalystError } from '../schemas/errors.ts'
import { printable } from '../schemas/printable.ts'
import type { Api } from './app.ts'
import { clientOf, network } from './client-address.ts'
import { refuseConnection } from './bad-connection.ts'
import { begin, type Exchange } from './exchange.ts'
import type { ServiceLog } from './log.ts'
import type { ServiceMetrics } from './metrics.ts'
import { problemDocument, PROBLEM_HEADERS } from './problem.ts'
import { requestId } from './request-id.ts'
import { SlowReaders } from './slow-readers.ts'
import { targetProblem } from './request-target.ts'

/** Where to listen, and what one client may cost. */
export interface ListenOptions {
  /** To be heard outside, a program must say so. */
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** Proxies of ours in front, whose `X-Forwarded-For` counts. */
  readonly proxies: number
  readonly limits?: Partial<ConnectionLimits>
}

/** Bounds on clients that take their time. Milliseconds. */
export interface ConnectionLimits {
  /** From the first byte of a request to the end of its headers; then to the end of its body. */
  readonly headersMs: number
  readonly requestMs: number
  readonly keepAliveMs: number
  /** How often slow ones are looked for. */
  readonly lookMs: number
  /** A client that takes less than this of an answer between two looks, twice, is cut off. */
  readonly minBytesPerLook: number
  readonly connections: number
}

const LIMITS: ConnectionLimits = { headersMs: 10_000, requestMs: 30_000, keepAliveMs: 5_000, lookMs: 5_000, minBytesPerLook: 16 * 1024, connections: 4_096 }

/** All headers of a request together. */
const HEADERS_MAX_BYTES = 16 * 1024

/** A running server. */
export interface RunningServer {
  /** `http://127.0.0.1:8080`, without a slash at its end. */
  readonly url: string
  /** Takes no new connections, lets requests under way finish, and after `graceMs` (default 10 s) cuts them off. */
  close(graceMs?: number): Promise<void>
  /** Ends every connection at once. */
  cut(): void
}

/** Serves an API over HTTP/1.1. @throws CatalystError USAGE when the address cannot be listened on */
export async function serveApi(api: Api, options: ListenOptions, { log, metrics }: { readonly log: ServiceLog; readonly metrics: ServiceMetrics }): Promise<RunningServer> {
  const limits = { ...LIMITS, ...options.limits }
  const slow = new SlowReaders(limits)
  const state = { closing: false }
  const server = createServer(
    { headersTimeout: limits.headersMs, requestTimeout: limits.requestMs, keepAliveTimeout: limits.keepAliveMs, connectionsCheckingInterval: limits.lookMs, maxHeaderSize: HEADERS_MAX_BYTES, requireHostHeader: false },
    listener(api, { log, metrics, slow, state, proxies: options.proxies }),
  )
  server.maxConnections = limits.connections
  server.on('clientError', (error, socket) => {
    const told = refuseConnection(error, socket)
    if (!told) return
    metrics.refused(told.code)
    log.refused(network(told.client), told.code, told.detail)
  })
  server.on('connection', (socket) => {
    metrics.connections(+1)
    socket.once('close', () => metrics.connections(-1))
  })
  await listening(server, options.host, options.port)
  let closing: Promise<void> | undefined
  return { url: urlOf(server), close: (graceMs = 10_000) => (closing ??= closed(server, state, slow, graceMs)), cut: () => server.closeAllConnections() }
}

/** The adapter hands over the request that it was given: our exchange travels on it. A WeakMap would cost the garbage collector more. */
const EXCHANGE = Symbol('exchange')
type Begun = IncomingMessage & { [EXCHANGE]?: Exchange }

interface Around {
  readonly log: ServiceLog
  readonly metrics: ServiceMetrics
  readonly slow: SlowReaders
  readonly state: { readonly closing: boolean }
  readonly proxies: number
}

/** Each request becomes an exchange; at its end there is one line in the log and one count in the metrics. */
function listener(api: Api, { log, metrics, slow, state, proxies }: Around): (incoming: IncomingMessage, outgoing: ServerResponse) => void {
  const answered = getRequestListener(
    (request, env) => api(request, (env.incoming as Begun)[EXCHANGE]!),
    // What the adapter cannot read although `targetProblem` let it pass.
    { errorHandler: (error) => new Response(JSON.stringify(problemDocument('REQUEST_INVALID', printable(error instanceof Error ? error.message : 'the request cannot be read'), '')), { status: 400, headers: PROBLEM_HEADERS }) },
  )
  return (incoming: Begun, outgoing) => {
    const exchange = begin(incoming, outgoing, requestId(incoming.headers['x-request-id']), clientOf(incoming, proxies))
    incoming[EXCHANGE] = exchange
    if (state.closing) outgoing.shouldKeepAlive = false
    slow.watch(outgoing)
    outgoing.on('close', () => {
      slow.leave(outgoing)
      const ms = performance.now() - exchange.startedAt
      metrics.request(exchange, outgoing.statusCode, ms)
      log.request(exchange, { status: outgoing.statusCode, ms, aborted: !outgoing.writableFinished })
    })
    const wrong = targetProblem(incoming)
    if (wrong) refuse(exchange, wrong.code, wrong.detail)
    else void answered(incoming, outgoing)
  }
}

/** Without the adapter, which would have to make a URL of what is none. */
function refuse(exchange: Exchange, code: ApiProblemCode, detail: string): void {
  exchange.code = code
  const body = JSON.stringify(problemDocument(code, detail, exchange.id))
  // What follows on the connection is not known to be a request of its own.
  exchange.outgoing.writeHead(API_PROBLEMS[code].status, { ...exchange.headers, ...PROBLEM_HEADERS, connection: 'close' }).end(body)
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new CatalystError('USAGE', `${host}:${port} cannot be listened on (${error.code})`, { cause: error, hint: 'Choose another port or address.' })))
    server.listen(port, host, resolve)
  })
}

function urlOf(server: Server): string {
  const { family, address, port } = server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

function closed(server: Server, state: { closing: boolean }, slow: SlowReaders, graceMs: number): Promise<void> {
  state.closing = true
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs)
    server.close(() => {
      clearTimeout(cut)
      slow.stop()
      resolve()
    })
  })
}
