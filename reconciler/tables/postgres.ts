import type { AppliedMigration, Fence, Inventory, Migration, PluginTables, SqlLimits, TableDefinitions, TableUse } from '../data-ports.ts'
import type { Digest } from '../../schemas/digest.ts'
import { appliedFrom, appliedSql } from '../store-db/fence-sql.ts'
import { postgresError } from '../store-db/postgres-errors.ts'
import { definitionsOf, recordDefinition } from './postgres-definition.ts'
import { contentDigest } from './postgres-digest.ts'
import { Host } from './postgres-host.ts'
import { counted, inventories, thingsOf } from './postgres-inventory.ts'
import { drop, quarantine, restoreFromQuarantine } from './postgres-removal.ts'
import { rename } from './postgres-rename.ts'
import { runDown, runUp } from './postgres-run.ts'
import { PostgresSession } from './postgres-session.ts'
import { usesIn } from './postgres-uses.ts'

/**
 * Opens the plugins' tables in a PostgreSQL database (14 or newer). Connects when first asked. `url` must lead to the
 * server itself or to a pooler of whole sessions: plugins' SQL logs in as a role of its own.
 * @throws CatalystError STATE_UNAVAILABLE for a text that is no URL
 */
export function openPostgresTables(url: string): PluginTables {
  return new PostgresTables(new Host(url))
}

class PostgresTables implements PluginTables {
  readonly dialect = 'postgres'
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
  }

  async applied(plugin?: string): Promise<readonly AppliedMigration[]> {
    if (!(await this.#host.hasRecords())) return []
    const { sql, params } = appliedSql('postgres', plugin)
    return (await this.#host.db.ask(sql, params)).map(appliedFrom)
  }

  async inventory(plugins: readonly string[], rows: 'exact' | 'estimate'): Promise<ReadonlyMap<string, Inventory>> {
    const things = await this.#host.db.transaction('read', (query) => thingsOf(query, plugins, rows === 'exact'))
    if (rows === 'estimate' || !things.some(({ countable }) => countable)) return inventories(plugins, things)
    return inventories(plugins, await this.#reading((session) => counted(session, things)))
  }

  async migrate(plugin: string, migration: Migration, fence: Fence, limits: SqlLimits): Promise<void> {
    await this.#host.prepared()
    await runUp(this.#host, plugin, migration, fence, limits)
    await this.#remember(plugin, fence)
  }

  async revert(plugin: string, migration: string, fence: Fence, limits: SqlLimits): Promise<void> {
    await this.#host.prepared()
    await runDown(this.#host, plugin, migration, fence, limits)
    await this.#remember(plugin, fence)
  }

  uses(plugins: readonly string[]): Promise<ReadonlyMap<string, readonly TableUse[]>> {
    return this.#host.db.transaction('read', (query) => usesIn(query, plugins))
  }

  quarantine(plugin: string, fence: Fence): Promise<void> {
    return quarantine(this.#host, plugin, fence)
  }

  restoreFromQuarantine(plugin: string, fence: Fence): Promise<void> {
    return restoreFromQuarantine(this.#host, plugin, fence)
  }

  drop(plugin: string, fence: Fence): Promise<Inventory> {
    return drop(this.#host, plugin, fence, (things) => this.#reading((session) => counted(session, things)))
  }

  async rename(from: string, to: string, migrations: readonly Migration[], fence: Fence): Promise<void> {
    await this.#host.prepared()
    await rename(this.#host, from, to, migrations, fence)
  }

  digest(plugin: string): Promise<Digest> {
    return this.#reading((session) => contentDigest(session, plugin))
  }

  definitions(plugins: readonly string[]): Promise<ReadonlyMap<string, TableDefinitions>> {
    return this.#host.db.transaction('read', (query) => definitionsOf(query, plugins))
  }

  close(): Promise<void> {
    return this.#host.db.close()
  }

  /**
   * How the tables are defined after a migration. The plugin's own transaction cannot say it, and the migration stands without:
   * what is not remembered is unknown until the next one, never taken for altered.
   */
  async #remember(plugin: string, fence: Fence): Promise<void> {
    await this.#host.change(fence, (query) => recordDefinition(query, plugin)).catch(() => undefined)
  }

  /** A connection for one reading of plugins' rows. Its settings make the same rows the same text everywhere, and an error of what would be hidden. */
  async #reading<T>(work: (session: PostgresSession) => Promise<T>): Promise<T> {
    const settings = {
      search_path: 'pg_catalog', row_security: 'off', client_encoding: 'UTF8', DateStyle: 'ISO', IntervalStyle: 'iso_8601', TimeZone: 'UTC',
      extra_float_digits: 3, bytea_output: 'hex', lc_monetary: 'C', xmloption: 'content', lock_timeout: 5_000, default_transaction_read_only: 'on',
    }
    let session: PostgresSession | undefined
    try {
      session = await PostgresSession.open(this.#host.url, { settings, connectMs: 10_000 })
      return await work(session)
    } catch (error) {
      throw postgresError(error, { name: this.#host.db.name, role: this.#host.db.role, secret: undefined })
    } finally {
      await session?.end()
    }
  }
}
