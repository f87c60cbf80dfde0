import type { Node } from './parse.ts'
import { bare } from './syntax.ts'

/** Stands for a part that is known only while running. */
export const HOLE = '\u0000'

/** A text with its unknown parts as holes: `https://${shop}.example/x` and `'https://' + shop + '.example/x'` are the same. */
export function textWithHoles(node: Node): string {
  const it = bare(node)
  if (it.type === 'Literal') return typeof it.value === 'string' ? it.value : HOLE
  if (it.type === 'TemplateLiteral') return it.quasis.map((q, i) => (q.value.cooked ?? HOLE) + (it.expressions[i] ? textWithHoles(it.expressions[i]) : '')).join('')
  if (it.type === 'BinaryExpression' && it.operator === '+') return textWithHoles(it.left) + textWithHoles(it.right)
  return HOLE
}

/** Where a URL leads, as far as it can be read off. */
export interface UrlHost {
  /** Lower case, may hold holes. */
  readonly host: string
  /** Undefined when the port is computed. */
  readonly port: string | undefined
}

const PORTS: Readonly<Record<string, string>> = { http: '80', https: '443', ws: '80', wss: '443' }

/** The host that a text names when it is a URL; undefined for other texts and for a host of which nothing is known. */
export function urlHost(text: string): UrlHost | undefined {
  const match = /^\s*(https?|wss?):[\\/]*([^/\\?#\s]*)/i.exec(text)
  if (!match) return undefined
  const authority = (match[2] ?? '').toLowerCase().replace(/^.*@/, '')
  // A hole after the host is nearly always the path; what it really is, the host's own check sees.
  const [, host = '', port] = /^(.*?)(?::([0-9\0]*))?$/s.exec(authority.replace(/\0+$/, (holes) => (authority.endsWith(`:${holes}`) ? holes : ''))) ?? []
  if (host.replaceAll(HOLE, '') === '' || /[^\p{L}\p{N}.:[\]_\0-]/u.test(host)) return undefined
  return { host: normalHost(host), port: port?.includes(HOLE) ? undefined : port || PORTS[(match[1] ?? '').toLowerCase()] }
}

/** The host as a URL parser reads it: `0x7f.1` and full-width letters have one spelling. */
function normalHost(host: string): string {
  if (host.includes(HOLE)) return host
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : host
}
