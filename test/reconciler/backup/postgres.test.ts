import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openBackups } from '../../../reconciler/backup/backups.ts'
import { postgresTables } from '../../../reconciler/backup/postgres-tables.ts'
import type { TableStore } from '../../../reconciler/backup/table-store.ts'
import { sha256, type Digest } from '../../../schemas/digest.ts'
import { PostgresGround, SAMPLE, SPACE } from './postgres-ground.ts'

let ground: PostgresGround
const make = async (): Promise<void> => {
  ground = await PostgresGround.make()
}
const remove = (): Promise<void> => ground.remove()

async function fill(): Promise<void> {
  await ground.asPlugin(SAMPLE)
  await ground.applied('loyalty-points', '0001_first', '0002_second')
  ground.put('settings.json', '{}')
}

const restore = (name: string, digest?: Digest): Promise<unknown> => ground.backups().restore(name, { store: 'acme-eu', digest }, ground.fence)

async function expectTidy(): Promise<void> {
  expect(await ground.rows(`SELECT nspname FROM pg_namespace WHERE nspname LIKE '%restored'`)).toEqual([])
  expect(await ground.rows(`SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname ~ (SELECT '^plg_.*_' || oid || '$' FROM pg_database WHERE datname = current_database())`)).toEqual([])
  expect(await ground.rows('SELECT * FROM catalyst.restores')).toEqual([])
  expect(readdirSync(ground.dataDir).filter((name) => name.startsWith('.') && name !== '.backups')).toEqual([])
}

/** The methods of a store, to replace one of them. */
function bound(store: TableStore): TableStore {
  return {
    dialect: store.dialect,
    list: store.list,
    snapshot: (plugin, work) => store.snapshot(plugin, work),
    countRows: (schema, stored, chunks) => store.countRows(schema, stored, chunks),
    replace: (replacement) => store.replace(replacement),
    exclusively: (fence, work) => store.exclusively(fence, work),
    close: () => store.close(),
  }
}

describe('write and restore on PostgreSQL', () => {
  beforeEach(make)
  afterEach(remove)

  test('bring back all: types, identity, sequences, generated columns, keys, indexes, views, comments, owners, every value', async () => {
    await fill()
    const before = await ground.content()
    const ref = await ground.backups().write(ground.request())
    expect(ref).toMatchObject({ dialect: 'postgres', rows: 3 + 3 + 3 + 2 + 2 })
    await ground.asPlugin(`DROP VIEW alpha; DROP TABLE entries; ALTER TABLE accounts ADD COLUMN more int; DELETE FROM accounts; CREATE TABLE new (x int); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'`)
    await ground.applied('loyalty-points', '0003_third')
    ground.put('settings.json', 'changed')
    expect(await restore(ref.name)).toEqual({ tables: 5, rows: 13, files: 1 })
    expect(await ground.content()).toBe(before)
    await expectTidy()
    await ground.asPlugin(`INSERT INTO accounts (customer) VALUES ('next')`)
    expect(await ground.rows(`SELECT id, receipt FROM ${SPACE}.accounts WHERE customer = 'next'`)).toEqual([{ id: '10', receipt: 125 }])
  })

  test('after everything of the plugin was dropped', async () => {
    await fill()
    const before = await ground.content()
    const { name } = await ground.backups().write(ground.request())
    await ground.asStore(`DROP SCHEMA ${SPACE} CASCADE; DELETE FROM catalyst.migrations; DELETE FROM catalyst.owned`)
    await restore(name)
    expect(await ground.content()).toBe(before)
    await expectTidy()
  })

  test('out of quarantine and into its place', async () => {
    await fill()
    const before = await ground.content()
    await ground.asStore(`ALTER SCHEMA ${SPACE} RENAME TO ${SPACE}__quarantined; INSERT INTO catalyst.quarantined VALUES ('loyalty-points', 'now')`)
    const { name, rows } = await ground.backups().write(ground.request())
    expect(rows).toBe(13)
    await restore(name)
    expect(await ground.content()).toBe(before)
    expect(await ground.rows('SELECT * FROM catalyst.quarantined')).toEqual([])
  })

  test('one moment, whatever is written meanwhile', async () => {
    await fill()
    const before = await ground.content()
    // The first byte of the first table is read in the same moment as the last one of the last.
    const meanwhile = { wrote: false }
    const source = postgresTables(ground.database.url)
    const hooked: TableStore = { ...bound(source), snapshot: (plugin, work) => source.snapshot(plugin, async (snapshot) => {
      await ground.asPlugin(`DELETE FROM entries; UPDATE accounts SET score = 1`)
      meanwhile.wrote = true
      return work(snapshot)
    }) }
    const { name } = await openBackups({ dataDir: ground.dataDir, tables: hooked }).write(ground.request())
    await source.close()
    expect(meanwhile.wrote).toBe(true)
    await restore(name)
    expect(await ground.content()).toBe(before)
  })
})

