import type { Inventory, OwnedTable } from '../data-ports.ts'
import type { Connection } from '../store-db/sqlite-connection.ts'
import { ownerOfObject, quoted, type SchemaObject } from './sqlite-schema.ts'
import { tableSizes, type Size } from './sqlite-sizes.ts'

/** What plugins own, from one reading of the schema: everything under their names, whoever made it. */
export function inventoryOf(db: Connection, schema: readonly SchemaObject[], plugins: readonly string[], asked: { readonly rows: 'exact' | 'estimate'; readonly quarantined: ReadonlySet<string> }): ReadonlyMap<string, Inventory> {
  const wanted = new Set(plugins)
  const owned = Map.groupBy(schema, (object) => ownerOfObject(object) ?? '')
  const tables = plugins.flatMap((plugin) => (owned.get(plugin) ?? []).filter((o) => o.type === 'table'))
  const indexes = Map.groupBy(schema.filter((o) => o.type === 'index'), (o) => o.table)
  const sizes = tableSizes(db, tables.map((table) => ({ table, indexes: indexes.get(table.name) ?? [] })), asked.rows)
  return new Map(
    [...wanted].map((plugin) => {
      const objects = (owned.get(plugin) ?? []).toSorted((a, b) => (a.name < b.name ? -1 : 1))
      const mine = objects.filter((o) => o.type === 'table').map((o) => ownedTable(o, indexes.get(o.name) ?? [], sizes.get(o.name)))
      const others = objects.filter((o) => o.type === 'view' || o.type === 'trigger').map((o) => o.name)
      return [plugin, { plugin, tables: mine, others, quarantined: asked.quarantined.has(plugin) }]
    }),
  )
}

function ownedTable({ name, sql }: SchemaObject, indexes: readonly SchemaObject[], size: Size | undefined): OwnedTable {
  return {
    name,
    rows: size?.rows ?? 0,
    bytes: size?.bytes ?? 0,
    // SQLite keeps the next number of an AUTOINCREMENT column under the name of its table.
    sequences: /\bautoincrement\b/i.test(sql ?? '') ? [name] : [],
    indexes: indexes.filter((index) => index.sql !== null).map((index) => index.name).toSorted(),
  }
}

/** Everything of a plugin in an order in which it can be dropped. */
export function dropOrder(schema: readonly SchemaObject[], plugin: string): readonly string[] {
  const rank: Readonly<Record<SchemaObject['type'], number>> = { trigger: 0, view: 1, table: 2, index: 3 }
  const mine = schema.filter((o) => ownerOfObject(o) === plugin && o.type !== 'index')
  return mine.toSorted((a, b) => rank[a.type] - rank[b.type]).map(({ type, name }) => `DROP ${type.toUpperCase()} IF EXISTS ${quoted(name)}`)
}
