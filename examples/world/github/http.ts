import type { Context, MiddlewareHandler } from 'hono'
import { createHash } from 'node:crypto'
import { problemJson } from './answers.ts'
import type { Addresses } from './answers.ts'
import type { GitHub, Repository, Token } from './github.ts'
import type { HttpBindings } from '@hono/node-server'

/** What handlers find in their context. */
export interface Env {
  Bindings: HttpBindings
  Variables: { token: Token | undefined; repository: Repository }
}

/** What every router of the world needs. */
export interface Site {
  readonly github: GitHub
  readonly addresses: Addresses
}

/** Answers GitHub's error shape. */
export function problem(c: Context, status: 400 | 401 | 403 | 404 | 422, message: string): Response {
  return c.json(problemJson(status, message), status)
}

/** The token of a request: `Authorization: token|Bearer X`, or Basic with the token as password, as git sends it. */
export function tokenText(header: string | undefined): string | undefined {
  const [scheme = '', value = ''] = (header ?? '').split(' ')
  if (/^(token|bearer)$/i.test(scheme)) return value
  if (!/^basic$/i.test(scheme)) return undefined
  const [user = '', password = ''] = Buffer.from(value, 'base64').toString().split(':')
  return password && password !== 'x-oauth-basic' ? password : user
}

/** May a caller with this token see the repository? */
export function mayRead(repository: Repository, token: Token | undefined): boolean {
  if (!repository.private) return true
  return token !== undefined && (token.repositories === 'all' || token.repositories.has(repository.id))
}

/** Reads the token; an unknown one is 401 wherever it is shown, even for public things. */
export function authenticate(github: GitHub): MiddlewareHandler<Env> {
  return async (c, next) => {
    const text = tokenText(c.req.header('authorization'))
    const token = text === undefined ? undefined : github.token(text)
    if (text !== undefined && !token) return problem(c, 401, 'Bad credentials')
    c.set('token', token)
    return next()
  }
}

/** RFC 9110 13.1.2: a 200 gets a weak ETag; a request that names it gets 304 without a body. */
export function conditional(): MiddlewareHandler<Env> {
  return async (c, next) => {
    await next()
    if (c.req.method !== 'GET' || c.res.status !== 200) return
    const body = Buffer.from(await c.res.arrayBuffer())
    const etag = `W/"${createHash('sha256').update(body).digest('hex')}"`
    const headers = new Headers(c.res.headers)
    headers.set('etag', etag)
    headers.set('cache-control', c.get('token') ? 'private, max-age=60, s-maxage=60' : 'public, max-age=60, s-maxage=60')
    headers.set('vary', 'Accept, Authorization, Cookie, X-GitHub-OTP')
    const same = c.req.header('if-none-match')?.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag.slice(2))
    c.res = undefined
    c.res = same ? new Response(null, { status: 304, headers }) : new Response(body, { status: 200, headers })
  }
}

/** One page of a list, and the Link header (RFC 8288) to the others. `per_page` is 30 by default, 100 at most. */
export function paginate<T>(c: Context, items: readonly T[], url: string): { page: readonly T[]; headers: Record<string, string> } {
  const size = Math.min(positive(c.req.query('per_page')) ?? 30, 100)
  const number = positive(c.req.query('page')) ?? 1
  const last = Math.max(1, Math.ceil(items.length / size))
  const link = (page: number, rel: string): string => `<${url}?per_page=${size}&page=${page}>; rel="${rel}"`
  const links = [
    ...(number > 1 ? [link(number - 1, 'prev')] : []),
    ...(number < last ? [link(number + 1, 'next'), link(last, 'last')] : []),
    ...(number > 1 ? [link(1, 'first')] : []),
  ]
  const headers: Record<string, string> = links.length > 0 ? { link: links.join(', ') } : {}
  return { page: items.slice((number - 1) * size, number * size), headers }
}

function positive(text: string | undefined): number | undefined {
  const value = Number(text)
  return Number.isInteger(value) && value > 0 ? value : undefined
}
