import { existsSync } from 'node:fs'
import { CatalystError, type ErrorCode } from '../../schemas/errors.ts'
import { obeys } from '../../schemas/validate.ts'
import type { Fence } from '../data-ports.ts'
import { connect, type Connection } from '../store-db/sqlite-connection.ts'
import { recordDefinition } from '../tables/sqlite-definition.ts'
import { ownedOf, readSchema as readObjects } from '../tables/sqlite-schema.ts'
import { assertFence, committedRestores, forgetEntry, putEntry, readEntries, readMigrations, tablesSql, writeRecords, type Run } from './records.ts'
import { countRows } from './row-encoding.ts'
import { createDependents, createTables, dropOwned } from './sqlite-rebuild.ts'
import { ENCODINGS, insertRows, readRows, valuesPerRow, type SqliteEncoding } from './sqlite-rows.ts'
import { SqliteSchema, readSchema, type SqliteTable } from './sqlite-schema.ts'
import type { BackupEntry, BackupList, CommittedRestores, Replacement, StoredRows, TableStore, TablesSnapshot } from './table-store.ts'

/** The plugins' tables in a SQLite file. Connections last as long as one call. */
export function sqliteTables(path: string): TableStore {
  return new SqliteTables(path)
}

class SqliteTables implements TableStore {
  readonly dialect = 'sqlite'
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** In WAL mode a read transaction sees one moment, whatever others write meanwhile. */
  async snapshot<T>(plugin: string, work: (snapshot: TablesSnapshot) => Promise<T>): Promise<T> {
    if (!existsSync(this.#path)) throw new CatalystError('BACKUP_FAILED', `The store database ${this.#path} does not exist`)
    return this.#within({ readOnly: true }, 'BEGIN', async (db) => work(await snapshotOf(db, plugin)))
  }

  async countRows(schema: unknown, stored: StoredRows, chunks: AsyncIterable<Buffer>): Promise<number> {
    asEncoding(stored.encoding)
    return countRows(chunks, valuesPerRow(tableOf(asSchema(schema), stored.table)), stored.table)
  }

  async replace(replacement: Replacement): Promise<void> {
    const { plugin } = replacement
    const schema = asSchema(replacement.schema)
    await this.#fenced(replacement.fence, async (db) => {
      dropOwned(db, readSchema(db, plugin))
      replacement.at('dropped')
      createTables(db, plugin, schema)
      for (const stored of replacement.tables) await fill(db, schema, stored)
      replacement.at('filled')
      createDependents(db, plugin, schema)
      assertNobodyDangles(db, schema)
      await writeRecords(runOn(db), 'sqlite', plugin, replacement.migrations, ownedOf(readObjects(db), plugin))
      recordDefinition(db, plugin)
      await committedRestores(runOn(db), 'sqlite').put(replacement.restore)
      await replacement.beforeCommit()
    })
  }

  async exclusively<T>(fence: Fence, work: (restores: CommittedRestores) => Promise<T>): Promise<T> {
    return this.#fenced(fence, (db) => work(committedRestores(runOn(db), 'sqlite')))
  }

  readonly list: BackupList = {
    entries: async () => {
      if (!existsSync(this.#path)) return []
      return this.#within({ readOnly: true }, 'BEGIN', async (db) => (hasList(db) ? readEntries(runOn(db), 'sqlite') : []))
    },
    put: (entry: BackupEntry) => this.#listing((run) => putEntry(run, 'sqlite', entry)),
    forget: (name: string) => this.#listing((run) => forgetEntry(run, 'sqlite', name)),
  }

  async close(): Promise<void> {}

  /** Holds the only write lock there is: nobody can take the lease away meanwhile. */
  async #fenced<T>(fence: Fence, work: (db: Connection) => Promise<T>): Promise<T> {
    // Dropping a table must not delete rows of others; what would dangle afterwards is looked for at the end.
    return this.#within({}, 'PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE', async (db) => {
      await assertFence(runOn(db), 'sqlite', fence.token)
      for (const statement of tablesSql('sqlite')) await runOn(db)(statement)
      return work(db)
    })
  }

  #listing(work: (run: Run) => Promise<void>): Promise<void> {
    return this.#within({}, 'BEGIN IMMEDIATE', async (db) => {
      for (const statement of tablesSql('sqlite')) await runOn(db)(statement)
      await work(runOn(db))
    })
  }

  async #within<T>(options: { readonly readOnly?: boolean }, begin: string, work: (db: Connection) => Promise<T>): Promise<T> {
    const db = await connect(this.#path, options)
    try {
      db.exec(begin)
      const result = await work(db)
      db.exec('COMMIT')
      return result
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK')
      throw asFailure(this.#path, error)
    } finally {
      db.close()
    }
  }
}

