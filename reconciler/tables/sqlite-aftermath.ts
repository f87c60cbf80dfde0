import { CatalystError } from '../../schemas/errors.ts'
import type { Connection } from '../store-db/sqlite-connection.ts'
import { ownerOf, prefixOf } from './names.ts'
import { ownerOfObject, quoted, type SchemaObject } from './sqlite-schema.ts'
import type { ConfinedSql } from './sqlite-statement.ts'

/** What a migration left behind, before it is committed. */
export interface Aftermath {
  readonly db: Connection
  readonly plugin: string
  readonly confined: ConfinedSql
  /** The schema as it was, and as it is. */
  readonly before: readonly SchemaObject[]
  readonly after: readonly SchemaObject[]
  readonly file: string
}

/**
 * Looks at what was made, for what the authorizer is not asked about: where foreign keys point, what views and triggers
 * would do once they are used, names that a rename gave, and whether anything of others is different.
 * @throws CatalystError MIGRATION_REFUSED, MIGRATION_FAILED
 */
export function assertOwnWork(work: Aftermath): void {
  assertOthersUntouched(work)
  const own = work.after.filter((object) => ownerOfObject(object) === work.plugin)
  for (const object of own) if (object.type === 'table') assertForeignKeys(work, object)
  for (const object of own) assertCompiles(work, object)
  assertReferencesHold(work)
}

function assertOthersUntouched({ before, after, plugin, ...work }: Aftermath): void {
  const key = ({ type, name, table, sql }: SchemaObject): string => JSON.stringify([type, name, table, sql])
  const others = (schema: readonly SchemaObject[]): ReadonlyMap<string, SchemaObject> => new Map(schema.filter((o) => ownerOfObject(o) !== plugin && !/^sqlite_(sequence|stat[14])$/.test(o.name)).map((o) => [key(o), o]))
  const was = others(before)
  const is = others(after)
  for (const [text, object] of is) if (!was.has(text)) throw refused(work, object.name, `makes or changes the ${object.type} ${object.name}, which is not ${plugin}’s own`)
  for (const [text, object] of was) if (!is.has(text)) throw refused(work, object.name, `takes away the ${object.type} ${object.name}, which is not ${plugin}’s own`)
}

function assertForeignKeys({ db, plugin, ...work }: Aftermath, { name }: SchemaObject): void {
  for (const row of db.prepare('SELECT DISTINCT "table" AS parent FROM pragma_foreign_key_list(?)').all(name)) {
    const parent = String(row['parent'])
    if (ownerOf(parent.toLowerCase()) !== plugin) throw refused(work, name, `lets ${name} refer to ${parent}, which is not ${plugin}’s own`)
  }
}

/** Compiling what would use an object makes SQLite ask for everything that stands in it. */
function assertCompiles({ db, confined, after, file }: Aftermath, { type, name }: SchemaObject): void {
  if (type === 'index' || type === 'trigger') return
  for (const sql of usesOf(db, name)) {
    const by = after.findLast((o) => o.type === 'trigger' && o.table === name && !sql.startsWith('SELECT'))?.name ?? name
    try {
      confined.compile(sql, { file, line: lineOf(confined, by) ?? 1 }, `when ${by} is used`)
    } catch (error) {
      // Without a trigger that stands in for it, a view cannot be written: there is nothing to look at.
      const { code, cause } = error as CatalystError
      if (type !== 'view' || code !== 'MIGRATION_FAILED' || rootOf(cause) !== `cannot modify ${name} because it is a view`) throw error
    }
  }
}

function rootOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

/** Statements that read it, fire all its triggers, and evaluate its defaults and checks. */
function* usesOf(db: Connection, name: string): Generator<string> {
  yield `SELECT * FROM ${quoted(name)}`
  const columns = db.prepare('SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0').all(name).map((row) => quoted(String(row['name'])))
  yield `INSERT INTO ${quoted(name)} DEFAULT VALUES`
  yield `UPDATE ${quoted(name)} SET ${columns.map((c) => `${c} = ${c}`).join(', ')}`
  yield `DELETE FROM ${quoted(name)}`
}

/** Foreign keys were off while the migration ran. */
function assertReferencesHold({ db, plugin, after, file }: Aftermath): void {
  const children = after.filter((o) => o.type === 'table' && (ownerOfObject(o) === plugin || o.sql?.toLowerCase().includes(prefixOf(plugin))))
  for (const { name } of children) {
    const broken = db.prepare('SELECT rowid AS "row", parent FROM pragma_foreign_key_check(?) LIMIT 1').get(name)
    if (broken) throw new CatalystError('MIGRATION_FAILED', `${file}: row ${String(broken['row'])} of ${name} refers to a row of ${String(broken['parent'])} that is not there`, { place: { file } })
  }
}

function refused({ confined, file }: Pick<Aftermath, 'confined' | 'file'>, name: string, what: string): CatalystError {
  const line = lineOf(confined, name)
  return new CatalystError('MIGRATION_REFUSED', `${file} ${what}`, { place: { file, ...(line === undefined ? {} : { line }) } })
}

/** Where the name was last made or changed; a name that a rename gave is told by what was changed last. */
function lineOf({ confinement: { lines } }: ConfinedSql, name: string): number | undefined {
  return lines.get(name) ?? [...lines.values()].at(-1)
}
