import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CatalystError } from '../schemas/errors.ts'
import { localRef } from './git.ts'

/** A repository on this machine, read where it is. */
export interface LocalRepository {
  /** Where its objects and branches are. */
  readonly gitdir: string
  readonly head: string
  /** Commits whose parents were not fetched. */
  readonly shallow: ReadonlySet<string>
}

/** The folder that `git+file:./repo`, `git+file:///srv/repo` or a plain path names; relative ones start at `baseDir`. */
export function localPath(url: string, baseDir: string): string {
  const path = url.replace(/^git\+file:/, '')
  return path.startsWith('//') ? fileURLToPath(`file:${path}`) : resolve(baseDir, decodeURIComponent(path))
}

/**
 * Opens the repository at a path: a bare one, one with a `.git` folder, or a linked worktree.
 * @throws CatalystError SOURCE_UNREACHABLE (no repository there), INDEX_INVALID (no such branch, or a format that we cannot read)
 */
export async function openLocal(path: string, branch: string | undefined): Promise<LocalRepository> {
  const own = gitFolder(path)
  if (!own) throw new CatalystError('SOURCE_UNREACHABLE', `${path} is no git repository`, { hint: 'Check the path, or make it a repository with `git init` and a commit.' })
  const common = textOf(join(own, 'commondir'))
  const gitdir = common ? resolve(own, common) : own
  const ref = branch === undefined ? headRef(own) : `refs/heads/${branch}`
  const head = /^[0-9a-f]{40}$/.test(ref) ? ref : await localRef(gitdir, ref)
  if (!head) throw new CatalystError('INDEX_INVALID', `${path} has no commit at ${ref}`, { hint: 'Commit something first; repositories with reftable are not read.' })
  const shallow = textOf(join(gitdir, 'shallow'))?.split('\n') ?? []
  return { gitdir, head, shallow: new Set(shallow) }
}

function gitFolder(path: string): string | undefined {
  const inside = join(path, '.git')
  const at = existsSync(inside) ? inside : path
  if (!existsSync(at)) return undefined
  if (statSync(at).isDirectory()) return existsSync(join(at, 'HEAD')) ? at : undefined
  const target = /^gitdir: (.+)$/.exec(textOf(at) ?? '')?.[1]
  return target === undefined ? undefined : resolve(path, target)
}

function headRef(gitdir: string): string {
  const head = textOf(join(gitdir, 'HEAD')) ?? ''
  return head.startsWith('ref: ') ? head.slice(5) : head
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}
