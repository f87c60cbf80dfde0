import { Kysely, PostgresDialect, sql, SqliteDialect } from 'kysely'
import { Migrator } from 'kysely/migration'
import { CatalystError, redact } from '../../schemas/errors.ts'
import { type Dialect, migrationsFor } from './migrations.ts'
import type { CatalogTables } from './tables.ts'

/** The catalog's database, opened and brought to the newest form. */
export interface CatalogDatabase {
  readonly db: Kysely<CatalogTables>
  readonly dialect: Dialect
  /** For people: without user and password. */
  readonly name: string
}

const BUSY_TIMEOUT_MS = 5_000
const CONNECT_MS = 10_000
const STATEMENT_MS = 30_000
const CONNECTIONS = 4
const HINT = 'Check the address: `sqlite:./catalog.db`, or `postgres://user@host/database`.'

/**
 * Opens `sqlite:PATH` (made when absent) or `postgres://…` and brings its tables to the newest form; two processes may do
 * so at once. @throws CatalystError STATE_UNAVAILABLE, STATE_INVALID when a newer version has changed the tables
 */
export async function openDatabase(url: string): Promise<CatalogDatabase> {
  const name = redact(url)
  const opened = await connect(url, name)
  try {
    await migrate(opened)
    return opened
  } catch (error) {
    await opened.db.destroy().catch(() => undefined)
    throw error instanceof CatalystError ? error : new CatalystError('STATE_UNAVAILABLE', `The catalog database ${name}: ${wordsOf(error)}`, { cause: error, hint: HINT })
  }
}

async function connect(url: string, name: string): Promise<CatalogDatabase> {
  const path = /^sqlite:(?:\/\/(?=\/))?(.+)$/.exec(url)?.[1]
  if (path !== undefined) return { db: new Kysely<CatalogTables>({ dialect: await sqlite(path, name) }), dialect: 'sqlite', name }
  if (/^postgres(ql)?:\/\//.test(url)) return { db: new Kysely<CatalogTables>({ dialect: await postgres(url) }), dialect: 'postgres', name }
  throw new CatalystError('STATE_UNAVAILABLE', `${name} names no database that a catalog can be kept in`, { hint: HINT })
}

async function sqlite(path: string, name: string): Promise<SqliteDialect> {
  const { openSqlite } = await import('./sqlite.ts')
  try {
    return new SqliteDialect({ database: await openSqlite(path, BUSY_TIMEOUT_MS) })
  } catch (error) {
    throw error instanceof CatalystError ? error : new CatalystError('STATE_UNAVAILABLE', `The catalog database ${name}: ${wordsOf(error)}`, { cause: error, hint: HINT })
  }
}

/** Numbers of 64 bits come as numbers: ours count rows and GitHub's repositories, both far below 2^53. */
async function postgres(url: string): Promise<PostgresDialect> {
  const { default: pg } = await import('pg')
  const pool = new pg.Pool({
    connectionString: url, max: CONNECTIONS, connectionTimeoutMillis: CONNECT_MS, query_timeout: STATEMENT_MS, application_name: 'catalyst-registry',
    types: { getTypeParser: (oid, format) => (oid === pg.types.builtins.INT8 ? Number : (pg.types.getTypeParser(oid, format as 'text') as (text: string) => unknown)) },
  })
  // A connection that breaks is replaced by the pool, and a query on it fails by itself. Its error comes to the pool while
  // nobody has it, and to the connection between two queries of one who has it; unheard, either would end the process.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => void client.on('error', () => undefined))
  return new PostgresDialect({ pool })
}

async function migrate(opened: CatalogDatabase): Promise<void> {
  if (opened.dialect === 'postgres') return migrateTo(opened, opened.db)
  // kysely takes no lock in SQLite and trusts it with no transaction around DDL; it has both.
  await opened.db.connection().execute(async (one) => {
    await sql`BEGIN IMMEDIATE`.execute(one)
    try {
      await migrateTo(opened, one)
      await sql`COMMIT`.execute(one)
    } catch (error) {
      await sql`ROLLBACK`.execute(one)
      throw error
    }
  })
}

async function migrateTo({ dialect, name }: CatalogDatabase, db: Kysely<CatalogTables>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrationsFor(dialect) }, migrationTableName: 'catalog_migrations', migrationLockTableName: 'catalog_migrations_lock' })
  const { error } = await migrator.migrateToLatest()
  if (!error) return
  if (/previously executed migration/.test(wordsOf(error))) throw new CatalystError('STATE_INVALID', `The catalog database ${name} was changed by a newer version: ${wordsOf(error)}`, { cause: error })
  throw error
}

function wordsOf(error: unknown): string {
  const { message, code, errors } = error as { message?: string; code?: string; errors?: readonly Error[] }
  return redact(message || errors?.[0]?.message || code || String(error))
}
