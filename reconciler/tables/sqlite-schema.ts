import type { Connection } from '../store-db/sqlite-connection.ts'
import type { Owned } from '../store-db/fence-sql.ts'
import { ownerOf } from './names.ts'

/** A row of SQLite's own schema. `sql` is null for indexes that a constraint made. */
export interface SchemaObject {
  readonly type: 'table' | 'index' | 'view' | 'trigger'
  readonly name: string
  readonly table: string
  readonly sql: string | null
}

/** All that the database holds, by name. */
export function readSchema(db: Connection): readonly SchemaObject[] {
  const rows = db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_master').all()
  return rows.map((row) => ({ type: row['type'] as SchemaObject['type'], name: String(row['name']), table: String(row['tbl_name']), sql: row['sql'] === null ? null : String(row['sql']) }))
}

/**
 * Whose an object is, by name: an index goes with its table, whoever made it; a trigger is the plugin's only when it
 * bears its name and stands on its table.
 */
export function ownerOfObject({ type, name, table }: SchemaObject): string | undefined {
  if (type === 'index') return ownerOf(table)
  const owner = ownerOf(name)
  return type === 'trigger' && ownerOf(table) !== owner ? undefined : owner
}

/** The part of the schema that is a plugin's. */
export function ofPlugin(schema: readonly SchemaObject[], plugin: string): readonly SchemaObject[] {
  return schema.filter((object) => ownerOfObject(object) === plugin)
}

/** What is to be recorded as owned. */
export function ownedOf(schema: readonly SchemaObject[], plugin: string): readonly Owned[] {
  return ofPlugin(schema, plugin).filter((object) => object.sql !== null).map(({ type, name }) => ({ kind: type, name }))
}

/** A name in double quotes. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
