import { openBackups } from '../reconciler/backup/backups.ts'
import { postgresTables } from '../reconciler/backup/postgres-tables.ts'
import { sqliteTables } from '../reconciler/backup/sqlite-tables.ts'
import type { InstallRecord } from '../reconciler/ports.ts'
import { openPostgres } from '../reconciler/store-db/postgres.ts'
import { openSqlite } from '../reconciler/store-db/sqlite.ts'

/*
 * What bench/backup.ts runs beside the dump tools, bundled as the command line is: `write` a backup of the plugin `bench`
 * and print its name, or `restore` the newest one. argv = command, database, data folder.
 */

const [command, database = '', dataDir = ''] = process.argv.slice(2)
const postgres = database.startsWith('postgres:')
const tables = postgres ? postgresTables(database) : sqliteTables(database)
const backups = openBackups({ dataDir, tables })
const NOW = '2026-11-22T12:00:00.000Z'

if (command === 'write') {
  const record = { id: 'bench', block: { version: '1.0.0' } } as unknown as InstallRecord
  const { rows, bytes } = await backups.write({ record, store: 'bench', reason: 'bench', config: {}, at: new Date().toISOString() })
  process.stdout.write(`${rows} ${bytes}\n`)
} else {
  const state = postgres ? await openPostgres(database) : await openSqlite(database)
  await state.breakLease(NOW, 'bench')
  const { token } = await state.acquireLease('bench', NOW, 3_600_000)
  const [newest] = await backups.list('bench')
  const { rows } = await backups.restore(newest?.name ?? '', { store: 'bench' }, { token, now: NOW })
  process.stdout.write(`${rows}\n`)
  await state.close()
}
await tables.close()
