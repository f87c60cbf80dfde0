import { hash } from 'node:crypto'
import type { Context, Hono } from 'hono'
import type * as Type from 'typebox'
import type { Actor } from '../catalog/ports.ts'
import type { SourceDocument } from '../schemas/document.ts'
import { CatalystError, problemsOfError, type Problem } from '../schemas/errors.ts'
import { parseJson } from '../schemas/json.ts'
import { validate } from '../schemas/validate.ts'
import type { Authenticate, Principal } from './auth/authenticate.ts'
import { authorize } from './auth/authorize.ts'
import type { Bodies } from './body.ts'
import { answer, type Exchange } from './exchange.ts'
import { HeldFile } from './held-file.ts'
import type { CatalogService } from './ports.ts'
import { ApiError, problemOf } from './problem.ts'
import { type RateLimit, setRateLimitHeaders } from './rate-limit.ts'
import type { Route } from './route.ts'
import { heldAnswer } from './routes/files.ts'

/** What routes are mounted with. */
export interface JsonApiDeps {
  readonly catalog: CatalogService
  readonly authenticate: Authenticate
  /** Of each who is proven. */
  readonly principals: RateLimit
  readonly bodies: Bodies
  readonly now: () => string
}

/** No request of ours is longer. */
const BODY_MAX_BYTES = 64 * 1024
const PUBLIC_CACHE = 'public, max-age=30'
const NO_STORE = 'no-store'

type Env = { Bindings: Exchange }

/** Mounts routes: for each who may, then what is asked, then the handler, then the answer. Other methods of a known path are 405. */
export function mountRoutes(app: Hono<Env>, routes: readonly Route[], deps: JsonApiDeps): void {
  for (const [path, ofPath] of Map.groupBy(routes, (route) => route.path)) {
    const pattern = path.replaceAll(/\{(\w+)\}/g, ':$1')
    for (const route of ofPath) app.on(route.method, pattern, (c) => served(c, route, deps))
    const allow = ofPath.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ')
    app.all(pattern, (c) => {
      c.env.route = `api ${path}`
      return problemOf(c.env, new ApiError('METHOD_NOT_ALLOWED', `${c.req.method} is not taken here`, { headers: { allow } }))
    })
  }
}

async function served(c: Context<Env>, route: Route, deps: JsonApiDeps): Promise<Response> {
  const exchange = c.env
  exchange.route = `api ${route.path}`
  try {
    const principal = route.scope === undefined ? undefined : await proven(exchange, deps)
    const params = asked(route.params, Object.entries(c.req.param()), 'the path')
    const actor = await permitted(principal, route, params, deps)
    const query = asked(route.query, queryOf(exchange), 'the query')
    const body = route.body ? await bodyOf(exchange, route.body, deps.bodies) : undefined
    const value = await route.handle({ params, query, body, actor, catalog: deps.catalog })
    return await sent(exchange, route, value)
  } catch (error) {
    return problemOf(exchange, error)
  }
}

/** Whoever has no token learns nothing but that one is needed: before anything else of the request is looked at. @throws ApiError UNAUTHENTICATED, RATE_LIMITED */
async function proven(exchange: Exchange, { authenticate, principals }: JsonApiDeps): Promise<Principal> {
  const principal = await authenticate(exchange)
  const left = await principals.take(principal.by)
  setRateLimitHeaders(exchange.headers, principals.quota, left)
  if (left.ok) return principal
  throw new ApiError('RATE_LIMITED', `too many requests of ${principal.by}`, { headers: { 'retry-after': String(left.resetSeconds) } })
}

async function permitted(principal: Principal | undefined, { scope }: Route, params: Readonly<Record<string, unknown>>, { catalog, now }: JsonApiDeps): Promise<Actor> {
  if (principal === undefined || scope === undefined) return { by: 'anybody', at: now() }
  return authorize(principal, scope, params['id'] as string | undefined, { catalog, now: now() })
}

