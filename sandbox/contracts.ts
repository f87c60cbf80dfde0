import type { PluginType } from '../schemas/manifest.ts'

/*
 * The one shape of a plugin. `main` of the manifest exports `createPlugin(host)`; what it returns is the plugin.
 * Everything a plugin may touch comes in through `host`: it imports no node:* module for the network, files or
 * the database. sandbox/README.md shows a whole plugin.
 */

/** What `main` must export: `export function createPlugin(host)` (ESM) or `exports.createPlugin = …` (CommonJS). */
export type CreatePlugin = (host: PluginHost) => Plugin | Promise<Plugin>

// ---- what the host gives ---------------------------------------------------------------------------------------

/** Everything a plugin can reach, and no more than its grant. A refused use rejects with an Error whose `code` is `CAPABILITY_DENIED`. */
export interface PluginHost {
  /** `config` of plugins.yaml with references resolved. Frozen. Empty at a probe. */
  readonly config: Readonly<Record<string, unknown>>
  readonly http: Http
  readonly db: Database
  readonly files: Files
  readonly plugins: Plugins
  readonly log: Log
  /** The present time, ISO 8601 in UTC. Plugins take time from here, so that tests can set it. */
  readonly now: () => string
}

/** Requests to the hosts of `permissions.api`. A subset of WHATWG fetch: the real `fetch` satisfies it. */
export interface Http {
  fetch(url: string, init?: HttpRequest): Promise<HttpResponse>
}
export interface HttpRequest {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}
export interface HttpResponse {
  readonly ok: boolean
  readonly status: number
  readonly headers: { get(name: string): string | null }
  text(): Promise<string>
  json(): Promise<unknown>
}

export type SqlValue = string | number | bigint | null | Uint8Array
export interface Statement {
  readonly sql: string
  readonly params?: readonly SqlValue[]
}

/** The store's database: the plugin's own tables, and the core tables of `permissions.database`. Parameters are `?`. */
export interface Database {
  /** The SQL name of one of the plugin's own tables (`tables` of its manifest), ready to stand in a statement. */
  table(name: string): string
  query<Row = Record<string, SqlValue>>(sql: string, params?: readonly SqlValue[]): Promise<readonly Row[]>
  run(sql: string, params?: readonly SqlValue[]): Promise<{ readonly changes: number }>
  /** All statements or none. Gives the number of changed rows of each. */
  transaction(statements: readonly Statement[]): Promise<readonly number[]>
}

/** The paths of `permissions.filesystem`, relative to the plugin's data folder. Text is UTF-8. */
export interface Files {
  read(path: string): Promise<string>
  write(path: string, text: string): Promise<void>
  list(path: string): Promise<readonly string[]>
}

/** Calls into plugins named in `dependencies` of the manifest. Arguments and results are JSON values. */
export interface Plugins {
  /** Calls `operations[operation]` of the plugin `id`. */
  call(id: string, operation: string, input: unknown): Promise<unknown>
}

export interface Log {
  info(message: string, fields?: Record<string, unknown>): void
  warn(message: string, fields?: Record<string, unknown>): void
  error(message: string, fields?: Record<string, unknown>): void
}

// ---- what the plugin gives -------------------------------------------------------------------------------------

/** What every plugin is; its type adds methods (below). Id, version and type stand in the manifest and nowhere else. */
export interface Plugin {
  /**
   * Tells whether this code is complete and able to work, within 2 seconds. It must not need the network, the
   * database, files or a full config: at a probe, before anything is live, the host refuses all of them.
   */
  health(): Promise<Health>
  /** Event handlers by hook name, e.g. `order.placed`; each must stand in `permissions.hooks`. */
  readonly hooks?: Readonly<Record<string, (event: HookEvent) => Promise<void>>>
  /** What plugins that depend on this one may call. JSON in, JSON out. */
  readonly operations?: Readonly<Record<string, (input: never) => Promise<unknown>>>
  /** Requests from outside by name, e.g. a provider's callbacks. The plugin itself proves who sent them. */
  readonly webhooks?: Readonly<Record<string, (request: WebhookRequest) => Promise<WebhookResponse>>>
}
export interface Health {
  readonly ok: boolean
  /** Why not, for people. */
  readonly message?: string
}
/** An event of the store. A hook may be called twice with the same `id`: make its effect idempotent. */
export interface HookEvent {
  readonly id: string
  readonly name: string
  readonly at: string
  readonly data: Readonly<Record<string, unknown>>
}

