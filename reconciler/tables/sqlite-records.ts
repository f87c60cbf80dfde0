import { CatalystError } from '../../schemas/errors.ts'
import type { AppliedMigration, Fence } from '../data-ports.ts'
import { appliedFrom, appliedSql, fenceSql, markQuarantinedSql, ownedSql, quarantinedSql, type Statement } from '../store-db/fence-sql.ts'
import type { Connection } from '../store-db/sqlite-connection.ts'

/** The version of our tables from which they know of plugins' tables. */
export const TABLES_SINCE_VERSION = 2

/** Runs our own statements, inside a transaction. @throws CatalystError LEASE_LOST */
export function runOwn(db: Connection, statements: readonly Statement[]): void {
  for (const { sql, params, fence } of statements) {
    const { changes } = db.prepare(sql).run(...params)
    if (fence && Number(changes) === 0) throw new CatalystError('LEASE_LOST', 'The lease under which this was to be written was taken away')
  }
}

/** Asserts the fence and raises the serial. @throws CatalystError LEASE_LOST */
export function underFence(db: Connection, fence: Fence): void {
  runOwn(db, fenceSql('sqlite', fence.token))
}

export function appliedMigrations(db: Connection, plugin?: string): readonly AppliedMigration[] {
  return rows(db, appliedSql('sqlite', plugin)).map(appliedFrom)
}

/** Names that are recorded as made by the plugin's migrations. */
export function recordedNames(db: Connection, plugin: string): ReadonlySet<string> {
  return new Set(rows(db, ownedSql('sqlite', plugin)).map((row) => String(row['name'])))
}

export function quarantinedPlugins(db: Connection): ReadonlySet<string> {
  return new Set(rows(db, quarantinedSql('sqlite')).map((row) => String(row['plugin'])))
}

/** Marks the tables of a plugin as out of the way, or as back; nothing when they are already. */
export function markQuarantined(db: Connection, plugin: string, since: string | undefined): void {
  if (quarantinedPlugins(db).has(plugin) !== (since === undefined)) return
  runOwn(db, markQuarantinedSql('sqlite', plugin, since))
}

function rows(db: Connection, { sql, params }: Statement): readonly Readonly<Record<string, unknown>>[] {
  return db.prepare(sql).all(...params)
}
