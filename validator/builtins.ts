import { asksNothing, type Permissions } from '../schemas/permissions.ts'

/*
 * Which of Node's own modules a plugin may import. A plugin reaches the outside through `host` alone, so no permission
 * opens a module: what a permission changes is what we tell the author to use instead.
 */

/** Modules that compute and nothing more: no files, network, processes, other threads, other code, or facts about the machine. */
const PURE = new Set([
  'assert',
  'assert/strict',
  'async_hooks',
  'buffer',
  'crypto',
  'events',
  'path',
  'path/posix',
  'path/win32',
  'perf_hooks',
  'punycode',
  'querystring',
  'stream',
  'stream/consumers',
  'stream/promises',
  'stream/web',
  'string_decoder',
  'timers',
  'timers/promises',
  'url',
  'util',
  'util/types',
  'zlib',
])

const FILES = /^(fs|fs\/promises)$/
const NETWORK = /^(http|https|http2|net|tls|dgram|dns|dns\/promises)$/
const DATABASE = /^sqlite$/

/** True when a plugin may import this module of Node; the name without `node:`. */
export function builtinAllowed(name: string): boolean {
  return PURE.has(name)
}

/** What an author writes in place of a module that is not allowed. */
export function insteadOf(name: string, permissions: Permissions): string {
  if (FILES.test(name)) return `Read and write through host.files${missing(Object.keys(permissions.filesystem).length, 'permissions.filesystem')}.`
  if (NETWORK.test(name)) return `Send requests through host.http.fetch${missing(permissions.api.length, 'permissions.api')}.`
  if (DATABASE.test(name)) return `Query through host.db${missing(Object.keys(permissions.database).length, 'permissions.database or tables')}.`
  if (name === 'process') return 'Take settings from host.config and the time from host.now().'
  return `Do without it: a plugin ${asksNothing(permissions) ? 'computes' : 'reaches the outside through host'}; nothing else is there when it runs.`
}

function missing(granted: number, permission: string): string {
  return granted > 0 ? '' : ` and ask for it in ${permission} of manifest.json`
}
