import { resolve } from 'node:path'
import type { DesiredRegistry, DesiredState } from '../reconciler/plan/desired.ts'
import type { IndexSource } from '../reconciler/ports.ts'
import { CatalystError } from '../schemas/errors.ts'
import type { Credentials } from '../registry/credentials.ts'
import { folderIndex, registryFolder } from '../registry/folder-index.ts'
import { gitIndex } from '../registry/git-index.ts'
import type { Http } from '../registry/http.ts'
import { tufIndex } from '../registry/tuf-index.ts'

/** What an index client needs of this machine. */
export interface Around {
  readonly storeDir: string
  readonly cacheDir: string
  readonly http: Http
  readonly credentials: Credentials
  /** Mirrors that this machine's environment names, by registry: they go before those of plugins.yaml. */
  readonly mirrors: ReadonlyMap<string, string>
  /** Whether an index that has expired is taken; see `tufIndex`. */
  readonly age: 'fresh' | 'any'
}

/** The client for one registry of plugins.yaml, by the scheme of its URL. @throws CatalystError MISSING_KEY, INVALID_VALUE, FOREIGN_URL */
export function indexSource(registry: DesiredRegistry, around: Around): IndexSource {
  const { name, url, maxAgeMs } = registry
  const { storeDir, cacheDir, http, credentials, age } = around
  if (url.startsWith('file:')) return folderIndex({ name, url, baseDir: storeDir })
  if (url.startsWith('git+')) return gitIndex({ name, url, baseDir: storeDir, cacheDir, maxAgeMs, http, credentials })
  if (registry.root === undefined) throw new CatalystError('MISSING_KEY', `registry ${name}: ${url} is a signed index, and plugins.yaml pins no root for it`, { hint: `Get its root file by a way that you trust, commit it, and write \`root: ./trust/${name}.root.json\` beside the url.` })
  return tufIndex({ name, url, mirror: around.mirrors.get(name) ?? registry.mirror, ...(registry.mirrorRoot !== undefined && { mirrorRoot: resolve(storeDir, registry.mirrorRoot) }), root: resolve(storeDir, registry.root), cacheDir, maxAgeMs, http, age })
}

/** `official=https://mirror.example`, several with blanks between them, as `CATALYST_MIRROR` has them. @throws CatalystError INVALID_VALUE */
export function mirrorsFrom(text: string): ReadonlyMap<string, string> {
  const words = text.split(/\s+/).filter((word) => word !== '')
  return new Map(words.map((word) => {
    const [, name, url] = /^([a-z][a-z0-9-]*)=(https?:\/\/.+)$/.exec(word) ?? []
    if (name === undefined || url === undefined) throw new CatalystError('INVALID_VALUE', `CATALYST_MIRROR has ${JSON.stringify(word)}`, { hint: 'Write the name of a registry and an address: `official=https://mirror.example`.' })
    return [name, url] as const
  }))
}

/** The folders that `file:` downloads may lie in. */
export function folderRoots(desired: DesiredState, storeDir: string): readonly string[] {
  return desired.registries.filter((r) => r.url.startsWith('file:')).map((r) => registryFolder(r.url, storeDir))
}