async function snapshotOf(db: Connection, plugin: string): Promise<TablesSnapshot> {
  const schema = readSchema(db, plugin)
  const counted = new Map<string, number>()
  return {
    engine: `SQLite ${db.prepare('SELECT sqlite_version() AS v').get()?.['v']}`,
    schema,
    tables: schema.tables.map(({ name }) => name),
    migrations: await readMigrations(runOn(db), 'sqlite', plugin),
    encodings: ENCODINGS,
    rows: (table, encoding) => readRows(db, tableOf(schema, table), asEncoding(encoding), (rows) => counted.set(table, rows)),
    rowsRead: (table) => counted.get(table) ?? 0,
  }
}

async function fill(db: Connection, schema: SqliteSchema, stored: Replacement['tables'][number]): Promise<void> {
  const rows = await insertRows(db, tableOf(schema, stored.table), asEncoding(stored.encoding), stored.read())
  if (rows !== stored.rows) throw new CatalystError('BACKUP_DAMAGED', `The rows of ${stored.table} are ${rows}, the manifest names ${stored.rows}`)
}

/** Rows of others that point to rows which are not there after the restore. */
function assertNobodyDangles(db: Connection, { tables }: SqliteSchema): void {
  const names = JSON.stringify(tables.map(({ name }) => name))
  const others = db.prepare(`SELECT DISTINCT s.name FROM sqlite_schema AS s, pragma_foreign_key_list(s.name) AS f WHERE s.type = 'table'
    AND f."table" IN (SELECT value FROM json_each(?1)) AND s.name NOT IN (SELECT value FROM json_each(?1))`).all(names)
  for (const { name } of others) {
    const broken = db.prepare('SELECT "parent" FROM pragma_foreign_key_check(?) WHERE "parent" IN (SELECT value FROM json_each(?)) LIMIT 1').get(String(name), names)
    if (broken) throw new CatalystError('TABLE_IN_USE', `Rows of ${name} point to rows of ${broken['parent']} that the backup does not have`, { hint: `Remove those rows of ${name} first, or choose another backup: \`catalyst backups\`.` })
  }
}

function runOn(db: Connection): Run {
  return async ({ sql, params }) => {
    const statement = db.prepare(sql)
    if (sql.startsWith('SELECT')) return { rows: statement.all(...params), changes: 0 }
    return { rows: [], changes: Number(statement.run(...params).changes) }
  }
}

function hasList(db: Connection): boolean {
  return db.prepare(`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'catalyst_backups'`).get() !== undefined
}

function asSchema(schema: unknown): SqliteSchema {
  if (obeys(SqliteSchema, schema)) return schema
  throw new CatalystError('BACKUP_DAMAGED', 'The schema in the backup is not one of SQLite tables')
}

function tableOf(schema: SqliteSchema, name: string): SqliteTable {
  const table = schema.tables.find((one) => one.name === name)
  if (table) return table
  throw new CatalystError('BACKUP_DAMAGED', `The backup has rows of ${name}, which its schema does not have`)
}

function asEncoding(encoding: string): SqliteEncoding {
  const known = ENCODINGS.find((one) => one === encoding)
  if (known) return known
  throw new CatalystError('BACKUP_DAMAGED', `The rows are written in the unknown way ${encoding}`)
}

// Primary result codes: https://www.sqlite.org/rescode.html
const CODES: Readonly<Record<number, ErrorCode>> = { 5: 'BUSY', 6: 'BUSY', 8: 'READ_ONLY', 13: 'DISK_FULL' }

function asFailure(path: string, error: unknown): unknown {
  const { errcode, message } = error as { errcode?: number; message: string }
  if (errcode === undefined) return error
  return new CatalystError(CODES[errcode & 0xff] ?? 'BACKUP_FAILED', `The store database ${path}: ${message}`, { cause: error })
}
