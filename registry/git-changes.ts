import { parseTree, rootTree } from './git-tree.ts'
import type { GitObjects } from './git.ts'

/** A file below one of the asked folders, or at the top. */
export interface ChangedFile {
  readonly path: string
  /** The blob in the newer commit; undefined when the file is gone. */
  readonly oid: string | undefined
}

/**
 * Files that differ between two commits, sorted by path; all files when there is no older commit. Only trees that differ
 * are read, so the cost is that of the change. `top` names what of the root is looked at.
 * @throws CatalystError INDEX_INVALID when the older commit is not in this repository
 */
export async function changedFiles(objects: GitObjects, from: string | undefined, to: string, top: readonly string[]): Promise<readonly ChangedFile[]> {
  const [before, after] = await Promise.all([from === undefined ? undefined : rootTree(objects, from), rootTree(objects, to)])
  const found: ChangedFile[] = []
  await compare(objects, { before, after, at: '' }, top, found)
  return found.sort((a, b) => (a.path < b.path ? -1 : 1))
}

interface Pair {
  readonly before: string | undefined
  readonly after: string | undefined
  readonly at: string
}

async function compare(objects: GitObjects, { before, after, at }: Pair, only: readonly string[] | undefined, found: ChangedFile[]): Promise<void> {
  if (before === after) return
  const [old, now] = await Promise.all([rows(objects, before), rows(objects, after)])
  for (const name of new Set([...old.keys(), ...now.keys()])) {
    if (only && !only.includes(name)) continue
    const [was, is] = [old.get(name), now.get(name)]
    if (was?.oid === is?.oid) continue
    const path = `${at}${name}`
    const [wasFolder, isFolder] = [was?.mode === '40000', is?.mode === '40000']
    if (wasFolder || isFolder) await compare(objects, { before: wasFolder ? was?.oid : undefined, after: isFolder ? is?.oid : undefined, at: `${path}/` }, undefined, found)
    if ((was && !wasFolder) || (is && !isFolder)) found.push({ path, oid: isFolder ? undefined : is?.oid })
  }
}

async function rows(objects: GitObjects, oid: string | undefined): Promise<ReturnType<typeof parseTree>> {
  return oid === undefined ? new Map() : parseTree(await objects.read(oid, 'tree'))
}
