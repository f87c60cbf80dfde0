import type { PluginData } from '../reconciler/data-ports.ts'
import { CatalystError } from '../schemas/errors.ts'
import { isPostgres } from './database.ts'

/**
 * The tables, backups and data folders of the store whose database is at an address of `databaseAddress`. Nothing of it is
 * loaded by commands that do not ask. `close` what was opened.
 */
export async function openPluginData(address: string, dataDir: string): Promise<PluginData> {
  const [{ openBackups }, { openDataFolders }] = await Promise.all([import('../reconciler/backup/backups.ts'), import('../reconciler/backup/plugin-folders.ts')])
  const folders = openDataFolders(dataDir)
  if (isPostgres(address)) {
    const { openPostgresTables } = await import('../reconciler/tables/postgres.ts')
    return { tables: openPostgresTables(address), backups: openBackups({ dataDir, tables: noBackupsYet() }), folders }
  }
  const [{ openSqliteTables }, { sqliteTables }] = await Promise.all([import('../reconciler/tables/sqlite.ts'), import('../reconciler/backup/sqlite-tables.ts')])
  return { tables: openSqliteTables(address), backups: openBackups({ dataDir, tables: sqliteTables(address) }), folders }
}

function noBackupsYet(): never {
  throw new CatalystError('BACKUP_FAILED', 'this version cannot back up a PostgreSQL database yet', { hint: 'Nothing was removed. Keep the plugin in plugins.yaml until a version that can.' })
}