/** A request as it came in, untouched: providers sign the URL that they called and the exact bytes of the body. */
export interface WebhookRequest {
  readonly method: string
  /** Absolute and public, with its query. */
  readonly url: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** UTF-8 text. */
  readonly body: string
}
export interface WebhookResponse {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** What the store shall know; it raises them as events of its own once the response is out. */
  readonly events?: readonly { readonly name: string; readonly data: Readonly<Record<string, unknown>> }[]
}

/** An amount in the minor unit of its currency: 1999 EUR = 19.99 €. */
export interface Money {
  readonly amount: number
  readonly currency: string
}
export interface Address {
  readonly country: string
  readonly region?: string
  readonly postalCode?: string
  readonly city?: string
}
export interface LineItem {
  readonly sku: string
  readonly quantity: number
  readonly price: Money
  readonly weightGrams?: number
}

/** `key` names one wish of the caller: asking again with the same key has no second effect. */
export interface PaymentGateway extends Plugin {
  /** Reserves an amount. `method` is the token that the checkout page got from the provider; card numbers never pass here. */
  authorize(request: { orderId: string; amount: Money; method: string; key?: string }): Promise<PaymentResult>
  /** Takes an authorized amount, or part of it. */
  capture(request: { paymentId: string; amount?: Money; key?: string }): Promise<PaymentResult>
  /** Gives a captured amount back, or part of it. */
  refund(request: { paymentId: string; amount?: Money; reason?: string; key?: string }): Promise<PaymentResult>
  /** Lets go of an authorized amount. */
  cancel?(request: { paymentId: string; reason?: string; key?: string }): Promise<PaymentResult>
}
export interface PaymentResult {
  readonly paymentId: string
  readonly status: 'authorized' | 'captured' | 'refunded' | 'cancelled' | 'pending' | 'action-required' | 'declined'
  /** Where the customer must go on, when `status` is `action-required`. */
  readonly url?: string
  readonly reason?: string
}

export interface Shipping extends Plugin {
  calculateRates(request: { to: Address; items: readonly LineItem[] }): Promise<readonly ShippingRate[]>
}
export interface ShippingRate {
  readonly id: string
  readonly label: string
  readonly price: Money
  readonly days?: number
}

export interface Analytics extends Plugin {
  track(event: { name: string; at: string; clientId?: string; properties?: Record<string, unknown> }): Promise<void>
}

/** Sends when asked (`send`), by itself on events (`hooks`), or both. */
export interface Marketing extends Plugin {
  send?(message: { to: string; template: string; values?: Record<string, unknown> }): Promise<{ id: string }>
}

export interface Tax extends Plugin {
  calculateTax(request: { to: Address; items: readonly LineItem[] }): Promise<{ total: Money; lines: readonly Money[] }>
}

export interface Inventory extends Plugin {
  getStock(request: { skus: readonly string[] }): Promise<Readonly<Record<string, number>>>
}

// ---- the promise of each type ----------------------------------------------------------------------------------

/** Per type, what a plugin must have besides `health`: one of the alternatives, each a list of members. */
export const CONTRACTS = {
  'payment-gateway': [['authorize', 'capture', 'refund']],
  shipping: [['calculateRates']],
  analytics: [['track']],
  marketing: [['send'], ['hooks']],
  tax: [['calculateTax']],
  inventory: [['getStock']],
  generic: [[]],
} as const satisfies Record<PluginType, readonly (readonly string[])[]>

/** `typeof` of each member that a plugin has, as the probe saw it. `hooks` and `operations` are objects, the rest functions. */
export type Members = Readonly<Record<string, string>>

/** What is missing for the promise of `type`, in words for people; undefined when it is kept. Pure. */
export function contractProblem(type: string, members: Members): string | undefined {
  if (!hasMember(members, 'health')) return 'createPlugin() returned no health() function'
  const alternatives: readonly (readonly string[])[] = Object.hasOwn(CONTRACTS, type) ? CONTRACTS[type as PluginType] : [[]]
  if (alternatives.some((names) => names.every((name) => hasMember(members, name)))) return undefined
  return `a ${type} plugin needs ${alternatives.map((names) => names.join(', ')).join(' or ')}`
}

function hasMember(members: Members, name: string): boolean {
  const wanted = name === 'hooks' || name === 'operations' ? 'object' : 'function'
  return Object.hasOwn(members, name) && members[name] === wanted
}
