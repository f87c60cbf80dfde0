import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import { CatalystError } from '../schemas/errors.ts'
import type { TokenRow } from '../schemas/tokens.ts'
import { type ApiDeps, createApi } from './app.ts'
import { authenticator } from './auth/authenticate.ts'
import { type KeyFetch, oidcVerifier } from './auth/github-oidc.ts'
import { Bodies, type BodyLimits } from './body.ts'
import { ClientQuota } from './client-quota.ts'
import { type Remembering, ServedFolder } from './folder-file.ts'
import { createLog, type LineSink, type ServiceLog } from './log.ts'
import { createMetrics, type ServiceMetrics } from './metrics.ts'
import type { CatalogService } from './ports.ts'
import { type Quota, RateLimit } from './rate-limit.ts'
import { DELIVERY_MAX_BYTES } from './routes/webhooks.ts'
import { type ConnectionLimits, type RunningServer, serveApi } from './serve.ts'

/** An address to listen on. */
export interface Address {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
}

/** A registry's service. What is absent is not there: without a catalog it serves the index alone. */
export interface ServiceOptions {
  /** The published folder. */
  readonly root: string
  readonly listen: Address
  /** Where Prometheus reads. An address of its own: how much we are used, and how well we are, is not everybody's business. */
  readonly metrics?: Address | undefined
  readonly version: string
  /** Proxies of ours in front, whose `X-Forwarded-For` counts. */
  readonly proxies?: number
  /** Requests that one client may make in a minute. */
  readonly perMinute?: number
  readonly catalog?: {
    readonly service: CatalogService
    readonly tokens?: () => Promise<readonly TokenRow[]>
    readonly oidc?: { readonly audience: string; readonly issuer?: string; readonly fetch: KeyFetch }
    readonly webhookSecrets?: readonly string[]
  }
  readonly log: LineSink
  readonly now?: () => string
  readonly remembering?: Remembering
  readonly limits?: Partial<ConnectionLimits>
}

/** A service that runs. */
export interface RunningService {
  readonly url: string
  /** Absent where nobody is to read them. */
  readonly metricsUrl: string | undefined
  /**
   * Ends it so that nobody notices: for `drainMs` it says that it is not ready and serves all the same, so that whoever
   * distributes requests hears of it; then it takes no new connections, and requests under way have `graceMs` to finish.
   */
  stop(times?: { readonly drainMs?: number; readonly graceMs?: number }): Promise<void>
  /** Ends every connection at once; for those who have been told to stop and are not waited for any more. */
  cut(): void
}

const CLIENT_PER_MINUTE = 6_000
const PRINCIPAL: Quota = { name: 'token', requests: 600, seconds: 60 }
const FAILURES: Quota = { name: 'failures', requests: 20, seconds: 60 }
/** Bodies of those who have proven who they are. */
const BODIES: BodyLimits = { total: 4 * 1024 * 1024, client: 1024 * 1024 }
/** Bodies of webhooks, apart: they have to be read before it is known whose they are. */
const DELIVERIES: BodyLimits = { total: 32 * 1024 * 1024, client: 3 * DELIVERY_MAX_BYTES }

/** Starts the service. @throws CatalystError USAGE when an address cannot be listened on */
export async function startService(options: ServiceOptions): Promise<RunningService> {
  const { catalog, listen } = options
  const log = createLog(options.log)
  const metrics = createMetrics(catalog && (() => catalog.service.stats()))
  const state = { stopping: false }
  const api = createApi(partsOf(options, metrics, state))
  const server = await serveApi(api, { ...listen, proxies: options.proxies ?? 0, ...(options.limits && { limits: options.limits }) }, { log, metrics })
  const scraped = await metricsServer(options.metrics, metrics, server)
  log.info('listening', { url: server.url, metrics: scraped?.url, root: options.root, catalog: catalog !== undefined })
  const cut = new AbortController()
  const stop = once((times: Parameters<RunningService['stop']>[0]) => stopped(times, { state, log, cut: cut.signal, servers: [server, ...(scraped ? [scraped] : [])] }))
  return { url: server.url, metricsUrl: scraped?.url, stop, cut: () => cut.abort() }
}

