import { CatalystError } from '../../schemas/errors.ts'
import type { AppliedMigration, Fence, Migration } from '../data-ports.ts'
import { forgetMigrationSql, recordMigrationSql, recordOwnedSql } from '../store-db/fence-sql.ts'
import { transaction, type Connection } from '../store-db/sqlite-connection.ts'
import { assertOwnWork } from './sqlite-aftermath.ts'
import { Confinement } from './sqlite-authorizer.ts'
import { recordDefinition } from './sqlite-definition.ts'
import { ConfinedSql } from './sqlite-statement.ts'
import { appliedMigrations, quarantinedPlugins, runOwn, underFence } from './sqlite-records.ts'
import { ownedOf, readSchema, type SchemaObject } from './sqlite-schema.ts'
import { splitStatements } from './statements.ts'

/** Whose transaction it is. `check` runs between statements and throws when nobody waits for the result any more. */
export interface MigrationRun {
  readonly db: Connection
  readonly path: string
  readonly plugin: string
  readonly fence: Fence
  check(): void
}

/**
 * One migration and its record, in one transaction.
 * @throws CatalystError MIGRATION_REFUSED, MIGRATION_FAILED, MIGRATION_CHANGED (it has run already), LEASE_LOST, BUSY, DISK_FULL, STATE_UNAVAILABLE
 */
export function migrate(run: MigrationRun, migration: Migration): void {
  const { db, plugin, fence } = run
  inTransaction(run, () => {
    const done = appliedMigrations(db, plugin).find(({ id }) => id === migration.id)
    if (done) throw new CatalystError('MIGRATION_CHANGED', `${plugin}: ${migration.id} has run already, at ${done.appliedAt}`, { hint: 'Run `catalyst status`: what is recorded is more than was known.' })
    runConfined(run, migration.up, `${migration.id}.sql`)
    runOwn(db, recordMigrationSql('sqlite', plugin, migration, fence.now))
  })
}

/** The newest migration of a plugin, undone and forgotten. @throws CatalystError as `migrate`, and MIGRATION_IRREVERSIBLE */
export function revert(run: MigrationRun, id: string): void {
  const { db, plugin } = run
  inTransaction(run, () => {
    const { down } = newest(plugin, id, appliedMigrations(db, plugin))
    if (down === undefined) throw new CatalystError('MIGRATION_IRREVERSIBLE', `${plugin}: ${id} cannot be undone: the package has no ${id}.down.sql`)
    runConfined(run, down, `${id}.down.sql`)
    runOwn(db, forgetMigrationSql('sqlite', plugin, id))
  })
}

function newest(plugin: string, id: string, applied: readonly AppliedMigration[]): AppliedMigration {
  const last = applied.at(-1)
  if (last?.id === id) return last
  throw new CatalystError('MIGRATION_CHANGED', `${plugin}: ${id} cannot be undone: the newest migration that has run is ${last?.id ?? 'none'}`, { hint: 'Run `catalyst status`: what is recorded is not what was known.' })
}

function inTransaction(run: MigrationRun, work: () => void): void {
  transaction(run.db, run.path, 'write', () => {
    underFence(run.db, run.fence)
    if (quarantinedPlugins(run.db).has(run.plugin)) throw new CatalystError('MIGRATION_REFUSED', `The tables of ${run.plugin} are in quarantine`, { hint: 'Install the plugin again first: it takes its tables back.' })
    work()
    recordDefinition(run.db, run.plugin)
    run.check()
  })
}

function runConfined(run: MigrationRun, text: string, name: string): void {
  const { db, plugin } = run
  const file = `${plugin}/migrations/${name}`
  const statements = splitStatements(text, 'sqlite', file)
  const before = readSchema(db)
  const confinement = new Confinement(plugin, existing(db, before))
  const confined = new ConfinedSql(db, plugin, confinement)
  for (const statement of statements) {
    run.check()
    confined.run(statement, file)
  }
  const after = readSchema(db)
  assertOwnWork({ db, plugin, confined, before, after, file })
  runOwn(db, recordOwnedSql('sqlite', plugin, ownedOf(after, plugin)))
}

/** Names of tables and views in lower case: those of the schema, and those that SQLite itself brings. */
function existing(db: Connection, schema: readonly SchemaObject[]): (name: string) => boolean {
  const modules = db.prepare('SELECT name FROM pragma_module_list').all().map((row) => String(row['name']))
  const names = new Set([...schema.map(({ name }) => name), ...modules].map((name) => name.toLowerCase()))
  return (name) => names.has(name) || /^(sqlite|pragma)_/.test(name)
}
