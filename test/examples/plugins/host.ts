import { DatabaseSync, constants, type SQLInputValue } from 'node:sqlite'
import type { HookEvent, Http, Plugin, PluginHost, Statement } from '../../../sandbox/contracts.ts'
import type { Manifest } from '../../../schemas/manifest.ts'
import { hostMatches, normalizePermissions } from '../../../schemas/permissions.ts'

/** What a test decides about the store that runs a plugin; everything else has a good default. */
export interface HostOptions {
  readonly config?: Readonly<Record<string, unknown>>
  /** Where a provider really listens: `api.stripe.com:443` -> `http://127.0.0.1:4001`. */
  readonly routes?: Readonly<Record<string, string>>
  readonly database?: DatabaseSync
  readonly plugins?: Readonly<Record<string, Plugin>>
  readonly now?: () => string
}

/** A host that keeps a plugin inside its manifest, as a store does, and remembers what the plugin said. */
export interface TestHost extends PluginHost {
  readonly logged: { readonly level: string; readonly message: string; readonly fields: Record<string, unknown> }[]
  readonly written: Map<string, string>
}

export const NOW = '2026-11-10T12:00:00.000Z'

export function hostFor(manifest: Manifest, options: HostOptions = {}): TestHost {
  const permissions = normalizePermissions(manifest.permissions)
  const logged: TestHost['logged'] = []
  const say = (level: string) => (message: string, fields: Record<string, unknown> = {}) => void logged.push({ level, message, fields })
  const written = new Map<string, string>()
  return {
    config: Object.freeze(structuredClone(options.config ?? {})),
    http: httpWithin(permissions.api, options.routes ?? {}),
    db: options.database ? databaseWithin(manifest, options.database) : NO_DATABASE,
    files: filesWithin(permissions.filesystem, written),
    plugins: { call: (id, operation, input) => callDependency(manifest, options.plugins ?? {}, { id, operation, input }) },
    log: { info: say('info'), warn: say('warn'), error: say('error') },
    now: options.now ?? (() => NOW),
    logged,
    written,
  }
}

/** An event as the store raises it. */
export function event(name: string, data: Record<string, unknown>, id = `evt-${name}-${String(data.orderId ?? '')}`): HookEvent {
  return { id, name, at: NOW, data }
}

/** An in-memory store database: the core tables that the example plugins read, plus whatever SQL a test adds. */
export function storeDatabase(...scripts: readonly string[]): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  for (const script of scripts) database.exec(script)
  return database
}

/** The prefix of a plugin's own names on SQLite. */
export function ownPrefix(id: string): string {
  return `plg_${id.replaceAll('-', '_')}__`
}

function denied(what: string): Error {
  return Object.assign(new Error(`not granted: ${what}`), { code: 'CAPABILITY_DENIED' })
}

function httpWithin(granted: readonly string[], routes: Readonly<Record<string, string>>): Http {
  return {
    async fetch(url, init) {
      const { protocol, hostname, port, pathname, search } = new URL(url)
      const target = `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`
      if (!granted.some((pattern) => hostMatches(target, pattern))) throw denied(target)
      const origin = routes[target]
      if (origin === undefined) throw new Error(`this test has no provider at ${target}`)
      return fetch(origin + pathname + search, { ...init, redirect: 'manual' })
    },
  }
}

function filesWithin(granted: Readonly<Record<string, 'r' | 'rw'>>, written: Map<string, string>): PluginHost['files'] {
  const check = (path: string, mode: 'r' | 'rw') => {
    const ok = Object.entries(granted).some(([base, have]) => (path === base || path.startsWith(`${base}/`)) && (have === 'rw' || mode === 'r'))
    if (!ok) throw denied(path)
  }
  return {
    async read(path) {
      check(path, 'r')
      const text = written.get(path)
      if (text === undefined) throw new Error(`no file ${path}`)
      return text
    },
    async write(path, text) {
      check(path, 'rw')
      written.set(path, text)
    },
    async list(path) {
      check(path, 'r')
      return [...written.keys()].filter((name) => name.startsWith(`${path}/`)).sort()
    },
  }
}

async function callDependency(manifest: Manifest, plugins: Readonly<Record<string, Plugin>>, call: { id: string; operation: string; input: unknown }): Promise<unknown> {
  if (!Object.hasOwn(manifest.dependencies ?? {}, call.id)) throw denied(`plugin ${call.id}`)
  const operation = plugins[call.id]?.operations?.[call.operation]
  if (!operation) throw new Error(`plugin ${call.id} has no operation ${call.operation}`)
  return structuredClone(await operation(structuredClone(call.input) as never))
}

const NO_DATABASE: PluginHost['db'] = {
  table: (name) => name,
  query: () => Promise.reject(denied('database')),
  run: () => Promise.reject(denied('database')),
  transaction: () => Promise.reject(denied('database')),
}

/** SQLite itself refuses every table that is neither the plugin's own nor granted; outside the plugin's turn the test may do anything. */
function databaseWithin(manifest: Manifest, database: DatabaseSync): PluginHost['db'] {
  const prefix = ownPrefix(manifest.id)
  const granted = normalizePermissions(manifest.permissions).database
  const authorize = (action: number, table: string | null): number => {
    const { SQLITE_OK, SQLITE_DENY, SQLITE_SELECT, SQLITE_FUNCTION, SQLITE_RECURSIVE, SQLITE_TRANSACTION, SQLITE_READ } = constants
    if (action === SQLITE_SELECT || action === SQLITE_FUNCTION || action === SQLITE_RECURSIVE || action === SQLITE_TRANSACTION) return SQLITE_OK
    if (table?.startsWith(prefix)) return SQLITE_OK
    return action === SQLITE_READ && table !== null && granted[table] !== undefined ? SQLITE_OK : SQLITE_DENY
  }
  const asPlugin = <T>(work: () => T): T => {
    database.setAuthorizer(authorize)
    try {
      return work()
    } finally {
      database.setAuthorizer(null)
    }
  }
  const changes = ({ sql, params = [] }: Statement): number => Number(database.prepare(sql).run(...(params as SQLInputValue[])).changes)
  return {
    table(name) {
      if (!manifest.tables?.includes(name)) throw denied(`table ${name}`)
      return prefix + name
    },
    query: async (sql, params = []) => asPlugin(() => database.prepare(sql).all(...(params as SQLInputValue[]))) as never,
    run: async (sql, params = []) => ({ changes: asPlugin(() => changes({ sql, params })) }),
    transaction: async (statements) =>
      asPlugin(() => {
        database.exec('BEGIN IMMEDIATE')
        try {
          const counts = statements.map(changes)
          database.exec('COMMIT')
          return counts
        } catch (cause) {
          database.exec('ROLLBACK')
          throw cause
        }
      }),
  }
}
