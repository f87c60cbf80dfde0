import type { Connection } from '../store-db/sqlite-connection.ts'
import { ownerOf } from './names.ts'
import type { StatementKind } from './sqlite-authorizer.ts'
import { tokensOf, valueOf } from './tokens.ts'

/*
 * What SQLite's authorizer is not asked about (seen in 3.53): `INSERT INTO own SELECT * FROM orders` between tables of
 * the same shape copies without a question, and `own NATURAL JOIN orders`, or USING, compares columns without one. So the
 * compiled program is looked at too: whatever is read or written, also in triggers, is opened by the page where it begins
 * (https://www.sqlite.org/opcode.html#OpenRead). Neither check would do alone.
 */

/** OPFLAG_P2ISREG: the page is not known yet, for the statement makes what it opens. */
const PAGE_IN_REGISTER = 0x10
const SCHEMA_PAGE = 1

/** The operations that take the page of a table or index, and which operand it is. Clear is a DELETE of all rows. */
const PAGE_OF: Readonly<Record<string, 'p1' | 'p2'>> = { OpenRead: 'p2', OpenWrite: 'p2', ReopenIdx: 'p2', Clear: 'p1', Destroy: 'p1' }

/** Tables and indexes by the page where they begin. */
export class OpenedTrees {
  readonly #db: Connection
  readonly #plugin: string
  #tables: ReadonlyMap<number, string> | undefined

  constructor(db: Connection, plugin: string) {
    this.#db = db
    this.#plugin = plugin
  }

  /** The schema has changed. */
  forget(): void {
    this.#tables = undefined
  }

  /** Reads where tables begin, unless it is known: a question of ours, before foreign SQL is compiled. */
  learn(): void {
    this.#tables ??= this.#read()
  }

  /** The first table that a statement would open and may not, or undefined. It compiles the statement: the authorizer must be set. */
  foreign(sql: string, kind: StatementKind): string | undefined {
    for (const { opcode, p1, p2, p5 } of this.#db.prepare(`EXPLAIN ${sql}`).all()) {
      const where = PAGE_OF[String(opcode)]
      if (where === undefined || (where === 'p2' && (Number(p5) & PAGE_IN_REGISTER) !== 0)) continue
      const table = this.#tableAt(Number(where === 'p1' ? p1 : p2))
      if (!this.#allowed(table, kind, opcode === 'OpenWrite')) return table
    }
    return undefined
  }

  #allowed(table: string, kind: StatementKind, write: boolean): boolean {
    if (ownerOf(table) === this.#plugin || table === 'sqlite_sequence') return true
    // No query of the plugin stands in DROP and ALTER; CREATE only adds to the schema.
    return table.startsWith('sqlite_') && (kind === 'drop' || kind === 'alter' || (kind === 'create' && write))
  }

  #tableAt(page: number): string {
    if (page === SCHEMA_PAGE) return 'sqlite_master'
    return this.#tables?.get(page) ?? `the table at page ${page}`
  }

  #read(): ReadonlyMap<number, string> {
    const rows = this.#db.prepare('SELECT rootpage, tbl_name FROM sqlite_master WHERE rootpage > 0').all()
    return new Map(rows.map((row) => [Number(row['rootpage']), String(row['tbl_name'])]))
  }
}

/** Names that SQLite gives to tables of its own: they have no page to be opened at. */
const RESERVED = /^(pragma_\w+|sqlite_\w+|dbstat|fts[345]\w*|rtree\w*|geopoly|bytecode|tables_used|completion|csv|zipfile|fsdir)$/

/** The first such name in a statement, or undefined. A string that is one is taken for a name: SQLite does the same. */
export function reservedName(sql: string): string | undefined {
  for (const token of tokensOf(sql, 'sqlite')) {
    if (token.kind === 'blank' || token.kind === 'symbol') continue
    const name = valueOf(sql, token)
    if (RESERVED.test(name.toLowerCase())) return name
  }
  return undefined
}
