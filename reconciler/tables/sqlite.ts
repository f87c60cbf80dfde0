import { existsSync, statSync } from 'node:fs'
import type { Digest } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import type { AppliedMigration, Fence, Inventory, Migration, PluginTables, SqlLimits, TableDefinitions, TableUse } from '../data-ports.ts'
import { connect, transaction, type Connection } from '../store-db/sqlite-connection.ts'
import { assertKnown, migrate as migrateOurs } from '../store-db/sqlite-schema.ts'
import { definitionsOf } from './sqlite-definition.ts'
import { digestTables } from './sqlite-digest.ts'
import { inventoryOf } from './sqlite-inventory.ts'
import { runInChild } from './sqlite-process.ts'
import { appliedMigrations, markQuarantined, quarantinedPlugins, TABLES_SINCE_VERSION, underFence } from './sqlite-records.ts'
import { renameOwned } from './sqlite-rename.ts'
import { readSchema } from './sqlite-schema.ts'
import { usesOf } from './sqlite-uses.ts'

/** `readOnly` makes and changes nothing. The others bound one migration. */
export interface SqliteTablesOptions {
  readonly readOnly?: boolean
  /** Memory beyond Node's own; default 256 MiB. */
  readonly memoryBytes?: number
  /** By how much the file may grow; default 4 GiB. */
  readonly growthBytes?: number
  /** The file that the child runs, for programs that are bundled in another way. */
  readonly entry?: string
}

const MEMORY_BYTES = 256 * 1024 * 1024
const GROWTH_BYTES = 4 * 1024 * 1024 * 1024
/** Dropping asks no foreign code; it only takes long when much is there. */
const DROP_TIMEOUT_MS = 10 * 60 * 1000

/** The plugins' tables in a SQLite file. Nothing is opened before it is asked for; a process is started only for a migration or a drop. */
export function openSqliteTables(path: string, options: SqliteTablesOptions = {}): PluginTables {
  return new SqliteTables(path, options)
}

class SqliteTables implements PluginTables {
  readonly dialect = 'sqlite'
  readonly #path: string
  readonly #options: SqliteTablesOptions
  #opened: Promise<Connection> | undefined

  constructor(path: string, options: SqliteTablesOptions) {
    this.#path = path
    this.#options = options
  }

  async applied(plugin?: string): Promise<readonly AppliedMigration[]> {
    return this.#read([], (db) => appliedMigrations(db, plugin))
  }

  async inventory(plugins: readonly string[], rows: 'exact' | 'estimate'): Promise<ReadonlyMap<string, Inventory>> {
    const nothing = new Map(plugins.map((plugin) => [plugin, { plugin, tables: [], others: [], quarantined: false }]))
    return this.#read(nothing, (db) => inventoryOf(db, readSchema(db), plugins, { rows, quarantined: quarantinedPlugins(db) }))
  }

  async uses(plugins: readonly string[]): Promise<ReadonlyMap<string, readonly TableUse[]>> {
    return this.#read<ReadonlyMap<string, readonly TableUse[]>>(new Map(plugins.map((plugin) => [plugin, []])), (db) => usesOf(db, readSchema(db), plugins))
  }

  async migrate(plugin: string, migration: Migration, fence: Fence, limits: SqlLimits): Promise<void> {
    const stands = async (): Promise<boolean> => (await this.applied(plugin)).some(({ id, appliedAt }) => id === migration.id && appliedAt === fence.now)
    await this.#inChild({ kind: 'migrate', migration }, plugin, fence, { limits, stands, what: `${plugin}/migrations/${migration.id}.sql` })
  }

  async revert(plugin: string, migration: string, fence: Fence, limits: SqlLimits): Promise<void> {
    const known = (await this.applied(plugin)).some(({ id }) => id === migration)
    const stands = async (): Promise<boolean> => known && !(await this.applied(plugin)).some(({ id }) => id === migration)
    await this.#inChild({ kind: 'revert', id: migration }, plugin, fence, { limits, stands, what: `${plugin}/migrations/${migration}.down.sql` })
  }

