import type { Connection } from '../store-db/sqlite-connection.ts'
import { quoted, type SchemaObject } from './sqlite-schema.ts'

export interface Size {
  readonly rows: number
  readonly bytes: number
}

/** A table with all its indexes. */
export interface Sized {
  readonly table: SchemaObject
  readonly indexes: readonly SchemaObject[]
}

/** Up to so many rows an estimate is exact. */
const COUNTED_ROWS = 1_000
/** Rows whose lengths stand for those of all. */
const SAMPLED_ROWS = 50
const TABLES_PER_QUESTION = 100

/**
 * Rows and bytes of tables, by name. `exact` counts rows and pages, and reads all pages of the tables asked for;
 * `estimate` looks at no more than a thousand rows of each: beyond that it goes by the highest row number and the length
 * of the first rows.
 */
export function tableSizes(db: Connection, tables: readonly Sized[], how: 'exact' | 'estimate'): ReadonlyMap<string, Size> {
  if (tables.length === 0) return new Map()
  const pageBytes = Number(db.prepare('PRAGMA page_size').get()?.['page_size'])
  const names = tables.map(({ table }) => table.name)
  if (how === 'exact') {
    const rows = numbers(db, names, (name) => `SELECT count(*) FROM ${quoted(name)}`)
    return new Map(tables.map(({ table, indexes }) => [table.name, { rows: rows.get(table.name) ?? 0, bytes: bytesOf(db, [table, ...indexes]) }]))
  }
  const counted = numbers(db, names, (name) => `SELECT count(*) FROM (SELECT 1 FROM ${quoted(name)} LIMIT ${COUNTED_ROWS + 1})`)
  const lengths = rowBytes(db, names.filter((name) => counted.get(name) !== 0))
  return new Map(tables.map(({ table, indexes }) => {
    const n = counted.get(table.name) ?? 0
    const rows = n <= COUNTED_ROWS ? n : highest(db, table)
    return [table.name, { rows, bytes: estimatedBytes(rows * (lengths.get(table.name) ?? 0), indexes.length, pageBytes) }]
  }))
}

/** Whole pages: an index is taken for a quarter of its table. */
function estimatedBytes(rowsBytes: number, indexes: number, pageBytes: number): number {
  const pages = Math.max(1, Math.ceil(rowsBytes / pageBytes))
  return (pages + indexes * Math.max(1, Math.ceil(pages / 4))) * pageBytes
}

/** Without row numbers there is nothing quicker than counting. */
function highest(db: Connection, { name, sql }: SchemaObject): number {
  const ask = /\bwithout\s+rowid\b/i.test(sql ?? '') ? 'count(*)' : 'max(rowid)'
  try {
    return Number(db.prepare(`SELECT ${ask} AS n FROM ${quoted(name)}`).get()?.['n'])
  } catch {
    return Number(db.prepare(`SELECT count(*) AS n FROM ${quoted(name)}`).get()?.['n'])
  }
}

/** How long the first rows of each table are on average, with what each costs besides. */
function rowBytes(db: Connection, names: readonly string[]): ReadonlyMap<string, number> {
  const rows = db.prepare('SELECT t.value AS name, x.name AS column FROM json_each(?) t JOIN pragma_table_xinfo(t.value) x WHERE x.hidden IN (0, 3)').all(JSON.stringify(names))
  const columns = Map.groupBy(rows, (row) => String(row['name']))
  const lengthOf = (name: string): string => (columns.get(name) ?? []).map((row) => `coalesce(octet_length(${quoted(String(row['column']))}), 0) + 1`).join(' + ')
  return numbers(db, names, (name) => `SELECT coalesce(avg(${lengthOf(name)}), 0) + 4 FROM (SELECT * FROM ${quoted(name)} LIMIT ${SAMPLED_ROWS})`)
}

function bytesOf(db: Connection, trees: readonly SchemaObject[]): number {
  const ask = db.prepare('SELECT pgsize FROM dbstat WHERE aggregate = 1 AND name = ?')
  return trees.reduce((sum, { name }) => sum + Number(ask.get(name)?.['pgsize'] ?? 0), 0)
}

/** One number per table, a hundred tables a question. */
function numbers(db: Connection, names: readonly string[], ask: (name: string) => string): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (let i = 0; i < names.length; i += TABLES_PER_QUESTION) {
    const part = names.slice(i, i + TABLES_PER_QUESTION)
    const sql = part.map((name, at) => `SELECT ${at} AS at, (${ask(name)}) AS n`).join(' UNION ALL ')
    for (const row of db.prepare(sql).all()) found.set(part[Number(row['at'])] ?? '', Number(row['n']))
  }
  return found
}
