import { afterEach, describe, expect, test } from 'vitest'
import { CatalystError } from '../../../schemas/errors.ts'
import { migration } from '../../contracts/plugin-tables.ts'
import type { DatabaseOptions } from '../../postgres-server.ts'
import { postgresStore, using, type PostgresStore } from './postgres-world.ts'

/* Who may do what on the server: too little, too much, somebody else's. */

const LIMITS = { timeoutMs: 60_000 }
const CREATE = migration('0001_a', 'CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)', 'DROP TABLE a')

describe('roles and schemas', () => {
  const stores: PostgresStore[] = []
  const open = async (options?: DatabaseOptions): Promise<PostgresStore> => {
    const store = await postgresStore(options)
    stores.push(store)
    return store
  }
  afterEach(async () => {
    for (const store of stores.splice(0).reverse()) await store.remove()
  })
  const migrated = (store: PostgresStore, one = CREATE): Promise<string> =>
    using(store, async (tables) => tables.migrate('loyalty', one, await store.held(), LIMITS)).then(() => 'done', (error: unknown) => {
      if (error instanceof CatalystError) return `${error.code}: ${error.message}\n${error.hint}`
      throw error
    })

  test('without CREATEROLE nothing is done, and the SQL that is shown is enough', async () => {
    const store = await open({ createRole: false })
    await store.lease()
    const before = await store.world()
    const said = await migrated(store)
    expect(said).toMatch(/^DATABASE_RIGHTS: /)
    expect(await store.world()).toEqual(before)
    await store.database.admin.query(said.split('\n').filter((line) => line.endsWith(';')).join(''))
    expect(await migrated(store)).toBe('done')
  })

  test('without the right to make schemas: the same', async () => {
    const store = await open()
    await store.database.admin.query(`ALTER DATABASE ${store.database.name} OWNER TO postgres`)
    const said = await migrated(store)
    expect(said).toContain(`GRANT CREATE ON DATABASE "${store.database.name}" TO "${store.database.role}";`)
    await store.database.admin.query(said.split('\n').filter((line) => line.endsWith(';')).join(''))
    expect(await migrated(store)).toBe('done')
  })

  test('where nobody may connect but who was let in: the same', async () => {
    const store = await open()
    await store.lease()
    await store.database.admin.query(`REVOKE CONNECT ON DATABASE ${store.database.name} FROM PUBLIC`)
    const before = await store.world()
    const said = await migrated(store)
    expect(said).toMatch(/^DATABASE_RIGHTS: /)
    expect(await store.world()).toEqual(before)
  })

  test('a role of the plugin’s name that may do more is not used', async () => {
    const store = await open()
    const role = await store.role('loyalty')
    expect(await migrated(store)).toBe('done')
    await store.database.admin.query(`GRANT pg_read_all_data TO ${role}`)
    expect(await migrated(store, migration('0002_b', 'SELECT 1'))).toMatch(/^STATE_INVALID: .*pg_read_all_data/)
    await store.database.admin.query(`REVOKE pg_read_all_data FROM ${role}; ALTER ROLE ${role} BYPASSRLS`)
    expect(await migrated(store, migration('0002_b', 'SELECT 1'))).toMatch(/^STATE_INVALID: /)
    await store.database.admin.query(`ALTER ROLE ${role} NOBYPASSRLS`)
    expect(await migrated(store, migration('0002_b', 'SELECT 1'))).toBe('done')
  })

  test('a role or a schema of the plugin’s name that is not ours is not used', async () => {
    const store = await open()
    await store.database.admin.query('CREATE SCHEMA plg_loyalty')
    expect(await migrated(store)).toMatch(/^DATABASE_RIGHTS: .*belongs to postgres/)
    await store.database.admin.query(`DROP SCHEMA plg_loyalty; CREATE ROLE ${await store.role('loyalty')}`)
    expect(await migrated(store)).toMatch(/^DATABASE_RIGHTS: /)
    await store.database.admin.query(`DROP ROLE ${await store.role('loyalty')}`)
    expect(await migrated(store)).toBe('done')
  })

  test('what was restored from a dump belongs to who restored it, and goes to the plugin’s role again', async () => {
    const store = await open()
    await store.sql(`CREATE SCHEMA plg_loyalty; CREATE TYPE plg_loyalty.k AS ENUM ('x'); CREATE TABLE plg_loyalty.a (id serial PRIMARY KEY, k plg_loyalty.k); CREATE VIEW plg_loyalty.v AS SELECT 1 AS one; CREATE FUNCTION plg_loyalty.f(n int) RETURNS int LANGUAGE sql AS 'SELECT n'`)
    expect(await migrated(store, migration('0002_b', `ALTER TABLE a ADD COLUMN n int; ALTER TYPE k ADD VALUE 'y'; CREATE OR REPLACE VIEW v AS SELECT 1 AS one, 2 AS two; DROP FUNCTION f; INSERT INTO a DEFAULT VALUES`))).toBe('done')
    expect(await store.sql('SELECT id FROM plg_loyalty.a')).toEqual([{ id: 1 }])
  })

  test('two stores on one server have the same plugin, each its own', async () => {
    const [one, two] = [await open(), await open()]
    expect([await migrated(one), await migrated(two)]).toEqual(['done', 'done'])
    await using(one, async (tables) => tables.drop('loyalty', await one.lease()))
    expect(await two.sql('SELECT id FROM plg_loyalty.a')).toEqual([{ id: 1 }])
    expect(await migrated(two, migration('0002_b', 'INSERT INTO a VALUES (2)'))).toBe('done')
  })

  test('dblink, where it is installed, is taken away first', async () => {
    const store = await open()
    const { rows } = await store.database.admin.query(`SELECT 1 FROM pg_available_extensions WHERE name = 'dblink'`)
    if (rows.length === 0) await store.database.admin.query(`CREATE FUNCTION public.dblink_connect(text) RETURNS text LANGUAGE sql AS 'SELECT $1'`)
    else await store.database.admin.query('CREATE EXTENSION dblink')
    const said = await migrated(store, migration('0001_a', `DO $$ BEGIN PERFORM public.dblink_connect('host=127.0.0.1'); END $$`))
    expect(said).toMatch(rows.length === 0 ? /^(done|MIGRATION)/ : /^DATABASE_RIGHTS: .*dblink/)
  })

  test('a superuser as the store limits what sorting may write to disk, too', async () => {
    const store = await open()
    await store.database.admin.query(`ALTER ROLE ${store.database.role} SUPERUSER`)
    expect(await migrated(store, migration('0001_a', `CREATE TABLE a AS SELECT current_setting('temp_file_limit') AS said`))).toBe('done')
    expect(await store.sql('SELECT said FROM plg_loyalty.a')).toEqual([{ said: '1GB' }])
  })

  test('a plugin that is gone leaves no role, no schema, no right', async () => {
    const store = await open()
    await using(store, async (tables) => {
      const fence = await store.lease()
      const before = await store.world() as Record<string, unknown>
      await tables.migrate('loyalty', CREATE, fence, LIMITS)
      await tables.migrate('loyalty', migration('0002_b', `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION f(); CREATE SEQUENCE q; CREATE DOMAIN d AS int; CREATE TABLE x (id d DEFAULT nextval('q'), a int REFERENCES a); ALTER TABLE a ADD COLUMN x d`), fence, LIMITS)
      await tables.drop('loyalty', fence)
      const { rows: _, ...after } = await store.world() as Record<string, unknown>
      expect(after).toEqual({ ...before, rows: undefined })
      expect(await tables.applied()).toEqual([])
    })
  })

  test('a migration that is undone to nothing leaves nothing', async () => {
    const store = await open()
    await using(store, async (tables) => {
      const fence = await store.lease()
      const { rows: _, ...before } = await store.world() as Record<string, unknown>
      await tables.migrate('loyalty', migration('0001_a', 'CREATE TABLE a ()', 'DROP TABLE a'), fence, LIMITS)
      await tables.revert('loyalty', '0001_a', fence, LIMITS)
      const { rows: __, ...after } = await store.world() as Record<string, unknown>
      expect(after).toEqual(before)
    })
  })

  describe('what others need is not dropped', () => {
    test.each([
      ['a trigger of theirs on its table', `CREATE FUNCTION public.told() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER theirs AFTER INSERT ON plg_loyalty.a FOR EACH ROW EXECUTE FUNCTION public.told()`, /trigger theirs on a/],
      ['a trigger of theirs that calls its function', 'CREATE TABLE public.t (); CREATE TRIGGER theirs AFTER INSERT ON public.t EXECUTE FUNCTION plg_loyalty.f()', /trigger public\.theirs on t/],
      ['a column of its type', 'CREATE TABLE public.t (k plg_loyalty.k)', /public\.t|table t/],
      ['a default from its sequence', `CREATE TABLE public.t (id int DEFAULT nextval('plg_loyalty.q'))`, /table t|public\.t/],
      ['a table made in its schema by somebody else', 'CREATE TABLE plg_loyalty.guest ()', /guest/],
      ['a materialized view', 'CREATE MATERIALIZED VIEW public.m AS SELECT * FROM plg_loyalty.a', /view public\.m on a/],
    ])('%s', async (_, sql, named) => {
      const store = await open()
      await using(store, async (tables) => {
        const fence = await store.lease()
        await tables.migrate('loyalty', migration('0001_a', `CREATE TABLE a (id int); CREATE TYPE k AS ENUM ('x'); CREATE SEQUENCE q; CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`), fence, LIMITS)
        await store.database.admin.query(sql)
        const before = await store.world()
        await expect(tables.drop('loyalty', fence)).rejects.toMatchObject({ code: 'TABLE_IN_USE', message: expect.stringMatching(named) })
        expect(await store.world()).toEqual(before)
      })
    })
  })

  test('two schemas of one plugin, in use and in quarantine, are not mixed', async () => {
    const store = await open()
    await using(store, async (tables) => {
      const fence = await store.lease()
      await tables.migrate('loyalty', CREATE, fence, LIMITS)
      await tables.quarantine('loyalty', fence)
      await store.sql('CREATE SCHEMA plg_loyalty')
      await expect(tables.restoreFromQuarantine('loyalty', fence)).rejects.toMatchObject({ code: 'STATE_INVALID' })
      expect(await store.sql('SELECT id FROM plg_loyalty__quarantined.a')).toEqual([{ id: 1 }])
    })
  })

  test('the longest ids have room, and do not meet', async () => {
    const store = await open()
    const long = `a${'-b'.repeat(19)}c`.slice(0, 40)
    await using(store, async (tables) => {
      const fence = await store.lease()
      for (const id of [long, `${long.slice(0, -1)}d`]) await tables.migrate(id, CREATE, fence, LIMITS)
      await tables.quarantine(long, fence)
      const found = await tables.inventory([long, `${long.slice(0, -1)}d`], 'exact')
      expect([...found.values()].map((i) => [i.quarantined, i.tables.length])).toEqual([[true, 1], [false, 1]])
    })
  })
})
