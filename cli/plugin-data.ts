import type { PluginData } from '../reconciler/data-ports.ts'
import { isPostgres } from './database.ts'

/**
 * The tables, backups and data folders of the store whose database is at an address of `databaseAddress`. Nothing of it is
 * loaded by commands that do not ask. `close` what was opened.
 */
export async function openPluginData(address: string, dataDir: string): Promise<PluginData> {
  const [{ openBackups }, { openDataFolders }] = await Promise.all([import('../reconciler/backup/backups.ts'), import('../reconciler/backup/plugin-folders.ts')])
  const folders = openDataFolders(dataDir)
  if (isPostgres(address)) {
    const [{ openPostgresTables }, { postgresTables }] = await Promise.all([import('../reconciler/tables/postgres.ts'), import('../reconciler/backup/postgres-tables.ts')])
    return { tables: openPostgresTables(address), backups: openBackups({ dataDir, tables: postgresTables(address) }), folders }
  }
  const [{ openSqliteTables }, { sqliteTables }] = await Promise.all([import('../reconciler/tables/sqlite.ts'), import('../reconciler/backup/sqlite-tables.ts')])
  return { tables: openSqliteTables(address), backups: openBackups({ dataDir, tables: sqliteTables(address) }), folders }
}
