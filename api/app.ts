import { hash } from 'node:crypto'
import { Hono } from 'hono'
import type { Authenticate } from './auth/authenticate.ts'
import type { Bodies } from './body.ts'
import type { ClientQuota } from './client-quota.ts'
import { answer, type Exchange } from './exchange.ts'
import type { ServedFolder } from './folder-file.ts'
import { HeldFile } from './held-file.ts'
import { mountRoutes } from './json-api.ts'
import type { ServiceMetrics } from './metrics.ts'
import { openApiDocument } from './openapi.ts'
import type { CatalogService } from './ports.ts'
import { problem, problemOf } from './problem.ts'
import { type RateLimit, setRateLimitHeaders } from './rate-limit.ts'
import { ACTION_ROUTES } from './routes/actions.ts'
import { CATALOG_ROUTES } from './routes/catalog.ts'
import { fileAnswer, heldAnswer } from './routes/files.ts'
import { webhookRoute } from './routes/webhooks.ts'

/** What the service is made of. Without a catalog it serves the index alone. */
export interface ApiDeps {
  readonly folder: ServedFolder
  /** Of each client. */
  readonly clients: ClientQuota
  /** Why no requests should come here now; empty when they should. */
  readonly unready: () => Promise<readonly string[]>
  readonly version: string
  readonly catalog?: {
    readonly service: CatalogService
    readonly authenticate: Authenticate
    readonly principals: RateLimit
    /** Of requests to the API, and of webhooks. */
    readonly bodies: Bodies
    readonly deliveries: Bodies
    readonly metrics: Pick<ServiceMetrics, 'delivery'>
    /** Of GitHub's webhooks; none: deliveries are not taken. */
    readonly webhookSecrets: readonly string[]
    readonly now: () => string
  }
}

/** Every operation of the JSON API. */
export const API_ROUTES = [...CATALOG_ROUTES, ...ACTION_ROUTES]

/** Takes one exchange and answers it. Never throws. */
export type Api = (request: Request, exchange: Exchange) => Response | Promise<Response>

/**
 * The service: `/registry.yaml`, `/entries/…`, `/index/…`, `/artifacts/…`, `/bundles/…` and the signed metadata out of the
 * folder; with a catalog `/api/v1/…` and `/webhooks/github`; `/healthz` and `/readyz`, which count for no limit.
 */
export function createApi(deps: ApiDeps): Api {
  const app = new Hono<{ Bindings: Exchange }>({ getPath: (_request, options) => options?.env?.path ?? '/' })
  app.get('/healthz', (c) => tell(c.env, 'health', { status: 'ok' }))
  app.get('/readyz', (c) => readiness(c.env, deps))
  if (deps.catalog) mountCatalog(app, deps.catalog, deps.version)
  app.all('*', (c) => fileAnswer(c.env, deps.folder))
  app.onError((error, c) => problemOf(c.env, error))
  return limited(deps.clients, (request, exchange) => app.fetch(request, exchange))
}

function mountCatalog(app: Hono<{ Bindings: Exchange }>, { service, webhookSecrets, deliveries, ...rest }: NonNullable<ApiDeps['catalog']>, version: string): void {
  mountRoutes(app, API_ROUTES, { ...rest, catalog: service })
  const description = Buffer.from(JSON.stringify(openApiDocument(API_ROUTES, version)))
  const document = new HeldFile(description, hash('sha256', description))
  app.get('/api/v1/openapi.json', (c) => {
    c.env.route = 'openapi'
    return heldAnswer(c.env, { contentType: 'application/json', cacheControl: 'public, max-age=300', ranges: false, text: true }, document)
  })
  const webhooks = webhookRoute({ ...rest, bodies: deliveries, intake: service, secrets: webhookSecrets })
  if (webhookSecrets.length > 0) app.all('/webhooks/github', (c) => webhooks(c.env))
}

/** Each client its quota; probes of health take nothing of it. */
function limited(clients: ClientQuota, api: Api): Api {
  return (request, exchange) => {
    const { url } = exchange.incoming
    if (url === '/healthz' || url === '/readyz') return api(request, exchange)
    const left = clients.take(exchange.client)
    setRateLimitHeaders(exchange.headers, clients.quota, left)
    if (left.ok) return api(request, exchange)
    exchange.route = 'limited'
    return problem(exchange, 'RATE_LIMITED', `${exchange.client} asked more than ${clients.quota.requests} times in ${clients.quota.seconds} s`, { 'retry-after': String(left.resetSeconds) })
  }
}

async function readiness(exchange: Exchange, { unready }: ApiDeps): Promise<Response> {
  const reasons = await unready()
  if (reasons.length === 0) return tell(exchange, 'ready', { status: 'ready' })
  exchange.route = 'ready'
  return problem(exchange, 'NOT_READY', reasons.join('; '))
}

function tell(exchange: Exchange, route: string, value: unknown): Response {
  exchange.route = route
  return answer(exchange, 200, JSON.stringify(value), { 'content-type': 'application/json', 'cache-control': 'no-store' })
}
