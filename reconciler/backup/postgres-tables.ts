import { isDeepStrictEqual } from 'node:util'
import { canonicalJson } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { obeys } from '../../schemas/validate.ts'
import type { Fence } from '../data-ports.ts'
import { PostgresConnection, type Query } from '../store-db/postgres-connection.ts'
import { migrate, schemaVersion } from '../store-db/postgres-schema.ts'
import { postgresError, sqlState } from '../store-db/postgres-errors.ts'
import { schemaOf } from '../tables/names.ts'
import { recordDefinition } from '../tables/postgres-definition.ts'
import { quarantineOf } from '../tables/postgres-names.ts'
import { oneTimePassword } from '../tables/postgres-password.ts'
import { dropGrounds, isEmpty } from '../tables/postgres-removal.ts'
import { letIn, settle, shutOutSql, survey, type Grounds } from '../tables/postgres-role.ts'
import { usesIn } from '../tables/postgres-uses.ts'
import { CopySession } from './postgres-copy.ts'
import { afterRows, beforeRows, copyColumns, handOver } from './postgres-rebuild.ts'
import { PostgresSchema, assertKnownKinds, quoted, readSchema } from './postgres-schema.ts'
import { assertFence, committedRestores, forgetEntry, putEntry, readEntries, readMigrations, tablesSql, writeRecords, type Run } from './records.ts'
import { release } from './row-encoding.ts'
import type { BackupEntry, BackupList, CommittedRestores, Replacement, StoredRows, TableStore, TablesSnapshot } from './table-store.ts'

/*
 * A restore is made in two steps. First the plugin's own role, on its own connection, makes tables and rows in an empty
 * schema `plg_<id>__restored`: whatever stands in the definitions runs with no more rights than a migration has, and no
 * lock of ours is held however long it takes. Then one transaction of ours drops what is there, gives the new schema the
 * plugin's name, writes the records and moves the data folder.
 */

/** The plugins' tables in a PostgreSQL database. */
export function postgresTables(url: string): TableStore {
  return new PostgresTables(url)
}

const ENCODING = 'copy text'
/** So long the plugin's role can log in. */
const LOGIN_MS = 60_000

class PostgresTables implements TableStore {
  readonly dialect = 'postgres'
  readonly #url: string
  readonly #db: PostgresConnection

  constructor(url: string) {
    this.#url = url
    this.#db = new PostgresConnection(url)
  }

