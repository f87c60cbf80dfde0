import { createHash } from 'node:crypto'
import files, { promises as disk } from 'node:fs'
import type { HttpClient, PromiseFsClient, ServerRef } from 'isomorphic-git'
import { CatalystError } from '../schemas/errors.ts'
import { temporaryPath } from './atomic-write.ts'
import { noCredentials, type Credentials } from './credentials.ts'
import { systemCode } from './disk-errors.ts'
import { shownUrl } from './http-answer.ts'
import { readBody } from './http-body.ts'
import type { Http } from './http.ts'
import { DEFAULT_RETRIES, withRetries, type RetryPolicy } from './retry.ts'

/* The one door to isomorphic-git. It is loaded when it is first needed (about 100 ms). */

/** A git server and how to talk to it. */
export interface GitRemote {
  /** `https://host/owner/repository.git`, without a user name. */
  readonly url: string
  readonly http: Http
  readonly credentials?: Credentials
  readonly retries?: Partial<RetryPolicy>
  readonly signal?: AbortSignal | undefined
}

/** Objects of one repository on this machine. */
export interface GitObjects {
  /**
   * The content of an object, its SHA-1 computed and compared: isomorphic-git checks that a pack is whole, but not that
   * its index leads to the object that was asked for.
   * @throws CatalystError INDEX_INVALID when the object is missing, damaged or of another type
   */
  read(oid: string, type: 'commit' | 'tree' | 'blob'): Promise<Uint8Array>
}

const PACK_MAX_BYTES = 256 * 1024 * 1024

/** The refs of a server that begin with `prefix`, tags with the commit they lead to (`peeled`). Protocol 2: two small requests. */
export async function remoteRefs(remote: GitRemote, prefix: string): Promise<readonly ServerRef[]> {
  const git = await import('isomorphic-git')
  return speaking(remote, () => git.listServerRefs({ http: clientOf(remote), url: remote.url, prefix, symrefs: true, peelTags: true, protocolVersion: 2 }))
}

/**
 * Brings the branch (`refs/heads/…`; `HEAD`: the server's default one) with all its history into the bare repository
 * `gitdir`, which is made when it is not there, and returns its commit. What the repository has under the same ref is not sent again.
 * @throws CatalystError SOURCE_UNREACHABLE, RATE_LIMITED, UNAUTHORIZED, NOT_FOUND
 */
export async function fetchBranch(remote: GitRemote, gitdir: string, branch: string): Promise<string> {
  const git = await import('isomorphic-git')
  const fs = writableFs()
  await git.init({ fs, gitdir, bare: true, defaultBranch: 'main' })
  await git.addRemote({ fs, gitdir, remote: 'origin', url: remote.url, force: true })
  // Without `depth`: a shallow fetch sends the whole pack again each time, and could not prove descent.
  const { fetchHead, defaultBranch } = await speaking(remote, () =>
    git.fetch({ fs, gitdir, http: clientOf(remote), url: remote.url, remote: 'origin', ref: branch, remoteRef: branch, singleBranch: true, tags: false, cache: {} }).catch((error: unknown) => {
      if (error instanceof git.Errors.NotFoundError) throw new CatalystError('NOT_FOUND', `${shownUrl(remote.url)} has no ${branch === 'HEAD' ? 'commits on its default branch' : `branch ${branch}`}`, { cause: error })
      throw error
    }),
  )
  if (!fetchHead) throw new CatalystError('NOT_FOUND', `${shownUrl(remote.url)} has no commits`)
  // Only `refs/heads/*` is offered to the server as what we have.
  const ref = branch === 'HEAD' ? defaultBranch : branch
  if (ref?.startsWith('refs/heads/')) await git.writeRef({ fs, gitdir, ref, value: fetchHead, force: true })
  return fetchHead
}

/** The commit of a ref of a local repository; undefined when it has none. Reads only. */
export async function localRef(gitdir: string, ref: string): Promise<string | undefined> {
  const git = await import('isomorphic-git')
  try {
    return await git.resolveRef({ fs: readOnlyFs(), gitdir, ref })
  } catch (error) {
    if (error instanceof git.Errors.NotFoundError) return undefined
    throw error
  }
}

/** The commit that an id names, an annotated tag followed to its own; undefined when the repository has no such commit. Reads only. */
export async function localCommit(gitdir: string, oid: string): Promise<string | undefined> {
  const git = await import('isomorphic-git')
  try {
    return (await git.readCommit({ fs: readOnlyFs(), gitdir, oid, cache: {} })).oid
  } catch (error) {
    if (error instanceof git.Errors.NotFoundError || error instanceof git.Errors.ObjectTypeError) return undefined
    throw error
  }
}

