import { lstatSync, readdirSync, readFileSync, type Dirent } from 'node:fs'
import { byCodeUnit, type Digest } from '../../schemas/digest.ts'
import { LIMITS } from '../../schemas/limits.ts'
import { contentDigest, digestOfListing, fileMode, listingOf, type PackageFile } from './package-tree.ts'
import { listingPath } from './unpack.ts'

/** How an unpacked tree differs from its digest. Paths are sorted; all empty and `whole` true when it does not. */
export interface TreeDamage {
  readonly whole: boolean
  readonly altered: readonly string[]
  readonly missing: readonly string[]
  readonly extra: readonly string[]
  /** False when the listing beside the tree is gone or altered too: then something differs, but not which file. */
  readonly located: boolean
}

type Found = Pick<PackageFile, 'path' | 'mode' | 'digest'>

/**
 * Reads an unpacked tree again, every byte, and tells what differs from `treeDigest`. The listing beside the tree
 * says which file; it is believed only when its own digest is the tree digest. Reports, never throws, for whatever
 * it finds: links, unreadable files, a missing folder.
 */
export function verifyTree(dir: string, treeDigest: Digest): TreeDamage {
  const { files, others } = readTree(dir)
  const whole = others.length === 0 && digestOfListing(listingOf(files)) === treeDigest
  if (whole) return { whole, altered: [], missing: [], extra: [], located: true }
  const listing = readListing(dir)
  if (listing === undefined || digestOfListing(listing) !== treeDigest) return { whole, altered: [], missing: [], extra: [], located: false }
  return { whole, located: true, ...compare(parseListing(listing), files, others) }
}

function compare(wanted: readonly Found[], files: readonly Found[], others: readonly string[]): Pick<TreeDamage, 'altered' | 'missing' | 'extra'> {
  const found = new Map(files.map((file) => [file.path, file]))
  const strange = new Set(others)
  const known = new Set(wanted.map((file) => file.path))
  const differs = (file: Found): boolean => {
    const other = found.get(file.path)
    return strange.has(file.path) || (other !== undefined && (other.digest !== file.digest || other.mode !== file.mode))
  }
  return {
    altered: paths(wanted.filter(differs)),
    missing: paths(wanted.filter((file) => !found.has(file.path) && !strange.has(file.path))),
    extra: [...paths(files), ...others].filter((path) => !known.has(path)).sort(byCodeUnit),
  }
}

/** `others` are things that no package can hold: links, devices, files that cannot be read or are larger than any package. */
function readTree(dir: string): { readonly files: readonly Found[]; readonly others: readonly string[] } {
  const files: Found[] = []
  const others: string[] = []
  const walk = (folder: string, prefix: string): void => {
    for (const entry of readFolder(folder)) {
      const path = prefix + entry.name
      if (entry.isDirectory()) walk(`${folder}/${entry.name}`, `${path}/`)
      else if (!entry.isFile() || !readFile(`${folder}/${entry.name}`, path, files)) others.push(path)
    }
  }
  if (lstatSync(dir, { throwIfNoEntry: false })?.isDirectory()) walk(dir, '')
  return { files, others }
}

function readFolder(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return [] // its files count as missing
  }
}

function readFile(file: string, path: string, into: Found[]): boolean {
  try {
    const { mode, size } = lstatSync(file)
    if (size > LIMITS.unpackedMaxBytes) return false
    into.push({ path, mode: fileMode(mode), digest: contentDigest(readFileSync(file)) })
    return true
  } catch {
    return false
  }
}

function readListing(dir: string): string | undefined {
  try {
    return readFileSync(listingPath(dir), 'utf8')
  } catch {
    return undefined
  }
}

function parseListing(listing: string): Found[] {
  return listing
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ mode: fileMode(Number.parseInt(line.slice(3, 6), 8)), digest: `sha256:${line.slice(7, 71)}`, path: line.slice(72) }))
}

const paths = (files: readonly Found[]): string[] => files.map((file) => file.path).sort(byCodeUnit)
