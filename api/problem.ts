import { STATUS_CODES } from 'node:http'
import { printable } from '../schemas/printable.ts'

/** An answer that says what went wrong, as JSON (RFC 9457). `detail` is for people; what a client sent is made printable. */
export function problem(status: number, detail: string, headers: Readonly<Record<string, string>> = {}): Response {
  const body = { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail: printable(detail, { max: 500 }) }
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers } })
}
