import { CatalystError } from '../../schemas/errors.ts'
import { splitStatements, type Statement } from './statements.ts'
import { tokensOf, valueOf } from './tokens.ts'

/*
 * Which statements a migration may hold on PostgreSQL. The plugin's role has no rights but its own, so this is not what
 * keeps others safe: it tells an author early, with the line, what the database would refuse late or what would leave
 * something behind that is no table. Default deny, by the words that a statement begins with.
 */

const DATA = ['INSERT', 'UPDATE', 'DELETE', 'MERGE', 'SELECT', 'WITH', 'VALUES', 'TRUNCATE', 'LOCK', 'COMMENT', 'ANALYZE', 'ANALYSE', 'REFRESH', 'DO']
const THINGS = ['TABLE', 'INDEX', 'SEQUENCE', 'VIEW', 'TYPE', 'DOMAIN', 'FUNCTION', 'PROCEDURE', 'ROUTINE', 'AGGREGATE', 'TRIGGER', 'STATISTICS', 'COLLATION', 'POLICY', 'RULE']
/** Words between the verb and the kind of thing: `CREATE OR REPLACE`, `CREATE UNIQUE INDEX`, `DROP MATERIALIZED VIEW`. */
const BETWEEN = ['OR', 'REPLACE', 'UNIQUE', 'MATERIALIZED', 'RECURSIVE', 'CONSTRAINT', 'TEMP', 'TEMPORARY', 'LOCAL', 'UNLOGGED']

const TRANSACTION = 'it controls the transaction, in which our own record of the migration is written'
const SESSION = 'it would change or outlive the session'
const FILES = 'it reads or writes files and programs of the server, or the connection'
const OUTSIDE = 'it cannot be undone together with the migration'
const OTHERS = 'it concerns more than the plugin’s own tables'

const WHY: Readonly<Record<string, string>> = {
  BEGIN: TRANSACTION, START: TRANSACTION, COMMIT: TRANSACTION, END: TRANSACTION, ROLLBACK: TRANSACTION, ABORT: TRANSACTION, SAVEPOINT: TRANSACTION, RELEASE: TRANSACTION, CALL: TRANSACTION,
  PREPARE: SESSION, EXECUTE: SESSION, DEALLOCATE: SESSION, DECLARE: SESSION, FETCH: SESSION, MOVE: SESSION, CLOSE: SESSION, SET: SESSION, RESET: SESSION, DISCARD: SESSION, LISTEN: SESSION, UNLISTEN: SESSION, NOTIFY: SESSION, LOAD: SESSION,
  COPY: FILES, VACUUM: OUTSIDE, CLUSTER: OUTSIDE, REINDEX: OUTSIDE, CHECKPOINT: OUTSIDE,
}

/**
 * The statements of a migration, each one that may be tried.
 * @throws CatalystError MIGRATION_REFUSED with the line of the first that may not
 */
export function permittedStatements(text: string, file: string): readonly Statement[] {
  const statements = splitStatements(text, 'postgres')
  for (const statement of statements) {
    const why = whyNot(statement.words) ?? whyNotCalled(statement.sql)
    if (why) throw refusal(statement, file, why)
  }
  return statements
}

/** Why a statement that begins with these words is not taken, or undefined when it may be tried. */
export function whyNot(words: readonly string[]): string | undefined {
  const [verb = '', ...rest] = words
  if (verb === '') return 'it does not begin with a word'
  if (DATA.includes(verb)) return undefined
  if (verb !== 'CREATE' && verb !== 'ALTER' && verb !== 'DROP') return WHY[verb] ?? OTHERS
  const thing = rest.findIndex((word) => !BETWEEN.includes(word))
  if (!THINGS.includes(rest[thing] ?? '')) return OTHERS
  return rest[thing] === 'INDEX' && rest[thing + 1] === 'CONCURRENTLY' ? `${OUTSIDE}; write it without CONCURRENTLY` : undefined
}

/** Functions that reach past the plugin's tables and are everybody's to call. Found where they are called by name; by other ways they reach no further than the session, which ends, or the guard. */
const FUNCTIONS: readonly (readonly [RegExp, string])[] = [
  [/^(set_config|pg_reload_conf|pg_(try_)?advisory_(xact_)?(un)?lock(_all|_shared)?)$/, SESSION],
  [/^(pg_notify|pg_(terminate|cancel)_backend|pg_logical_emit_message)$/, OTHERS],
  [/^(lo_(creat|create|import|export|open|put|get|from_bytea|unlink|truncate|truncate64)|loread|lowrite)$/, 'large objects belong to no table'],
  [/^dblink/, 'it connects to somewhere else'],
]

function whyNotCalled(sql: string): string | undefined {
  const tokens = [...tokensOf(sql, 'postgres')].filter(({ kind }) => kind !== 'blank')
  for (const [i, token] of tokens.entries()) {
    const next = tokens[i + 1]
    if ((token.kind !== 'word' && token.kind !== 'name') || next === undefined || sql[next.start] !== '(') continue
    const name = token.kind === 'word' ? valueOf(sql, token).toLowerCase() : valueOf(sql, token)
    const rule = FUNCTIONS.find(([pattern]) => pattern.test(name))
    if (rule) return `it calls ${name}: ${rule[1]}`
  }
  return undefined
}

/** What the server calls a statement that has ended: one that had any of these has left the transaction or changed the session, whatever it looked like. */
export function brokeOut(commandTag: string): boolean {
  return /^(BEGIN|START|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|PREPARE|EXECUTE|DEALLOCATE|SET|RESET|DISCARD|LISTEN|UNLISTEN|NOTIFY|LOAD|COPY|CALL|DECLARE)\b/.test(commandTag)
}

/** A statement that is not taken, said with its first words and its line. */
export function refusal({ words, line }: Pick<Statement, 'words' | 'line'>, file: string, why: string, cause?: unknown): CatalystError {
  return new CatalystError('MIGRATION_REFUSED', `${file} line ${line}: ${words.slice(0, 3).join(' ') || 'a statement'} is refused: ${why}`, { place: { file, line }, cause })
}
