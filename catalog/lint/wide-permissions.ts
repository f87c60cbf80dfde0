import { normalizePermissions } from '../../schemas/permissions.ts'
import type { RegistryEntry } from '../../schemas/registry-entry.ts'

/** A permission that hardly any plugin needs: which, and why a maintainer should look at it twice. */
export interface WidePermission {
  readonly kind: 'api' | 'database' | 'filesystem' | 'admin'
  readonly message: string
}

const MOST_HOSTS = 20
const MOST_WRITTEN_TABLES = 10

/** Where anybody may have a name of their own: a wildcard there is anybody. */
const SHARED_HOSTING = /^\*\.(github\.io|githubusercontent\.com|herokuapp\.com|vercel\.app|netlify\.app|pages\.dev|workers\.dev|web\.app|firebaseapp\.com|azurewebsites\.net|cloudfront\.net|amazonaws\.com|ngrok\.(io|app))$/

/** What of an entry's most permissions is wider than a plugin needs. Pure. */
export function widePermissions(entry: RegistryEntry): readonly WidePermission[] {
  const { api, database, filesystem, admin } = normalizePermissions(entry.permissions)
  const written = Object.values(database).filter((access) => access === 'write').length
  return [
    ...api.flatMap((host) => hostProblem(host) ?? []),
    ...(api.length > MOST_HOSTS ? [{ kind: 'api' as const, message: `${api.length} hosts; ${MOST_HOSTS} are many` }] : []),
    ...(written > MOST_WRITTEN_TABLES ? [{ kind: 'database' as const, message: `it may write ${written} tables; ${MOST_WRITTEN_TABLES} are many` }] : []),
    ...Object.keys(filesystem).filter((path) => /^\.?\/?$/.test(path)).map((path) => ({ kind: 'filesystem' as const, message: `${path} is the whole folder of the store` })),
    ...(admin && written > 0 && api.length > 0 ? [{ kind: 'admin' as const, message: 'pages in the admin, tables to write and hosts to call: together they are enough to take a store over' }] : []),
  ]
}

function hostProblem(host: string): WidePermission | undefined {
  const name = host.replace(/:\d+$/, '')
  const wide = (message: string): WidePermission => ({ kind: 'api', message: `${host}: ${message}` })
  if (name.startsWith('*.') && name.split('.').length < 3) return wide('a wildcard over a whole top-level domain')
  if (SHARED_HOSTING.test(name)) return wide('a wildcard over names that anybody can have')
  if (/^(\d+\.){3}\d+$/.test(name) || name === 'localhost' || name.endsWith('.local') || name.endsWith('.internal')) return wide('an address inside the store’s own network')
  return undefined
}