  async snapshot<T>(plugin: string, work: (snapshot: TablesSnapshot) => Promise<T>): Promise<T> {
    return this.#session('pg_catalog', undefined, async (session) => {
      await session.ask('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY')
      const result = await work(await snapshotOf(session, plugin))
      await session.ask('COMMIT')
      return result
    })
  }

  /** In COPY's text format a newline ends a row; within a value it is written as `\n`. */
  async countRows(_schema: unknown, { encoding }: StoredRows, chunks: AsyncIterable<Buffer>): Promise<number> {
    assertEncoding(encoding)
    let rows = 0
    for await (const chunk of chunks) {
      rows += newlinesIn(chunk)
      release(chunk)
    }
    return rows
  }

  async replace(replacement: Replacement): Promise<void> {
    const { plugin, fence } = replacement
    const schema = asSchema(replacement.schema)
    await migrate(this.#db)
    const { password, verifier } = oneTimePassword()
    const grounds = await this.#fenced(fence, (query) => prepare(query, plugin, verifier))
    try {
      await this.#session(quoted(spaceOf(plugin)), { user: grounds.role, password }, async (session) => {
        await this.#db.ask(shutOutSql(grounds.role))
        await fill(session, schema, replacement)
      })
      replacement.at('filled')
      await this.#fenced(fence, (query) => putInPlace(query, grounds, schema, replacement))
    } catch (error) {
      await this.#withdraw(grounds)
      throw error
    }
  }

  async exclusively<T>(fence: Fence, work: (restores: CommittedRestores) => Promise<T>): Promise<T> {
    return this.#fenced(fence, async (query) => {
      for (const { nspname } of await query(`SELECT nspname::text FROM pg_namespace WHERE nspname ~ '^plg_[a-z0-9_]+__restored$'`)) await query(`DROP SCHEMA ${quoted(String(nspname))} CASCADE`)
      return work(committedRestores(runOn(query), 'postgres'))
    })
  }

  readonly list: BackupList = {
    entries: async () => {
      if ((await schemaVersion(this.#db)) === 0) return []
      const [there] = await this.#db.ask(`SELECT to_regclass('catalyst.backups') IS NOT NULL AS yes`)
      return there?.['yes'] === true ? this.#db.transaction('read', (query) => readEntries(runOn(query), 'postgres')) : []
    },
    put: (entry: BackupEntry) => this.#listing((run) => putEntry(run, 'postgres', entry)),
    forget: (name: string) => this.#listing((run) => forgetEntry(run, 'postgres', name)),
  }

  async close(): Promise<void> {
    await this.#db.close()
  }

  async #fenced<T>(fence: Fence, work: (query: Query) => Promise<T>): Promise<T> {
    await migrate(this.#db)
    return this.#db.transaction('write', async (query) => {
      await assertFence(runOn(query), 'postgres', fence.token)
      for (const statement of tablesSql('postgres')) await runOn(query)(statement)
      return work(query)
    })
  }

  async #listing(work: (run: Run) => Promise<void>): Promise<void> {
    await migrate(this.#db)
    await this.#db.transaction('write', async (query) => {
      for (const statement of tablesSql('postgres')) await runOn(query)(statement)
      await work(runOn(query))
    })
  }

  /** A connection for one task; the server's errors get a code of ours. */
  async #session<T>(searchPath: string, login: { readonly user: string; readonly password: string } | undefined, work: (session: CopySession) => Promise<T>): Promise<T> {
    let session: CopySession | undefined
    try {
      session = await CopySession.open(this.#url, searchPath, login)
      const result = await work(session)
      await session.end()
      return result
    } catch (error) {
      // Not asked to end: it may be in the middle of a stream.
      session?.destroy()
      throw login && isRefusal(error) ? refused(error) : asOurs(error, this.#db)
    }
  }

  /** Takes back what `prepare` made. What cannot be taken back now goes with the next `settle`. */
  async #withdraw({ plugin, role }: Grounds): Promise<void> {
    try {
      await this.#db.transaction('write', async (query) => {
        await query(`DROP SCHEMA IF EXISTS ${quoted(spaceOf(plugin))} CASCADE`)
        const now = await survey(query, plugin)
        if (now.made.role) await query(shutOutSql(role))
        if (now.made.role && (await isEmpty(query, now))) await dropGrounds(query, now)
      })
    } catch {
      // The failure that led here is the one to tell.
    }
  }
}

/** The schema in which a restore is made. No id holds two hyphens, so that it is no other plugin's. */
function spaceOf(plugin: string): string {
  return `${schemaOf(plugin)}__restored`
}

async function snapshotOf(session: CopySession, plugin: string): Promise<TablesSnapshot> {
  const ask: CopySession['ask'] = (sql, params) => session.ask(sql, params)
  const space = await presentSchema(session, plugin)
  await assertKnownKinds(ask, space)
  const [version] = await session.ask(`SELECT pg_catalog.current_setting('server_version') AS version, pg_catalog.to_regclass('catalyst.migrations') IS NOT NULL AS ours`)
  const migrations = version?.['ours'] === true ? await readMigrations(runOn(ask as Query), 'postgres', plugin) : []
  await session.ask(`SELECT pg_catalog.set_config('search_path', $1, true)`, [quoted(space)])
  const schema = await readSchema(ask, space)
  const counted = new Map<string, number>()
  return {
    engine: `PostgreSQL ${version?.['version']}`,
    schema,
    tables: schema.tables.map(({ name }) => name),
    migrations,
    encodings: [ENCODING],
    rows: (table) => copyRows(session, schema, { space, table }, (rows) => counted.set(table, rows)),
    rowsRead: (table) => counted.get(table) ?? 0,
  }
}

async function presentSchema(session: CopySession, plugin: string): Promise<string> {
  const [row] = await session.ask('SELECT pg_catalog.to_regnamespace($1) IS NOT NULL AS away', [quarantineOf(plugin)])
  return row?.['away'] === true ? quarantineOf(plugin) : schemaOf(plugin)
}

/** COPY is not planned: nothing that the plugin wrote runs while we read. */
async function* copyRows(session: CopySession, schema: PostgresSchema, { space, table }: { readonly space: string; readonly table: string }, done: (rows: number) => void): AsyncGenerator<Buffer> {
  const columns = copyColumns(schema, table)
  let rows = 0
  for await (const chunk of session.copyOut(`COPY ${quoted(space)}.${quoted(table)} ${columns ?? ''} TO STDOUT`)) {
    rows += newlinesIn(chunk)
    yield chunk
  }
  done(rows)
}

function newlinesIn(chunk: Buffer): number {
  let found = 0
  for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) found += 1
  return found
}

