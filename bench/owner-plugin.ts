import type { PluginInput } from '../examples/world/package.ts'

/** Kinds of tables that plugins really make, by turns; all of them can be filled by their first column alone. */
const KINDS = [
  (name: string) => `CREATE TABLE ${name} (id INTEGER PRIMARY KEY, label TEXT, at TEXT NOT NULL DEFAULT '2026-01-01');\n`,
  (name: string) => `CREATE TABLE ${name} (id INTEGER NOT NULL UNIQUE, amount INTEGER NOT NULL DEFAULT 0);\nCREATE INDEX ${indexOf(name)}_amount ON ${name} (amount);\n`,
  (name: string) => `CREATE TABLE ${name} (id INTEGER PRIMARY KEY CHECK (id > 0), label TEXT DEFAULT 'a text as others have it', state TEXT NOT NULL DEFAULT 'new');\nCREATE INDEX ${indexOf(name)}_state ON ${name} (state, id);\n`,
] as const

/** A plugin whose one migration makes `tables` tables, for both kinds of database, and that takes a config. */
export function ownerPlan(id: string, tables: number): Omit<PluginInput, 'version'> {
  const names = tablesOfOwner(tables)
  const sql = (named: (table: string) => string): string => `-- catalyst: expand\n${names.map((table, i) => KINDS[i % KINDS.length]?.(named(table)) ?? '').join('')}`
  const prefix = `plg_${id.replaceAll('-', '_')}`
  return {
    id,
    manifest: { tables: [...names], migrations: ['0001_begin'], config: { type: 'object', additionalProperties: false, properties: { level: { type: 'integer' } } } },
    files: {
      'migrations/sqlite/0001_begin.sql': sql((table) => `${prefix}__${table}`),
      'migrations/postgres/0001_begin.sql': sql((table) => `${prefix}.${table}`),
    },
  }
}

/** The tables of every such plugin, without what its database puts before their names. */
export function tablesOfOwner(tables: number): readonly string[] {
  return Array.from({ length: tables }, (_, i) => `entries_${i + 1}`)
}

/** An index goes with its table: in PostgreSQL its name has no schema. */
function indexOf(table: string): string {
  return table.split('.').at(-1) ?? table
}
