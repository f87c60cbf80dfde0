import type { Digest } from '../../schemas/digest.ts'
import type { AppliedMigration, Dialect, Migration } from '../data-ports.ts'

/*
 * Our records of what plugins' migrations did, as statements for whoever runs the plugin's SQL: they belong into the same
 * transaction. They are data, so that they can be handed to the process that runs that transaction, for either database.
 *
 * In PostgreSQL run them under READ COMMITTED: the lock of the first statement is waited for, and only a statement after
 * it sees what the one that held it has written. A plugin's own role may not run them; it has a pass (postgres-pass.ts).
 */

/** One statement with its parameters: `?1` in SQLite, `$1` in PostgreSQL. */
export interface Statement {
  readonly sql: string
  readonly params: readonly (string | number | null)[]
  /** It must change a row. When it changes none, the lease was taken away: roll back, LEASE_LOST. */
  readonly fence?: true
}

/** Something a plugin's migrations made: `table`, `index`, `sequence`, `view`, `schema`, `role`… by its name in the database. */
export interface Owned {
  readonly kind: string
  readonly name: string
}

/**
 * Asserts that `token` is still the one of the lease and raises the serial, so that nobody takes the store for unchanged.
 * From here until the end of the transaction nobody can take the lease: run it last, before COMMIT, and in SQLite any time.
 */
export function fenceSql(dialect: Dialect, token: number): readonly Statement[] {
  const lock = dialect === 'postgres' ? [statement(dialect, 'SELECT one FROM catalyst.state FOR UPDATE')] : []
  const raise = statement(dialect, 'UPDATE catalyst.state SET serial = serial + 1 WHERE EXISTS (SELECT 1 FROM catalyst.lease WHERE token = $1)', token)
  return [...lock, { ...raise, fence: true }]
}

/** Records a migration that has run, as the newest of all. */
export function recordMigrationSql(dialect: Dialect, plugin: string, migration: Migration, at: string): readonly Statement[] {
  const { id, kind, checksum, up, down } = migration
  const sql = `INSERT INTO catalyst.migrations (plugin, id, kind, checksum, up, down, applied_at, sequence)
    SELECT $1, $2, $3, $4, $5, $6, $7, coalesce(max(sequence), 0) + 1 FROM catalyst.migrations`
  return [statement(dialect, sql, plugin, id, kind, checksum, up, down ?? null, at)]
}

/** Forgets one migration of a plugin, for it was undone; without `id` all of them. */
export function forgetMigrationSql(dialect: Dialect, plugin: string, id?: string): readonly Statement[] {
  if (id === undefined) return [statement(dialect, 'DELETE FROM catalyst.migrations WHERE plugin = $1', plugin)]
  return [statement(dialect, 'DELETE FROM catalyst.migrations WHERE plugin = $1 AND id = $2', plugin, id)]
}

/** What ran for one plugin has run for another: `migrations` have the same ids, and the texts of the new name. */
export function renamePluginSql(dialect: Dialect, from: string, to: string, migrations: readonly Migration[]): readonly Statement[] {
  const texts = migrations.map(({ id, kind, checksum, up, down }) =>
    statement(dialect, 'UPDATE catalyst.migrations SET plugin = $1, kind = $2, checksum = $3, up = $4, down = $5 WHERE plugin = $6 AND id = $7', to, kind, checksum, up, down ?? null, from, id))
  return [...texts, statement(dialect, 'UPDATE catalyst.quarantined SET plugin = $1 WHERE plugin = $2', to, from)]
}

/** Records what a plugin owns now, all of it. What another plugin owns is refused by the primary key. */
export function recordOwnedSql(dialect: Dialect, plugin: string, owned: readonly Owned[]): readonly Statement[] {
  const made = owned.map(({ kind, name }) => statement(dialect, 'INSERT INTO catalyst.owned (plugin, kind, name) VALUES ($1, $2, $3)', plugin, kind, name))
  return [statement(dialect, 'DELETE FROM catalyst.owned WHERE plugin = $1', plugin), ...made]
}