function partsOf({ root, version, remembering, perMinute = CLIENT_PER_MINUTE, catalog, now = () => new Date().toISOString() }: ServiceOptions, metrics: ServiceMetrics, state: { readonly stopping: boolean }): ApiDeps {
  const folder = new ServedFolder(root, remembering)
  const clients = new ClientQuota({ name: 'client', requests: perMinute, seconds: 60 })
  const unready = async (): Promise<readonly string[]> => [
    ...(state.stopping ? ['the service is being stopped'] : []),
    ...((await hasIndex(folder)) ? [] : ['there is no index to serve: registry.yaml is missing']),
    ...(catalog && !(await answers(catalog.service)) ? ['the catalog database does not answer'] : []),
  ]
  if (!catalog) return { folder, clients, unready, version }
  const { service, tokens, oidc, webhookSecrets = [] } = catalog
  const verifier = oidc && oidcVerifier({ ...oidc, now: () => new Date(now()) })
  const authenticate = authenticator({ ...(tokens && { tokens }), ...(verifier && { oidc: verifier }), failures: new RateLimit(FAILURES), now })
  return { folder, clients, unready, version, catalog: { service, authenticate, principals: new RateLimit(PRINCIPAL), bodies: new Bodies(BODIES), deliveries: new Bodies(DELIVERIES), metrics, webhookSecrets, now } }
}

async function hasIndex(folder: ServedFolder): Promise<boolean> {
  const file = await folder.open('registry.yaml').catch(() => undefined)
  if (file && 'close' in file) await file.close()
  return file !== undefined
}

async function answers(service: CatalogService): Promise<boolean> {
  return service.ping().then(() => true, () => false)
}

/** Nothing but the figures: no limits and no log, for it listens where only operators are. */
async function metricsServer(address: Address | undefined, metrics: ServiceMetrics, other: RunningServer): Promise<RunningServer | undefined> {
  if (!address) return undefined
  const server = createServer({ headersTimeout: 5_000, requestTimeout: 5_000 }, (incoming, outgoing) => {
    if (incoming.url !== '/metrics') return void outgoing.writeHead(404).end()
    void metrics.text().then(({ type, body }) => outgoing.writeHead(200, { 'content-type': type }).end(body), () => outgoing.writeHead(500).end())
  })
  try {
    await new Promise<void>((resolve, reject) => void server.once('error', reject).listen(address.port, address.host, resolve))
  } catch (error) {
    await other.close(0)
    throw new CatalystError('USAGE', `${address.host}:${address.port} cannot be listened on for metrics (${(error as NodeJS.ErrnoException).code})`, { cause: error, hint: 'Choose another port or address.' })
  }
  const { address: host, family, port } = server.address() as AddressInfo
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise<void>((resolve) => void server.close(() => resolve()))
  }
  const cut = (): void => server.closeAllConnections()
  return { url: `http://${family === 'IPv6' ? `[${host}]` : host}:${port}/metrics`, close, cut }
}

async function stopped({ drainMs = 0, graceMs = 10_000 }: { readonly drainMs?: number; readonly graceMs?: number } = {}, { state, log, cut, servers }: { readonly state: { stopping: boolean }; readonly log: ServiceLog; readonly cut: AbortSignal; readonly servers: readonly RunningServer[] }): Promise<void> {
  state.stopping = true
  log.info('stopping', { drainMs, graceMs })
  await after(drainMs, undefined, { signal: cut }).catch(() => undefined)
  cut.addEventListener('abort', () => servers.forEach((server) => server.cut()))
  await Promise.all(servers.map((server) => server.close(cut.aborted ? 0 : graceMs)))
  log.info('stopped')
}

function once<A>(work: (given: A) => Promise<void>): (given: A) => Promise<void> {
  let running: Promise<void> | undefined
  return (given) => (running ??= work(given))
}
