import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Fence, PluginTables, SqlLimits } from '../../../reconciler/data-ports.ts'
import { migration } from '../../contracts/plugin-tables.ts'
import { connected, postgresStore, type PostgresStore } from './postgres-world.ts'

/* A plugin that means ill, on PostgreSQL: what the server itself holds it to, when our reading of its SQL has let it pass. */

const LIMITS: SqlLimits = { timeoutMs: 60_000 }

describe('a plugin’s SQL on PostgreSQL', () => {
  let store: PostgresStore
  let tables: PluginTables
  let fence: Fence
  beforeEach(async () => {
    store = await postgresStore()
    tables = await store.open()
    fence = await store.lease()
  })
  afterEach(async () => {
    await tables.close()
    await store.remove()
  })

  const run = (sql: string, limits = LIMITS): Promise<void> => tables.migrate('loyalty', migration('0001_a', sql), fence, limits)
  /** Says it from inside of a string, where we do not read. */
  const hidden = (sql: string): string => `DO $do$ BEGIN EXECUTE $sql$ ${sql} $sql$; END $do$`

  describe('dynamic SQL, which nobody can read beforehand, does no more', () => {
    test.each([
      ['controls the transaction', 'COMMIT'],
      ['rolls back and begins again', 'ROLLBACK AND CHAIN'],
      ['makes a savepoint', 'SAVEPOINT s'],
      ['becomes another', 'SET ROLE postgres'],
      ['becomes the store', 'SET SESSION AUTHORIZATION DEFAULT; SELECT 1 FROM public.orders'],
      ['runs a program', `COPY a FROM PROGRAM 'id'`],
      ['reads a file', `COPY a FROM '/etc/passwd'`],
      ['makes an extension', 'CREATE EXTENSION pgcrypto'],
      ['makes a role', 'CREATE ROLE mine'],
      ['lets itself in again', 'ALTER ROLE CURRENT_USER LOGIN'],
      ['lets itself in for longer', `ALTER ROLE CURRENT_USER VALID UNTIL 'infinity'`],
      ['lets others be itself', 'GRANT CURRENT_USER TO pg_monitor'],
      ['has settings of its own', 'ALTER ROLE CURRENT_USER SET statement_timeout = 0'],
      ['has default rights', 'ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC'],
      ['makes a large object', 'SELECT lo_create(4711)'],
      ['makes a temporary table', 'CREATE TEMP TABLE t (id int)'],
      ['makes a cast from its own type', 'CREATE TYPE mine AS (n int); CREATE FUNCTION said(mine) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $x$x$x$ $$; CREATE CAST (mine AS text) WITH FUNCTION said(mine) AS IMPLICIT'],
      ['hides its rows from us', 'ALTER TABLE a ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY'],
      ['takes the right to read from itself', 'REVOKE ALL ON a FROM CURRENT_USER'],
      ['makes a table in the shop’s schema', 'CREATE TABLE public.mine (id int)'],
      ['drops its schema', 'DROP SCHEMA plg_loyalty CASCADE'],
      ['renames its schema', 'ALTER SCHEMA plg_loyalty RENAME TO plg_other'],
      ['puts a trigger on a table of the shop', 'CREATE TRIGGER t AFTER INSERT ON public.orders FOR EACH STATEMENT EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()'],
      ['reads the lease', 'SELECT token FROM catalyst.lease'],
      ['takes the guard away', 'DELETE FROM catalyst.unrecorded'],
      ['switches the guard off', 'ALTER TABLE catalyst.unrecorded DISABLE TRIGGER ALL'],
      ['switches triggers off', `SET session_replication_role = 'replica'`],
      ['asks the guard early', 'SET CONSTRAINTS ALL IMMEDIATE'],
      ['opens its migration again', `SELECT catalyst.open_migration('guess', 'loyalty')`],
      ['records itself', `SELECT catalyst.record_migration('guess', 'loyalty', '0009_x', 'expand', '', '', NULL, '')`],
      ['records another plugin', `SELECT catalyst.record_migration('guess', 'loyalty-points', '0009_x', 'expand', '', '', NULL, '')`],
      ['uses the pass', `SELECT catalyst.use_pass('guess', 'loyalty')`],
      ['ends the store’s connection', `SELECT CASE WHEN pg_terminate_backend(pid) THEN 1/0 ELSE 1/0 END FROM pg_stat_activity WHERE usename <> current_user AND datname = current_database()`],
    ])('%s', async (_, sql) => {
      await store.sql('CREATE TABLE orders (id int)')
      const before = await store.world()
      const statements = sql.split('; ').map(hidden).join(';\n')
      await expect(run(`CREATE TABLE a (id int);\n${statements}`)).rejects.toMatchObject({ code: expect.stringMatching(/^MIGRATION_(REFUSED|FAILED)$/) })
      expect(await store.world()).toEqual(before)
    })

    test('nor when it swallows the error', async () => {
      await run(`CREATE TABLE a (id int); DO $$ BEGIN PERFORM catalyst.record_migration('guess', 'loyalty', '0009_x', 'expand', '', '', NULL, ''); EXCEPTION WHEN OTHERS THEN NULL; END $$`)
      expect((await tables.applied()).map((m) => m.id)).toEqual(['0001_a'])
    })

    test('what it grants on the schema, which is the store’s, is granted to nobody', async () => {
      await run('CREATE TABLE a (id int)')
      const schemas = `SELECT nspacl::text FROM pg_namespace WHERE nspname = 'plg_loyalty'`
      const before = await store.sql(schemas)
      await tables.migrate('loyalty', migration('0002_b', hidden('GRANT CREATE, USAGE ON SCHEMA plg_loyalty TO PUBLIC')), fence, LIMITS)
      expect(await store.sql(schemas)).toEqual(before)
    })

    test('the reason is told', async () => {
      await expect(run(`CREATE TABLE a (id int); ${hidden('SELECT lo_create(4711)')}`)).rejects.toMatchObject({ code: 'MIGRATION_REFUSED', message: expect.stringMatching(/large object 4711 lies outside of schema plg_loyalty/) })
    })
  })

  describe('a session that has done its work leaves nothing in the server', () => {
    test('locks, channels, cursors, prepared statements, settings', async () => {
      const deeds = ['LISTEN orders', 'PREPARE p AS SELECT 1', 'DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'SET work_mem = 64', 'SET search_path = pg_catalog', 'SET statement_timeout = 0', 'SELECT pg_advisory_lock(1)', `SELECT set_config('application_name', 'shop', false)`]
      await run(`CREATE TABLE a (id int);\n${deeds.map(hidden).join(';\n')}`)
      expect(await store.world()).toMatchObject({ sessions: [], locks: [], prepared: [] })
      await tables.migrate('loyalty', migration('0002_b', 'INSERT INTO a VALUES (1)'), fence, LIMITS)
    })

    test('a password that it gave itself opens nothing', async () => {
      await run(`CREATE TABLE a (id int);\n${hidden(`ALTER ROLE CURRENT_USER PASSWORD 'mine'`)}`)
      const url = new URL(store.database.url)
      url.username = await store.role('loyalty')
      url.password = 'mine'
      await expect(connected(url.href)).rejects.toMatchObject({ code: expect.stringMatching(/^28/) })
    })

    test('nobody can log in while it works, and nobody after', async () => {
      const role = await store.role('loyalty')
      await run(`CREATE TABLE seen AS SELECT rolcanlogin, rolvaliduntil < now() AS ended, rolconnlimit FROM pg_roles WHERE rolname = current_user`)
      expect(await store.sql('SELECT * FROM plg_loyalty.seen')).toEqual([{ rolcanlogin: false, ended: true, rolconnlimit: 1 }])
      expect((await store.database.admin.query('SELECT rolcanlogin, rolpassword FROM pg_authid WHERE rolname = $1', [role])).rows).toEqual([{ rolcanlogin: false, rolpassword: null }])
    })

    test('its limits lifted, it is stopped all the same', async () => {
      const before = await store.world()
      const endless = `CREATE TABLE a (id int);\n${hidden('SET statement_timeout = 0')};\n${hidden('SET client_connection_check_interval = 0')};\nSELECT pg_sleep(3600)`
      await expect(run(endless, { timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'MIGRATION_TIMEOUT' })
      expect(await store.world()).toEqual(before)
    })

    test('a check that waits for the end of the transaction fails it, with nothing left', async () => {
      const before = await store.world()
      await expect(run('CREATE TABLE a (id int PRIMARY KEY);\nCREATE TABLE b (id int REFERENCES a DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO b VALUES (1)')).rejects.toMatchObject({ code: 'MIGRATION_FAILED' })
      expect(await store.world()).toEqual(before)
    })

    test('one that is put off twice and sleeps is stopped, with nothing left', async () => {
      const before = await store.world()
      const late = `CREATE TABLE a (id int);
        CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.id < 2 THEN SET CONSTRAINTS ALL DEFERRED; INSERT INTO plg_loyalty.a VALUES (NEW.id + 1); ELSE PERFORM pg_sleep(3600); END IF; RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER late AFTER INSERT ON a DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
        INSERT INTO a VALUES (1)`
      await expect(run(late, { timeoutMs: 1_500 })).rejects.toMatchObject({ code: 'MIGRATION_TIMEOUT' })
      expect(await store.world()).toEqual(before)
    })
  })

  describe('answers of any size', () => {
    test('rows are thrown away as they come', async () => {
      const before = process.memoryUsage().rss
      await run(`CREATE TABLE a (id int); SELECT repeat('x', 200000000); SELECT repeat('y', 1000000) FROM generate_series(1, 200)`)
      expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000)
    })

    test('a notice that is too long ends it', async () => {
      const before = await store.world()
      await expect(run(`CREATE TABLE a (id int); DO $$ BEGIN RAISE NOTICE '%', repeat('x', 50000000); END $$`)).rejects.toMatchObject({ code: 'MIGRATION_FAILED' })
      expect(await store.world()).toEqual(before)
    })

    test('an error’s text is cut and printable', async () => {
      const error = await run(`DO $$ BEGIN RAISE EXCEPTION '%', E'\\x1b[31m' || repeat('x', 500000); END $$`).catch((e: Error) => e)
      expect(error).toMatchObject({ code: 'MIGRATION_FAILED' })
      expect(String((error as Error).message).length).toBeLessThan(25_000)
      expect(String((error as Error).message)).not.toContain('\x1b')
    })
  })
})

describe('the server’s guard', () => {
  let store: PostgresStore
  beforeEach(async () => {
    store = await postgresStore()
  })
  afterEach(() => store.remove())

  /** As a runner would whose reading of the SQL is of no use at all. */
  async function careless(statements: readonly string[]): Promise<string> {
    const tables = await store.open()
    const { token } = await store.lease()
    await tables.close()
    const role = await store.role('loyalty')
    const { admin } = store.database
    await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'p'; CREATE SCHEMA plg_loyalty; GRANT CREATE, USAGE ON SCHEMA plg_loyalty TO ${role}; GRANT USAGE ON SCHEMA catalyst TO ${role}; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA catalyst TO ${role}`)
    await admin.query(`INSERT INTO catalyst.passes VALUES ('loyalty', $1, encode(sha256('secret'), 'hex'), $2)`, [role, token])
    const url = new URL(store.database.url)
    url.username = role
    url.password = 'p'
    const plugin = await connected(url.href)
    try {
      await plugin.query('BEGIN')
      await plugin.query(`SELECT catalyst.open_migration('secret', 'loyalty')`)
      for (const sql of statements) await plugin.query(sql)
      return 'done'
    } catch (error) {
      return (error as { code: string }).code
    } finally {
      await plugin.end()
      await admin.query(`DROP OWNED BY ${role}`)
    }
  }
  const RECORD = `SELECT catalyst.record_migration('secret', 'loyalty', '0001_a', 'expand', '', '', NULL, '')`
  const tablesLeft = async (): Promise<unknown> => (await store.database.admin.query(`SELECT count(*)::int AS n FROM catalyst.migrations`)).rows[0].n

  test('commits what was recorded', async () => {
    expect(await careless(['CREATE TABLE plg_loyalty.a ()', RECORD, 'COMMIT'])).toBe('done')
    expect(await tablesLeft()).toBe(1)
  })
  test.each([
    ['commits nothing that was not', ['CREATE TABLE plg_loyalty.a ()', 'COMMIT'], 'CT003'],
    ['nor in two steps', ['CREATE TABLE plg_loyalty.a ()', 'SAVEPOINT s', 'RELEASE s', 'COMMIT AND CHAIN'], 'CT003'],
    ['nor prepared for later', ['CREATE TABLE plg_loyalty.a ()', `PREPARE TRANSACTION 'later'`], expect.stringMatching(/CT003|55000/)],
    ['records nothing in another transaction', ['ROLLBACK AND CHAIN', RECORD], 'CT002'],
    ['records nothing twice', [RECORD, RECORD], 'CT002'],
  ])('%s', async (_, statements, code) => {
    expect(await careless(statements)).toEqual(code)
    expect(await tablesLeft()).toBe(0)
    expect(await store.sql(`SELECT count(*)::int AS n FROM pg_class WHERE relname = 'a'`)).toEqual([{ n: 0 }])
  })
})
