import { CatalystError, type ErrorCode, type Place, type Problem } from '../schemas/errors.ts'

/** An error as data, for the way from one thread to another. */
export interface ErrorData {
  readonly code: ErrorCode
  readonly message: string
  readonly hint: string
  readonly place: Place | undefined
  readonly problems: readonly Problem[]
}

export function errorData(error: unknown): ErrorData {
  const known = error instanceof CatalystError ? error : new CatalystError('INTERNAL', error instanceof Error ? (error.stack ?? error.message) : String(error))
  const { code, message, hint, place, problems } = known
  return { code, message, hint, place, problems }
}

export function errorFrom({ code, message, hint, place, problems }: ErrorData): CatalystError {
  return new CatalystError(code, message, { hint, place, problems })
}
