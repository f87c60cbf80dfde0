import type { DesiredRegistry, DesiredState } from '../reconciler/plan/desired.ts'
import type { IndexSource } from '../reconciler/ports.ts'
import { CatalystError } from '../schemas/errors.ts'
import type { Credentials } from '../registry/credentials.ts'
import { folderIndex, registryFolder } from '../registry/folder-index.ts'
import { gitIndex } from '../registry/git-index.ts'
import type { Http } from '../registry/http.ts'

/** What an index client needs of this machine. */
export interface Around {
  readonly storeDir: string
  readonly cacheDir: string
  readonly http: Http
  readonly credentials: Credentials
}

/** The client for one registry of plugins.yaml, by the scheme of its URL. @throws CatalystError UNSUPPORTED_FORMAT */
export function indexSource(registry: DesiredRegistry, around: Around): IndexSource {
  const { name, url, maxAgeMs } = registry
  if (url.startsWith('file:')) return folderIndex({ name, url, baseDir: around.storeDir })
  if (url.startsWith('git+')) return gitIndex({ name, url, baseDir: around.storeDir, cacheDir: around.cacheDir, maxAgeMs, http: around.http, credentials: around.credentials })
  throw new CatalystError('UNSUPPORTED_FORMAT', `registry ${name}: ${url} is a signed index over HTTPS, which this version cannot read yet`, { hint: 'Write its git address (`git+https://…`) or a folder (`file:./mirror`).' })
}

/** The folders that `file:` downloads may lie in. */
export function folderRoots(desired: DesiredState, storeDir: string): readonly string[] {
  return desired.registries.filter((r) => r.url.startsWith('file:')).map((r) => registryFolder(r.url, storeDir))
}
