import { createHash } from 'node:crypto'
import type { Digest } from '../../schemas/digest.ts'
import type { TableDefinitions } from '../data-ports.ts'
import { definitionsSql, recordDefinitionSql } from '../store-db/fence-sql.ts'
import type { Connection } from '../store-db/sqlite-connection.ts'
import { schemaVersion } from '../store-db/sqlite-schema.ts'
import { appliedMigrations, runOwn } from './sqlite-records.ts'
import { ofPlugin, ownerOfObject, readSchema, type SchemaObject } from './sqlite-schema.ts'

/** The version of our tables from which they know how plugins' tables were defined. */
const SINCE_VERSION = 3

/** What lies under a plugin's name, one line each, as SQLite itself keeps it. `own`: that part of the schema. */
export function definitionLines(own: readonly SchemaObject[]): readonly string[] {
  return own.toSorted((a, b) => (a.type + a.name < b.type + b.name ? -1 : 1)).map(({ type, name, table, sql }) => `${JSON.stringify([type, name, table, sql])}\n`)
}

/** Records how a plugin's tables are defined now that they were changed by us; forgets it where no migration has run. In a transaction of the caller. */
export function recordDefinition(db: Connection, plugin: string): void {
  const newest = appliedMigrations(db, plugin).at(-1)?.id
  runOwn(db, recordDefinitionSql('sqlite', plugin, newest === undefined ? undefined : { newest, digest: digestOfDefinition(ofPlugin(readSchema(db), plugin)) }))
}

/** How the tables of these plugins were defined and are; only of those of which that is known. */
export function definitionsOf(db: Connection, plugins: readonly string[]): ReadonlyMap<string, TableDefinitions> {
  if (schemaVersion(db) < SINCE_VERSION) return new Map()
  const { sql, params } = definitionsSql('sqlite')
  const recorded = db.prepare(sql).all(...params).filter((row) => plugins.includes(String(row['plugin'])))
  const owned = Map.groupBy(readSchema(db), (object) => ownerOfObject(object) ?? '')
  return new Map(recorded.map((row) => [String(row['plugin']), { recorded: row['digest'] as Digest, now: digestOfDefinition(owned.get(String(row['plugin'])) ?? []) }]))
}

function digestOfDefinition(own: readonly SchemaObject[]): Digest {
  const hash = createHash('sha256')
  for (const line of definitionLines(own)) hash.update(line)
  return `sha256:${hash.digest('hex')}`
}
