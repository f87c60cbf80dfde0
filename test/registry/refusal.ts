import { expect } from 'vitest'
import { CatalystError, type ErrorCode } from '../../schemas/errors.ts'

/** The CatalystError that the work ends with; its code must be the one named. */
export async function refusal(work: () => unknown, code: ErrorCode): Promise<CatalystError> {
  let error: unknown
  try {
    await work()
  } catch (thrown) {
    error = thrown
  }
  if (!(error instanceof CatalystError)) throw new Error(`expected ${code}, got ${error === undefined ? 'no error' : String(error)}`, { cause: error })
  expect(error.code, error.message).toBe(code)
  expect(error.hint).not.toBe('')
  return error
}
