import { randomBytes } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { hexOf, type Digest } from '../../schemas/digest.ts'
import { bootId } from './boot.ts'
import { readIfThere, replaceFile } from './disk.ts'
import type { StorePaths } from './paths.ts'

/** True when a folder for the tree is there. It says nothing about its content. */
export function hasTree(paths: StorePaths, tree: Digest): boolean {
  return lstatSync(paths.tree(tree), { throwIfNoEntry: false })?.isDirectory() ?? false
}

/**
 * The trees that must be read again before they are relied on: those that were not wholly written or read since this
 * machine started. Files are not synced one by one when unpacking; what a power cut may have left incomplete shows here.
 */
export function doubtfulTrees(paths: StorePaths, trees: readonly Digest[]): readonly Digest[] {
  const proven = provenTrees(paths)
  return trees.filter((tree) => !proven.has(tree))
}

/** Records that these trees are whole, as of this start of the machine. A record that is lost costs one more look. */
export function markProven(paths: StorePaths, trees: readonly Digest[]): void {
  const all = [...new Set([...provenTrees(paths), ...trees])].filter((tree) => hasTree(paths, tree))
  replaceFile(paths.proven, JSON.stringify({ boot: bootId(), trees: all }))
}

/**
 * Removes a read-only tree and what unpacking keeps beside it (`<hex>.…`). Gives the bytes freed. Follows no link.
 */
export function removeTree(paths: StorePaths, tree: Digest): number {
  let bytes = 0
  for (const path of treeParts(paths.trees, hexOf(tree))) bytes += removeWhole(path)
  return bytes
}

/** A new folder name in quarantine for a tree. Nothing is made yet. */
export function quarantineFolder(paths: StorePaths, tree: Digest): string {
  return join(paths.quarantine, `${hexOf(tree)}-${randomBytes(4).toString('hex')}`)
}

/** Puts an altered tree aside in `folder`, with what lies beside it. */
export function quarantineTree(paths: StorePaths, tree: Digest, folder: string): void {
  mkdirSync(folder, { recursive: true })
  for (const path of treeParts(paths.trees, hexOf(tree))) moveReadOnly(path, join(folder, basename(path)))
}

/** True when the tree was put aside in `folder`. */
export function isQuarantined(tree: Digest, folder: string): boolean {
  return lstatSync(join(folder, hexOf(tree)), { throwIfNoEntry: false }) !== undefined
}

/** Puts a tree that was unpacked at `from` (with what lies beside it) in its place. */
export function placeTree(paths: StorePaths, tree: Digest, from: string): void {
  const name = basename(from)
  const parts = treeParts(dirname(from), name).sort((a, b) => b.length - a.length) // the tree itself last: where it is, all is
  for (const path of parts) moveReadOnly(path, join(paths.trees, hexOf(tree) + basename(path).slice(name.length)))
}

/** Removes a file or folder whatever its modes. Gives the bytes freed. */
export function removeWhole(path: string): number {
  const bytes = makeWritable(path)
  rmSync(path, { recursive: true, force: true })
  return bytes
}

/** Bytes of the files below `path`. */
export function bytesOf(path: string): number {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found?.isDirectory()) return found?.size ?? 0
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0)
}

/** The tree `name` in `folder` and everything named `name.…` beside it. */
export function treeParts(folder: string, name: string): string[] {
  return namesIn(folder)
    .filter((entry) => entry === name || entry.startsWith(`${name}.`))
    .map((entry) => join(folder, entry))
}

/** The names in a folder, none when it does not exist. */
export function namesIn(folder: string): string[] {
  return lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(folder) : []
}

function provenTrees(paths: StorePaths): ReadonlySet<Digest> {
  try {
    const { boot, trees } = JSON.parse(readIfThere(paths.proven) ?? '{}') as { boot?: string; trees?: Digest[] }
    return new Set(boot === bootId() ? trees : [])
  } catch {
    return new Set()
  }
}

/** A folder that may not be written to cannot be moved by others than root: its `..` changes. */
function moveReadOnly(from: string, to: string): void {
  const { mode } = lstatSync(from)
  const isFolder = lstatSync(from).isDirectory()
  if (isFolder) chmodSync(from, mode | 0o200)
  renameSync(from, to)
  if (isFolder) chmodSync(to, mode)
}

function makeWritable(path: string): number {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found?.isDirectory()) return found?.size ?? 0
  chmodSync(path, found.mode | 0o700)
  return readdirSync(path).reduce((sum, name) => sum + makeWritable(join(path, name)), 0)
}