// ---- what is asked -------------------------------------------------------------------------------------------

/** Texts of a path or a query as what their schema says they are. @throws ApiError REQUEST_INVALID with everything that is wrong */
function asked(schema: Type.TObject | undefined, pairs: readonly (readonly [string, string])[], where: string): Record<string, unknown> {
  if (!schema) {
    if (pairs.length > 0) throw new ApiError('REQUEST_INVALID', `${where} has ${JSON.stringify(pairs[0]?.[0])}, and takes nothing`)
    return {}
  }
  const twice = pairs.map(([name]) => name).find((name, i, names) => names.indexOf(name) < i)
  if (twice !== undefined) throw new ApiError('REQUEST_INVALID', `${where} has ${JSON.stringify(twice)} twice`)
  const value = Object.fromEntries(pairs.map(([name, text]) => [name, typed(text, Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined)]))
  refuse(validate(schema, documentOf(value, where)), where)
  return value
}

function typed(text: string, schema: unknown): unknown {
  const { type } = (schema ?? {}) as { type?: string }
  if (type === 'integer' && /^\d{1,15}$/.test(text)) return Number(text)
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

function queryOf({ incoming }: Exchange): readonly (readonly [string, string])[] {
  const start = (incoming.url ?? '').indexOf('?')
  return start < 0 ? [] : [...new URLSearchParams((incoming.url ?? '').slice(start + 1))]
}

async function bodyOf(exchange: Exchange, schema: Type.TSchema, bodies: Bodies): Promise<unknown> {
  return bodies.withJson(exchange, BODY_MAX_BYTES, async (bytes) => {
    const document = parsedBody(bytes)
    refuse(validate(schema, document), 'the body')
    return document.value
  })
}

/** @throws ApiError REQUEST_INVALID: not JSON, not UTF-8, too deep, keys twice or forbidden */
function parsedBody(bytes: Buffer): SourceDocument {
  try {
    return parseJson(bytes, 'body', { maxBytes: BODY_MAX_BYTES })
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error
    throw new ApiError('REQUEST_INVALID', `the body cannot be read: ${error.message}`, { errors: problemsOfError(error).map(wrong) })
  }
}

function refuse(problems: readonly Problem[], where: string): void {
  const [first] = problems
  if (first) throw new ApiError('REQUEST_INVALID', `${where}: ${first.message}`, { errors: problems.map(wrong) })
}

function wrong({ code, message, hint }: Problem): { code: string; message: string; hint?: string } {
  return { code, message, ...(hint !== undefined && { hint }) }
}

/** A value that has no text: nothing in it has a line. */
function documentOf(value: unknown, file: string): SourceDocument {
  return { file, value, placeOf: () => undefined, sourceOf: () => undefined }
}

// ---- what is answered ----------------------------------------------------------------------------------------

async function sent(exchange: Exchange, { method, answer: { status }, scope }: Route, value: unknown): Promise<Response> {
  const bytes = Buffer.from(JSON.stringify(value))
  if (method !== 'GET' || scope !== undefined) return answer(exchange, status, bytes, { 'content-type': 'application/json', 'cache-control': NO_STORE, 'content-length': String(bytes.length) })
  const next = (value as { next?: string }).next
  if (next !== undefined) exchange.headers['link'] = `<${nextAddress(exchange, next)}>; rel="next"`
  return heldAnswer(exchange, { contentType: 'application/json', cacheControl: PUBLIC_CACHE, ranges: false, text: true }, new HeldFile(bytes, hash('sha256', bytes)))
}

/** The same path and filters with another cursor. Relative: what a client says that our host is stands in no answer. */
function nextAddress(exchange: Exchange, cursor: string): string {
  const [path] = (exchange.incoming.url ?? '').split('?')
  const query = new URLSearchParams(queryOf(exchange).filter(([name]) => name !== 'cursor') as [string, string][])
  query.set('cursor', cursor)
  return `${path}?${query}`
}
