import { mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { CatalystError, type ErrorCode } from '../../schemas/errors.ts'

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  EFBIG: 'DISK_FULL',
  EROFS: 'READ_ONLY',
  EACCES: 'READ_ONLY',
  EPERM: 'READ_ONLY',
  ENOTDIR: 'FILE_UNREADABLE',
  EISDIR: 'FILE_UNREADABLE',
  ELOOP: 'FILE_UNREADABLE',
}

/** Gives a failure of the file system its code: what was tried stands in the message. Others are returned as they are, a foreign one as INTERNAL. */
export function diskError(error: unknown, tried: string): CatalystError {
  if (error instanceof CatalystError) return error
  const { code, message } = error as NodeJS.ErrnoException
  return new CatalystError(CODES[code ?? ''] ?? 'INTERNAL', `Could not ${tried}: ${message}`, { cause: error })
}

/** Runs `work`; a failure says what was tried. @throws CatalystError DISK_FULL, READ_ONLY, INTERNAL */
export function trying<T>(tried: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw diskError(error, tried)
  }
}

/** Replaces a file as a whole: a reader sees the old content or the new one. */
export function replaceFile(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.next`
  mkdirSync(dirname(path), { recursive: true })
  rmSync(temporary, { force: true })
  try {
    // `wx`: never through a link that lies there.
    writeFileSync(temporary, text, { flag: 'wx' })
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

/** Points a symbolic link somewhere else by one rename: it exists at every moment. */
export function replaceLink(path: string, target: string): void {
  const temporary = `${path}.next`
  rmSync(temporary, { force: true })
  symlinkSync(target, temporary)
  renameSync(temporary, path)
}

/** The content of a file, undefined when there is none. Every other failure is thrown: absence is not unknown. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** The bytes of a file, undefined when there is none, or nothing that is a file. */
export function bytesIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

/** Where a symbolic link points to, undefined when there is no link. */
export function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EINVAL') return undefined
    throw error
  }
}

/** Makes a folder and its parents unless they exist. */
export function mkdirIfMissing(folder: string): void {
  mkdirSync(folder, { recursive: true })
}
