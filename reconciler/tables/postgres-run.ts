import { randomBytes } from 'node:crypto'
import { hexOf, sha256 } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import type { AppliedMigration, Fence, Migration, SqlLimits } from '../data-ports.ts'
import { appliedFrom, appliedSql, type Statement as OurStatement } from '../store-db/fence-sql.ts'
import type { Query } from '../store-db/postgres-connection.ts'
import { GUARD_FUNCTIONS } from '../store-db/postgres-guard.ts'
import { forgetByPassSql, issuePassSql, recordByPassSql, withdrawPassSql } from '../store-db/postgres-pass.ts'
import { Deadline } from './postgres-deadline.ts'
import { loginFailure, migrationFailure, type Progress } from './postgres-failures.ts'
import { assertHolds, type Host } from './postgres-host.ts'
import { quoted } from './postgres-names.ts'
import { oneTimePassword } from './postgres-password.ts'
import { dropGrounds, isEmpty } from './postgres-removal.ts'
import { letIn, settle, shutOutSql, survey, type Grounds } from './postgres-role.ts'
import { brokeOut, permittedStatements, refusal } from './postgres-rules.ts'
import { PostgresSession } from './postgres-session.ts'
import type { Statement } from './statements.ts'

/*
 * A migration on PostgreSQL. Two connections: ours prepares, looks on and ends it; the plugin's own runs its statements
 * one by one, and as the last of them our record, in one transaction. What the plugin's connection may do is settled by
 * the server: it is another role, and its transaction cannot be committed without the record (postgres-guard.ts).
 */

/** What is to be run, and how it is recorded. */
interface Task {
  readonly plugin: string
  /** As the package names it. */
  readonly file: string
  readonly text: string
  readonly record: (secret: string) => OurStatement
  /** Asked under the lock: may it run now? */
  readonly assertNext: (applied: readonly AppliedMigration[]) => void
}

/** Runs a migration and records it, or changes nothing. @throws as PluginTables.migrate */
export function runUp(host: Host, plugin: string, migration: Migration, fence: Fence, limits: SqlLimits): Promise<void> {
  const assertNext = (applied: readonly AppliedMigration[]): void => {
    if (applied.some(({ id }) => id === migration.id)) throw new CatalystError('MIGRATION_CHANGED', `${plugin}: ${migration.id} has run already`)
  }
  const record = (secret: string): OurStatement => recordByPassSql(secret, plugin, migration, fence.now)
  return run(host, { plugin, file: `migrations/${migration.id}.sql`, text: migration.up, record, assertNext }, fence, limits)
}

/** Undoes the newest migration and forgets it, or changes nothing. @throws as PluginTables.revert */
export async function runDown(host: Host, plugin: string, id: string, fence: Fence, limits: SqlLimits): Promise<void> {
  const { sql, params } = appliedSql('postgres', plugin)
  const applied = (await host.db.ask(sql, params)).map(appliedFrom)
  const assertNext = (now: readonly AppliedMigration[]): void => assertNewest(plugin, id, now)
  assertNext(applied)
  const down = applied.at(-1)?.down
  if (down === undefined) throw new CatalystError('MIGRATION_IRREVERSIBLE', `${plugin}: ${id} cannot be undone, for it came without ${id}.down.sql`)
  const record = (secret: string): OurStatement => forgetByPassSql(secret, plugin, id)
  await run(host, { plugin, file: `migrations/${id}.down.sql`, text: down, record, assertNext }, fence, limits)
}

function assertNewest(plugin: string, id: string, applied: readonly AppliedMigration[]): void {
  const newest = applied.at(-1)?.id
  if (newest !== id) throw new CatalystError('MIGRATION_CHANGED', `${plugin}: ${id} is not the newest migration, ${newest ?? 'none'} is; only that one can be undone`)
}

async function run(host: Host, task: Task, fence: Fence, limits: SqlLimits): Promise<void> {
  const statements = permittedStatements(task.text, task.file)
  const secret = randomBytes(32).toString('base64url')
  const { password, verifier } = oneTimePassword()
  const grounds = await host.db.transaction('write', (query) => prepare(query, task, fence, { secret, verifier, limitMs: limits.timeoutMs }))
  try {
    const session = await enter(host, grounds, password, limits)
    const progress: Progress = { file: task.file, token: fence.token, stage: 'statements', statement: undefined, transaction: undefined }
    const deadline = new Deadline(limits, () => stop(host, grounds, session))
    try {
      await host.db.transaction('write', (query) => close(query, grounds, secret))
      await execute(session, task, statements, secret, progress)
    } catch (error) {
      if (await committed(host, progress)) return
      throw deadline.stopped(task.file) ?? (await migrationFailure(host, grounds, progress, error))
    } finally {
      deadline.clear()
      await session.end()
    }
  } finally {
    await leave(host, grounds, secret)
  }
}

/** All that the plugin's connection will need, in one transaction of ours, under the lock that also guards the lease. */
async function prepare(query: Query, task: Task, fence: Fence, login: { readonly secret: string; readonly verifier: string; readonly limitMs: number }): Promise<Grounds> {
  await assertHolds(query, fence)
  const applied = appliedSql('postgres', task.plugin)
  task.assertNext((await query(applied.sql, applied.params)).map(appliedFrom))
  const grounds = await survey(query, task.plugin)
  if (grounds.quarantined) throw new CatalystError('MIGRATION_REFUSED', `${task.plugin}: its tables are in quarantine, ${task.file} cannot run`, { hint: 'Put the plugin back into plugins.yaml: its tables come back with it.' })
  await settle(query, grounds)
  for (const { sql, params } of issuePassSql({ plugin: task.plugin, role: grounds.role, token: fence.token, secret: login.secret })) await query(sql, params)
  await query(`GRANT EXECUTE ON FUNCTION ${GUARD_FUNCTIONS} TO ${quoted(grounds.role)}`)
  await letIn(query, grounds, login.verifier, login.limitMs)
  return grounds
}

