import { createHash, type Hash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { Digest } from '../../schemas/digest.ts'
import type { Connection } from '../store-db/sqlite-connection.ts'
import { definitionLines } from './sqlite-definition.ts'
import { ofPlugin, quoted, readSchema, type SchemaObject } from './sqlite-schema.ts'

/** Between so many rows others have their turn. */
const ROWS_PER_TURN = 2_000
const CHARACTERS_PER_CALL = 16_384

/**
 * sha256 over the schema of a plugin and all rows of its tables, in the order in which they lie, one row in memory at a
 * time. Columns that are computed when they are read are left out: they follow from the others, and their expression is
 * foreign code. To be called in a read transaction.
 */
export async function digestTables(db: Connection, plugin: string): Promise<Digest> {
  const hash = createHash('sha256')
  const own = ofPlugin(readSchema(db), plugin)
  for (const line of definitionLines(own)) hash.update(line)
  const tables = own.filter((o) => o.type === 'table').toSorted((a, b) => (a.name < b.name ? -1 : 1))
  for (const table of tables) await digestRows(db, table, hash)
  return `sha256:${hash.digest('hex')}`
}

async function digestRows(db: Connection, { name }: SchemaObject, hash: Hash): Promise<void> {
  const columns = db.prepare('SELECT name FROM pragma_table_xinfo(?) WHERE hidden IN (0, 3) ORDER BY cid').all(name).map((row) => quoted(String(row['name'])))
  hash.update(`${JSON.stringify([name, sequenceOf(db, name)])}\n`)
  const rows = db.prepare(`SELECT ${columns.join(', ')} FROM ${quoted(name)} NOT INDEXED ORDER BY ${orderOf(db, name)}`)
  rows.setReadBigInts(true)
  rows.setReturnArrays(true)
  let turn = 0
  let text = ''
  for (const row of rows.iterate() as unknown as Iterable<readonly SqlValue[]>) {
    for (const value of row) {
      text += textOf(value)
      if (!(value instanceof Uint8Array)) continue
      hash.update(text).update(value)
      text = ''
    }
    // One call for many values: the calls would cost more than the hash.
    if (text.length > CHARACTERS_PER_CALL) {
      hash.update(text)
      text = ''
    }
    if (++turn % ROWS_PER_TURN === 0) await setImmediate()
  }
  hash.update(text)
}

type SqlValue = null | number | bigint | string | Uint8Array

/** Kind, length and text, so that no two rows look the same; of bytes what stands before them. */
function textOf(value: SqlValue): string {
  if (value === null) return 'n;'
  if (typeof value === 'bigint') return `i${value};`
  if (typeof value === 'number') return `f${Object.is(value, -0) ? '-0' : value};`
  return typeof value === 'string' ? `t${value.length}:${value}` : `b${value.length}:`
}

/** The order of the table itself: its row numbers, or its primary key where it has none. */
function orderOf(db: Connection, table: string): string {
  const info = db.prepare(`SELECT wr FROM pragma_table_list(?) WHERE schema = 'main'`).get(table)
  if (Number(info?.['wr']) === 0) return rowNumberOf(db, table)
  const keys = db.prepare('SELECT name FROM pragma_table_xinfo(?) WHERE pk > 0 ORDER BY pk').all(table)
  return keys.map((row) => quoted(String(row['name']))).join(', ')
}

/** A column may bear one of the names of the row number; then one of the others means it. */
function rowNumberOf(db: Connection, table: string): string {
  const taken = new Set(db.prepare('SELECT lower(name) AS name FROM pragma_table_xinfo(?)').all(table).map((row) => String(row['name'])))
  return ['rowid', '_rowid_', 'oid'].find((name) => !taken.has(name)) ?? 'rowid'
}

function sequenceOf(db: Connection, table: string): string | null {
  if (!db.prepare(`SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'`).get()) return null
  const seq = db.prepare('SELECT CAST(seq AS TEXT) AS seq FROM sqlite_sequence WHERE name = ?').get(table)?.['seq']
  return seq === undefined ? null : String(seq)
}