/** How a plugin's tables were defined when `newest`, its newest migration, had run. */
export interface Definition {
  readonly newest: string
  readonly digest: Digest
}

/** Records how the tables of a plugin are defined from now on; without a definition forgets it. */
export function recordDefinitionSql(dialect: Dialect, plugin: string, definition: Definition | undefined): readonly Statement[] {
  const forget = statement(dialect, 'DELETE FROM catalyst.definitions WHERE plugin = $1', plugin)
  if (!definition) return [forget]
  return [forget, statement(dialect, 'INSERT INTO catalyst.definitions (plugin, newest, digest) VALUES ($1, $2, $3)', plugin, definition.newest, definition.digest)]
}

/** Asks how plugins' tables were defined: rows `{plugin, digest}` of those whose newest migration is still the one of that time. */
export function definitionsSql(dialect: Dialect): Statement {
  return statement(dialect, `SELECT d.plugin, d.digest FROM catalyst.definitions d WHERE d.newest =
    (SELECT m.id FROM catalyst.migrations m WHERE m.plugin = d.plugin ORDER BY m.sequence DESC LIMIT 1)`)
}

/** Marks the tables of a plugin as out of the way since a time, or, without one, as back. */
export function markQuarantinedSql(dialect: Dialect, plugin: string, since: string | undefined): readonly Statement[] {
  const unmark = statement(dialect, 'DELETE FROM catalyst.quarantined WHERE plugin = $1', plugin)
  if (since === undefined) return [unmark]
  return [unmark, statement(dialect, 'INSERT INTO catalyst.quarantined (plugin, since) VALUES ($1, $2)', plugin, since)]
}

/** Asks for the applied migrations of a plugin, or of all, in their order; read a row with `appliedFrom`. */
export function appliedSql(dialect: Dialect, plugin?: string): Statement {
  const columns = 'SELECT plugin, id, kind, checksum, up, down, applied_at, sequence FROM catalyst.migrations'
  if (plugin === undefined) return statement(dialect, `${columns} ORDER BY sequence`)
  return statement(dialect, `${columns} WHERE plugin = $1 ORDER BY sequence`, plugin)
}

/** A row of `appliedSql`. */
export function appliedFrom(row: Readonly<Record<string, unknown>>): AppliedMigration {
  return {
    plugin: String(row['plugin']),
    id: String(row['id']),
    kind: row['kind'] as AppliedMigration['kind'],
    checksum: row['checksum'] as AppliedMigration['checksum'],
    up: String(row['up']),
    down: row['down'] === null ? undefined : String(row['down']),
    appliedAt: String(row['applied_at']),
    sequence: Number(row['sequence']),
  }
}

/** Asks what plugins own: rows `{plugin, kind, name}`, by plugin, kind and name. */
export function ownedSql(dialect: Dialect, plugin?: string): Statement {
  const columns = 'SELECT plugin, kind, name FROM catalyst.owned'
  if (plugin === undefined) return statement(dialect, `${columns} ORDER BY plugin, kind, name`)
  return statement(dialect, `${columns} WHERE plugin = $1 ORDER BY plugin, kind, name`, plugin)
}

/** Asks whose tables are out of the way: rows `{plugin, since}`. */
export function quarantinedSql(dialect: Dialect): Statement {
  return statement(dialect, 'SELECT plugin, since FROM catalyst.quarantined ORDER BY plugin')
}

/** PostgreSQL has our tables in a schema, SQLite behind a prefix. */
function statement(dialect: Dialect, sql: string, ...params: (string | number | null)[]): Statement {
  return { sql: dialect === 'postgres' ? sql : sql.replaceAll('catalyst.', 'catalyst_').replace(/\$(\d)/g, '?$1'), params }
}
