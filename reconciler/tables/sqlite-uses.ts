import type { TableUse } from '../data-ports.ts'
import type { Connection } from '../store-db/sqlite-connection.ts'
import { prefixOf } from './names.ts'
import { ownerOfObject, type SchemaObject } from './sqlite-schema.ts'
import { tokensOf, valueOf } from './tokens.ts'

/**
 * What of others refers to what a plugin owns, by name. Views and triggers are read token by token, so that also those
 * which do not work any more are seen; whoever means a table must write its name.
 */
export function usesOf(db: Connection, schema: readonly SchemaObject[], plugin: string): readonly TableUse[] {
  const own = new Set(schema.filter((o) => ownerOfObject(o) === plugin && o.type !== 'index').map((o) => o.name.toLowerCase()))
  const others = schema.filter((o) => ownerOfObject(o) !== plugin && o.sql?.toLowerCase().includes(prefixOf(plugin)))
  return others.flatMap((object): readonly TableUse[] => {
    if (object.type === 'index') return []
    if (object.type === 'table') return parentsOf(db, object.name).filter((name) => own.has(name)).map((table) => ({ table, kind: 'foreign key', by: object.name }))
    return [...namesIn(object.sql ?? '')].filter((name) => own.has(name)).map((table) => ({ table, kind: object.type as 'view' | 'trigger', by: object.name }))
  })
}

function parentsOf(db: Connection, table: string): readonly string[] {
  return db.prepare('SELECT DISTINCT lower("table") AS parent FROM pragma_foreign_key_list(?) ORDER BY parent').all(table).map((row) => String(row['parent']))
}

/** In lower case. SQLite takes a string for a name where only a name can stand. */
function namesIn(sql: string): ReadonlySet<string> {
  const named = [...tokensOf(sql, 'sqlite')].filter(({ kind }) => kind === 'word' || kind === 'name' || kind === 'string')
  return new Set(named.map((token) => valueOf(sql, token).toLowerCase()))
}
