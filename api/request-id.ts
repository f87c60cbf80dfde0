import { randomUUID } from 'node:crypto'
import { redact } from '../schemas/errors.ts'

const SANE = /^[A-Za-z0-9][A-Za-z0-9._:-]{7,63}$/

/** The id that a client or a proxy gave its request, when it is one that can stand in a log, and no credential; else a new one. */
export function requestId(given: string | readonly string[] | undefined): string {
  return typeof given === 'string' && SANE.test(given) && redact(given) === given ? given : randomUUID()
}
