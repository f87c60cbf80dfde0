import { CatalystError } from '../../schemas/errors.ts'
import { PASS_STATES, sqlState } from '../store-db/postgres-errors.ts'
import { GUARD_STATES } from '../store-db/postgres-guard.ts'
import type { Host } from './postgres-host.ts'
import { leaseLost } from './postgres-host.ts'
import type { Grounds } from './postgres-role.ts'
import { rights } from './postgres-role.ts'
import type { Statement } from './statements.ts'
import { tokensOf, valueOf } from './tokens.ts'

/* What went wrong with a migration, said as an error of ours. What the server says about a plugin's SQL is foreign text. */

/** How far a migration has come. */
export interface Progress {
  readonly file: string
  readonly token: number
  stage: 'statements' | 'record' | 'commit'
  statement: Statement | undefined
  /** The transaction, by its number. */
  transaction: string | undefined
}

/** SQLSTATEs that say: it tried what it has no right to, or what cannot be undone. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const NOT_ALLOWED: Readonly<Record<string, string>> = {
  '42501': 'its role has no right to',
  '25001': 'it cannot be undone together with the migration',
  '2D000': 'it controls the transaction, in which our own record of the migration is written',
  [GUARD_STATES.unrecorded]: 'it controls the transaction, in which our own record of the migration is written',
}
const TRY_LATER: readonly string[] = ['57014', '55P03', '40P01', '40001', '25P03']
const UNKNOWN_RELATION = ['42P01', '3F000', '42704']

/** The error of a migration that stands in no way. @throws CatalystError STATE_UNAVAILABLE when the database is gone */
export async function migrationFailure(host: Host, grounds: Grounds, progress: Progress, error: unknown): Promise<CatalystError> {
  if (error instanceof CatalystError) return error
  const state = sqlState(error)
  if (state === undefined || state.startsWith('57P')) {
    await host.db.ask('SELECT 1')
    return failed(progress, 'MIGRATION_FAILED', `the database ended its connection: ${said(error)}`, error)
  }
  if (progress.stage === 'record') return recordFailure(progress, state, error)
  if (state === '53100') return failed(progress, 'DISK_FULL', said(error), error)
  if (TRY_LATER.includes(state)) return failed(progress, 'MIGRATION_TIMEOUT', said(error), error)
  const foreign = UNKNOWN_RELATION.includes(state) && progress.statement ? await foreignTables(host, grounds, progress.statement) : []
  if (foreign.length > 0) return failed(progress, 'MIGRATION_REFUSED', `${foreign.join(', ')} ${foreign.length > 1 ? 'are' : 'is'} not the plugin’s`, error)
  const why = NOT_ALLOWED[state]
  return why ? failed(progress, 'MIGRATION_REFUSED', `${said(error)}: ${why}`, error) : failed(progress, 'MIGRATION_FAILED', said(error), error)
}

function recordFailure(progress: Progress, state: string, error: unknown): CatalystError {
  if (state === PASS_STATES.leaseLost) return leaseLost(progress.token)
  return failed({ ...progress, statement: undefined }, state === GUARD_STATES.unconfined || state === PASS_STATES.refused ? 'MIGRATION_REFUSED' : 'MIGRATION_FAILED', said(error), error)
}

function failed({ file, statement }: Progress, code: 'MIGRATION_FAILED' | 'MIGRATION_REFUSED' | 'MIGRATION_TIMEOUT' | 'DISK_FULL', what: string, cause: unknown): CatalystError {
  const line = statement && lineOf(statement, cause)
  return new CatalystError(code, `${file}${line ? ` line ${line}` : ''}: ${what}`, { place: { file, ...(line ? { line } : {}) }, cause })
}

/** Where the server points; else where the statement begins. */
function lineOf({ sql, line }: Statement, error: unknown): number {
  const position = Number((error as { position?: string }).position ?? 1)
  const points = Array.from(sql.slice(0, position * 2)).slice(0, position - 1)
  return line + points.filter((c) => c === '\n').length
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Names in a statement under which there are tables in other schemas: the plugin's search path shows it none of them. */
async function foreignTables(host: Host, { schema }: Grounds, { sql }: Statement): Promise<readonly string[]> {
  const names = [...tokensOf(sql, 'postgres')].flatMap((token) => {
    if (token.kind === 'name') return [valueOf(sql, token)]
    return token.kind === 'word' ? [valueOf(sql, token).toLowerCase()] : []
  })
  const found = await host.db.ask(
    `SELECT DISTINCT c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relname = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname <> $2 AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 1`,
    [names, schema])
  return found.map((row) => String(row['name']))
}

/** The plugin's role could not log in, although it exists and the password is fresh. */
export function loginFailure(grounds: Grounds, error: unknown): CatalystError {
  const state = sqlState(error)
  const { database } = grounds
  if (state?.startsWith('28')) return rights(`The server does not let the role ${grounds.role} in, in which the plugin’s SQL is confined: ${said(error)}`, [`-- in pg_hba.conf, then SELECT pg_reload_conf();`, `-- host  ${database}  /^plg_  samehost  scram-sha-256`], error)
  if (state === '42501') return rights(`The role ${grounds.role} may not connect to the database`, [`GRANT CONNECT ON DATABASE "${database}" TO "${grounds.role}";`], error)
  if (state === '53300') return new CatalystError('BUSY', `The server has no free connection for the role ${grounds.role}`, { cause: error })
  return new CatalystError('STATE_UNAVAILABLE', `The role ${grounds.role} could not connect to the store database: ${said(error)}`, { cause: error })
}
