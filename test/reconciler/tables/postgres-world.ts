import type { Client } from 'pg'
import type { Fence, PluginTables } from '../../../reconciler/data-ports.ts'
import { openPostgres } from '../../../reconciler/store-db/postgres.ts'
import { openPostgresTables } from '../../../reconciler/tables/postgres.ts'
import type { TablesUnderTest } from '../../contracts/plugin-tables.ts'
import { newDatabase, type DatabaseOptions, type TestDatabase } from '../../postgres-server.ts'

/** A store on a database of its own, for tests of plugins' tables. SQL of the test runs as the store's role. */
export interface PostgresStore extends TablesUnderTest {
  readonly database: TestDatabase
  readonly shop: Client
  role(plugin: string): Promise<string>
  /** The lease that was taken last, or a first one. */
  held(): Promise<Fence>
}

const T0 = '2026-01-01T00:00:00.000Z'

/** A fresh store with our tables. */
export async function postgresStore(options: DatabaseOptions = {}): Promise<PostgresStore> {
  const database = await newDatabase(options)
  const state = await openPostgres(database.url)
  const shop = await connected(database.url)
  let last: Fence | undefined
  const lease = async (): Promise<Fence> => {
    await state.breakLease(T0, 'test')
    const { token } = await state.acquireLease('test', T0, 60_000)
    return (last = { token, now: T0 })
  }
  const held = async (): Promise<Fence> => last ?? lease()
  const role = async (plugin: string): Promise<string> => `plg_${plugin.replaceAll('-', '_')}_${(await database.admin.query('SELECT oid FROM pg_database WHERE datname = current_database()')).rows[0].oid}`
  const remove = async (): Promise<void> => {
    await state.close()
    await shop.end()
    await database.drop()
  }
  return { database, shop, role, lease, held, remove, open: async () => openPostgresTables(database.url), sql: (text) => rowsOf(shop, text), world: () => worldOf(database.admin) }
}

/** Another connection. Its loss is no error of the test's process. */
export async function connected(url: string): Promise<Client> {
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** Tables opened for one piece of work. */
export async function using<T>(store: PostgresStore, work: (tables: PluginTables) => Promise<T>): Promise<T> {
  const tables = await store.open()
  return work(tables).finally(() => tables.close())
}

async function rowsOf(client: Client, text: string): Promise<readonly Record<string, unknown>[]> {
  const result = await client.query(text)
  return (Array.isArray(result) ? result.at(-1) : result).rows
}

/** Everything that anybody could have left in a database, or about it on the server: catalogs, rows, roles, large objects, sessions and locks. */
export async function worldOf(admin: Client): Promise<unknown> {
  const ask = async (sql: string): Promise<unknown> => (await admin.query({ text: sql, rowMode: 'array' })).rows
  const tables = (await admin.query(`SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname !~ '^(pg_|information_schema)' ORDER BY 1`)).rows as { name: string }[]
  const rows = []
  for (const { name } of tables) rows.push([name, await ask(`SELECT to_jsonb(t) FROM ${name} t ORDER BY 1`)])
  return {
    rows,
    classes: await ask(`SELECT n.nspname, c.relname, c.relkind, c.relowner::regrole::text, c.relacl::text, c.relhastriggers, c.relnatts FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^(pg_catalog|pg_toast|information_schema)' ORDER BY 1, 2`),
    schemas: await ask(`SELECT nspname, nspowner::regrole::text, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_(temp|toast_temp)' ORDER BY 1`),
    columns: await ask(`SELECT c.oid::regclass::text, a.attname, a.atttypid::regtype::text, a.attnotnull FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^(pg_|information_schema)' AND a.attnum > 0 ORDER BY 1, a.attnum`),
    routines: await ask(`SELECT oid::regprocedure::text, proowner::regrole::text, proacl::text, prosrc FROM pg_proc WHERE oid >= 16384 ORDER BY 1`),
    types: await ask(`SELECT oid::regtype::text, typowner::regrole::text FROM pg_type WHERE oid >= 16384 ORDER BY 1`),
    triggers: await ask(`SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2`),
    rules: await ask(`SELECT ev_class::regclass::text, rulename FROM pg_rewrite WHERE oid >= 16384 ORDER BY 1, 2`),
    casts: await ask(`SELECT castsource::regtype::text, casttarget::regtype::text FROM pg_cast WHERE oid >= 16384 ORDER BY 1, 2`),
    roles: await ask(`SELECT rolname, rolcanlogin, rolsuper, rolcreaterole, rolconnlimit, rolvaliduntil::text, (SELECT setconfig::text FROM pg_db_role_setting WHERE setrole = r.oid) FROM pg_roles r WHERE rolname ~ (SELECT '_' || oid || '$' FROM pg_database WHERE datname = current_database()) OR rolname ~ current_database() ORDER BY 1`),
    members: await ask(`SELECT roleid::regrole::text, member::regrole::text FROM pg_auth_members WHERE roleid::regrole::text ~ current_database() ORDER BY 1, 2`),
    defaults: await ask(`SELECT defaclrole::regrole::text, defaclacl::text FROM pg_default_acl ORDER BY 1`),
    objects: await ask(`SELECT count(*)::int FROM pg_largeobject_metadata`),
    extensions: await ask(`SELECT extname FROM pg_extension ORDER BY 1`),
    databases: await ask(`SELECT datacl::text FROM pg_database WHERE datname = current_database()`),
    settings: await ask(`SELECT setconfig::text FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1`),
    prepared: await ask(`SELECT gid FROM pg_prepared_xacts WHERE database = current_database()`),
    sessions: await ask(`SELECT usename FROM pg_stat_activity WHERE datname = current_database() AND usename LIKE 'plg\\_%'`),
    locks: await ask(`SELECT locktype FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`),
  }
}
