import { isDeepStrictEqual } from 'node:util'
import { CatalystError } from '../../schemas/errors.ts'
import type { Connection } from '../store-db/sqlite-connection.ts'
import { prefixOf } from '../tables/names.ts'
import { quoted } from '../tables/sqlite-schema.ts'
import { readSchema, type SqliteSchema } from './sqlite-schema.ts'

/*
 * Makes a plugin's schema again from the text that SQLite kept. A backup's folder can be edited by whoever has the disk;
 * so each statement runs under an authorizer that lets it make exactly the thing that it is listed as and read nothing
 * of others, and the result is read back and compared. Views and triggers are compiled at once, for SQLite looks into
 * them only when they are used.
 */

/** Drops the plugin's views, triggers and tables. Foreign keys must be off: dropping must not cascade into others. */
export function dropOwned(db: Connection, schema: SqliteSchema): void {
  for (const { type, name } of schema.dependents.toReversed()) {
    if (type !== 'index') db.exec(`DROP ${type.toUpperCase()} ${quoted(name)}`)
  }
  for (const { name } of schema.tables.toReversed()) db.exec(`DROP TABLE ${quoted(name)}`)
}

/** Makes the tables, without indexes: rows come first. @throws CatalystError BACKUP_DAMAGED */
export function createTables(db: Connection, plugin: string, schema: SqliteSchema): void {
  const present = String(db.prepare('PRAGMA encoding').get()?.['encoding'])
  if (schema.tables.length > 0 && present !== schema.encoding) throw new CatalystError('BACKUP_FOREIGN', `The backup's text is ${schema.encoding}, this database's is ${present}`)
  for (const { name, sql } of schema.tables) confined(db, plugin, { type: 'table', name, table: name, sql })
}

/** Makes indexes, views and triggers, and looks whether all is as it was. @throws CatalystError BACKUP_DAMAGED */
export function createDependents(db: Connection, plugin: string, schema: SqliteSchema): void {
  for (const one of schema.dependents) confined(db, plugin, one)
  for (const one of schema.dependents) if (one.type !== 'index') compile(db, plugin, one)
  restoreSequences(db, schema)
  assertSame(schema, readSchema(db, plugin))
}

interface Thing {
  readonly type: 'table' | 'index' | 'trigger' | 'view'
  readonly name: string
  readonly table: string
  readonly sql: string
}

function confined(db: Connection, plugin: string, thing: Thing): void {
  const prefix = prefixOf(plugin)
  if (!(thing.type === 'index' ? thing.table : thing.name).startsWith(prefix)) throw refused(thing, `it is not under the plugin's name ${prefix}`)
  within(db, thing, plugin, true, () => db.prepare(thing.sql).run())
}

/** Makes SQLite look into a view or a trigger. */
function compile(db: Connection, plugin: string, thing: Thing): void {
  const target = quoted(thing.type === 'view' ? thing.name : thing.table)
  within(db, thing, plugin, false, () => {
    if (thing.type === 'view') return void db.prepare(`SELECT * FROM ${target}`)
    // One of the three fires it; the others say nothing about it. A view takes only those that it has a trigger for.
    const columns = db.prepare(`SELECT name FROM pragma_table_xinfo(?) WHERE hidden IN (0, 1)`).all(thing.table).map((row) => quoted(String(row['name'])))
    const view = db.prepare(`SELECT 1 FROM sqlite_schema WHERE type = 'view' AND name = ?`).get(thing.table) !== undefined
    const statements = [`INSERT INTO ${target} (${columns.join(', ')}) VALUES (${columns.map(() => 'NULL').join(', ')})`, `UPDATE ${target} SET ${columns.map((c) => `${c} = ${c}`).join(', ')}`, `DELETE FROM ${target}`]
    for (const sql of statements) if (!view || firesOn(thing.sql, sql)) db.prepare(sql)
  })
}

function firesOn(trigger: string, statement: string): boolean {
  return new RegExp(`\\b${statement.slice(0, 6)}\\b`, 'i').test(trigger)
}

function within(db: Connection, thing: Thing, plugin: string, making: boolean, work: () => void): void {
  const { constants } = process.getBuiltinModule('node:sqlite')
  const prefix = prefixOf(plugin)
  let denied: string | undefined
  db.setAuthorizer((code, a, b, database) => {
    if (allowed(code, a, b, database)) return constants.SQLITE_OK
    denied ??= [a, b].filter((word) => word !== null).join('.') || `action ${code}`
    return constants.SQLITE_DENY
  })
  const own = (name: string | null): boolean => name !== null && name.startsWith(prefix)
  const bookkeeping = (name: string | null): boolean => name === 'sqlite_master' || (making && name === 'sqlite_sequence')
  const makes = { table: constants.SQLITE_CREATE_TABLE, index: constants.SQLITE_CREATE_INDEX, trigger: constants.SQLITE_CREATE_TRIGGER, view: constants.SQLITE_CREATE_VIEW }
  const allowed = (code: number, a: string | null, b: string | null, database: string | null): boolean => {
    if (database !== null && database !== 'main') return false
    switch (code) {
      case constants.SQLITE_SELECT:
      case constants.SQLITE_RECURSIVE:
      case constants.SQLITE_FUNCTION:
        return true
      case constants.SQLITE_READ:
        return own(a) || bookkeeping(a) || a === 'pragma_table_xinfo'
      case constants.SQLITE_INSERT:
      case constants.SQLITE_UPDATE:
      case constants.SQLITE_DELETE:
        return own(a) || (making && bookkeeping(a))
      case constants.SQLITE_PRAGMA:
        return !making && a === 'table_xinfo'
      case constants.SQLITE_REINDEX:
        return making && a === thing.name
      default:
        // Unique and primary keys make indexes of their own with the table.
        return making && ((code === makes[thing.type] && a === thing.name) || (thing.type === 'table' && code === constants.SQLITE_CREATE_INDEX && b === thing.name))
    }
  }
  try {
    work()
  } catch (error) {
    throw denied === undefined ? refused(thing, (error as Error).message, error) : refused(thing, `it would touch ${denied}`, error)
  } finally {
    db.setAuthorizer(null)
  }
}

function restoreSequences(db: Connection, { tables }: SqliteSchema): void {
  for (const { name, sequence } of tables) {
    if (sequence === undefined) continue
    db.prepare('DELETE FROM sqlite_sequence WHERE name = ?').run(name)
    db.prepare('INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)').run(name, BigInt(sequence))
  }
}

function assertSame(wanted: SqliteSchema, made: SqliteSchema): void {
  const key = (schema: SqliteSchema) => [...schema.tables, ...schema.dependents].map(({ name, ...rest }) => [name, rest] as const)
  const found = new Map(key(made))
  const odd = key(wanted).find(([name, rest]) => !isDeepStrictEqual(found.get(name), rest))
  if (odd || found.size !== key(wanted).length) throw new CatalystError('BACKUP_DAMAGED', `The schema in the backup does not make what it lists${odd ? `: ${odd[0]}` : ''}`)
}

function refused({ type, name }: Thing, why: string, cause?: unknown): CatalystError {
  return new CatalystError('BACKUP_DAMAGED', `The backup's ${type} ${name} cannot be made: ${why}`, { cause })
}
