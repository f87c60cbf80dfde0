import { openBackups } from '../../../reconciler/backup/backups.ts'
import { sqliteTables } from '../../../reconciler/backup/sqlite-tables.ts'
import { installRecord, T0 } from '../../contracts/records.ts'

/* Writes or restores, and kills itself at a boundary: argv = database, data folder, token, boundary, `write` | `restore` NAME. */

const [path = '', dataDir = '', token = '', boundary, command, name = ''] = process.argv.slice(2)
const at = (here: string): void => {
  if (here === boundary) process.kill(process.pid, 'SIGKILL')
}
const backups = openBackups({ dataDir, tables: sqliteTables(path), at })
if (command === 'write') await backups.write({ record: installRecord('loyalty-points', '1.4.2'), store: 'acme-eu', reason: 'upgrade', config: {}, at: T0 })
else await backups.restore(name, { store: 'acme-eu' }, { token: Number(token), now: T0 })
