import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync } from 'node:fs'
import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CatalystError } from '../schemas/errors.ts'
import { systemCode } from './disk-errors.ts'

/** True when `path` is `root` or below it. Both absolute and without `..`. */
export function isInside(path: string, root: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)
}

/**
 * The bytes of a `file:` URL that lies in one of the folders `roots`, links followed and checked again.
 * @throws CatalystError FOREIGN_URL (outside), NOT_FOUND, SIZE_MISMATCH (over `maxBytes`), SOURCE_UNREACHABLE
 */
export function readLocalFile(url: string, roots: readonly string[], maxBytes: number): Buffer {
  const path = realPath(url)
  if (!roots.some((root) => isInside(path, realRoot(root)))) {
    throw new CatalystError('FOREIGN_URL', `${url} lies outside of every folder registry of this store`)
  }
  return readBounded(path, url, maxBytes)
}

function realPath(url: string): string {
  try {
    return realpathSync(fileURLToPath(url))
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') throw new CatalystError('NOT_FOUND', `${url} does not exist`, { cause: error, hint: 'Check that the folder of the registry is complete.' })
    if (systemCode(error)?.startsWith('ERR_')) throw new CatalystError('FOREIGN_URL', `${url} does not name a file of this machine`, { cause: error })
    throw new CatalystError('SOURCE_UNREACHABLE', `${url} cannot be read (${systemCode(error)})`, { cause: error, hint: 'Give this user access to the folder.' })
  }
}

function realRoot(root: string): string {
  try {
    return realpathSync(root)
  } catch {
    return root
  }
}

// Never waits: a named pipe or device in place of the file is refused.
function readBounded(path: string, url: string, maxBytes: number): Buffer {
  let file: number | undefined
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const stat = fstatSync(file)
    if (!stat.isFile()) throw new CatalystError('SOURCE_UNREACHABLE', `${url} is not a regular file`)
    if (stat.size > maxBytes) throw new CatalystError('SIZE_MISMATCH', `${url} has ${stat.size} bytes, but at most ${maxBytes} are taken`)
    return readFileSync(file)
  } catch (error) {
    if (error instanceof CatalystError) throw error
    throw new CatalystError('SOURCE_UNREACHABLE', `${url} cannot be read (${systemCode(error)})`, { cause: error, hint: 'Give this user access to the folder.' })
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
