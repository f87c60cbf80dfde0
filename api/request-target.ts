import type { IncomingMessage } from 'node:http'
import type { ApiProblemCode } from '../schemas/api-problems.ts'

const TARGET_MAX = 4_096
/** A name or an address with a port, and nothing that a parser after us could read otherwise. */
const HOST = /^(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/
/** Headers of which a second one would be read differently by us and by what stands in front (RFC 9110 5.3, RFC 9112 3.2, 11.2). */
const ONCE = new Set(['host', 'content-length', 'content-type', 'transfer-encoding', 'authorization', 'x-hub-signature-256', 'x-github-delivery', 'x-github-event'])

/** What is wrong with a request before anybody asks what it wants: its target, its host, headers sent twice. Undefined when nothing is. Pure. */
export function targetProblem({ url = '', headers, rawHeaders, method }: Pick<IncomingMessage, 'url' | 'headers' | 'rawHeaders' | 'method'>): { readonly code: ApiProblemCode; readonly detail: string } | undefined {
  if (url.length > TARGET_MAX) return { code: 'URL_TOO_LONG', detail: `the address has ${url.length} characters; the limit is ${TARGET_MAX}` }
  if (!/^(?:\/|https?:\/\/)[^\\]*$/.test(url.split('?')[0] ?? '')) return { code: 'REQUEST_INVALID', detail: 'the address is no path' }
  if (!HOST.test(headers.host ?? '')) return { code: 'REQUEST_INVALID', detail: 'the Host header is missing, or is no host' }
  const twice = repeated(rawHeaders)
  if (twice !== undefined) return { code: 'REQUEST_INVALID', detail: `the header ${twice} is there twice` }
  if ((method === 'GET' || method === 'HEAD') && (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0)) return { code: 'REQUEST_INVALID', detail: `a ${method} has no body here` }
  return undefined
}

function repeated(rawHeaders: readonly string[]): string | undefined {
  let seen: string[] | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    if (!ONCE.has(name)) continue
    if (seen?.includes(name)) return name
    ;(seen ??= []).push(name)
  }
  return undefined
}
