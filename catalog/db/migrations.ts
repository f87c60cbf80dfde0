import { randomBytes } from 'node:crypto'
import { type CreateTableBuilder, type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'

export type Dialect = 'sqlite' | 'postgres'

/**
 * The steps that make the tables, by name in their order. A step that has been released never changes: the next need is a
 * new step. `dialect` decides how texts are compared (by code unit everywhere) and how rows are numbered.
 */
export function migrationsFor(dialect: Dialect): Readonly<Record<string, Migration>> {
  return { '0001-catalog': { up: (db) => catalog(db, dialect) }, '0002-who-yanked': { up: (db) => db.schema.alterTable('catalog_notices').addColumn('yanked_by', 'text').execute() } }
}

type Builder = CreateTableBuilder<string, string>

async function catalog(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  const text = dialect === 'postgres' ? sql`text COLLATE "C"` : sql`text`
  const texts = (table: Builder, ...names: string[]): Builder => names.reduce((made, name) => made.addColumn(name, text, (column) => column.notNull()), table)
  const maybe = (table: Builder, ...names: string[]): Builder => names.reduce((made, name) => made.addColumn(name, text), table)
  const integer = (table: Builder, ...names: string[]): Builder => names.reduce((made, name) => made.addColumn(name, 'bigint', (column) => column.notNull()), table)
  const numbered = (table: Builder, name: string): Builder => table.addColumn(name, dialect === 'postgres' ? 'bigserial' : 'integer', (column) => (dialect === 'postgres' ? column.primaryKey() : column.primaryKey().autoIncrement()))
  const table = (name: string): Builder => db.schema.createTable(name) as Builder
  const index = (name: string, on: string, columns: string[]): Promise<void> => db.schema.createIndex(name).on(on).columns(columns).execute()

  let plugins = texts(table('catalog_plugins'), 'id', 'tier', 'publisher', 'status', 'entry', 'entry_digest', 'since', 'updated_at')
  plugins = maybe(integer(plugins, 'present', 'repository_id'), 'latest')
  await plugins.addPrimaryKeyConstraint('catalog_plugins_key', ['id']).execute()
  await index('catalog_plugins_by_change', 'catalog_plugins', ['updated_at', 'id'])
  await index('catalog_plugins_by_tier', 'catalog_plugins', ['tier', 'id'])
  await index('catalog_plugins_by_publisher', 'catalog_plugins', ['publisher', 'id'])
  await texts(table('catalog_categories'), 'category', 'id').addPrimaryKeyConstraint('catalog_categories_key', ['category', 'id']).execute()
  await index('catalog_categories_by_id', 'catalog_categories', ['id'])
  await texts(integer(table('catalog_sources'), 'repository_id'), 'id').addPrimaryKeyConstraint('catalog_sources_key', ['repository_id', 'id']).execute()
  await index('catalog_sources_by_id', 'catalog_sources', ['id'])

  await integer(texts(table('catalog_versions'), 'id', 'version', 'verdict', 'decided_at', 'body'), 'decision').addPrimaryKeyConstraint('catalog_versions_key', ['id', 'version']).execute()
  await index('catalog_versions_by_decision', 'catalog_versions', ['decision'])
  await index('catalog_versions_by_verdict', 'catalog_versions', ['verdict', 'decision'])
  await index('catalog_versions_by_plugin', 'catalog_versions', ['id', 'decision'])
  await integer(texts(numbered(table('catalog_history'), 'decision'), 'id', 'version', 'body'), 'sequence').execute()
  await db.schema.createIndex('catalog_history_by_version').unique().on('catalog_history').columns(['id', 'version', 'sequence']).execute()

  await maybe(texts(numbered(table('catalog_alarms'), 'number'), 'kind', 'id', 'version', 'message', 'raised_at'), 'closed_at').execute()
  await sql`CREATE UNIQUE INDEX catalog_alarms_open ON catalog_alarms (kind, id, version) WHERE closed_at IS NULL`.execute(db)
  await index('catalog_alarms_by_plugin', 'catalog_alarms', ['id', 'number'])
  await texts(integer(numbered(table('catalog_proposals'), 'number'), 'repository_id'), 'found_at', 'body').execute()
  await db.schema.createIndex('catalog_proposals_by_repository').unique().on('catalog_proposals').column('repository_id').execute()
  await texts(numbered(table('catalog_audit'), 'sequence'), 'at', 'by', 'event', 'subject', 'details').execute()

  await texts(table('catalog_deliveries'), 'delivery_id', 'event', 'received_at').addColumn('repository_id', 'bigint', (column) => column.notNull()).addPrimaryKeyConstraint('catalog_deliveries_key', ['delivery_id']).execute()
  await index('catalog_deliveries_by_time', 'catalog_deliveries', ['received_at'])
  let repositories = texts(integer(table('catalog_repositories'), 'id', 'owner_id', 'wants'), 'name', 'state')
  repositories = maybe(repositories, 'checked_at', 'releases_etag', 'trouble', 'wanted_since')
  await repositories.addPrimaryKeyConstraint('catalog_repositories_key', ['id']).execute()
  await index('catalog_repositories_by_check', 'catalog_repositories', ['checked_at', 'id'])
  await sql`CREATE INDEX catalog_repositories_wanted ON catalog_repositories (wanted_since, id) WHERE wanted_since IS NOT NULL`.execute(db)
  await texts(table('catalog_notes'), 'name', 'value').addPrimaryKeyConstraint('catalog_notes_key', ['name']).execute()
  await sql`INSERT INTO catalog_notes (name, value) VALUES ('writer', ''), ('cursor-key', ${randomBytes(32).toString('hex')})`.execute(db)
  await maybe(texts(table('catalog_notices'), 'id', 'version', 'advisories'), 'yanked').addPrimaryKeyConstraint('catalog_notices_key', ['id', 'version']).execute()
}