/** The objects of a repository, read in place. `cache` keeps its pack indexes; share it between reads, not after the packs are replaced. */
export function gitObjects(gitdir: string, name: string, cache: object = {}): GitObjects {
  const fs = readOnlyFs()
  const one = async (oid: string, type: string): Promise<Uint8Array> => {
    const git = await import('isomorphic-git')
    try {
      const found = await git.readObject({ fs, gitdir, oid, format: 'content', cache })
      await rememberBases(cache)
      const bytes = found.object as Uint8Array
      if (found.type === type && objectId(type, bytes) === oid) return bytes
      throw new CatalystError('INDEX_INVALID', `${name}: object ${oid} is damaged, or no ${type}`)
    } catch (error) {
      if (error instanceof CatalystError) throw error
      throw new CatalystError('INDEX_INVALID', `${name}: the ${type} ${oid} cannot be read: ${reasonOf(error)}`, { cause: error })
    }
  }
  let turn: Promise<unknown> = Promise.resolve()
  return {
    // One at a time, so that each finds the bases that those before it have worked out.
    read(oid, type) {
      const answer = turn.then(() => one(oid, type))
      turn = answer.catch(() => undefined)
      return answer
    },
  }
}

/**
 * An object of a pack is often a difference to another, that one to a third. isomorphic-git means to remember objects that
 * lie three deep, but counts the depth only in packs that it wrote itself; elsewhere the count is not a number and every
 * object is worked out from the beginning (200 files of one index: 5,100 inflations instead of 400). Here it starts past three.
 */
async function rememberBases(cache: object): Promise<void> {
  for (const symbol of Object.getOwnPropertySymbols(cache)) {
    const packs: unknown = (cache as Record<symbol, unknown>)[symbol]
    if (!(packs instanceof Map)) continue
    for (const opening of packs.values() as Iterable<Promise<{ readDepth: number }>>) {
      const pack = await opening
      if (Number.isNaN(pack.readDepth)) pack.readDepth = 4
    }
  }
}

function objectId(type: string, bytes: Uint8Array): string {
  return createHash('sha1').update(`${type} ${bytes.length}\0`).update(bytes).digest('hex')
}

/** Anything that isomorphic-git throws about a server means that nobody speaks git there, or not to us. */
async function speaking<T>(remote: GitRemote, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof CatalystError || remote.signal?.aborted || /^E[A-Z]+$/.test(systemCode(error) ?? '')) throw error
    throw new CatalystError('SOURCE_UNREACHABLE', `${shownUrl(remote.url)} does not answer as a git server: ${reasonOf(error)}`, { cause: error })
  }
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]?.slice(0, 200) ?? ''
}

/** isomorphic-git's idea of HTTP on our own. Bodies are read whole first, so that a dropped connection is an error and no short pack. */
function clientOf(remote: GitRemote): HttpClient {
  const policy = { ...DEFAULT_RETRIES, ...remote.retries }
  const limits = { maxBytes: PACK_MAX_BYTES, signal: remote.signal }
  return {
    async request({ url, method = 'GET', headers = {}, body }) {
      const sent = body ? await collected(body) : undefined
      return withRetries(async () => {
        const credentials = remote.credentials ?? noCredentials
        const answer = await remote.http.send({ url, method: method === 'POST' ? 'POST' : 'GET', headers, credentials, ...limits, ...(sent ? { body: sent } : {}) })
        const bytes = await readBody(answer, limits)
        const type = { 'content-type': answer.headers['content-type'] ?? '' }
        return { url: answer.url, method, headers: type, body: once(bytes), statusCode: answer.status, statusMessage: '' }
      }, policy, remote.signal)
    },
  }
}

async function collected(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of body) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function* once(bytes: Uint8Array): AsyncIterableIterator<Uint8Array> {
  yield bytes
}

/** Writes by rename, so that two processes which fetch into one mirror never see half a file of each other. */
function writableFs(): PromiseFsClient {
  const writeFile = async (path: string, bytes: Uint8Array | string): Promise<void> => {
    const temporary = temporaryPath(path)
    await disk.writeFile(temporary, bytes, { mode: 0o600 })
    await disk.rename(temporary, path)
  }
  return { promises: { ...disk, writeFile } }
}

/**
 * A repository of somebody else's: reading it changes nothing in it. isomorphic-git looks at four files for each object;
 * plain synchronous calls do that for a tenth of what asynchronous ones cost. It also calls `readFile` with nothing, to see
 * whether a promise comes back.
 */
function readOnlyFs(): PromiseFsClient {
  const refuse = async (): Promise<never> => {
    throw Object.assign(new Error('read-only'), { code: 'EROFS' })
  }
  const promise = <A extends unknown[], R>(look: (...args: A) => R) => async (...args: A): Promise<R> => look(...args)
  const { statSync, lstatSync, readdirSync, readlinkSync } = files
  const readFile = async (path?: string, options: { encoding?: BufferEncoding } = {}): Promise<Buffer | string | undefined> => (path === undefined ? undefined : files.readFileSync(path, options))
  return { promises: { readFile, stat: promise(statSync), lstat: promise(lstatSync), readdir: promise(readdirSync), readlink: promise(readlinkSync), writeFile: refuse, mkdir: refuse, rmdir: refuse, unlink: refuse, symlink: refuse } }
}
