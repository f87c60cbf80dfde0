import { DatabaseSync } from 'node:sqlite'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PluginEntry, PluginSet } from '../../schemas/plugin-set.ts'
import { newDatabase, type TestDatabase } from '../postgres-server.ts'
import { Shop } from './shop.ts'

/*
 * One plugin with tables from its installation to its end, by the commands alone, on each kind of database; beside it one whose
 * name begins alike. Each step begins where the one before ended. More about each step on SQLite: data.test.ts.
 */

const MIGRATIONS = {
  '0001_accounts': [`-- catalyst: expand\nCREATE TABLE {accounts} (id INTEGER PRIMARY KEY, name TEXT NOT NULL)`, 'DROP TABLE {accounts}'],
  '0002_rename': [`-- catalyst: breaking\nALTER TABLE {accounts} RENAME COLUMN name TO customer`, 'ALTER TABLE {accounts} RENAME COLUMN customer TO name'],
} as const
const DIALECTS = { sqlite: (plugin: string) => `plg_${plugin.replaceAll('-', '_')}__`, postgres: (plugin: string) => `plg_${plugin.replaceAll('-', '_')}.` } as const

describe.each(['sqlite', 'postgres'] as const)('on %s', (dialect) => {
  let shop: Shop
  let database: TestDatabase | undefined
  let kept = ''
  const table = (plugin: string): string => `${DIALECTS[dialect](plugin)}accounts`
  const both = { points: { version: '~1.0.0' }, 'points-extra': { version: '^1.0.0' } }
  const rest = { 'points-extra': { version: '^1.0.0' } }

  beforeAll(async () => {
    shop = await Shop.open()
    database = dialect === 'postgres' ? await newDatabase() : undefined
    if (database) shop.env['DATABASE_URL'] = database.url
    for (const [id, version, count] of [['points', '1.0.0', 1], ['points', '1.1.0', 2], ['points-extra', '1.0.0', 1]] as const) await release(id, version, count)
  })
  afterAll(async () => {
    await shop.close()
    await database?.drop()
  })

  function release(id: string, version: string, count: number): Promise<unknown> {
    const own = Object.entries(MIGRATIONS).slice(0, count)
    const files = Object.entries(DIALECTS).flatMap(([folder, prefix]) => own.flatMap(([name, [up, down]]) => [[`migrations/${folder}/${name}.sql`, up], [`migrations/${folder}/${name}.down.sql`, down]].map(([path, sql]) => [path, sql?.replaceAll('{accounts}', `${prefix(id)}accounts`)])))
    return shop.release(id, version, { files: Object.fromEntries(files), manifest: { migrations: own.map(([name]) => name), tables: ['accounts'] } })
  }

  const want = (plugins: Record<string, PluginEntry>, odd: Partial<PluginSet> = {}): void =>
    shop.want(plugins, { ...(database && { store: { id: 'acme-eu', catalyst: '3.2.0', database: '${env:DATABASE_URL}' } }), ...odd })

  async function sql(text: string): Promise<readonly Record<string, unknown>[]> {
    if (database) return (await database.admin.query(text)).rows
    const db = new DatabaseSync(join(shop.dir, 'store.db'))
    try {
      return db.prepare(text).all() as Record<string, unknown>[]
    } finally {
      db.close()
    }
  }

  const names = async (plugin: string, column = 'name'): Promise<readonly unknown[]> => (await sql(`SELECT ${column} AS name FROM ${table(plugin)} ORDER BY id`)).map((row) => row['name'])
  const export_ = (): string => join(shop.dir, 'plugin-data/points/export.csv')

  async function takeOut(odd: Partial<PluginSet> = {}): Promise<void> {
    want(rest, odd)
    expect((await shop.json('lock')).exit).toBe(0)
  }

  async function classes(): Promise<Record<string, string>> {
    const { result } = await shop.json('status')
    const { classes: found } = result.retained.find((r: { id: string }) => r.id === 'points')
    return { data: found.data.state, tables: found.tables.state }
  }

  test('installed, each with tables of its own name; rows are written', async () => {
    want(both)
    await shop.settle()
    for (const plugin of ['points', 'points-extra']) await sql(`INSERT INTO ${table(plugin)} (id, name) VALUES (1, 'Ada'), (2, 'Bob')`)
    mkdirSync(join(shop.dir, 'plugin-data/points'), { recursive: true })
    writeFileSync(export_(), 'Ada;10\n')
    expect(await shop.installed()).toEqual({ points: '1.0.0', 'points-extra': '1.0.0' })
  })

  test('an upgrade that breaks, with consent; the rollback tells what it will do, and undoes it with its rows', async () => {
    want({ ...both, points: { version: '^1.1.0' } })
    expect((await shop.json('lock')).exit).toBe(0)
    const waits = await shop.json('plan')
    expect(waits).toMatchObject({ exit: 3, result: { blocked: [{ id: 'points', code: 'APPROVAL_MISSING' }] } })
    const to = /sha256:[0-9a-f]{64}/.exec(waits.result.blocked[0].hint)?.[0] as `sha256:${string}`
    want({ ...both, points: { version: '^1.1.0' } }, { approvals: [{ plugin: 'points', to, accept: ['breaking'] }] })
    expect((await shop.json('apply')).exit).toBe(0)
    await sql(`INSERT INTO ${table('points')} (id, customer) VALUES (3, 'Cem')`)
    expect((await shop.run('rollback points --dry-run')).out).toContain('~ points  code, and migrations back: undoes 0002_rename by their downs, after a backup')
    expect(await names('points', 'customer')).toEqual(['Ada', 'Bob', 'Cem'])
    expect((await shop.json('rollback points')).result.changes).toMatchObject([{ id: 'points', to: '1.0.0', dataKind: 'down' }])
    expect(await names('points')).toEqual(['Ada', 'Bob', 'Cem'])
    want(both)
    await shop.settle()
  })

  test('taken out: what is asked is kept; the answer in git sets it aside, another one takes that back', async () => {
    await takeOut()
    expect((await shop.run('plan')).out).toMatch(/asks +data, tables: kept until somebody answers/)
    const { result } = await shop.json('apply')
    kept = result.outcomes[0].data.backup
    expect(await classes()).toEqual({ data: 'awaiting', tables: 'awaiting' })
    await takeOut({ removed: { 'points@1.0.0': { data: 'remove', tables: 'remove', grace: '9d' } } })
    expect((await shop.json('apply')).exit).toBe(0)
    expect([await classes(), existsSync(export_())]).toEqual([{ data: 'quarantined', tables: 'quarantined' }, false])
    if (database) await expect(names('points')).rejects.toThrow(/plg_points/)
    await takeOut({ removed: { 'points@1.0.0': { data: 'keep', tables: 'keep' } } })
    expect((await shop.json('apply')).exit).toBe(0)
    expect([await classes(), existsSync(export_()), await names('points')]).toEqual([{ data: 'retained', tables: 'retained' }, true, ['Ada', 'Bob', 'Cem']])
  })

  test.each([
    ['a foreign key', () => `CREATE TABLE vouchers (id INTEGER PRIMARY KEY, account INTEGER REFERENCES ${table('points')} (id))`, 'DROP TABLE vouchers', 'vouchers'],
    ['a view', () => `CREATE VIEW report AS SELECT count(*) AS n FROM ${table('points')}`, 'DROP VIEW report', 'report'],
  ])('purge is refused by name while %s of others needs the tables', async (_what, make, drop, name) => {
    await takeOut({ removed: { 'points@1.0.0': { data: 'keep', tables: 'remove', grace: '9d' } } })
    await sql(make())
    expect(await shop.json('purge points --yes')).toMatchObject({ exit: 3, problems: [{ code: 'TABLE_IN_USE', message: expect.stringContaining(name), hint: expect.stringMatching(/\w/) }] })
    expect(await names('points')).toHaveLength(3)
    await sql(drop)
  })

  test('purged: its tables are gone, nobody else lost anything', async () => {
    expect((await shop.json('apply')).exit).toBe(0)
    expect((await shop.json('purge points --yes')).exit).toBe(0)
    expect(await classes()).toEqual({ data: 'retained', tables: 'purged' })
    await expect(names('points')).rejects.toThrow()
    expect(await names('points-extra')).toEqual(['Ada', 'Bob'])
    expect(await shop.json('purge points --yes')).toMatchObject({ exit: 3, problems: [{ code: 'DECISION_REQUIRED' }] })
  })

  test('restored from its backup, and found again when it comes back', async () => {
    expect((await shop.json(`restore ${kept} --yes`)).result.restored).toMatchObject([{ rows: 3, tables: 1 }])
    want(both)
    await shop.settle()
    expect([await names('points'), await names('points-extra'), existsSync(export_())]).toEqual([['Ada', 'Bob', 'Cem'], ['Ada', 'Bob'], true])
    expect((await shop.json('status --check')).exit).toBe(0)
  })

  test('a column that somebody added is drift', async () => {
    await sql(`ALTER TABLE ${table('points')} ADD COLUMN by_hand TEXT`)
    expect(await shop.json('status --check')).toMatchObject({ exit: 6, result: { drift: [{ id: 'points', class: 'schema' }] } })
  })

  test('with the registry and GitHub gone it is taken out, backed up, brought back, taken out again and destroyed all the same', async () => {
    const there = shop.world.faults.add({ path: '/', times: Infinity }, { kind: 'drop' })
    rmSync(join(shop.dir, '.cache'), { recursive: true, force: true })
    expect(await shop.json('remove points')).toMatchObject({ exit: 5, problems: expect.arrayContaining([expect.objectContaining({ code: 'SOURCE_UNREACHABLE' })]) })
    expect((await shop.json('apply')).result.outcomes).toMatchObject([{ id: 'points', action: 'remove', outcome: 'applied', data: { backup: expect.stringMatching(/^points-/) } }])
    expect((await shop.json('rollback')).exit).toBe(0)
    expect([await shop.installed(), await names('points')]).toEqual([expect.objectContaining({ points: '1.0.0' }), ['Ada', 'Bob', 'Cem']])
    expect((await shop.json('rollback points --lift')).exit).toBe(0)
    expect((await shop.json('apply --answer points:data=remove --answer points:tables=remove')).exit).toBe(0)
    expect((await shop.json('purge points --yes')).exit).toBe(0)
    expect([await shop.installed(), existsSync(export_()), await names('points-extra')]).toEqual([{ 'points-extra': '1.0.0' }, false, ['Ada', 'Bob']])
    there()
  })

  test('every step is in the audit, whole, with who did it', async () => {
    const { exit, result } = await shop.json('audit --verify --limit 100')
    expect([exit, [...new Set(result.records.map((r: { by: string }) => r.by))]]).toEqual([0, ['tester']])
    const told = result.records.filter((r: { id: string }) => r.id === 'points').map((r: { event: string }) => r.event)
    expect(told).toEqual(expect.arrayContaining(['install', 'upgrade', 'rollback', 'remove', 'data.quarantine', 'data.purge', 'restore', 'reattach']))
  })
})
