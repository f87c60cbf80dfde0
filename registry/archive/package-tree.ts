import { hash } from 'node:crypto'
import { byCodeUnit, type Digest } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { gunzip } from './gunzip.ts'
import { packagePath, TakenNames } from './names.ts'
import { readTar, type TarEntry } from './tar.ts'

/** Only whether a file may be executed is kept of its mode: the rest would differ from machine to machine. */
export type FileMode = '100644' | '100755'

/** A file of a package. `path` is relative to the folder `package`, with `/` between its parts. */
export interface PackageFile {
  readonly path: string
  readonly mode: FileMode
  /** Bytes. */
  readonly size: number
  readonly digest: Digest
}

/** A whole package in memory. Nothing was written anywhere. */
export interface PackageTree {
  /** Sorted by path. */
  readonly files: readonly PackageFile[]
  readonly treeDigest: Digest
  /** The very text that `treeDigest` is the sha256 of. */
  readonly listing: string
  /** The bytes of a file, undefined when the package has none of that path. They are a view: do not change them. */
  read(path: string): Uint8Array | undefined
}

/**
 * Reads a package (`<id>-<version>.tgz`, `npm pack` layout) in memory, once, and refuses whatever is not plainly a set of
 * files below `package/` with a `manifest.json`.
 * @throws CatalystError ARCHIVE_INVALID, ARCHIVE_UNSAFE, ARCHIVE_TOO_LARGE, MANIFEST_MISSING
 */
export function readPackage(archive: Uint8Array): PackageTree {
  const entries = readTar(gunzip(archive))
  const contents = new Map<string, TarEntry>()
  const names = new TakenNames()
  for (const entry of entries) {
    const path = packagePath(entry.path)
    if (path === '' && entry.type === 'file') throw new CatalystError('ARCHIVE_UNSAFE', '"package" is a file; it must be the folder of the package')
    if (path !== '') names.take(path, entry.type)
    if (entry.type === 'file') contents.set(path, entry)
  }
  if (contents.size === 0) throw new CatalystError('ARCHIVE_INVALID', 'The archive holds no files')
  if (!contents.has('manifest.json')) throw new CatalystError('MANIFEST_MISSING', 'The archive has no package/manifest.json')
  return treeOf(contents)
}

function treeOf(contents: ReadonlyMap<string, TarEntry>): PackageTree {
  const files = [...contents].map(([path, entry]) => describe(path, entry)).sort((a, b) => byCodeUnit(a.path, b.path))
  const listing = listingOf(files)
  return { files, listing, treeDigest: digestOfListing(listing), read: (path) => contents.get(path)?.data }
}

function describe(path: string, entry: TarEntry): PackageFile {
  return { path, mode: fileMode(entry.mode), size: entry.data.length, digest: contentDigest(entry.data) }
}

/** The mode that counts of permission bits: may its owner execute the file? */
export function fileMode(mode: number): FileMode {
  return mode & 0o100 ? '100755' : '100644'
}

/** sha256 of a file's bytes; in one call, because a store reads thousands of small files. */
export function contentDigest(bytes: Uint8Array): Digest {
  return `sha256:${hash('sha256', bytes)}`
}

/** One line `mode sha256 path` per file, sorted by code unit; sha256 in plain hexadecimal digits. */
export function listingOf(files: readonly Pick<PackageFile, 'path' | 'mode' | 'digest'>[]): string {
  const lines = files.map((file) => `${file.mode} ${file.digest.slice('sha256:'.length)} ${file.path}\n`)
  return lines.sort(byCodeUnit).join('')
}

/** The tree digest: sha256 over a listing. */
export function digestOfListing(listing: string): Digest {
  return `sha256:${hash('sha256', listing)}`
}
