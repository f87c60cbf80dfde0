import { lstatSync, readdirSync, readFileSync, type Dirent } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { IndexSource } from '../reconciler/ports.ts'
import { isFolderUrl } from '../schemas/artifact-urls.ts'
import { byCodeUnit, sha256, type Digest } from '../schemas/digest.ts'
import { CatalystError } from '../schemas/errors.ts'
import { LIMITS } from '../schemas/limits.ts'
import { systemCode } from './disk-errors.ts'
import { indexSnapshot } from './index-snapshot.ts'

/** A registry in a folder. */
export interface FolderIndexSettings {
  readonly name: string
  /** `file:./mirror` or `file:///srv/mirror`. */
  readonly url: string
  /** Where relative paths start: the store's folder. */
  readonly baseDir: string
}

/** The absolute path of a folder registry; its `file:` artifacts lie below it. @throws CatalystError FOREIGN_URL for another machine's */
export function registryFolder(url: string, baseDir: string): string {
  try {
    return fileURLToPath(new URL(url, pathToFileURL(join(baseDir, '/')))).replace(/(?<=.)\/+$/, '')
  } catch (error) {
    throw new CatalystError('FOREIGN_URL', `${url} does not name a folder of this machine`, { cause: error })
  }
}

/**
 * A folder with `registry.yaml`, `entries/` and `index/`. Its head is a digest over these files, so opening hashes all
 * of them (about 40 µs a file) and keeps none; what is read later must still be what was hashed. Links are not followed.
 */
export function folderIndex(settings: FolderIndexSettings): IndexSource {
  const folder = registryFolder(settings.url, settings.baseDir)
  return {
    registry: settings.name,
    locate(url) {
      if (isFolderUrl(url)) return pathToFileURL(join(folder, url.slice('file:'.length))).href
      if (/^file:(?!\/\/\/)/i.test(url)) throw new CatalystError('FOREIGN_URL', `${settings.name} names ${url}, which leaves its folder`)
      return url
    },
    async open({ signal }) {
      signal?.throwIfAborted()
      const listing = list(folder, settings.name)
      return indexSnapshot({
        registry: settings.name,
        head: headOf(listing),
        freshness: 'fresh',
        file: async (path) => readListed(folder, settings.name, listing, path),
        descendsFrom: async () => true,
        close: async () => undefined,
      })
    },
  }
}

/** What lies at each path: the digest of a file, or why it cannot be read. */
type Listing = ReadonlyMap<string, Digest | { readonly problem: string }>

function headOf(listing: Listing): Digest {
  const rows = [...listing].map(([path, row]) => `${typeof row === 'string' ? row : row.problem} ${path}\n`)
  return sha256(rows.sort(byCodeUnit).join(''))
}

/** @throws CatalystError SOURCE_UNREACHABLE when the folder is not there: it may be a share that is not mounted */
function list(folder: string, name: string): Listing {
  const found = new Map<string, Digest | { problem: string }>()
  try {
    for (const row of readdirSync(folder, { withFileTypes: true })) {
      if (row.name === 'registry.yaml') found.set(row.name, digestAt(folder, row.name, row))
      if (row.name === 'entries' || row.name === 'index') listInto(found, folder, row.name, row)
    }
  } catch (error) {
    throw new CatalystError('SOURCE_UNREACHABLE', `The folder ${folder} of registry ${name} cannot be read (${systemCode(error) ?? 'unknown reason'})`, { cause: error, hint: 'Check the path in plugins.yaml, and that the folder is mounted and readable.' })
  }
  return found
}

function listInto(found: Map<string, Digest | { problem: string }>, folder: string, path: string, row: Dirent): void {
  if (!row.isDirectory()) return void found.set(path, digestAt(folder, path, row))
  for (const child of readdirSync(join(folder, path), { withFileTypes: true })) listInto(found, folder, `${path}/${child.name}`, child)
}

function digestAt(folder: string, path: string, row: Dirent): Digest | { problem: string } {
  if (!row.isFile()) return { problem: row.isSymbolicLink() ? 'is a link; only plain files are read' : 'is no plain file' }
  const at = join(folder, path)
  if (lstatSync(at).size > LIMITS.indexFileMaxBytes) return { problem: `is larger than ${LIMITS.indexFileMaxBytes} bytes` }
  return sha256(readFileSync(at))
}

/** @throws CatalystError INDEX_INVALID for what is no plain file, or is not any more what it was when the snapshot was opened */
function readListed(folder: string, name: string, listing: Listing, path: string): Uint8Array | undefined {
  const row = nearest(listing, path)
  if (row === undefined) return undefined
  if (typeof row !== 'string') throw new CatalystError('INDEX_INVALID', `${name}: ${path} ${row.problem}`)
  const bytes = readAgain(join(folder, path))
  if (bytes && sha256(bytes) === row) return bytes
  throw new CatalystError('INDEX_INVALID', `${name}: ${path} changed while it was being read`, { hint: 'Run the command again.' })
}

/** The row of a path; a link in place of one of its folders counts for everything below it. */
function nearest(listing: Listing, path: string): Digest | { readonly problem: string } | undefined {
  for (let at = path; ; at = at.slice(0, at.lastIndexOf('/'))) {
    const row = listing.get(at)
    if (row !== undefined && (at === path || typeof row !== 'string')) return row
    if (!at.includes('/')) return [...listing.keys()].some((known) => known.startsWith(`${path}/`)) ? { problem: 'is a folder' } : undefined
  }
}

function readAgain(path: string): Buffer | undefined {
  try {
    return lstatSync(path).isFile() ? readFileSync(path) : undefined
  } catch {
    return undefined
  }
}
