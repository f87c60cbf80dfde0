import { CatalystError, type ErrorCode } from '../../schemas/errors.ts'

/** The SQLSTATEs that `catalyst.use_pass` raises; no other software uses the class CT. */
export const PASS_STATES = { leaseLost: 'CT001', refused: 'CT002' } as const

interface Meaning {
  readonly code: ErrorCode
  readonly hint?: string
}

const CHECK_URL = 'Check host, user, password and database of `store.database`; the password may stand in a variable: ${env:DATABASE_URL}.'

const READS_ONLY: Meaning = { code: 'READ_ONLY', hint: 'The server is a standby or set to read only; name the primary in `store.database`.' }

// https://www.postgresql.org/docs/current/errcodes-appendix.html; a class is two characters
const MEANINGS: Readonly<Record<string, Meaning>> = {
  '28': { code: 'STATE_UNAVAILABLE', hint: CHECK_URL },
  '3D000': { code: 'STATE_UNAVAILABLE', hint: CHECK_URL },
  '25006': READS_ONLY,
  '42501': { code: 'STATE_UNAVAILABLE' },
  '53100': { code: 'DISK_FULL', hint: 'The disk of the database server is full; nothing was recorded.' },
  '53300': { code: 'STATE_UNAVAILABLE', hint: 'The server has no free connection; run the command again.' },
  '55P03': { code: 'BUSY', hint: 'Another process writes to the database for longer than five seconds; run the command again.' },
  '40': { code: 'BUSY', hint: 'Another process wrote to the same records; run the command again.' },
  '57014': { code: 'STATE_UNAVAILABLE', hint: 'The server took longer than a statement may take; look what keeps it busy, then run the command again.' },
  [PASS_STATES.leaseLost]: { code: 'LEASE_LOST' },
}

/** What went wrong with a database, as an error of ours. `secret` is the password: no text of ours holds it. */
export function postgresError(error: unknown, place: { readonly name: string; readonly role: string; readonly secret: string | undefined }): CatalystError {
  if (error instanceof CatalystError) return error
  const state = sqlState(error)
  const meaning = state === undefined ? undefined : isStandby(error) ? READS_ONLY : (MEANINGS[state] ?? MEANINGS[state.slice(0, 2)])
  const said = place.secret && place.secret.length >= 4 ? wordsOf(error).replaceAll(place.secret, '***') : wordsOf(error)
  const hint = state === '42501' ? grantHint(place) : meaning?.hint
  return new CatalystError(meaning?.code ?? 'STATE_UNAVAILABLE', `The store database ${place.name}: ${said}`, { cause: error, ...(hint ? { hint } : {}) })
}

/** A standby refuses `BEGIN … READ WRITE` as "feature not supported", in words of the server's language, from the check of a setting. */
function isStandby(error: unknown): boolean {
  const { code, routine } = error as { code?: unknown; routine?: unknown }
  return code === '0A000' && routine === 'call_bool_check_hook'
}

/** The five characters by which the server names an error; undefined when it did not come from the server. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code
  return error instanceof Error && 'severity' in error && typeof code === 'string' ? code : undefined
}

/** Several addresses that were tried in vain make an error without words. */
function wordsOf(error: unknown): string {
  const { message, code, errors } = error as { message?: string; code?: string; errors?: readonly Error[] }
  return message || errors?.[0]?.message || code || String(error)
}

function grantHint({ name, role }: { readonly name: string; readonly role: string }): string {
  const database = name.slice(name.lastIndexOf('/') + 1)
  return `Let the administrator of the server run: CREATE SCHEMA catalyst AUTHORIZATION "${role}"; or, if the schema exists, ALTER SCHEMA catalyst OWNER TO "${role}"; in the database ${database}, with its tables.`
}
