import { STATUS_CODES } from 'node:http'
import { API_PROBLEMS, type ApiProblemCode, PROBLEM_TYPE_BASE } from '../schemas/api-problems.ts'
import type { ProblemDocument } from '../schemas/api.ts'
import { CatalystError, redact } from '../schemas/errors.ts'
import { printable } from '../schemas/printable.ts'
import { answer, type Exchange } from './exchange.ts'

/** A refusal on its way to the client. Thrown by what handlers call. `detail` is for people. */
export class ApiError extends Error {
  readonly code: ApiProblemCode
  readonly headers: Readonly<Record<string, string>>
  readonly errors: ProblemDocument['errors']

  constructor(code: ApiProblemCode, detail: string, more: { readonly headers?: Readonly<Record<string, string>>; readonly errors?: ProblemDocument['errors']; readonly cause?: unknown } = {}) {
    super(detail, more.cause === undefined ? undefined : { cause: more.cause })
    this.name = 'ApiError'
    this.code = code
    this.headers = more.headers ?? {}
    this.errors = more.errors
  }
}

/** An answer that says what went wrong, as JSON (RFC 9457). What a client sent, and is told again, is made printable. */
export function problem(exchange: Exchange, code: ApiProblemCode, detail: string, headers: Readonly<Record<string, string>> = {}, errors?: ProblemDocument['errors']): Response {
  exchange.code = code
  return answer(exchange, API_PROBLEMS[code].status, JSON.stringify(problemDocument(code, detail, exchange.id, errors)), { ...PROBLEM_HEADERS, ...headers })
}

export const PROBLEM_HEADERS = { 'content-type': 'application/problem+json', 'cache-control': 'no-store' } as const

/** The body of a problem answer. Pure. */
export function problemDocument(code: ApiProblemCode, detail: string, requestId: string, errors?: ProblemDocument['errors']): ProblemDocument {
  const { status, hint } = API_PROBLEMS[code]
  const type = PROBLEM_TYPE_BASE + code.toLowerCase().replaceAll('_', '-')
  return { type, title: STATUS_CODES[status] ?? 'Error', status, code, detail: redact(printable(detail, { max: 500 })), hint, requestId, ...(errors && { errors }) }
}

/** What any thrown thing is to the client. Nothing of an unexpected error goes out; the log has it. */
export function problemOf(exchange: Exchange, error: unknown): Response {
  if (error instanceof ApiError) {
    if (error.cause !== undefined) exchange.fault = error.cause
    return problem(exchange, error.code, error.message, error.headers, error.errors)
  }
  if (error instanceof CatalystError && isApiCode(error.code)) return ofCatalyst(exchange, error, error.code)
  exchange.fault = error
  if (TOO_MANY_FILES.has((error as NodeJS.ErrnoException).code ?? '')) return problem(exchange, 'BUSY', 'too many files are open; ask again', AGAIN)
  return problem(exchange, 'INTERNAL', 'the request could not be worked on')
}

/** What of ours was refused has words that may be read; what of ours failed has words for the log. */
function ofCatalyst(exchange: Exchange, error: CatalystError, code: ApiProblemCode): Response {
  if (API_PROBLEMS[code].status < 500) return problem(exchange, code, error.message, {}, error.problems.length > 0 ? error.problems.map(({ code, message }) => ({ code, message })) : undefined)
  exchange.fault = error
  return problem(exchange, code, code === 'BUSY' ? 'too much waits already' : 'this cannot be answered now', AGAIN)
}

const AGAIN = { 'retry-after': '5' }
const TOO_MANY_FILES = new Set(['EMFILE', 'ENFILE'])

function isApiCode(code: string): code is ApiProblemCode {
  return Object.hasOwn(API_PROBLEMS, code)
}
