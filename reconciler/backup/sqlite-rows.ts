import { CatalystError } from '../../schemas/errors.ts'
import type { Connection } from '../store-db/sqlite-connection.ts'
import { quoted } from '../tables/sqlite-schema.ts'
import { RowReader, RowWriter, frames, type SqliteValue, type TextBytes } from './row-encoding.ts'
import type { SqliteTable } from './sqlite-schema.ts'
import { NotExact } from './table-store.ts'

/*
 * Rows out of SQLite and back. `plain` reads text as strings, which is twice as quick; text that is not UTF-8 would come
 * back as something else, so that a table with such text is read once more as `bytes`.
 */

export const ENCODINGS = ['plain', 'bytes'] as const
export type SqliteEncoding = (typeof ENCODINGS)[number]

/** Names of the stored columns, the row number first where it is none of them. */
function columnsOf(table: SqliteTable): readonly string[] {
  const columns = table.columns.map(({ name }) => quoted(name))
  return table.rowid ? [table.rowid, ...columns] : columns
}

/** How many values a row has in a part. */
export function valuesPerRow(table: SqliteTable): number {
  return columnsOf(table).length
}

/**
 * All rows of a table in frames, in the order of its key. The event loop turns between frames.
 * @throws NotExact when `plain` cannot carry a text
 */
export async function* readRows(db: Connection, table: SqliteTable, encoding: SqliteEncoding, done: (rows: number) => void): AsyncGenerator<Buffer> {
  const writer = new RowWriter()
  let rows = 0
  const add = encoding === 'plain' ? addPlain : addBytes
  for (const row of selectRows(db, table, encoding)) {
    add(writer, row)
    rows += 1
    const frame = writer.endRow()
    if (frame) yield frame
  }
  const last = writer.flush()
  if (last) yield last
  done(rows)
}

function selectRows(db: Connection, table: SqliteTable, encoding: SqliteEncoding): Iterable<SqliteValue[]> {
  const columns = columnsOf(table)
  // Text as a blob is its bytes in the database's own encoding; CAST AS TEXT undoes it.
  const asBytes = columns.flatMap((c) => [`CASE typeof(${c}) WHEN 'text' THEN CAST(${c} AS BLOB) ELSE ${c} END`, `typeof(${c}) = 'text'`])
  const list = encoding === 'plain' ? columns : asBytes
  const statement = db.prepare(`SELECT ${list.join(', ')} FROM ${quoted(table.name)} NOT INDEXED`)
  statement.setReadBigInts(true)
  statement.setReturnArrays(true)
  return statement.iterate() as unknown as Iterable<SqliteValue[]>
}

function addPlain(writer: RowWriter, row: readonly SqliteValue[]): void {
  for (const value of row) {
    // What is no UTF-8 was read as U+FFFD. So is a true one: then the second look finds nothing wrong.
    if (typeof value === 'string' && value.includes('\ufffd')) throw new NotExact()
    writer.value(value)
  }
}

function addBytes(writer: RowWriter, row: readonly SqliteValue[]): void {
  for (let i = 0; i < row.length; i += 2) {
    const value = row[i] as SqliteValue
    writer.value(row[i + 1] === 1n ? { text: value as Uint8Array } : value)
  }
}

/** Inserts the rows of a part. @returns how many. @throws CatalystError BACKUP_DAMAGED */
export async function insertRows(db: Connection, table: SqliteTable, encoding: SqliteEncoding, chunks: AsyncIterable<Buffer>): Promise<number> {
  const insert = insertOf(db, table, encoding)
  const width = valuesPerRow(table)
  let rows = 0
  for await (const frame of frames(chunks, table.name)) {
    const reader = new RowReader(frame.payload, table.name)
    for (let row = 0; row < frame.rows; row++) insert(reader, width)
    if (!reader.atEnd) throw new CatalystError('BACKUP_DAMAGED', `The rows of ${table.name} cannot be read: a frame holds more than its rows`)
    rows += frame.rows
  }
  return rows
}

function insertOf(db: Connection, table: SqliteTable, encoding: SqliteEncoding): (reader: RowReader, width: number) => void {
  const columns = columnsOf(table)
  const holes = encoding === 'plain' ? columns.map(() => '?') : columns.map(() => 'CASE WHEN ? THEN CAST(? AS TEXT) ELSE ? END')
  const statement = db.prepare(`INSERT INTO ${quoted(table.name)} (${columns.join(', ')}) VALUES (${holes.join(', ')})`)
  const values: SqliteValue[] = []
  if (encoding === 'plain') {
    return (reader, width) => {
      for (let i = 0; i < width; i++) values[i] = reader.value(false) as SqliteValue
      statement.run(...values)
    }
  }
  return (reader, width) => {
    for (let i = 0; i < width; i++) {
      const value = reader.value(true)
      const bytes = asBytes(value)
      values[3 * i] = bytes ? 1n : 0n
      values[3 * i + 1] = bytes ?? null
      values[3 * i + 2] = bytes ? null : (value as SqliteValue)
    }
    statement.run(...values)
  }
}

function asBytes(value: SqliteValue | TextBytes): Uint8Array | undefined {
  return typeof value === 'object' && value !== null && 'text' in value ? value.text : undefined
}
