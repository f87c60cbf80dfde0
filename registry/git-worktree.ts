import { existsSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { CatalystError } from '../schemas/errors.ts'
import { openLocal } from './git-local.ts'
import { gitFiles } from './git-tree.ts'
import { gitObjects, localCommit, localRef } from './git.ts'

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
 * there are left out. @throws CatalystError NOT_FOUND when there is no such revision, FILE_UNREADABLE when its files are not here
 */
export async function filesAt(dir: string, revision: string, names: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
  const root = repositoryRoot(dir)
  const { gitdir, head } = await openLocal(root, undefined)
  const commit = revision === 'HEAD' ? head : await commitOf(gitdir, revision)
  const files = gitFiles(gitObjects(gitdir, revision), commit, revision)
  const below = relative(root, resolve(dir)).split(sep).filter((part) => part !== '')
  const found = await Promise.all(names.map(async (name) => [name, await readable(() => files.file([...below, name].join('/')))] as const))
  return new Map(found.flatMap(([name, bytes]) => (bytes ? [[name, bytes] as const] : [])))
}

/** What the reader of objects says is meant for registries; here it is the store's own repository. */
async function readable<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error
    throw new CatalystError('FILE_UNREADABLE', error.message, { cause: error, hint: 'Fetch the whole history, with the contents of its files: in CI check out with fetch-depth: 0 and without filter.' })
  }
}

async function commitOf(gitdir: string, revision: string): Promise<string> {
  const ids = /^[0-9a-f]{40}$/.test(revision) ? [revision] : await idsOf(gitdir, revision)
  for (const id of ids) {
    const commit = await localCommit(gitdir, id)
    if (commit) return commit
  }
  throw new CatalystError('NOT_FOUND', `git has no revision ${revision} here`, { hint: 'Fetch it first (git fetch origin); in CI check out with fetch-depth: 0.' })
}

async function idsOf(gitdir: string, revision: string): Promise<readonly string[]> {
  const refs = [revision, `refs/heads/${revision}`, `refs/tags/${revision}`, `refs/remotes/${revision}`].filter((ref) => ref.startsWith('refs/'))
  const found = await Promise.all(refs.map((ref) => localRef(gitdir, ref)))
  return found.filter((id) => id !== undefined)
}

function repositoryRoot(dir: string): string {
  for (let at = resolve(dir); ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return at
    if (dirname(at) === at) return resolve(dir)
  }
}
