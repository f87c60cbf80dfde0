import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { build } from 'esbuild'
import pg from 'pg'
import { openPostgres } from '../reconciler/store-db/postgres.ts'
import { openSqlite } from '../reconciler/store-db/sqlite.ts'
import type { Arena } from './arena.ts'
import { hasSqlite, postgresPrograms, startServer } from './dump-tools.ts'
import { inTurns, measured, type Command, type Measured } from './measure.ts'
import { peakOf } from './memory.ts'
import { alone, beside, megabytes, type Row, type Section } from './row.ts'

/** A table of so many rows, backed up and restored, beside the tools of the database: the same rows, compressed too. */
export async function backup(arena: Arena): Promise<Section> {
  const script = await bundledBackup(arena)
  const rows = [...(await onSqlite(arena, script)), ...(await onPostgres(arena, script))]
  return {
    title: `Backup and restore of a table of ${arena.sizes.backupRows.toLocaleString('en')} rows`,
    note: 'Ours as a whole process, bundled as the command line is: schema, rows, index, digests, synced to disk and read back as a whole; the restore proves every byte first and drops what is there in the same transaction. Beside it `sqlite3 .dump | gzip` and `pg_dump | gzip`, which read nothing back, and the same through `gunzip`. “processor” is the time that the processes on our side and theirs computed, whatever else the machine did; of PostgreSQL without its server, which does most of the work, so that it has no target.',
    rows,
  }
}

/** One kind of database: what to run for each of the four measurements. */
interface Contest {
  readonly name: string
  /** False when a server computes too, whose time nobody here counts: then times on processors cannot be compared. */
  readonly wholly: boolean
  readonly write: readonly [ours: Command, theirs: Command | undefined]
  readonly restore: readonly [ours: Command, theirs: Command | undefined]
  /** The same write over a hundredth of the rows. */
  readonly small: Command
}

async function onSqlite({ ground, sizes }: Arena, script: string): Promise<readonly Row[]> {
  const folder = ground.folder('backup-sqlite')
  const [full, small] = [join(folder, 'full.db'), join(folder, 'small.db')]
  await fillSqlite(full, sizes.backupRows)
  await fillSqlite(small, Math.ceil(sizes.backupRows / 100))
  const tool = hasSqlite()
  const dump = `sqlite3 full.db ".dump plg_bench__entries" | gzip > dump.gz`
  const load = `{ echo 'DROP TABLE plg_bench__entries;'; gunzip -c dump.gz; } | sqlite3 copy.db`
  if (tool) spawnSync('sh', ['-c', 'cp full.db copy.db; sqlite3 copy.db "PRAGMA journal_mode = WAL" > /dev/null'], { cwd: folder })
  return contest({ ground, sizes }, {
    name: 'SQLite, sqlite3 and gzip',
    wholly: true,
    write: [backupCommand(script, folder, 'write', full), tool ? shell(dump, folder) : undefined],
    restore: [backupCommand(script, folder, 'restore', full), tool ? shell(load, folder) : undefined],
    small: backupCommand(script, folder, 'write', small),
  })
}

async function onPostgres({ ground, sizes }: Arena, script: string): Promise<readonly Row[]> {
  const rows = await onServer({ ground }, async (url, folder, run, bin) => {
    const small = url.replace(/postgres$/, 'small')
    await fillPostgres(url, sizes.backupRows)
    await run('CREATE DATABASE small')
    await fillPostgres(small, Math.ceil(sizes.backupRows / 100))
    const dump = `${bin}/pg_dump --clean --if-exists -n plg_bench '${url}' | gzip > dump.gz`
    const load = `gunzip -c dump.gz | ${bin}/psql -q -1 -v ON_ERROR_STOP=1 '${url}' > /dev/null 2>&1`
    return contest({ ground, sizes }, {
      name: 'PostgreSQL, pg_dump and gzip',
      wholly: false,
      write: [backupCommand(script, folder, 'write', url), shell(dump, folder)],
      restore: [backupCommand(script, folder, 'restore', url), shell(load, folder)],
      small: backupCommand(script, folder, 'write', small),
    })
  })
  return rows ?? [alone('PostgreSQL: not measured, this machine has no pg_dump with a server of its version', '')]
}

/** Works beside a server of its own; undefined where this machine has none. */
export async function onServer<T>({ ground }: Pick<Arena, 'ground'>, work: (url: string, folder: string, run: (sql: string) => Promise<void>, bin: string) => Promise<T>): Promise<T | undefined> {
  const bin = postgresPrograms()
  if (bin === undefined) return undefined
  const folder = ground.folder('backup-postgres')
  for (const path of [ground.root, folder]) chmodSync(path, 0o711)
  const server = await startServer(bin, folder)
  try {
    return await work(server.url, folder, (sql) => once(server.url, sql), bin)
  } finally {
    await server.stop()
  }
}

