import { randomBytes } from 'node:crypto'
import { chmodSync, closeSync, constants, fsyncSync, lstatSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { CatalystError, type ErrorCode } from '../../schemas/errors.ts'
import type { PackageTree } from './package-tree.ts'

/** Where the listing of an unpacked tree is kept: beside it, so that the tree itself holds the package and nothing else. */
export function listingPath(target: string): string {
  return `${target}.files`
}

/** True for the name of what an interrupted unpacking left behind. It may be removed when nobody unpacks. */
export function isUnfinished(name: string): boolean {
  return /^\..+\.unpack-[0-9a-f]{12}(\.files)?$/.test(name)
}

/**
 * Writes a package to `target`, which does not exist yet: read-only (files 0444 or 0555, folders 0555, less what the
 * umask takes) and complete, or not at all. It is written to a folder beside `target` and renamed; its listing lies at
 * `listingPath(target)`. With `fsync` everything is on disk before the rename; else that is left to the system.
 * @throws CatalystError DISK_FULL, READ_ONLY, INVALID_VALUE when `target` exists
 */
export function unpackTo(tree: PackageTree, target: string, options: { readonly fsync?: boolean } = {}): void {
  const temporary = join(dirname(target), `.${basename(target)}.unpack-${randomBytes(6).toString('hex')}`)
  try {
    const folders = writeTree(tree, temporary, options.fsync ?? false)
    for (const folder of folders.reverse()) seal(folder, options.fsync ?? false)
    writeFile(listingPath(temporary), Buffer.from(tree.listing), 0o444, options.fsync ?? false)
    refuseExisting(target)
    renameSync(listingPath(temporary), listingPath(target))
    renameSync(temporary, target)
  } catch (error) {
    removeTree(temporary)
    throw asCatalystError(error, target)
  }
}

/** Writes all files and returns the folders that were made, parents first. */
function writeTree(tree: PackageTree, root: string, fsync: boolean): string[] {
  const folders = [root]
  const made = new Set<string>([''])
  mkdirSync(root, 0o755)
  for (const file of tree.files) {
    makeFolders(root, file.path, made, folders)
    const bytes = tree.read(file.path)
    if (!bytes) throw new CatalystError('INTERNAL', `The package lists "${file.path}" but does not hold it`)
    writeFile(`${root}/${file.path}`, bytes, file.mode === '100755' ? 0o555 : 0o444, fsync)
  }
  return folders
}

function makeFolders(root: string, path: string, made: Set<string>, folders: string[]): void {
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    const folder = path.slice(0, slash)
    if (made.has(folder)) continue
    mkdirSync(`${root}/${folder}`, 0o755)
    made.add(folder)
    folders.push(`${root}/${folder}`)
  }
}

// O_EXCL: a file or link that somebody put there first is never written through.
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL

/** Created read-only at once: the open descriptor may still write, and no second call per file is needed. */
function writeFile(path: string, bytes: Uint8Array, mode: number, fsync: boolean): void {
  const file = openSync(path, CREATE, mode)
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written)
    if (fsync) fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function seal(folder: string, fsync: boolean): void {
  chmodSync(folder, 0o555)
  if (!fsync) return
  const handle = openSync(folder, constants.O_RDONLY)
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** Removes a read-only tree and its listing. Does nothing when there is none; follows no link. */
export function removeTree(target: string): void {
  makeWritable(target)
  rmSync(target, { recursive: true, force: true })
  rmSync(listingPath(target), { force: true })
}

function makeWritable(folder: string): void {
  const found = lstatSync(folder, { throwIfNoEntry: false })
  if (!found?.isDirectory()) return
  chmodSync(folder, 0o755)
  for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) makeWritable(join(folder, entry.name))
}

function refuseExisting(target: string): void {
  if (lstatSync(target, { throwIfNoEntry: false })) throw exists(target)
}

function exists(target: string, cause?: unknown): CatalystError {
  return new CatalystError('INVALID_VALUE', `"${target}" exists already`, { hint: 'Remove the folder, then run `catalyst apply` again.', cause })
}

const FAILURES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  EROFS: 'READ_ONLY',
  EACCES: 'READ_ONLY',
  EPERM: 'READ_ONLY',
  ENOENT: 'FILE_NOT_FOUND',
}

function asCatalystError(error: unknown, target: string): CatalystError {
  if (error instanceof CatalystError) return error
  const reason = (error as NodeJS.ErrnoException).code ?? ''
  // Somebody else unpacked the same tree at the same time.
  if (reason === 'ENOTEMPTY' || reason === 'EEXIST') return exists(target, error)
  const code = FAILURES[reason] ?? 'INTERNAL'
  return new CatalystError(code, `Could not unpack to "${target}": ${(error as Error).message}`, { cause: error })
}
