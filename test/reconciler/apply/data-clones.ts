import { cpSync, mkdtempSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { PostgresConnection } from '../../../reconciler/store-db/postgres-connection.ts'
import { schemaOf } from '../../../reconciler/tables/names.ts'
import { quarantineOf } from '../../../reconciler/tables/postgres-names.ts'
import { settle, survey } from '../../../reconciler/tables/postgres-role.ts'
import { removeWhole } from '../../../reconciler/state/trees.ts'
import { newDatabase, type TestDatabase } from '../../postgres-server.ts'
import { bundledChild, type OwnPlace } from './data-places.ts'
import type { Place } from './data-world.ts'

/*
 * Many copies of one store, to let each of them go through another disaster. A folder is copied; a database of PostgreSQL is
 * made from it as a template, and its plugins' roles, which belong to one database, are made anew.
 */

export interface Base {
  readonly place: Place
  /** A copy of the store as it is now. Nobody may be connected to it meanwhile. */
  clone(): Promise<OwnPlace>
  remove(): Promise<void>
}

/** An empty store to be filled and then copied. */
export async function newBase(dialect: Place['dialect'], plugins: readonly string[]): Promise<Base> {
  const folder = newFolder()
  if (dialect === 'sqlite') return { place: { folder, dialect, child: bundledChild() }, clone: async () => copied(folder, { dialect, child: bundledChild() }), remove: async () => void removeWhole(folder) }
  const database = await newDatabase()
  const cloning = new Cloning(database, plugins)
  return {
    place: { folder, dialect, url: database.url },
    clone: async () => {
      const { url, drop } = await cloning.next()
      const copy = copied(folder, { dialect, url })
      return { ...copy, remove: async () => void (await drop(), await copy.remove()) }
    },
    async remove() {
      await cloning.end()
      await database.drop()
      removeWhole(folder)
    },
  }
}

const newFolder = (): string => mkdtempSync(join(realpathSync(tmpdir()), 'catalyst-crash-'))

function copied(from: string, place: Omit<Place, 'folder'>): OwnPlace {
  const folder = newFolder()
  cpSync(from, folder, { recursive: true, verbatimSymlinks: true })
  return { ...place, folder, remove: async () => void removeWhole(folder) }
}

/** Copies of one database. The template must be alone, and copies are made one after the other. */
class Cloning {
  readonly #base: TestDatabase
  readonly #plugins: readonly string[]
  #server: Promise<{ readonly client: pg.Client; readonly oid: string }> | undefined
  #made = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor(base: TestDatabase, plugins: readonly string[]) {
    this.#base = base
    this.#plugins = plugins
  }

  next(): Promise<{ readonly url: string; drop(): Promise<void> }> {
    return this.#inTurn(() => this.#clone())
  }

  async end(): Promise<void> {
    await this.#server?.then(({ client }) => client.end())
  }

  async #clone(): Promise<{ readonly url: string; drop(): Promise<void> }> {
    const { client, oid } = await (this.#server ??= this.#leaveBase())
    const name = `${this.#base.name}_${++this.#made}`
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${this.#base.name} OWNER ${this.#base.role}`)
    await this.#disown(name, oid)
    const url = this.#base.url.replace(/\/[^/]+$/, `/${name}`)
    await this.#makeRoles(url)
    return { url, drop: () => this.#inTurn(async () => void (await client.query(`DROP DATABASE ${name} WITH (FORCE)`))) }
  }

  /** There is one connection to the server, and one client of it at a time. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work)
    this.#turn = mine.catch(() => undefined)
    return mine
  }

  async #leaveBase(): Promise<{ readonly client: pg.Client; readonly oid: string }> {
    const { rows } = await this.#base.admin.query<{ oid: string }>('SELECT oid::text FROM pg_database WHERE datname = current_database()')
    const client = await this.#connect('postgres')
    await this.#base.admin.end()
    return { client, oid: rows[0]?.oid ?? '' }
  }

  /** The superuser's connection to a database. */
  async #connect(database: string): Promise<pg.Client> {
    const { host, port, user, password } = this.#base.admin
    const client = new pg.Client({ host, port, user, password, database })
    client.on('error', () => undefined)
    await client.connect()
    return client
  }

  /** What is the roles' of the template becomes the store's, as after a dump was read back. */
  async #disown(name: string, oid: string): Promise<void> {
    const client = await this.#connect(name)
    const roles = this.#plugins.map((plugin) => `plg_${plugin}_${oid}`)
    const { rows } = await client.query<{ rolname: string }>('SELECT rolname FROM pg_roles WHERE rolname = ANY($1)', [roles])
    for (const { rolname } of rows) await client.query(`REASSIGN OWNED BY ${rolname} TO ${this.#base.role}; DROP OWNED BY ${rolname}`)
    await client.end()
  }

  async #makeRoles(url: string): Promise<void> {
    const db = new PostgresConnection(url)
    await db.transaction('write', async (query) => {
      for (const plugin of this.#plugins) {
        const { quarantined, made } = await survey(query, plugin)
        if (quarantined) await query(`ALTER SCHEMA "${quarantineOf(plugin)}" RENAME TO "${schemaOf(plugin)}"`)
        if (quarantined || made.schema) await settle(query, await survey(query, plugin))
        if (quarantined) await query(`ALTER SCHEMA "${schemaOf(plugin)}" RENAME TO "${quarantineOf(plugin)}"`)
      }
    })
    await db.close()
  }
}