  async drop(plugin: string, fence: Fence): Promise<Inventory> {
    const inventory = await this.#inChild({ kind: 'drop' }, plugin, fence, { limits: { timeoutMs: DROP_TIMEOUT_MS }, stands: async () => false, what: `Dropping the tables of ${plugin}` })
    return inventory ?? { plugin, tables: [], others: [], quarantined: false }
  }

  async quarantine(plugin: string, fence: Fence): Promise<void> {
    await this.#write(fence, (db) => markQuarantined(db, plugin, fence.now))
  }

  async restoreFromQuarantine(plugin: string, fence: Fence): Promise<void> {
    await this.#write(fence, (db) => markQuarantined(db, plugin, undefined))
  }

  async rename(from: string, to: string, migrations: readonly Migration[], fence: Fence): Promise<void> {
    await this.#write(fence, (db) => renameOwned(db, from, to, migrations))
  }

  async digest(plugin: string): Promise<Digest> {
    await this.#open()
    // A connection of its own: it reads one moment for as long as it takes.
    const db = await connect(this.#path, { readOnly: true })
    try {
      db.exec('BEGIN')
      return await digestTables(db, plugin)
    } catch (cause) {
      throw cause instanceof CatalystError ? cause : new CatalystError('STATE_UNAVAILABLE', `The store database ${this.#path}: ${(cause as Error).message}`, { cause })
    } finally {
      db.close()
    }
  }

  async definitions(plugins: readonly string[]): Promise<ReadonlyMap<string, TableDefinitions>> {
    return this.#read<ReadonlyMap<string, TableDefinitions>>(new Map(), (db) => definitionsOf(db, plugins))
  }

  async close(): Promise<void> {
    const db = await this.#opened?.catch(() => undefined)
    this.#opened = undefined
    if (db?.isOpen) db.close()
  }

  async #inChild(what: JobKind, plugin: string, fence: Fence, run: ChildRun): Promise<Inventory | undefined> {
    await this.#open() // our tables are there, and the file is one that can be written
    const { memoryBytes = MEMORY_BYTES, growthBytes = GROWTH_BYTES, entry } = this.#options
    const fileBytes = statSync(this.#path).size + 2 * growthBytes
    const outcome = await runInChild({ ...what, path: this.#path, plugin, fence, growthBytes }, { ...run.limits, memoryBytes, fileBytes, entry })
    if (outcome.kind === 'done') return outcome.inventory
    // It may have been stopped between its commit and its answer.
    if (outcome.kind === 'ended' && (await run.stands())) return undefined
    if (outcome.kind === 'ended') throw new CatalystError(outcome.stopped ? 'MIGRATION_TIMEOUT' : 'MIGRATION_FAILED', `${run.what} ${outcome.how}`)
    const { code, message, hint, file, line } = outcome
    throw new CatalystError(code, message, { hint, place: file === undefined ? undefined : { file, ...(line === undefined ? {} : { line }) } })
  }

  async #read<T>(nothing: T, work: (db: Connection) => T): Promise<T> {
    if (this.#options.readOnly && !existsSync(this.#path)) return nothing
    const db = await this.#open()
    return transaction(db, this.#path, 'read', () => (assertKnown(db, this.#path) < TABLES_SINCE_VERSION ? nothing : work(db)))
  }

  async #write(fence: Fence, work: (db: Connection) => void): Promise<void> {
    const db = await this.#open()
    transaction(db, this.#path, 'write', () => {
      underFence(db, fence)
      work(db)
    })
  }

  #open(): Promise<Connection> {
    return (this.#opened ??= this.#connect().catch((error: unknown) => {
      this.#opened = undefined
      throw error
    }))
  }

  async #connect(): Promise<Connection> {
    const { readOnly = false } = this.#options
    const db = await connect(this.#path, { readOnly })
    if (!readOnly) migrateOurs(db, this.#path)
    return db
  }
}

type JobKind = { readonly kind: 'migrate'; readonly migration: Migration } | { readonly kind: 'revert'; readonly id: string } | { readonly kind: 'drop' }

interface ChildRun {
  readonly limits: SqlLimits
  readonly what: string
  /** Whether what was asked for is recorded. */
  stands(): Promise<boolean>
}