/** Role, an empty schema for it, and the door open for one login. */
async function prepare(query: Query, plugin: string, verifier: string): Promise<Grounds> {
  await query(`DROP SCHEMA IF EXISTS ${quoted(spaceOf(plugin))} CASCADE`)
  const grounds = await survey(query, plugin)
  await settle(query, grounds)
  await query(`CREATE SCHEMA ${quoted(spaceOf(plugin))}`)
  await query(`GRANT USAGE, CREATE ON SCHEMA ${quoted(spaceOf(plugin))} TO ${quoted(grounds.role)}`)
  await letIn(query, grounds, verifier, LOGIN_MS)
  return grounds
}

async function fill(session: CopySession, schema: PostgresSchema, { plugin, tables, signal, at }: Replacement): Promise<void> {
  await session.ask('BEGIN')
  for (const sql of beforeRows(schema)) await session.ask(sql)
  at('dropped')
  for (const stored of tables) {
    signal?.throwIfAborted()
    assertEncoding(stored.encoding)
    const rows = await session.copyIn(`COPY ${quoted(stored.table)} ${copyColumns(schema, stored.table) ?? ''} FROM STDIN`, stored.read())
    if (rows !== stored.rows) throw new CatalystError('BACKUP_DAMAGED', `The rows of ${stored.table} are ${rows}, the manifest names ${stored.rows}`)
  }
  for (const sql of afterRows(schema)) await session.ask(sql)
  const made = await readSchema((sql, params) => session.ask(sql, params), spaceOf(plugin))
  assertSame(schema, made)
  await session.ask('COMMIT')
}

async function putInPlace(query: Query, { plugin, store }: Grounds, schema: PostgresSchema, replacement: Replacement): Promise<void> {
  const uses = (await usesIn(query, [plugin])).get(plugin) ?? []
  if (uses.length > 0) throw new CatalystError('TABLE_IN_USE', `The tables of ${plugin} are needed by others: ${uses.map(({ table, kind, by }) => `${kind} ${by} on ${table}`).join('; ')}`)
  // Ours for a moment, so that dropping all that is the plugin's leaves it.
  for (const sql of handOver(schema, spaceOf(plugin), store)) await query(sql)
  await dropGrounds(query, await survey(query, plugin))
  await query(`ALTER SCHEMA ${quoted(spaceOf(plugin))} RENAME TO ${quoted(schemaOf(plugin))}`)
  await settle(query, await survey(query, plugin))
  await writeRecords(runOn(query), 'postgres', plugin, replacement.migrations)
  await recordDefinition(query, plugin)
  await committedRestores(runOn(query), 'postgres').put(replacement.restore)
  await replacement.beforeCommit()
}

function assertSame(wanted: PostgresSchema, made: PostgresSchema): void {
  const odd = (Object.keys(wanted) as (keyof PostgresSchema)[]).find((kind) => !isDeepStrictEqual(sorted(wanted[kind]), sorted(made[kind])))
  if (odd !== undefined) throw new CatalystError('BACKUP_DAMAGED', `The schema in the backup does not make what it lists: its ${odd} are others`)
}

/** Types are listed in the order in which they were made, which is another one now. */
function sorted(list: readonly object[]): readonly string[] {
  return list.map(canonicalJson).sort()
}

function runOn(query: Query): Run {
  return async ({ sql, params }) => {
    const rows = await query(/^(UPDATE|DELETE|INSERT)/.test(sql) ? `${sql} RETURNING 1 AS one` : sql, params)
    return { rows, changes: rows.length }
  }
}

function asSchema(schema: unknown): PostgresSchema {
  if (obeys(PostgresSchema, schema)) return schema
  throw new CatalystError('BACKUP_DAMAGED', 'The schema in the backup is not one of PostgreSQL tables')
}

function assertEncoding(encoding: string): void {
  if (encoding !== ENCODING) throw new CatalystError('BACKUP_DAMAGED', `The rows are written in the unknown way ${encoding}`)
}

/** What the server says to the statements themselves; not that its disk is full or that it goes away. */
function isRefusal(error: unknown): boolean {
  const state = sqlState(error)
  return state !== undefined && !/^(08|40|53|55|57|58|XX)/.test(state)
}

function refused(error: unknown): CatalystError {
  return new CatalystError('BACKUP_DAMAGED', `The database does not take what is in the backup: ${(error as Error).message}`, { cause: error })
}

function asOurs(error: unknown, { name, role }: PostgresConnection): unknown {
  if (error instanceof CatalystError || sqlState(error) === undefined) return error
  return postgresError(error, { name, role, secret: undefined })
}
