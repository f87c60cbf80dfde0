import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { API_PROBLEMS, type ApiProblemCode } from '../schemas/api-problems.ts'
import { problemDocument } from './problem.ts'

/** What the log is told of a connection on which no request could be read. */
export interface Refusal {
  readonly client: string
  readonly code: ApiProblemCode
  readonly detail: string
}

const CODES: Readonly<Record<string, ApiProblemCode>> = { HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE', ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT' }
/** The client went away: nothing to answer, nothing to tell. */
const GONE = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED'])

/**
 * Answers what is no HTTP request (RFC 9112 2.2), too large, or too slow with a problem document, and closes the connection:
 * where one request ends and the next begins is not known any more. Undefined when the client is gone already.
 */
export function refuseConnection(error: NodeJS.ErrnoException & { reason?: string }, socket: Duplex): Refusal | undefined {
  const client = (socket as Socket).remoteAddress ?? 'unknown'
  if (GONE.has(error.code ?? '') || !socket.writable) {
    socket.destroy()
    return undefined
  }
  const code = CODES[error.code ?? ''] ?? 'REQUEST_INVALID'
  const detail = code === 'REQUEST_INVALID' ? 'this is no HTTP request' : code === 'REQUEST_TIMEOUT' ? 'the request did not come to its end in time' : 'the headers are too large'
  const { status } = API_PROBLEMS[code]
  const body = JSON.stringify(problemDocument(code, detail, ''))
  // An answer may be under way on it: bytes of ours in the middle of that would be believed to be part of it.
  const begun = (socket as Duplex & { _httpMessage?: { headersSent?: boolean } })._httpMessage?.headersSent === true
  if (begun) socket.destroy()
  else socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n${body}`)
  return { client, code, detail: `${detail} (${error.code ?? error.message})` }
}
