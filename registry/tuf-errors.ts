import { CatalystError, type ErrorCode } from '../schemas/errors.ts'

/** What the library's words mean. The order counts: the first that fits. */
const MEANINGS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/is expired/, 'INDEX_STALE'],
  [/less than current version|Missing file .* in new snapshot/, 'INDEX_REWRITTEN'],
  [/SyntaxError|Unexpected (token|end|non-whitespace)|is not valid JSON|TypeError|is not defined|must be an?\b|expected '/, 'INDEX_INVALID'],
]

/**
 * What a refusal of TUF's client means to an operator: expired INDEX_STALE, versions that went back INDEX_REWRITTEN, no
 * metadata at all INDEX_INVALID, and everything that was not signed as the pinned root asks INDEX_UNTRUSTED. A failed
 * download stays what it was.
 */
export function tufProblem(error: unknown, registry: string, failures: readonly CatalystError[]): unknown {
  if (error instanceof CatalystError || !(error instanceof Error)) return error
  const failed = failures.find((failure) => error.message.includes(failure.message))
  if (failed) return failed
  const code = MEANINGS.find(([words]) => words.test(error instanceof SyntaxError || error instanceof TypeError ? `${error.name}: ${error.message}` : error.message))?.[1] ?? 'INDEX_UNTRUSTED'
  const said = error.message.replace(/^Unable to load \w+ (metadata )?error (\w*Error: )?/, '')
  if (code === 'INDEX_STALE') return new CatalystError(code, `the index of registry ${registry} has expired (${said})`, { cause: error, hint: EXPIRED_HINT })
  return new CatalystError(code, `registry ${registry}: ${said}`, { cause: error })
}

const EXPIRED_HINT = 'Check the clock of this machine; then its maintainers must publish again, or, if they have, somebody in between holds it back. What is locked can be applied.'