async function contest({ sizes }: Pick<Arena, 'ground' | 'sizes'>, { name, wholly, write, restore, small }: Contest): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const [what, [ours, theirs]] of [['backup', write], ['restore', restore]] as const) {
    const cases = [{ name: 'ours', prepare: () => [ours] }, ...(theirs ? [{ name, prepare: () => [theirs] }] : [])]
    const [mine, other] = inTurns(cases, sizes.backupRounds) as readonly [Measured, Measured | undefined]
    rows.push(other ? beside(`${what}, ${name}`, mine, other, 1.5) : alone(`${what}, ${name}: the tool is not installed`, `${Math.round(mine.median)} ms`))
    if (theirs) rows.push(beside(`${what}, processor`, processor('ours', ours, sizes.backupRounds), processor(name, theirs, sizes.backupRounds), wholly ? 1.5 : undefined))
  }
  const few = await peakOf(small)
  for (const [what, command] of [['backup', write[0]], ['restore', restore[0]]] as const) {
    const peak = await peakOf(command)
    rows.push(alone(`memory of a ${what}, ${name.split(',')[0]}; with a hundredth of the rows ${megabytes(few.process)}`, megabytes(peak.process), { text: '<= 150 MB', ok: peak.process <= 150e6 }))
  }
  return rows
}

/** Time on processors, of a process and all that it waited for. */
function processor(name: string, { argv, cwd, env }: Command, rounds: number): Measured {
  const samples = Array.from({ length: rounds }, () => {
    const { stderr, status } = spawnSync('bash', ['-c', `TIMEFORMAT='%U %S'; time "$@" > /dev/null`, 'bash', ...argv], { cwd, env, encoding: 'utf8' })
    const [user = NaN, system = NaN] = stderr.trim().split('\n').at(-1)?.split(' ').map(Number) ?? []
    if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}: ${stderr}`)
    return (user + system) * 1000
  })
  return measured(name, samples)
}

/** The process that writes and restores, bundled as the command line is. */
export async function bundledBackup({ ground }: Pick<Arena, 'ground'>): Promise<string> {
  const outfile = join(ground.folder('backup-script'), 'backup.mjs')
  const banner = { js: `import { createRequire } from 'node:module'; const require = createRequire(${JSON.stringify(import.meta.url)});` }
  await build({ entryPoints: [join(import.meta.dirname, 'backup-process.ts')], bundle: true, platform: 'node', format: 'esm', outfile, logLevel: 'error', banner, external: ['pg-native'] })
  return outfile
}

const ENV = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' }

/** `write` or `restore` of the plugin `bench` in a database. */
export function backupCommand(script: string, folder: string, command: string, database: string): Command {
  const dataDir = join(folder, `data-${database.replaceAll(/[^a-z]/g, '').slice(-8)}`)
  mkdirSync(dataDir, { recursive: true })
  return { argv: [process.execPath, script, command, database, dataDir], cwd: folder, env: ENV }
}

function shell(text: string, cwd: string): Command {
  return { argv: ['bash', '-o', 'pipefail', '-c', text], cwd, env: ENV }
}

const COLUMNS = 'id INTEGER PRIMARY KEY, customer TEXT NOT NULL, points INTEGER NOT NULL, reason TEXT, at TEXT NOT NULL, amount'

async function fillSqlite(path: string, rows: number): Promise<void> {
  await (await openSqlite(path)).close()
  const db = new DatabaseSync(path)
  db.exec(`CREATE TABLE plg_bench__entries (${COLUMNS} REAL); CREATE INDEX plg_bench__by_customer ON plg_bench__entries (customer)`)
  db.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
    INSERT INTO plg_bench__entries SELECT i, 'customer-' || (i * 7919 % 500000), i * 31 % 1000, CASE WHEN i % 3 THEN 'order ' || i END, '2026-11-22T12:00:' || (10 + i % 50) || 'Z', i / 7.0 FROM n`)
  db.close()
}

async function fillPostgres(url: string, rows: number): Promise<void> {
  await (await openPostgres(url)).close()
  await once(url, `CREATE SCHEMA plg_bench; CREATE TABLE plg_bench.entries (${COLUMNS} DOUBLE PRECISION); CREATE INDEX by_customer ON plg_bench.entries (customer);
    INSERT INTO plg_bench.entries SELECT i, 'customer-' || (i::bigint * 7919 % 500000), i::bigint * 31 % 1000, CASE WHEN i % 3 <> 0 THEN 'order ' || i END, '2026-11-22T12:00:' || (10 + i % 50) || 'Z', i / 7.0 FROM generate_series(1, ${rows}) AS i; ANALYZE`)
}

async function once(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(sql)
  await client.end()
}
