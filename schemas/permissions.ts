import * as Type from 'typebox'
import { Closed, Keyed } from './common.ts'
import { byCodeUnit } from './digest.ts'

// Tables are keys of objects: not the names that every object inherits.
const Table = Type.String({ pattern: '^(?!(constructor|prototype)$)[a-z][a-z0-9_]*$', maxLength: 63, title: 'table name' })
const HostPort = Type.String({
  pattern: '^(\\*\\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$',
  maxLength: 260,
  title: 'host and port such as api.stripe.com:443',
})
const DataPath = Type.String({ pattern: '^(?!/)(?!.*\\.\\.)[A-Za-z0-9_./-]+$', maxLength: 200, title: 'relative path' })
const Hook = Type.String({ pattern: '^[a-z]+(\\.[a-z_]+)+$', maxLength: 100, title: 'hook such as order.placed' })
const Access = Type.Enum(['read', 'write'])

/**
 * What a plugin may do, as written: the manifest asks in this shape, plugins.yaml grants in this shape, a registry
 * entry caps in this shape. `write` includes `read`; a list of tables means read.
 */
export const PermissionsInput = Closed({
  database: Type.Optional(Type.Union([Keyed(Table, Access), Type.Array(Table)], { description: 'Tables and read or write; a list means read' })),
  api: Type.Optional(Type.Array(HostPort, { maxItems: 100, description: 'Hosts it may call; port 443 unless named' })),
  filesystem: Type.Optional(Keyed(DataPath, Type.Enum(['r', 'rw']), { description: 'Folders of the store it may read (r) or write (rw)' })),
  hooks: Type.Optional(Type.Array(Hook, { maxItems: 100, description: 'Events it is told of' })),
  admin: Type.Optional(Type.Boolean({ description: 'It may add pages to the admin' })),
})
export type PermissionsInput = Type.Static<typeof PermissionsInput>

/** The same with one way to say each thing: sorted, ports explicit. This shape stands in the lock and in digests. */
export const Permissions = Closed({
  database: Keyed(Table, Access),
  api: Type.Array(HostPort),
  filesystem: Keyed(DataPath, Type.Enum(['r', 'rw'])),
  hooks: Type.Array(Hook),
  admin: Type.Boolean(),
})
export type Permissions = Type.Static<typeof Permissions>

export const NO_PERMISSIONS: Permissions = { database: {}, api: [], filesystem: {}, hooks: [], admin: false }

/** Brings what was written into the one normal form. */
export function normalizePermissions(input: PermissionsInput | undefined): Permissions {
  const database = Array.isArray(input?.database)
    ? Object.fromEntries(input.database.map((table) => [table, 'read' as const]))
    : (input?.database ?? {})
  return {
    database: sortRecord(database),
    api: [...new Set((input?.api ?? []).map(withPort))].sort(byCodeUnit),
    filesystem: sortRecord(input?.filesystem ?? {}),
    hooks: [...new Set(input?.hooks ?? [])].sort(byCodeUnit),
    admin: input?.admin ?? false,
  }
}

/** One permission that is asked for and not granted, e.g. `{ kind: 'api', what: 'evil.example:443' }`. */
export interface PermissionExcess {
  readonly kind: keyof Permissions
  readonly what: string
}

/** What `asked` needs beyond `granted`; empty when the grant covers it. Sorted by kind, then name. */
export function permissionExcess(asked: Permissions, granted: Permissions): readonly PermissionExcess[] {
  const excess: PermissionExcess[] = []
  for (const [table, access] of Object.entries(asked.database)) {
    const have = Object.hasOwn(granted.database, table) ? granted.database[table] : undefined
    if (have !== 'write' && have !== access) excess.push({ kind: 'database', what: `${table}: ${access}` })
  }
  for (const host of asked.api) if (!granted.api.some((pattern) => hostMatches(host, pattern))) excess.push({ kind: 'api', what: host })
  for (const [path, mode] of Object.entries(asked.filesystem)) {
    if (!pathGranted(path, mode, granted.filesystem)) excess.push({ kind: 'filesystem', what: `${path}: ${mode}` })
  }
  for (const hook of asked.hooks) if (!granted.hooks.includes(hook)) excess.push({ kind: 'hooks', what: hook })
  if (asked.admin && !granted.admin) excess.push({ kind: 'admin', what: 'true' })
  return excess.sort((a, b) => byCodeUnit(a.kind, b.kind) || byCodeUnit(a.what, b.what))
}

/** True when `host:port`, of a request or itself `*.host:port`, is covered by a permission `host:port` or `*.host:port`. */
export function hostMatches(host: string, pattern: string): boolean {
  return host === pattern || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1)))
}

/** True when nothing is asked for. */
export function asksNothing(permissions: Permissions): boolean {
  const { database, api, filesystem, hooks, admin } = permissions
  return !admin && api.length === 0 && hooks.length === 0 && isEmpty(database) && isEmpty(filesystem)
}

function isEmpty(record: Readonly<Record<string, unknown>>): boolean {
  for (const _key in record) return false
  return true
}

function pathGranted(path: string, mode: 'r' | 'rw', granted: Permissions['filesystem']): boolean {
  return Object.entries(granted).some(
    ([base, have]) => (have === 'rw' || have === mode) && (path === base || path.startsWith(base.endsWith('/') ? base : `${base}/`)),
  )
}

function withPort(host: string): string {
  const lower = host.toLowerCase()
  return /:\d+$/.test(lower) ? lower : `${lower}:443`
}

function sortRecord<V>(record: Record<string, V>): Record<string, V> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => byCodeUnit(a, b)))
}

/** The same permissions as a person would write them: a grant that is read has no empty lines. */
export function minimalPermissions(permissions: Permissions): PermissionsInput {
  return {
    ...(isEmpty(permissions.database) ? {} : { database: permissions.database }),
    ...(permissions.api.length > 0 ? { api: permissions.api } : {}),
    ...(isEmpty(permissions.filesystem) ? {} : { filesystem: permissions.filesystem }),
    ...(permissions.hooks.length > 0 ? { hooks: permissions.hooks } : {}),
    ...(permissions.admin ? { admin: true } : {}),
  }
}