/** How long a migration waits for a lock on a table that the live store uses. */
const LOCK_MS = 10_000
/** How often the server looks whether we are still there: what a killed process began ends within this time. */
const ORPHAN_MS = 1_000

async function enter(host: Host, grounds: Grounds, password: string, { timeoutMs }: SqlLimits): Promise<PostgresSession> {
  const settings = {
    search_path: grounds.schema,
    statement_timeout: timeoutMs,
    lock_timeout: Math.min(timeoutMs, LOCK_MS),
    idle_in_transaction_session_timeout: timeoutMs,
    client_connection_check_interval: ORPHAN_MS,
    client_encoding: 'UTF8',
  }
  try {
    return await PostgresSession.open(host.url, { login: { user: grounds.role, password }, settings, connectMs: Math.min(timeoutMs, LOCK_MS) })
  } catch (error) {
    throw loginFailure(grounds, error)
  }
}

async function execute(session: PostgresSession, task: Task, statements: readonly Statement[], secret: string, progress: Progress): Promise<void> {
  await session.ask('BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE')
  const [opened] = await session.ask('SELECT catalyst.open_migration($1, $2) AS transaction', [secret, task.plugin])
  progress.transaction = String(opened?.['transaction'])
  for (const statement of statements) {
    progress.statement = statement
    assertInside(session, statement, task.file, await session.run(statement.sql))
  }
  await checkConstraints(session)
  progress.stage = 'record'
  const record = task.record(secret)
  await session.ask(record.sql, record.params)
  progress.stage = 'commit'
  const tag = await session.run('COMMIT')
  if (tag !== 'COMMIT') throw new CatalystError('MIGRATION_FAILED', `${task.file}: the database rolled the transaction back`)
}

/** After a statement that was something else than it seemed nothing more is sent. The server commits nothing without our record, so none of it stands. */
function assertInside(session: PostgresSession, statement: Statement, file: string, tag: string): void {
  if (!session.inTransaction || brokeOut(tag)) throw refusal(statement, file, `the server says that it did ${tag || 'nothing'}`)
}

/** Lets deferred checks of the plugin's tables speak before the record is written: none of our locks is held while they work. */
async function checkConstraints(session: PostgresSession): Promise<void> {
  // The plugin may have changed its search path, and made operators of its own.
  const found = await session.ask(
    `SELECT pg_catalog.quote_ident(n.nspname) AS schema, pg_catalog.quote_ident(c.conname) AS name FROM pg_catalog.pg_constraint c, pg_catalog.pg_namespace n
     WHERE n.oid OPERATOR(pg_catalog.=) c.connamespace AND n.nspname OPERATOR(pg_catalog.=) pg_catalog.current_schema() AND c.condeferrable`)
  if (found.length > 0) await session.run(`SET CONSTRAINTS ${found.map((row) => `${row['schema']}.${row['name']}`).join(', ')} IMMEDIATE`)
}

/** Ends the plugin's connection, from one that nothing else waits on. It may have ended, and its number may be another's by now. */
async function stop(host: Host, { role }: Grounds, session: PostgresSession): Promise<void> {
  let ender: PostgresSession | undefined
  try {
    ender = await PostgresSession.open(host.url, { settings: { search_path: 'pg_catalog' }, connectMs: LOCK_MS })
    await ender.ask('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND usename = $2', [session.backend, role])
  } catch {
    session.destroy()
  } finally {
    await ender?.end()
  }
}

const SETTLED_ASKS = 50

/** Whether the transaction stands after all: an answer to COMMIT can be lost. @throws CatalystError STATE_UNAVAILABLE when nobody can tell */
async function committed(host: Host, { transaction, stage }: Progress): Promise<boolean> {
  if (transaction === undefined || stage !== 'commit') return false
  for (let i = 0; i < SETTLED_ASKS; i++) {
    const [row] = await host.db.ask('SELECT pg_xact_status($1::text::xid8) AS status FROM pg_sleep($2)', [transaction, i === 0 ? 0 : 0.1])
    if (row?.['status'] !== 'in progress') return row?.['status'] === 'committed'
  }
  throw new CatalystError('STATE_UNAVAILABLE', 'The store database still works on the transaction of a migration that was stopped')
}

/** Takes back what `prepare` lent. Of a plugin that has nothing in the database, nothing stays. */
async function leave(host: Host, grounds: Grounds, secret: string): Promise<void> {
  try {
    await host.db.transaction('write', async (query) => {
      if (!(await close(query, grounds, secret))) return
      for (const { sql, params } of withdrawPassSql(grounds.plugin, grounds.role)) await query(sql, params)
      await query(`REVOKE EXECUTE ON FUNCTION ${GUARD_FUNCTIONS} FROM ${quoted(grounds.role)}`)
      if (await isEmpty(query, grounds)) await dropGrounds(query, grounds)
    })
  } catch {
    // The database is gone. The password ends by itself, the pass is of no use without its secret; the next run takes both back.
  }
}

/** Closes the door behind us. @returns false when the next holder of the lease has opened it anew: then it is theirs. */
async function close(query: Query, { plugin, role }: Grounds, secret: string): Promise<boolean> {
  await query('SELECT one FROM catalyst.state FOR UPDATE')
  const [theirs] = await query('SELECT 1 AS found FROM catalyst.passes WHERE plugin = $1 AND digest <> $2', [plugin, hexOf(sha256(secret))])
  if (theirs) return false
  await query(shutOutSql(role))
  return true
}
