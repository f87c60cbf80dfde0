import { CatalystError } from '../../schemas/errors.ts'
import type { AppliedMigration, BackupRef, Dialect } from '../data-ports.ts'
import { appliedFrom, appliedSql, fenceSql, forgetMigrationSql, markQuarantinedSql, recordOwnedSql, type Owned, type Statement } from '../store-db/fence-sql.ts'
import type { BackupEntry, BackupState, CommittedRestores } from './table-store.ts'

/*
 * Our own records in the store's database, for either kind: the list of backups, restores that were committed, applied
 * migrations. The statements run on the connection of whoever asks, in its transaction.
 */

/** Runs one statement. */
export type Run = (statement: Statement) => Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[]; readonly changes: number }>

/** The tables that only backups use. */
export function tablesSql(dialect: Dialect): readonly Statement[] {
  return [
    'CREATE TABLE IF NOT EXISTS catalyst.backups (name TEXT PRIMARY KEY, state TEXT NOT NULL, at TEXT NOT NULL, ref TEXT)',
    'CREATE TABLE IF NOT EXISTS catalyst.restores (restore TEXT PRIMARY KEY)',
  ].map((sql) => statement(dialect, sql))
}

/** @throws CatalystError LEASE_LOST when the token is not the one of the lease; raises the serial */
export async function assertFence(run: Run, dialect: Dialect, token: number): Promise<void> {
  for (const one of fenceSql(dialect, token)) {
    const { changes } = await run(one)
    if (one.fence && changes === 0) throw new CatalystError('LEASE_LOST', `The lease with token ${token} was taken away; nothing was changed`)
  }
}

/** What has run of a plugin, oldest first. */
export async function readMigrations(run: Run, dialect: Dialect, plugin: string): Promise<readonly AppliedMigration[]> {
  return (await run(appliedSql(dialect, plugin))).rows.map(appliedFrom)
}

/** Puts the record of a plugin's migrations back, beside what it owns now; its tables are not in quarantine any more. */
export async function writeRecords(run: Run, dialect: Dialect, plugin: string, migrations: readonly AppliedMigration[], owned?: readonly Owned[]): Promise<void> {
  const statements = [
    ...forgetMigrationSql(dialect, plugin),
    ...(owned ? recordOwnedSql(dialect, plugin, owned) : []),
    ...markQuarantinedSql(dialect, plugin, undefined),
  ]
  for (const one of statements) await run(one)
  const first = await firstSequence(run, dialect, migrations)
  for (const [i, migration] of migrations.entries()) await run(insertMigration(dialect, plugin, migration, first === undefined ? migration.sequence : first + i))
}

/** Undefined while nobody else took the old numbers meanwhile; else where to go on, so that their order stays. */
async function firstSequence(run: Run, dialect: Dialect, migrations: readonly AppliedMigration[]): Promise<number | undefined> {
  const { rows } = await run(statement(dialect, 'SELECT sequence FROM catalyst.migrations'))
  const taken = new Set(rows.map((row) => Number(row['sequence'])))
  return migrations.some(({ sequence }) => taken.has(sequence)) ? Math.max(0, ...taken) + 1 : undefined
}

function insertMigration(dialect: Dialect, plugin: string, { id, kind, checksum, up, down, appliedAt }: AppliedMigration, sequence: number): Statement {
  const sql = 'INSERT INTO catalyst.migrations (plugin, id, kind, checksum, up, down, applied_at, sequence) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)'
  return statement(dialect, sql, plugin, id, kind, checksum, up, down ?? null, appliedAt, sequence)
}

export async function readEntries(run: Run, dialect: Dialect): Promise<readonly BackupEntry[]> {
  const { rows } = await run(statement(dialect, 'SELECT name, state, at, ref FROM catalyst.backups'))
  return rows.map((row) => {
    const ref = row['ref'] === null ? undefined : (JSON.parse(String(row['ref'])) as BackupRef)
    return { name: String(row['name']), state: row['state'] as BackupState, at: String(row['at']), ref }
  })
}

export async function putEntry(run: Run, dialect: Dialect, { name, state, at, ref }: BackupEntry): Promise<void> {
  await run(statement(dialect, 'DELETE FROM catalyst.backups WHERE name = $1', name))
  await run(statement(dialect, 'INSERT INTO catalyst.backups (name, state, at, ref) VALUES ($1, $2, $3, $4)', name, state, at, ref ? JSON.stringify(ref) : null))
}

export async function forgetEntry(run: Run, dialect: Dialect, name: string): Promise<void> {
  await run(statement(dialect, 'DELETE FROM catalyst.backups WHERE name = $1', name))
}

/** Restores whose transaction was committed. */
export function committedRestores(run: Run, dialect: Dialect): CommittedRestores & { put(restore: string): Promise<void> } {
  return {
    names: async () => new Set((await run(statement(dialect, 'SELECT restore FROM catalyst.restores'))).rows.map((row) => String(row['restore']))),
    put: async (restore) => void (await run(statement(dialect, 'INSERT INTO catalyst.restores (restore) VALUES ($1)', restore))),
    forget: async (restore) => void (await run(statement(dialect, 'DELETE FROM catalyst.restores WHERE restore = $1', restore))),
  }
}

/** PostgreSQL has our tables in a schema, SQLite behind a prefix. */
function statement(dialect: Dialect, sql: string, ...params: (string | number | null)[]): Statement {
  return { sql: dialect === 'postgres' ? sql : sql.replaceAll('catalyst.', 'catalyst_').replace(/\$(\d)/g, '?$1'), params }
}
