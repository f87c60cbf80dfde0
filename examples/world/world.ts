import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import type { MiddlewareHandler } from 'hono'
import { mkdtemp, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Faults, faulty } from './faults.ts'
import type { Addresses } from './github/answers.ts'
import { githubApi } from './github/api.ts'
import type { Env } from './github/http.ts'
import { githubWeb } from './github/web.ts'
import { GitHub } from './github/github.ts'
import { IndexRepository, registryFile } from './index-repository.ts'
import { objects } from './github/objects.ts'
import { publisher } from './publish.ts'
import type { Publisher } from './publish.ts'
import { RateLimit } from './github/rate-limit.ts'
import { RequestLog, logged } from './request-log.ts'
import { Sigstore } from './sigstore/sigstore.ts'
import { sigstoreHttp } from './sigstore/http.ts'

export interface WorldOptions {
  /** Milliseconds since 1970; what the rate limit's hour and Sigstore's HTTP services go by. Default the machine's clock. */
  readonly now?: () => number
  /** Folder for the bare repositories; default a temporary one, removed by `close`. */
  readonly dir?: string
  /** Port of github.com; default any free one. */
  readonly port?: number
}

/** A GitHub and a Sigstore on 127.0.0.1. */
export interface World {
  /** github.com: downloads and git. No slash at the end, like all addresses here. */
  readonly url: string
  /** octokit's `baseUrl`. */
  readonly apiUrl: string
  /** The host of the bytes, where downloads are redirected to. */
  readonly objectsUrl: string
  /** Base address of Fulcio and Rekor; the timestamp authority is `${sigstoreUrl}/api/v1/timestamp`. */
  readonly sigstoreUrl: string
  readonly github: GitHub
  readonly sigstore: Sigstore
  readonly faults: Faults
  readonly log: RequestLog
  readonly rateLimit: RateLimit
  /** Publishes a signed release of a plugin; see publish.ts. */
  readonly publish: Publisher
  /** Makes an index repository `owner/name` (default `catalyst/index`) with a `registry.yaml` that says `registry` (default `official`). */
  createIndex(options?: { repository?: string; registry?: string }): Promise<IndexRepository>
  close(): Promise<void>
}

/** Starts a world: empty, without faults, with keys of its own. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'catalyst-world-')))
  const now = options.now ?? Date.now
  const [github, sigstore, faults, log, rateLimit] = [new GitHub(join(dir, 'git')), new Sigstore(), new Faults(), new RequestLog(), new RateLimit(now)]
  const main = new Hono<Env>()
  const bytes = new Hono<Env>()
  const [mainServer, bytesServer] = await Promise.all([listen(main, options.port ?? 0), listen(bytes, 0)])
  const url = addressOf(mainServer)
  const addresses: Addresses = { api: `${url}/api`, web: url, objects: addressOf(bytesServer) }
  const site = { github, addresses }
  const partOf = (path: string): 'api' | 'sigstore' | 'web' => (path.startsWith('/api/') ? 'api' : path.startsWith('/sigstore/') ? 'sigstore' : 'web')
  main.use(logged(log, partOf), faulty(faults), measured())
  main.route('/api', githubApi(site, rateLimit)).route('/sigstore', sigstoreHttp(sigstore, () => new Date(now()))).route('/', githubWeb(site))
  bytes.use(logged(log, () => 'objects'), faulty(faults), measured())
  bytes.route('/', objects(github))
  const close = async (): Promise<void> => {
    await Promise.all([mainServer, bytesServer].map(closed))
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true })
  }
  const createIndex: World['createIndex'] = async ({ repository = 'catalyst/index', registry = 'official' } = {}) => {
    const index = new IndexRepository(github.createRepository(repository), url)
    await index.commit({ registry: registryFile(registry, [url]), message: 'Begin the registry' })
    return index
  }
  return {
    url, apiUrl: addresses.api, objectsUrl: addresses.objects, sigstoreUrl: `${url}/sigstore`,
    github, sigstore, faults, log, rateLimit, publish: publisher({ github, sigstore, addresses }), createIndex, close,
  }
}

/** Every body is whole in memory before it is sent, so that its length is known to client and log. What says its length already is sent as it is. */
function measured(): MiddlewareHandler<Env> {
  return async (c, next) => {
    await next()
    if (c.res.headers.has('content-length') || !c.res.body) return
    const body = await c.res.arrayBuffer()
    const headers = new Headers(c.res.headers)
    headers.set('content-length', String(body.byteLength))
    const { status } = c.res
    c.res = undefined
    c.res = new Response(body, { status, headers })
  }
}

async function listen(app: Hono<Env>, port: number): Promise<Server> {
  const server = createAdaptorServer({ fetch: app.fetch }) as Server
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  return server
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Closes at once, whatever is still being sent. */
function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
