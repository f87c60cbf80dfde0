import * as Type from 'typebox'
import { CatalystError } from '../../schemas/errors.ts'
import { Closed } from '../../schemas/common.ts'
import type { Connection } from '../store-db/sqlite-connection.ts'
import { prefixOf } from '../tables/names.ts'

/*
 * The schema of a plugin's tables in SQLite. SQLite itself keeps it as the text of the statements that made it, and
 * nothing else says all of it (checks, collations, generated columns); so that text is what is kept, and putting it back
 * is confined (sqlite-rebuild.ts).
 */

const Name = Type.String({ minLength: 1, maxLength: 1000 })
const Sql = Type.String({ minLength: 1, maxLength: 1_000_000 })

const Column = Closed({ name: Name })

export const SqliteTable = Closed({
  name: Name,
  sql: Sql,
  /** Those that hold values of their own, in order: generated ones are computed again. */
  columns: Type.Array(Column, { minItems: 0, maxItems: 2000 }),
  /** The name by which the row number can be asked for, where it is no column's and must come back too. */
  rowid: Type.Optional(Type.Enum(['rowid', '_rowid_', 'oid'])),
  /** Where AUTOINCREMENT stands: the largest number ever given. Text, for it has 64 bits. */
  sequence: Type.Optional(Type.String({ pattern: '^-?[0-9]{1,19}$' })),
})
export type SqliteTable = Type.Static<typeof SqliteTable>

const Dependent = Closed({ type: Type.Enum(['index', 'trigger', 'view']), name: Name, table: Name, sql: Sql })

export const SqliteSchema = Closed({
  encoding: Type.Enum(['UTF-8', 'UTF-16le', 'UTF-16be']),
  tables: Type.Array(SqliteTable, { maxItems: 10_000 }),
  /** In the order in which they were made. */
  dependents: Type.Array(Dependent, { maxItems: 100_000 }),
})
export type SqliteSchema = Type.Static<typeof SqliteSchema>

/** What a plugin has in this database. @throws CatalystError BACKUP_FAILED for what could not be put back, by name */
export function readSchema(db: Connection, plugin: string): SqliteSchema {
  const encoding = String(db.prepare('PRAGMA encoding').get()?.['encoding']) as SqliteSchema['encoding']
  const tables = ownedTables(db, plugin)
  return { encoding, tables: tables.map((table) => readTable(db, table)), dependents: dependentsOf(db, plugin, tables) }
}

interface TableRow {
  readonly name: string
  readonly sql: string
  readonly withoutRowid: boolean
}

function ownedTables(db: Connection, plugin: string): readonly TableRow[] {
  const prefix = prefixOf(plugin)
  const rows = db.prepare(`SELECT l.name, l.type, l.wr, s.sql FROM pragma_table_list AS l JOIN sqlite_schema AS s ON s.name = l.name
    WHERE l.schema = 'main' AND l.type <> 'view' AND s.type = 'table' AND substr(l.name, 1, ?) = ? ORDER BY s.rowid`).all(prefix.length, prefix)
  return rows.map((row) => {
    const name = String(row['name'])
    if (row['type'] !== 'table') throw new CatalystError('BACKUP_FAILED', `${name} is a ${row['type']} table, which a backup cannot bring back`, { hint: 'Keep the tables: `uninstall: { tables: keep }`, or drop the virtual table.' })
    return { name, sql: String(row['sql']), withoutRowid: row['wr'] === 1 }
  })
}

function readTable(db: Connection, { name, sql, withoutRowid }: TableRow): SqliteTable {
  const info = db.prepare('SELECT name, type, pk, hidden FROM pragma_table_xinfo(?)').all(name)
  const columns = info.filter((column) => column['hidden'] === 0).map((column) => ({ name: String(column['name']) }))
  const rowid = withoutRowid || hasRowidColumn(db, name, info) ? undefined : freeRowidName(name, columns)
  const sequence = sequenceOf(db, name)
  return { name, sql, columns, ...(rowid && { rowid }), ...(sequence !== undefined && { sequence }) }
}

/** An INTEGER PRIMARY KEY is the row number itself; one that has an index of its own (`DESC`) is not. https://www.sqlite.org/lang_createtable.html#rowid */
function hasRowidColumn(db: Connection, table: string, info: readonly Record<string, unknown>[]): boolean {
  const keys = info.filter((column) => column['pk'] !== 0)
  if (keys.length !== 1 || String(keys[0]?.['type']).toUpperCase() !== 'INTEGER') return false
  return db.prepare(`SELECT 1 FROM pragma_index_list(?) WHERE origin = 'pk'`).get(table) === undefined
}

function freeRowidName(table: string, columns: readonly { name: string }[]): 'rowid' | '_rowid_' | 'oid' {
  const taken = new Set(columns.map(({ name }) => name.toLowerCase()))
  const free = (['rowid', '_rowid_', 'oid'] as const).find((name) => !taken.has(name))
  if (free) return free
  throw new CatalystError('BACKUP_FAILED', `The row numbers of ${table} cannot be asked for: its columns have all three names for them`)
}

function sequenceOf(db: Connection, table: string): string | undefined {
  if (!db.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'`).get()) return undefined
  const statement = db.prepare('SELECT seq FROM sqlite_sequence WHERE name = ?')
  statement.setReadBigInts(true)
  const seq = statement.get(table)?.['seq']
  return typeof seq === 'bigint' ? String(seq) : undefined
}

/** Indexes and triggers of the tables, and views under the plugin's name. Triggers under another name are not the plugin's. */
function dependentsOf(db: Connection, plugin: string, tables: readonly TableRow[]): SqliteSchema['dependents'] {
  const prefix = prefixOf(plugin)
  const names = JSON.stringify(tables.map(({ name }) => name))
  const rows = db.prepare(`SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND (
      (type = 'index' AND tbl_name IN (SELECT value FROM json_each(?1)))
      OR (type IN ('trigger', 'view') AND substr(name, 1, ?2) = ?3)) ORDER BY rowid`).all(names, prefix.length, prefix)
  return rows.map((row) => ({ type: row['type'] as 'index', name: String(row['name']), table: String(row['tbl_name']), sql: String(row['sql']) }))
}
