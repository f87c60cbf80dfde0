import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { TokenFileReader } from '../../api/auth/tokens.ts'
import { batchedSink } from '../../api/log.ts'
import { type Address, type ServiceOptions, startService } from '../../api/service.ts'
import { openCatalog } from '../../catalog/db/store.ts'
import type { CatalogStore } from '../../catalog/ports.ts'
import { CatalystError } from '../../schemas/errors.ts'
import type { Command } from '../command.ts'
import type { RegistryContext, RegistryHouse } from '../compose-registry.ts'
import { stopSignals } from '../stop-signals.ts'
import { toolVersion } from '../version.ts'

/** What `registry serve` was told. */
export interface ServeArguments {
  readonly root: string
  readonly listen: string
  readonly metrics?: string
  readonly database?: string
  readonly tokens?: string
  readonly audience?: string
  readonly oidcIssuer?: string
  readonly webhookSecret?: string
  readonly proxies: number
  readonly rate: number
  readonly drain: number
}

/** Log lines go here: stdout is the result, and is quiet until the end. */
const STDERR = 2
const GRACE_MS = 20_000

/**
 * `catalyst registry serve --root FOLDER`: serves the published folder, and with `--database` the API and webhooks, until it
 * is told to stop. The first SIGTERM or SIGINT lets requests finish, a second one does not wait for them.
 */
export const serveCommand: Command<ServeArguments, RegistryContext> = async ({ registry, terminal }, args) => {
  const stop = stopSignals()
  const sink = batchedSink(STDERR)
  const store = await catalogOf(registry, args)
  try {
    const service = await startService({ ...(await optionsOf(registry, args, store)), log: sink })
    if (terminal.interactive) terminal.err(`Serving ${args.root} at ${service.url}. Ctrl-C stops; a second one does not wait.`)
    const signal = await stop.first
    void stop.second.then(() => service.cut())
    await service.stop({ drainMs: args.drain * 1000, graceMs: GRACE_MS })
    return { exit: 0, text: `Stopped by ${signal}.`, result: { url: service.url, stoppedBy: signal } }
  } finally {
    stop.release()
    await store?.close()
    sink.end()
  }
}

async function catalogOf({ settings }: RegistryHouse, { database, tokens, audience, webhookSecret }: ServeArguments): Promise<CatalogStore | undefined> {
  const url = database ?? settings.catalogDatabase
  if (url !== undefined) return openCatalog(url)
  const needless = [tokens && '--tokens', audience && '--audience', webhookSecret && '--webhook-secret'].find(Boolean)
  if (needless) throw new CatalystError('USAGE', `${needless} is for the API, and there is no API without --database`, { hint: 'Name the database of the catalog: --database sqlite:./catalog.db' })
  return undefined
}

async function optionsOf(registry: RegistryHouse, args: ServeArguments, store: CatalogStore | undefined): Promise<Omit<ServiceOptions, 'log'>> {
  return {
    root: resolve(args.root),
    listen: addressOf(args.listen, '--listen'),
    metrics: args.metrics === undefined ? undefined : addressOf(args.metrics, '--metrics'),
    version: toolVersion(),
    proxies: whole(args.proxies, '--proxies', 0),
    perMinute: whole(args.rate, '--rate', 1),
    now: () => registry.now(),
    ...(store && { catalog: await catalogOptions(registry, args, store) }),
  }
}

async function catalogOptions(registry: RegistryHouse, { tokens, audience, oidcIssuer, webhookSecret }: ServeArguments, service: CatalogStore): Promise<NonNullable<ServiceOptions['catalog']>> {
  for (const [option, url] of [['--audience', audience], ['--oidc-issuer', oidcIssuer]] as const) {
    if (url !== undefined && !URL.canParse(url)) throw new CatalystError('USAGE', `${option} ${url} is no URL`)
  }
  const file = tokens === undefined ? undefined : new TokenFileReader(resolve(tokens))
  // Read once now: who starts it shall hear of a mistake in it, not the first who is refused.
  await file?.rows()
  return {
    service,
    webhookSecrets: webhookSecret === undefined ? [] : await secretsIn(resolve(webhookSecret)),
    ...(file && { tokens: () => file.rows() }),
    ...(audience !== undefined && { oidc: { audience, fetch: await registry.keyFetch(), ...(oidcIssuer !== undefined && { issuer: oidcIssuer }) } }),
  }
}

const SECRET_MIN_LENGTH = 16

/** One secret a line, the newest first: while it is changed at GitHub, both count. */
async function secretsIn(path: string): Promise<readonly string[]> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new CatalystError(cause.code === 'ENOENT' ? 'FILE_NOT_FOUND' : 'FILE_UNREADABLE', `${path} cannot be read (${cause.code})`, { cause })
  })
  const secrets = text.split('\n').map((line) => line.trim()).filter((line) => line !== '')
  if (secrets.length > 0 && secrets.every((secret) => secret.length >= SECRET_MIN_LENGTH)) return secrets
  throw new CatalystError('USAGE', `${path} must hold secrets of at least ${SECRET_MIN_LENGTH} characters, one a line`, { hint: 'Make one: openssl rand -hex 32' })
}

/** `127.0.0.1:8080`, `[::1]:8080`, `:8080` for all addresses. */
function addressOf(text: string, option: string): Address {
  const [, host = '', port = ''] = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]*):(\d{1,5})$/.exec(text) ?? []
  if (port === '' || Number(port) > 65_535) throw new CatalystError('USAGE', `${option} ${text} is no address`, { hint: 'Write HOST:PORT, as in 127.0.0.1:8080.' })
  return { host: host === '' ? '::' : host.replace(/^\[|\]$/g, ''), port: Number(port) }
}

function whole(value: number, option: string, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new CatalystError('USAGE', `${option} must be a whole number from ${least}`)
}
