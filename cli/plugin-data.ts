import type { TableStore } from '../reconciler/backup/table-store.ts'
import type { PluginData, PluginTables } from '../reconciler/data-ports.ts'
import { isPostgres } from './database.ts'

/** With the connections that were opened on the way. */
export interface OpenedData extends PluginData {
  close(): Promise<void>
}

/**
 * The tables, backups and data folders of the store whose database is at an address of `databaseAddress`. Nothing of it is
 * loaded by commands that do not ask, and nothing is opened before it is asked for. `close` it: an open connection keeps
 * the process running.
 */
export async function openPluginData(address: string, dataDir: string): Promise<OpenedData> {
  const [{ openBackups }, { openDataFolders }, { tables, rows }] = await Promise.all([import('../reconciler/backup/backups.ts'), import('../reconciler/backup/plugin-folders.ts'), isPostgres(address) ? onPostgres(address) : onSqlite(address)])
  return {
    tables,
    backups: openBackups({ dataDir, tables: rows }),
    folders: openDataFolders(dataDir),
    close: async () => void (await Promise.all([tables.close(), rows.close()])),
  }
}

/** Plugins' tables, as migrations and as backups see them. */
interface Tables {
  readonly tables: PluginTables
  readonly rows: TableStore
}

async function onPostgres(url: string): Promise<Tables> {
  const [{ openPostgresTables }, { postgresTables }] = await Promise.all([import('../reconciler/tables/postgres.ts'), import('../reconciler/backup/postgres-tables.ts')])
  return { tables: openPostgresTables(url), rows: postgresTables(url) }
}

async function onSqlite(path: string): Promise<Tables> {
  const [{ openSqliteTables }, { sqliteTables }] = await Promise.all([import('../reconciler/tables/sqlite.ts'), import('../reconciler/backup/sqlite-tables.ts')])
  return { tables: openSqliteTables(path), rows: sqliteTables(path) }
}
