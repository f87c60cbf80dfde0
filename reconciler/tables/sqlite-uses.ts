import type { TableUse } from '../data-ports.ts'
import type { Connection } from '../store-db/sqlite-connection.ts'
import { prefixOf } from './names.ts'
import { ownerOfObject, type SchemaObject } from './sqlite-schema.ts'
import { tokensOf, valueOf } from './tokens.ts'

/**
 * What of others refers to what these plugins own, by name, from one reading of the schema. Views and triggers are read
 * token by token, so that also those which do not work any more are seen; whoever means a table must write its name.
 */
export function usesOf(db: Connection, schema: readonly SchemaObject[], plugins: readonly string[]): ReadonlyMap<string, readonly TableUse[]> {
  const uses = new Map<string, TableUse[]>(plugins.map((plugin) => [plugin, []]))
  const owners = new Map(schema.filter((o) => o.type !== 'index').map((o) => [o.name.toLowerCase(), ownerOfObject(o)]))
  for (const object of schema) {
    if (object.type === 'index') continue
    const user = ownerOfObject(object)
    if (!namesOthers(object.sql, user)) continue
    for (const table of object.type === 'table' ? parentsOf(db, object.name) : namesIn(object.sql ?? '')) {
      const owner = owners.get(table)
      if (owner !== undefined && owner !== user) uses.get(owner)?.push({ table, kind: object.type === 'table' ? 'foreign key' : object.type, by: object.name })
    }
  }
  return uses
}

const PREFIXES = /plg_[a-z][a-z0-9]*(?:_[a-z0-9]+)*__/g

/** True where a definition has the beginning of a name that is not its owner's own. */
function namesOthers(sql: string | null, user: string | undefined): boolean {
  const own = user === undefined ? undefined : prefixOf(user)
  return (sql?.toLowerCase().match(PREFIXES) ?? []).some((prefix) => prefix !== own)
}

function parentsOf(db: Connection, table: string): readonly string[] {
  return db.prepare('SELECT DISTINCT lower("table") AS parent FROM pragma_foreign_key_list(?) ORDER BY parent').all(table).map((row) => String(row['parent']))
}

/** In lower case. SQLite takes a string for a name where only a name can stand. */
function namesIn(sql: string): ReadonlySet<string> {
  const named = [...tokensOf(sql, 'sqlite')].filter(({ kind }) => kind === 'word' || kind === 'name' || kind === 'string')
  return new Set(named.map((token) => valueOf(sql, token).toLowerCase()))
}
