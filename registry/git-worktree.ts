import { existsSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { CatalystError } from '../schemas/errors.ts'
import { openLocal } from './git-local.ts'
import { gitFiles } from './git-tree.ts'
import { gitObjects, localRef } from './git.ts'

/* The store's own repository, read in place: which commit it is at, and what its files were at another one. */

/** The commit that is checked out around a folder; undefined when the folder is in no repository or has no commit. */
export async function headOf(dir: string): Promise<string | undefined> {
  try {
    return (await openLocal(repositoryRoot(dir), undefined)).head
  } catch (error) {
    if (error instanceof CatalystError) return undefined
    throw error
  }
}

/**
 * Files of the folder at another revision: a branch, a tag, a remote branch or a full commit id. Files that were not
 * there are left out. @throws CatalystError NOT_FOUND when there is no such revision
 */
export async function filesAt(dir: string, revision: string, names: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
  const root = repositoryRoot(dir)
  const { gitdir, head } = await openLocal(root, undefined)
  const commit = revision === 'HEAD' ? head : await commitOf(gitdir, revision)
  const files = gitFiles(gitObjects(gitdir, 'the store repository'), commit, 'the store repository')
  const below = relative(root, resolve(dir)).split(sep).filter((part) => part !== '')
  const found = await Promise.all(names.map(async (name) => [name, await files.file([...below, name].join('/'))] as const))
  return new Map(found.flatMap(([name, bytes]) => (bytes ? [[name, bytes] as const] : [])))
}

async function commitOf(gitdir: string, revision: string): Promise<string> {
  if (/^[0-9a-f]{40}$/.test(revision)) return revision
  for (const ref of [revision, `refs/heads/${revision}`, `refs/tags/${revision}`, `refs/remotes/${revision}`]) {
    const commit = ref.startsWith('refs/') ? await localRef(gitdir, ref) : undefined
    if (commit) return commit
  }
  throw new CatalystError('NOT_FOUND', `git has no revision ${revision} here`, { hint: 'Fetch it first (git fetch origin); in CI check out with fetch-depth: 0.' })
}

function repositoryRoot(dir: string): string {
  for (let at = resolve(dir); ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return at
    if (dirname(at) === at) return resolve(dir)
  }
}
