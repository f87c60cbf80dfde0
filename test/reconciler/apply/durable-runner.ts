import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { openBackups } from '../../../reconciler/backup/backups.ts'
import { openDataFolders } from '../../../reconciler/backup/plugin-folders.ts'
import { sqliteTables } from '../../../reconciler/backup/sqlite-tables.ts'
import { openSqlite } from '../../../reconciler/store-db/sqlite.ts'
import { openSqliteTables } from '../../../reconciler/tables/sqlite.ts'
import { worldAt, type Wish } from './world.ts'

/* One pass in a process whose file calls are traced: `node --import trace-files.mjs durable-runner.ts STORE WISH`. Boundaries stand between the calls. */

const [, , folder = '', wish = '{}'] = process.argv
const path = join(folder, 'store.db')
const state = await openSqlite(path)
const dataDir = join(folder, 'plugin-data')
const data = { tables: openSqliteTables(path), backups: openBackups({ dataDir, tables: sqliteTables(path) }), folders: openDataFolders(dataDir) }
const world = worldAt(folder, state, { data })
const result = await world.apply(JSON.parse(wish) as Wish, { onBoundary: (name) => void writeSync(3, `at ${name}\n`) })
if (result.outcomes.some((o) => o.outcome !== 'applied')) throw new Error(JSON.stringify(result.outcomes))
await data.tables.close()
await state.close()
