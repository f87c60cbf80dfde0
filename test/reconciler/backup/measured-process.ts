import { openBackups } from '../../../reconciler/backup/backups.ts'
import { sqliteTables } from '../../../reconciler/backup/sqlite-tables.ts'
import { installRecord, T0 } from '../../contracts/records.ts'

/* Writes a backup and restores it, and prints the most memory that it ever held, in kilobytes. argv = database, data folder, token. */

const [path = '', dataDir = '', token = ''] = process.argv.slice(2)
const backups = openBackups({ dataDir, tables: sqliteTables(path) })
const { name } = await backups.write({ record: installRecord('loyalty-points', '1.4.2'), store: 'acme-eu', reason: 'upgrade', config: {}, at: T0 })
await backups.restore(name, { store: 'acme-eu' }, { token: Number(token), now: T0 })
process.stdout.write(String(process.resourceUsage().maxRSS))
