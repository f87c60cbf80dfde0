import { readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { CatalystError } from '../schemas/errors.ts'
import { temporaryPath, writeAtomically } from './atomic-write.ts'
import { diskError, isReadOnly } from './disk-errors.ts'
import { rootTree } from './git-tree.ts'
import { fetchBranch, gitObjects, remoteRefs, type GitRemote } from './git.ts'
import { shownUrl } from './http-answer.ts'
import { makePrivateFolder } from './paths.ts'

/** When the server was last asked with success, and what its head was. */
export interface MirrorState {
  readonly head: string
  /** Milliseconds since 1970. */
  readonly askedAt: number
}

// isomorphic-git never joins packs, and looks through all of them; past this the mirror is made anew in one pack.
const MAX_PACKS = 40

/** What is recorded of the mirror; undefined when there is none that could be used. */
export function mirrorState(dir: string): MirrorState | undefined {
  try {
    const state = JSON.parse(readFileSync(join(dir, 'mirror.json'), 'utf8')) as Partial<MirrorState>
    return typeof state.head === 'string' && /^[0-9a-f]{40}$/.test(state.head) && typeof state.askedAt === 'number' ? (state as MirrorState) : undefined
  } catch {
    return undefined
  }
}

/**
 * Asks the server for the head of a branch (its default one when none is named), brings what is missing into the
 * mirror and records both. Nothing new costs two small requests. A mirror that turns out to be damaged is made anew.
 * @throws CatalystError SOURCE_UNREACHABLE, RATE_LIMITED, UNAUTHORIZED, NOT_FOUND, INDEX_INVALID, DISK_FULL, READ_ONLY
 */
export async function updateMirror(remote: GitRemote, dir: string, options: { branch: string | undefined; nowMs: number }): Promise<MirrorState> {
  // What a new mirror brings is the head: there is nothing to ask first.
  const isNew = options.branch === undefined && mirrorState(dir) === undefined
  const { branch, oid } = isNew ? { branch: 'HEAD', oid: undefined } : await remoteHead(remote, options.branch)
  try {
    makePrivateFolder(dir)
    const head = oid !== undefined && (await isWhole(dir, oid)) ? oid : await bring(remote, dir, branch)
    const state = { head, askedAt: options.nowMs }
    record(dir, state)
    return state
  } catch (error) {
    throw error instanceof CatalystError || remote.signal?.aborted ? error : diskError(error, dir)
  }
}

/** A mirror in a cache that is read-only now (a container) still serves; only when it was last confirmed is not noted. */
function record(dir: string, state: MirrorState): void {
  try {
    writeAtomically(join(dir, 'mirror.json'), JSON.stringify(state))
  } catch (error) {
    if (!isReadOnly(error)) throw error
  }
}

/** Takes a mirror away; the next pass makes it anew. */
export function removeMirror(dir: string): void {
  rmSync(dir, { recursive: true, force: true })
}

async function remoteHead(remote: GitRemote, named: string | undefined): Promise<{ branch: string; oid: string }> {
  const wanted = named === undefined ? 'HEAD' : `refs/heads/${named}`
  const found = (await remoteRefs(remote, wanted)).find(({ ref }) => ref === wanted)
  if (!found) throw new CatalystError('NOT_FOUND', `${shownUrl(remote.url)} has ${named === undefined ? 'no commits' : `no branch ${named}`}`)
  return { branch: found.target ?? wanted, oid: found.oid }
}

async function bring(remote: GitRemote, dir: string, branch: string): Promise<string> {
  if (packs(dir) > MAX_PACKS) return renew(remote, dir, branch)
  const head = await fetchBranch(remote, dir, branch)
  // Where the server believes that we have what cannot be read, begin again without anything to believe in.
  return (await isWhole(dir, head)) ? head : renew(remote, dir, branch)
}

/** Fetches everything into a new folder and puts it in the place of the old one, which stays until then. */
async function renew(remote: GitRemote, dir: string, branch: string): Promise<string> {
  const fresh = temporaryPath(dir)
  try {
    makePrivateFolder(fresh)
    const head = await fetchBranch(remote, fresh, branch)
    if (!(await isWhole(fresh, head))) throw new CatalystError('INDEX_INVALID', `${shownUrl(remote.url)} sent commit ${head} in a form that cannot be read`)
    removeMirror(dir)
    renameSync(fresh, dir)
    return head
  } finally {
    removeMirror(fresh)
  }
}

/** True when the commit and its folder can be read. Everything else came in the same pack. */
async function isWhole(dir: string, commit: string): Promise<boolean> {
  try {
    const objects = gitObjects(dir, 'mirror')
    await objects.read(await rootTree(objects, commit), 'tree')
    return true
  } catch (error) {
    if (error instanceof CatalystError) return false
    throw error
  }
}

function packs(dir: string): number {
  try {
    return readdirSync(join(dir, 'objects/pack')).filter((name) => name.endsWith('.pack')).length
  } catch {
    return 0
  }
}
