import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import { sha256, type Digest } from '../schemas/digest.ts'
import { temporaryPath, writeAtomically } from './atomic-write.ts'
import { diskError, isDiskFull, isReadOnly, systemCode } from './disk-errors.ts'
import { makePrivateFolder, type CachePaths } from './paths.ts'

/** Files of this machine by their digest. */
export interface ArtifactCache {
  /** The bytes whose digest this is, hashed at every read; undefined when there are none. What is not what its name says is removed. */
  read(digest: Digest, maxBytes: number): Buffer | undefined
  /**
   * Keeps bytes. A cache that this user may not write keeps nothing and says so once through `warn`: it is there for
   * speed only. @throws CatalystError DISK_FULL, because what comes next would fail too
   */
  write(digest: Digest, bytes: Uint8Array): void
  /** A place for a file that is too large to be held twice in memory; undefined when the cache cannot be written. @throws CatalystError DISK_FULL */
  spool(): Spool | undefined
}

/** A file that is hashed while it is written. */
export interface Spool {
  /** @throws CatalystError DISK_FULL */
  write(piece: Uint8Array): void
  /** Ends writing: the digest of everything written. */
  digest(): Digest
  /** Puts the file where `read` finds it. */
  keep(digest: Digest): void
  /** Removes what was not kept. */
  discard(): void
}

/**
 * The cache in a folder. Plain synchronous calls: for files of this size they cost far less than asynchronous ones.
 * `writeFile` is there for tests of a disk that fails.
 */
export function artifactCache(paths: CachePaths, warn: (message: string) => void = () => undefined, writeFile = writeAtomically): ArtifactCache {
  let writable = true
  const guarded = <T>(work: () => T): T | undefined => {
    if (!writable) return undefined
    try {
      return work()
    } catch (error) {
      if (isDiskFull(error)) throw diskError(error, paths.artifacts)
      writable = false
      warn(`The cache is not used: ${diskError(error, paths.artifacts).message}`)
      return undefined
    }
  }
  return {
    read: (digest, maxBytes) => readVerified(paths.artifact(digest), digest, maxBytes),
    write: (digest, bytes) => guarded(() => writeFile(paths.artifact(digest), bytes)),
    spool: () => guarded(() => openSpool(paths)),
  }
}

function readVerified(path: string, digest: Digest, maxBytes: number): Buffer | undefined {
  try {
    const bytes = readPlainFile(path, maxBytes)
    if (bytes && sha256(bytes) === digest) return bytes
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || isReadOnly(error)) return undefined
  }
  removeAltered(path)
  return undefined
}

/** A regular file of at most `maxBytes`; undefined for a longer one, a folder or a device. @throws ELOOP for a link */
function readPlainFile(path: string, maxBytes: number): Buffer | undefined {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(file)
    if (!stat.isFile() || stat.size > maxBytes) return undefined
    const bytes = Buffer.allocUnsafeSlow(stat.size)
    return bytes.subarray(0, readSync(file, bytes, 0, stat.size, 0))
  } finally {
    closeSync(file)
  }
}

function removeAltered(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true })
  } catch {
    // A cache that may not be cleaned is read-only; the next write finds that out and says so.
  }
}

function openSpool(paths: CachePaths): Spool {
  makePrivateFolder(paths.artifacts)
  const path = temporaryPath(paths.artifact('sha256:download'))
  const file = openSync(path, 'wx', 0o600)
  const hash = createHash('sha256')
  let open = true
  const close = (): void => {
    if (open) closeSync(file)
    open = false
  }
  return {
    write: (piece) => {
      hash.update(piece)
      writeWhole(file, piece, paths.artifacts)
    },
    digest: () => {
      close()
      return `sha256:${hash.digest('hex')}`
    },
    keep: (digest) => renameSync(path, paths.artifact(digest)),
    discard: () => {
      close()
      rmSync(path, { force: true })
    },
  }
}

function writeWhole(file: number, piece: Uint8Array, folder: string): void {
  try {
    for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at)
  } catch (error) {
    throw diskError(error, folder)
  }
}
