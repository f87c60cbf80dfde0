import { destination, type Logger, pino, stdTimeFunctions } from 'pino'
import { redact } from '../schemas/errors.ts'
import { printable } from '../schemas/printable.ts'
import type { Exchange } from './exchange.ts'
import { requestPath } from './request-path.ts'

/* The one door to `pino`: JSON lines, one per request and one per thing that happened to the service itself. */

/** Where lines go. */
export interface LineSink {
  write(line: string): void
}

/** What the service tells its operator. Nothing that authenticates is ever given to it: no header, no query, no body. */
export interface ServiceLog {
  /** One line at the end of each request. */
  request(exchange: Exchange, end: { readonly status: number; readonly ms: number; readonly aborted: boolean }): void
  /** One line for a connection that never became a request. */
  refused(client: string, code: string, detail: string): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fault: unknown): void
}

/** A log that writes to `sink`. */
export function createLog(sink: LineSink): ServiceLog {
  const log = pino({ base: null, timestamp: stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } }, sink)
  return {
    request: (exchange, end) => logRequest(log, exchange, end),
    refused: (client, code, detail) => log.warn({ client, code, detail: clean(detail) }, 'refused'),
    info: (message, fields = {}) => log.info(fields, message),
    error: (message, fault) => log.error({ fault: wordsOf(fault) }, message),
  }
}

function logRequest(log: Logger, exchange: Exchange, { status, ms, aborted }: { readonly status: number; readonly ms: number; readonly aborted: boolean }): void {
  const { incoming, id, client, route, by, code, fault } = exchange
  const line = { id, method: incoming.method, path: clean(requestPath(incoming.url ?? '')), route, status, ms: Math.round(ms * 10) / 10, client, by, code, aborted: aborted || undefined, fault: fault === undefined ? undefined : wordsOf(fault) }
  if (status >= 500) log.error(line, 'request')
  else log.info(line, 'request')
}

const PLAIN = /^[\w./~-]{0,200}$/

/** What a client sent, made fit for a line: printable, bounded, without credentials. */
function clean(text: string): string {
  return PLAIN.test(text) ? text : redact(printable(text, { max: 300 }))
}

/** An error with its causes, as the operator needs it. */
function wordsOf(fault: unknown): string {
  const stack = fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)
  const cause = fault instanceof Error && fault.cause !== undefined ? `\ncaused by ${wordsOf(fault.cause)}` : ''
  return redact(printable(`${stack}${cause}`, { newlines: true, max: 4_000 }))
}

const BATCH_BYTES = 16_000
const FLUSH_MS = 200
/** What is kept for a reader that does not read; what is more is lost, because a log must not stop the service. */
const WAITING_BYTES = 8 * 1024 * 1024

/** Lines to a file descriptor, in batches. `end` writes what is left, at once. */
export function batchedSink(fd: number): LineSink & { end(): void } {
  const out = destination({ dest: fd, sync: false, minLength: BATCH_BYTES, maxLength: WAITING_BYTES })
  const flush = setInterval(() => out.flush(), FLUSH_MS)
  flush.unref()
  return {
    write: (line) => void out.write(line),
    end: () => {
      clearInterval(flush)
      out.flushSync()
    },
  }
}
