import { CatalystError } from '../schemas/errors.ts'

const FULL = new Set(['ENOSPC', 'EDQUOT'])
const LOCKED = new Set(['EROFS', 'EACCES', 'EPERM'])

/** The `code` of a system error (ENOENT, …), undefined for anything else. */
export function systemCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return typeof code === 'string' ? code : undefined
}

/** True when the disk or the user's quota is full. */
export function isDiskFull(error: unknown): boolean {
  return FULL.has(systemCode(error) ?? '')
}

/** True when this user may not write there. */
export function isReadOnly(error: unknown): boolean {
  return LOCKED.has(systemCode(error) ?? '')
}

/** What a failed read or write of a file of ours means to a person. An error of ours passes unchanged. */
export function diskError(error: unknown, path: string): CatalystError {
  if (error instanceof CatalystError) return error
  if (isDiskFull(error)) return new CatalystError('DISK_FULL', `No space left to write ${path}`, { cause: error })
  if (isReadOnly(error)) return new CatalystError('READ_ONLY', `${path} cannot be written by this user (${systemCode(error)})`, { cause: error })
  if (systemCode(error) === 'ENOENT') return new CatalystError('FILE_NOT_FOUND', `${path} does not exist`, { cause: error })
  return new CatalystError('FILE_UNREADABLE', `${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
}
