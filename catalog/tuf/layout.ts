import type { RoleKeys, SuccinctRoles } from './metadata.ts'

/*
 * Who signs what, and where it lies. Top-level targets delegate, terminating, to `entries` (maintainers) and `index` (the
 * bot), so that no key of the bot can say who may publish; each has hashed bins of its own (TAP 15).
 */

export const ENTRIES = 'entries'
export const INDEX = 'index'
export type Delegation = typeof ENTRIES | typeof INDEX

/** What each delegation covers. A pattern does not cross `/`. */
export const DELEGATED_PATHS = {
  [ENTRIES]: ['registry.yaml', 'entries/*'],
  [INDEX]: ['index/*/*', 'index/*/*/*'],
} as const

/** Bins of a delegation: 2^bits of them. The client's library needs quadratic time in what one bin holds: 512 is a good most. */
export function bins(prefix: Delegation, keys: RoleKeys, bits: number): SuccinctRoles {
  return { keyids: keys.keyids, threshold: keys.threshold, bit_length: bits, name_prefix: `${prefix}-bin` }
}

/** How many bits a registry with so many plugins needs: at most some 400 in a bin, and at least 16 bins, to grow. */
export function bitsFor(plugins: number): number {
  return Math.max(4, Math.ceil(Math.log2(plugins / 400)))
}

/** Days that metadata lasts, and how many must be left for it to be kept as it is. People need more time to sign than a program. */
export const LASTS = {
  root: { days: 365, renewBelow: 90 },
  people: { days: 365, renewBelow: 90 },
  index: { days: 90, renewBelow: 45 },
  snapshot: { days: 14, renewBelow: 7 },
  timestamp: { days: 7, renewBelow: 6 },
} as const

/** Files of a published folder. */
export const PUBLISHED = {
  timestamp: 'metadata/timestamp.json',
  metadata: (role: string, version: number): string => `metadata/${version}.${role}.json`,
  /** With its digest in its name: consistent snapshots (6.2). */
  target(path: string, sha256: string): string {
    const name = path.lastIndexOf('/') + 1
    return `targets/${path.slice(0, name)}${sha256}.${path.slice(name)}`
  },
  /** In a mirror: the registry's own roots, from the one that the mirror's owner had pinned. */
  upstreamRoot: (version: number): string => `upstream/${version}.root.json`,
  /** What the last publishing left for the next one. Not served. */
  state: '.published.json',
} as const

/** Files of the registry's git repository: what people sign. The bot has no key for any of it. */
export const SIGNED = {
  root: (version: number): string => `tuf/${version}.root.json`,
  role: (role: string): string => `tuf/${role}.json`,
} as const

/** The role whose bins hold a path; undefined for what is no part of an index. */
export function roleOfPath(path: string): Delegation | undefined {
  if (path === 'registry.yaml' || /^entries\/[^/]+\.yaml$/.test(path)) return ENTRIES
  return /^index\/[^/]+\/([^/]+\/)?[^/]+$/.test(path) ? INDEX : undefined
}

/** What a file of a published folder is by its name: metadata of a role, or a file of the index under its digest. The reverse of PUBLISHED. */
export function publishedFile(file: string): { readonly role?: string; readonly version?: number; readonly path?: string; readonly sha256?: string } | undefined {
  const [, version, role] = /^metadata\/(\d+)\.(.+)\.json$/.exec(file) ?? []
  if (role !== undefined) return { role, version: Number(version) }
  const [, folder, sha256, name] = /^targets\/(.*\/)?([0-9a-f]{64})\.([^/]+)$/.exec(file) ?? []
  return sha256 === undefined ? undefined : { path: `${folder ?? ''}${name}`, sha256 }
}
