import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { observeData } from '../../../cli/observed-data.ts'
import { openBackups } from '../../../reconciler/backup/backups.ts'
import { openDataFolders } from '../../../reconciler/backup/plugin-folders.ts'
import { postgresTables } from '../../../reconciler/backup/postgres-tables.ts'
import { sqliteTables } from '../../../reconciler/backup/sqlite-tables.ts'
import type { Dialect, PluginData } from '../../../reconciler/data-ports.ts'
import type { ObservedState } from '../../../reconciler/plan/observed.ts'
import type { StoreState } from '../../../reconciler/ports.ts'
import { openPostgres } from '../../../reconciler/store-db/postgres.ts'
import { openSqlite } from '../../../reconciler/store-db/sqlite.ts'
import { openPostgresTables } from '../../../reconciler/tables/postgres.ts'
import { openSqliteTables } from '../../../reconciler/tables/sqlite.ts'
import { worldAt, type Catalogue, type Wish, type World } from './world.ts'

/*
 * The world of apply on a real database, with real tables, backups and data folders: what a store has, opened as the
 * command does it. A place is enough to open it again from another process.
 */

/** Where a store is. */
export interface Place {
  readonly folder: string
  readonly dialect: Dialect
  /** Of PostgreSQL; SQLite's file lies in the folder. */
  readonly url?: string
  /** The bundled child of SQLite, which starts faster than its sources. */
  readonly child?: string
}

export type Row = Readonly<Record<string, unknown>>

export interface DataWorld extends World {
  readonly place: Place
  readonly data: PluginData
  /** A table of a plugin as SQL names it. */
  table(plugin: string, name: string): string
  /** Runs SQL as the owner of the store. */
  sql(text: string): Promise<readonly Row[]>
  /** `seconds` from now on. Nobody waits. */
  pass(seconds: number): void
  /** Writes into the data folder of a plugin. */
  put(plugin: string, path: string, text: string): void
  /** Every file below the store's data folder but those of backups, by path. */
  files(): Readonly<Record<string, string>>
  close(): Promise<void>
}

export interface DataWorldOptions {
  readonly catalogue: Catalogue
  readonly holder?: string
  /** Takes the place of what was opened, in part: faults. */
  readonly odd?: (data: PluginData, state: StoreState) => PluginData
  readonly at?: (boundary: string) => void
  /** Where the clock begins, in milliseconds since 1970. */
  readonly from?: number
}

export const dataDirOf = (place: Place): string => join(place.folder, 'plugin-data')
export const sqliteFile = (place: Place): string => join(place.folder, 'store.db')
export const EPOCH = Date.parse('2026-11-22T12:00:00Z')

/** The name of a plugin's table in a kind of database. */
export function tableIn(dialect: Dialect, plugin: string, name: string): string {
  return dialect === 'sqlite' ? `plg_${plugin}__${name}` : `plg_${plugin}.${name}`
}

/** Opens the store at a place. */
export async function dataWorld(place: Place, { catalogue, holder, odd = (data) => data, at, from = EPOCH }: DataWorldOptions): Promise<DataWorld> {
  mkdirSync(dataDirOf(place), { recursive: true })
  const state = place.url === undefined ? await openSqlite(sqliteFile(place)) : await openPostgres(place.url)
  const store = place.url === undefined ? sqliteTables(sqliteFile(place)) : postgresTables(place.url)
  const tables = place.url === undefined ? openSqliteTables(sqliteFile(place), place.child ? { entry: place.child } : {}) : openPostgresTables(place.url)
  const opened: PluginData = { tables, backups: openBackups({ dataDir: dataDirOf(place), tables: store, ...(at ? { at } : {}) }), folders: openDataFolders(dataDirOf(place)) }
  const data = odd(opened, state)
  let now = from
  const clock = (): string => new Date((now += 1000)).toISOString()
  const look = (wish: Wish): Promise<Partial<ObservedState>> => lookAt(wish, state, opened)
  const world = worldAt(place.folder, state, { catalogue, data, look, clock, ...(holder ? { holder } : {}) })
  return {
    ...world,
    place,
    data: opened,
    table: (plugin, name) => tableIn(place.dialect, plugin, name),
    sql: (text) => sqlAt(place, text),
    pass: (seconds) => void (now += seconds * 1000),
    put(plugin, path, text) {
      const file = join(dataDirOf(place), plugin, path)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, text)
    },
    files: () => filesBelow(dataDirOf(place)),
    async close() {
      await opened.tables.close()
      await store.close()
      await state.close()
    },
  }
}

/** What outlives code, looked at as `plan` looks (`House.observe`). */
async function lookAt(wish: Wish, state: StoreState, data: PluginData): Promise<Partial<ObservedState>> {
  const { installs, retained } = await state.read()
  const going = [...installs.filter((r) => !Object.hasOwn(wish, r.id)), ...retained].map((r) => r.id)
  const ids = [...new Set([...going, ...installs.filter((r) => r.block.migrations.length > 0).map((r) => r.id)])]
  return ids.length === 0 ? {} : observeData({ ids, going, staying: new Map() }, data)
}

/** Runs SQL as the owner of the store, on a connection of its own. */
export async function sqlAt(place: Place, text: string): Promise<readonly Row[]> {
  if (place.url !== undefined) return postgresRows(place.url, text)
  const db = new DatabaseSync(sqliteFile(place), { timeout: 5_000 })
  try {
    if (/^\s*(select|with|pragma)\b/i.test(text)) return db.prepare(text).all().map((row) => ({ ...row }))
    db.exec(text)
    return []
  } finally {
    db.close()
  }
}

async function postgresRows(url: string, text: string): Promise<readonly Row[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  try {
    const result = await client.query<Row>(text)
    return Array.isArray(result) ? [] : result.rows
  } finally {
    await client.end()
  }
}

function filesBelow(folder: string): Readonly<Record<string, string>> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => !name.startsWith('.backups') && statSync(join(folder, name)).isFile())
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')]))
}
