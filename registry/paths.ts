import { mkdirSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { hexOf, sha256 } from '../schemas/digest.ts'

/** Where the machine's cache keeps what. Everything in it can be fetched again; nothing in it is trusted without its hash. */
export interface CachePaths {
  readonly root: string
  /** Artifacts and bundles by digest. */
  readonly artifacts: string
  /** Answers of APIs that came with an ETag. */
  readonly answers: string
  artifact(digest: string): string
  /** The bare mirror of an index repository. */
  mirror(url: string): string
  /** Metadata and files of a TUF index under one pinned root. */
  tuf(url: string, pinned: string): string
  answer(key: string): string
}

/** The paths below one cache folder. Pure: makes nothing. */
export function cachePaths(root: string): CachePaths {
  const artifacts = join(root, 'artifacts')
  const answers = join(root, 'answers')
  return {
    root,
    artifacts,
    answers,
    artifact: (digest) => join(artifacts, hexOf(digest)),
    mirror: (url) => join(root, 'git', `${hexOf(sha256(url)).slice(0, 32)}.git`),
    tuf: (url, pinned) => join(root, 'tuf', hexOf(sha256(`${url}\n${pinned}`)).slice(0, 32)),
    answer: (key) => join(answers, `${hexOf(sha256(key)).slice(0, 32)}.json`),
  }
}

/**
 * The cache folder of this user: `$CATALYST_CACHE_DIR`, else `$XDG_CACHE_HOME/catalyst`, else `~/.cache/catalyst`.
 * A relative `XDG_CACHE_HOME` is ignored, as the XDG Base Directory Specification demands.
 */
export function cacheRoot(env: Readonly<Record<string, string | undefined>>, home: string): string {
  if (env.CATALYST_CACHE_DIR && isAbsolute(env.CATALYST_CACHE_DIR)) return env.CATALYST_CACHE_DIR
  const base = env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME) ? env.XDG_CACHE_HOME : join(home, '.cache')
  return join(base, 'catalyst')
}

/** Makes a folder that only this user can enter (0700), with those above it. */
export function makePrivateFolder(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
}
