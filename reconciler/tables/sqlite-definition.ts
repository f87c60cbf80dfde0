import { createHash } from 'node:crypto'
import type { Digest } from '../../schemas/digest.ts'
import type { TableDefinitions } from '../data-ports.ts'
import { definitionsSql, recordDefinitionSql } from '../store-db/fence-sql.ts'
import type { Connection } from '../store-db/sqlite-connection.ts'
import { schemaVersion } from '../store-db/sqlite-schema.ts'
import { appliedMigrations, runOwn } from './sqlite-records.ts'
import { ownerOfObject, readSchema, type SchemaObject } from './sqlite-schema.ts'

/** The version of our tables from which they know how plugins' tables were defined. */
const SINCE_VERSION = 3

/** What lies under a plugin's name, one line each, as SQLite itself keeps it. */
export function definitionLines(schema: readonly SchemaObject[], plugin: string): readonly string[] {
  const own = schema.filter((o) => ownerOfObject(o) === plugin).toSorted((a, b) => (a.type + a.name < b.type + b.name ? -1 : 1))
  return own.map(({ type, name, table, sql }) => `${JSON.stringify([type, name, table, sql])}\n`)
}

/** Records how a plugin's tables are defined now that they were changed by us; forgets it where no migration has run. In a transaction of the caller. */
export function recordDefinition(db: Connection, plugin: string): void {
  const newest = appliedMigrations(db, plugin).at(-1)?.id
  runOwn(db, recordDefinitionSql('sqlite', plugin, newest === undefined ? undefined : { newest, digest: digestOfDefinition(readSchema(db), plugin) }))
}

/** How the tables of these plugins were defined and are; only of those of which that is known. */
export function definitionsOf(db: Connection, plugins: readonly string[]): ReadonlyMap<string, TableDefinitions> {
  if (schemaVersion(db) < SINCE_VERSION) return new Map()
  const { sql, params } = definitionsSql('sqlite')
  const recorded = db.prepare(sql).all(...params).filter((row) => plugins.includes(String(row['plugin'])))
  const schema = readSchema(db)
  return new Map(recorded.map((row) => [String(row['plugin']), { recorded: row['digest'] as Digest, now: digestOfDefinition(schema, String(row['plugin'])) }]))
}

function digestOfDefinition(schema: readonly SchemaObject[], plugin: string): Digest {
  const hash = createHash('sha256')
  for (const line of definitionLines(schema, plugin)) hash.update(line)
  return `sha256:${hash.digest('hex')}`
}
