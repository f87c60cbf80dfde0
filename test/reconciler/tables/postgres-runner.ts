import { openPostgresTables } from '../../../reconciler/tables/postgres.ts'
import { migration } from '../../contracts/plugin-tables.ts'

/* A process of its own that migrates and is killed: `node postgres-runner.ts URL TOKEN NOW SQL`. */
const [url = '', token = '', now = '', sql = ''] = process.argv.slice(2)
const tables = openPostgresTables(url)
await tables.migrate('loyalty', migration('0001_a', sql), { token: Number(token), now }, { timeoutMs: 60_000 })
await tables.close()
