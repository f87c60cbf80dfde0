import { destination, pino } from 'pino'
import { redact } from '../schemas/errors.ts'
import { printable } from '../schemas/printable.ts'
import type { Exchange } from './exchange.ts'

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
  const log = pino({ base: null, timestamp: () => `,"time":"${now()}"`, formatters: { level: (label) => ({ level: label }) } }, sink)
  return {
    request: (exchange, end) => sink.write(requestLine(exchange, end)),
    refused: (client, code, detail) => log.warn({ client, code, detail: clean(detail) }, 'refused'),
    info: (message, fields = {}) => log.info(fields, message),
    error: (message, fault) => log.error({ fault: wordsOf(fault) }, message),
  }
}

/** Many lines are of the same millisecond, and writing a date costs as much as the rest of a line. */
let last = { ms: 0, text: '' }
function now(): string {
  const ms = Date.now()
  if (ms !== last.ms) last = { ms, text: new Date(ms).toISOString() }
  return last.text
}

/** As pino writes it, by hand: of all lines these are so many that pino's way to them was a tenth of a request. */
function requestLine({ incoming, id, path, client, route, by, code, fault }: Exchange, { status, ms, aborted }: { readonly status: number; readonly ms: number; readonly aborted: boolean }): string {
  return JSON.stringify({ level: status >= 500 ? 'error' : 'info', time: now(), id, method: incoming.method, path: clean(path), route, status, ms: Math.round(ms * 10) / 10, client, by, code, aborted: aborted || undefined, fault: fault === undefined ? undefined : wordsOf(fault), msg: 'request' }) + '\n'
}

/** Nothing in it has to be made printable. */
const PLAIN = /^[\w./~-]{0,200}$/

/** What a client sent, made fit for a line: without credentials (first, for the half of one is not known as such), printable, bounded. */
function clean(text: string): string {
  const safe = redact(text)
  return PLAIN.test(safe) ? safe : printable(safe, { max: 300 })
}

/** An error with its causes, as the operator needs it. */
function wordsOf(fault: unknown): string {
  const stack = fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)
  const cause = fault instanceof Error && fault.cause !== undefined ? `\ncaused by ${wordsOf(fault.cause)}` : ''
  return printable(redact(`${stack}${cause}`), { newlines: true, max: 4_000 })
}

const BATCH_BYTES = 48 * 1024
/** Of one write: more than a batch. */
const WRITE_BYTES = 64 * 1024
const FLUSH_MS = 200
/** What is kept for a reader that does not read; what is more is lost, because a log must not stop the service. */
const WAITING_BYTES = 8 * 1024 * 1024

/** Lines to a file descriptor, in batches. `end` writes what is left, at once. */
export function batchedSink(fd: number): LineSink & { end(): void } {
  const out = destination({ dest: fd, sync: false, minLength: BATCH_BYTES, maxWrite: WRITE_BYTES, maxLength: WAITING_BYTES, periodicFlush: FLUSH_MS } as Parameters<typeof destination>[0])
  return {
    write: (line) => void out.write(line),
    end: () => out.flushSync(),
  }
}