describe('what a backup cannot bring back is refused by name', () => {
  beforeAll(make)
  afterAll(remove)
  afterEach(() => ground.asStore(`DROP SCHEMA ${SPACE} CASCADE`))

  test.each([
    ['a function', `CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'`, 'function plg_loyalty_points.f()'],
    ['a trigger', `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TABLE t (a int); CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()`, 'trigger g on t'],
    ['a materialized view', 'CREATE MATERIALIZED VIEW m AS SELECT 1 AS a', 'materialized view m'],
    ['a partitioned table', 'CREATE TABLE p (a int) PARTITION BY RANGE (a)', 'partitioned table p'],
    ['inheritance', 'CREATE TABLE a (x int); CREATE TABLE b () INHERITS (a)', 'inheritance of'],
    ['a composite type', 'CREATE TYPE c AS (a int)', 'composite type c'],
    ['a range type', 'CREATE TYPE r AS RANGE (subtype = int)', 'plg_loyalty_points.r('],
    ['a rule', 'CREATE TABLE t (a int); CREATE RULE q AS ON DELETE TO t DO INSTEAD NOTHING', 'rule q on t'],
    ['row security', 'CREATE TABLE t (a int); ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY y ON t USING (a > 1)', 'policy y on t'],
    ['extended statistics', 'CREATE TABLE t (a int, b int); CREATE STATISTICS st ON a, b FROM t', 'statistics object'],
    ['a collation', `CREATE COLLATION col (locale = 'C')`, 'collation'],
  ])('%s', async (_what, sql, named) => {
    await ground.asPlugin(sql)
    await expect(ground.backups().write(ground.request())).rejects.toMatchObject({ code: 'BACKUP_FAILED', message: expect.stringContaining(named) })
    expect(await ground.backups().list()).toEqual([])
  })
})

describe('failures', () => {
  beforeEach(make)
  afterEach(remove)

  test.each(['staged', 'dropped', 'filled', 'old aside', 'new live'])('at "%s" leave all as it was', async (boundary) => {
    await fill()
    const { name } = await ground.backups().write(ground.request())
    await ground.asPlugin('DELETE FROM entries')
    ground.put('settings.json', 'changed')
    const changed = await ground.content()
    const failing = ground.backups((here) => {
      if (here === boundary) throw new Error('planted')
    })
    await expect(failing.restore(name, { store: 'acme-eu' }, ground.fence)).rejects.toThrow('planted')
    expect(await ground.content()).toBe(changed)
    await expectTidy()
  })

  test('the lease is lost while rows are loaded', async () => {
    await fill()
    const { name } = await ground.backups().write(ground.request())
    const changed = await ground.content()
    const stale = ground.fence
    const tables = ground.backups()
    await ground.takeLease()
    await expect(tables.restore(name, { store: 'acme-eu' }, stale)).rejects.toMatchObject({ code: 'LEASE_LOST' })
    await ground.backups().settle(ground.fence)
    expect(await ground.content()).toBe(changed)
    await expectTidy()
  })

  test('tables that others need are named, and stay', async () => {
    await fill()
    const { name } = await ground.backups().write(ground.request())
    await ground.asStore(`CREATE TABLE public.vouchers (account bigint REFERENCES ${SPACE}.accounts)`)
    const before = await ground.content()
    await expect(restore(name)).rejects.toMatchObject({ code: 'TABLE_IN_USE', message: expect.stringContaining('public.vouchers') })
    expect(await ground.content()).toBe(before)
    await expectTidy()
  })
})

describe('a definition that is not ours, vouched for by a person, gets no further than a migration', () => {
  let name: string
  let before: string
  let manifest: string
  // One store for all: what is not changed need not be made again.
  beforeAll(async () => {
    await make()
    await ground.asStore(`CREATE TABLE public.orders (id int, secret text); INSERT INTO public.orders VALUES (1, 'card')`)
    await fill()
    name = (await ground.backups().write(ground.request())).name
    before = await ground.content()
    manifest = readFileSync(join(ground.dataDir, '.backups', name, 'manifest.json'), 'utf8')
  })
  afterAll(remove)

  type Schema = Record<string, Record<string, unknown>[]>
  function forge(edit: (schema: Schema) => Schema): Digest {
    const whole = JSON.parse(manifest) as { schema: Schema }
    const text = JSON.stringify({ ...whole, schema: edit(whole.schema) })
    writeFileSync(join(ground.dataDir, '.backups', name, 'manifest.json'), text)
    return sha256(text)
  }
  const add = (kind: string, thing: Record<string, unknown>) => (schema: Schema): Schema => ({ ...schema, [kind]: [...(schema[kind] ?? []), thing] })

  test.each([
    ['a view over orders', add('views', { name: 'v', definition: 'SELECT secret FROM public.orders', options: [] })],
    ['a check that reads orders', add('constraints', { table: 'accounts', name: 'evil', kind: 'c', definition: `CHECK (query_to_xml('SELECT * FROM public.orders', true, true, '') IS NOT NULL)` })],
    ['a check that becomes another role', add('constraints', { table: 'accounts', name: 'evil', kind: 'c', definition: `CHECK (pg_catalog.set_config('role', 'none', false) IS NOT NULL AND query_to_xml('SELECT * FROM public.orders', true, true, '') IS NOT NULL)` })],
    ['a second statement', add('constraints', { table: 'accounts', name: 'evil', kind: 'c', definition: 'CHECK (true); DROP TABLE public.orders' })],
    ['another action', add('constraints', { table: 'accounts', name: 'evil', kind: 'c', definition: 'CHECK (true), OWNER TO postgres' })],
    ['an index that reads a file', add('indexes', { table: 'accounts', name: 'evil', unique: false, using: `btree ((pg_read_file('/etc/passwd')))` })],
    ['a default that is a statement', add('sequences', { name: 's', type: 'integer', start: '1', increment: '1', min: '1', max: '9', cache: '1', cycle: false, last: '1', called: false, owner: { table: 'orders', column: 'id' } })],
    ['a foreign key to orders', add('constraints', { table: 'accounts', name: 'evil', kind: 'f', definition: 'FOREIGN KEY (id) REFERENCES public.orders (id)' })],
  ])('%s', async (_what, edit) => {
    await expect(restore(name, forge(edit))).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' })
    expect(await ground.content()).toBe(before)
    expect(await ground.rows('SELECT * FROM public.orders')).toEqual([{ id: 1, secret: 'card' }])
    await expectTidy()
  })
})
