import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openPostgres } from '../reconciler/store-db/postgres.ts'
import { openSqlite } from '../reconciler/store-db/sqlite.ts'
import type { Arena } from './arena.ts'
import { backupCommand, bundledBackup, onServer } from './backup.ts'
import { peakOf } from './memory.ts'
import { alone, megabytes, type Row, type Section } from './row.ts'

/** Bytes of one row, none of which can be compressed away to nothing. */
const ROW_BYTES = 2_000
const MOST = 150e6

/** What a backup and a restore of a large table take of memory, and how that grows with the table. */
export async function backupMemory(arena: Arena): Promise<Section> {
  const script = await bundledBackup(arena)
  const rows: Row[] = []
  for (const megabytesOfRows of arena.sizes.tableMegabytes) {
    rows.push(...(await onSqlite(arena, script, megabytesOfRows)), ...(await onPostgres(arena, script, megabytesOfRows)))
  }
  return {
    title: 'Memory of a backup, as the table grows',
    note: `Rows of ${ROW_BYTES.toLocaleString('en')} random bytes. The most that the process ever held (VmHWM), Node itself included, while it wrote the backup and read it back, and while it proved and restored it. It is one process: a plugin's SQL has another one.`,
    rows: rows.toSorted((a, b) => (a.what.split(' of ')[0] ?? '').localeCompare(b.what.split(' of ')[0] ?? '')),
  }
}

async function onSqlite({ ground }: Arena, script: string, size: number): Promise<readonly Row[]> {
  const folder = ground.folder('backup-memory')
  const path = join(folder, 'store.db')
  await (await openSqlite(path)).close()
  const db = new DatabaseSync(path)
  db.exec('CREATE TABLE plg_bench__entries (id INTEGER PRIMARY KEY, body BLOB)')
  db.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rowsOf(size)}) INSERT INTO plg_bench__entries SELECT i, randomblob(${ROW_BYTES}) FROM n`)
  db.close()
  const found = await measured('SQLite', size, (command) => backupCommand(script, folder, command, path))
  ground.clear(folder)
  return found
}

async function onPostgres(arena: Arena, script: string, size: number): Promise<readonly Row[]> {
  return (await onServer(arena, async (url, folder, run) => {
    await (await openPostgres(url)).close()
    await run(`CREATE SCHEMA plg_bench; CREATE TABLE plg_bench.entries (id INTEGER PRIMARY KEY, body TEXT);
      INSERT INTO plg_bench.entries SELECT i, (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, ${Math.round(ROW_BYTES / 32)} + i * 0)) FROM generate_series(1, ${rowsOf(size)}) AS i`)
    return measured('PostgreSQL', size, (command) => backupCommand(script, folder, command, url))
  })) ?? [alone(`PostgreSQL, ${size} MB: not measured, this machine has no server`, '')]
}

async function measured(name: string, size: number, command: (what: 'write' | 'restore') => Parameters<typeof peakOf>[0]): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const [what, of] of [['backup', 'write'], ['restore', 'restore']] as const) {
    const { process } = await peakOf(command(of))
    rows.push(alone(`${name}, ${what} of ${size} MB`, megabytes(process), { text: `<= ${megabytes(MOST)}`, ok: process <= MOST }))
  }
  return rows
}

function rowsOf(size: number): number {
  return Math.ceil((size * 1e6) / ROW_BYTES)
}
