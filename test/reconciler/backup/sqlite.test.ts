import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Ground } from './ground.ts'

let ground: Ground
beforeEach(async () => {
  ground = await Ground.make()
})
afterEach(() => ground.remove())

/** What a plugin has is gone: as a purge leaves it. */
function destroy(): void {
  const rows = ground.rows(`SELECT type, name FROM sqlite_schema WHERE name LIKE 'plg_loyalty%' AND type IN ('table', 'view')`) as { type: string; name: string }[]
  for (const { type, name } of rows) ground.sql(`DROP ${type} "${name}"`)
  ground.sql(`DELETE FROM catalyst_migrations; DELETE FROM catalyst_owned`)
}

describe('write and restore', () => {
  test('bring back every bit: values, row numbers, sequences, generated columns, indexes, views, triggers, files', async () => {
    ground.fill()
    const before = ground.content()
    const backups = ground.backups()
    const ref = await backups.write(ground.request())
    expect(ref).toMatchObject({ plugin: 'loyalty-points', version: '1.4.2', store: 'acme-eu', dialect: 'sqlite', rows: 3 + 3 + 4 + 4 })
    destroy()
    expect(ground.content()).not.toBe(before)
    const result = await backups.restore(ref.name, { store: 'acme-eu' }, ground.fence)
    expect(result).toEqual({ tables: 4, rows: 14, files: 2 })
    expect(ground.content()).toBe(before)
  })

  test('over what is there now: other rows, other tables, other files', async () => {
    ground.fill()
    const before = ground.content()
    const backups = ground.backups()
    const { name } = await backups.write(ground.request())
    ground.sql(`ALTER TABLE plg_loyalty_points__odd RENAME TO plg_loyalty_points__even; DELETE FROM plg_loyalty_points__accounts; CREATE TABLE plg_loyalty_points__new (x); DROP VIEW plg_loyalty_points__gold`)
    ground.applied('loyalty-points', '0003_third')
    ground.put('settings.json', '{"rate":3}')
    ground.put('new.txt', 'new')
    await backups.restore(name, { store: 'acme-eu' }, ground.fence)
    expect(ground.content()).toBe(before)
    expect(readdirSync(ground.dataDir).sort()).toEqual(['.backups', 'loyalty-points'])
    expect(ground.rows('SELECT * FROM catalyst_restores')).toEqual([])
  })

  test('text that is not UTF-8, and text with U+FFFD, come back as they were', async () => {
    ground.sql(`CREATE TABLE plg_loyalty_points__t (a TEXT, b BLOB); INSERT INTO plg_loyalty_points__t VALUES ('fine', 'x'), (CAST(x'61ff62' AS TEXT), 7), (CAST(x'c328' AS TEXT), CAST(x'ff' AS TEXT)), (char(0xfffd), 1.5), (NULL, x'ff')`)
    ground.applied('loyalty-points')
    const before = ground.content()
    const { name } = await ground.backups().write(ground.request())
    ground.sql('DELETE FROM plg_loyalty_points__t')
    await ground.backups().restore(name, { store: 'acme-eu' }, ground.fence)
    expect(ground.content()).toBe(before)
  })

  test('rows over many frames, and rows larger than one', async () => {
    ground.sql(`CREATE TABLE plg_loyalty_points__t (a INTEGER PRIMARY KEY, b TEXT, c BLOB)`)
    ground.sql(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) INSERT INTO plg_loyalty_points__t SELECT i, hex(randomblob(300)), randomblob(CASE WHEN i % 1000 = 7 THEN 1500000 ELSE 500 END) FROM n`)
    ground.applied('loyalty-points')
    const before = ground.content()
    const { name, rows } = await ground.backups().write(ground.request())
    expect(rows).toBe(4000)
    ground.sql('UPDATE plg_loyalty_points__t SET b = NULL, c = NULL')
    await ground.backups().restore(name, { store: 'acme-eu' }, ground.fence)
    expect(ground.content()).toBe(before)
  })

  test('a plugin without tables and without data folder', async () => {
    const { name, rows } = await ground.backups().write(ground.request())
    expect(rows).toBe(0)
    ground.fill()
    expect(await ground.backups().restore(name, { store: 'acme-eu' }, ground.fence)).toEqual({ tables: 0, rows: 0, files: 0 })
    expect(existsSync(join(ground.dataDir, 'loyalty-points'))).toBe(false)
    expect(ground.rows(`SELECT name FROM sqlite_schema WHERE name LIKE 'plg%'`)).toEqual([])
  })

  test('leave other plugins alone whose names begin alike, and the shop', async () => {
    ground.fill()
    ground.sql(`CREATE TABLE plg_loyalty__points__accounts (a); CREATE TABLE plg_loyalty__t (a); INSERT INTO plg_loyalty__t VALUES (1); CREATE TABLE orders (id INTEGER PRIMARY KEY); INSERT INTO orders VALUES (7)`)
    ground.applied('loyalty', '0001_own')
    const other = ground.content('loyalty')
    const { name } = await ground.backups().write(ground.request())
    await ground.backups().restore(name, { store: 'acme-eu' }, ground.fence)
    expect(ground.content('loyalty')).toBe(other)
    expect(ground.rows('SELECT * FROM orders')).toEqual([{ id: 7n }])
  })

  test('numbers of migrations that others took meanwhile are not taken twice', async () => {
    ground.fill()
    const { name } = await ground.backups().write(ground.request())
    destroy()
    ground.applied('order-sms', '0001_a', '0002_b', '0003_c')
    await ground.backups().restore(name, { store: 'acme-eu' }, ground.fence)
    expect(ground.rows('SELECT plugin, id, sequence FROM catalyst_migrations ORDER BY sequence').map((row) => Object.values(row as object).join(' '))).toEqual(['order-sms 0001_a 1', 'order-sms 0002_b 2', 'order-sms 0003_c 3', 'loyalty-points 0001_first 4', 'loyalty-points 0002_second 5'])
  })

  test('the snapshot is one moment, whatever is written meanwhile', async () => {
    ground.fill()
    const before = ground.content()
    const backups = ground.backups((boundary) => {
      if (boundary === 'tables written') ground.sql(`DELETE FROM plg_loyalty_points__entries`)
    })
    const { name } = await backups.write(ground.request())
    await ground.backups().restore(name, { store: 'acme-eu' }, ground.fence)
    expect(ground.content()).toBe(before)
  })

  test('raise the serial, so that other nodes look', async () => {
    const { name } = await ground.backups().write(ground.request())
    const serial = () => (ground.rows('SELECT serial FROM catalyst_state')[0] as { serial: bigint }).serial
    const before = serial()
    await ground.backups().restore(name, { store: 'acme-eu' }, ground.fence)
    expect(serial()).toBeGreaterThan(before)
  })

  test('are for this user alone', async () => {
    ground.fill()
    const { name } = await ground.backups().write(ground.request())
    const folder = join(ground.dataDir, '.backups', name)
    expect(statSync(folder).mode & 0o077).toBe(0)
    for (const file of readdirSync(folder)) expect(statSync(join(folder, file)).mode & 0o077).toBe(0)
  })
})

describe('what a backup cannot bring back is refused by name', () => {
  test('a virtual table', async () => {
    ground.sql('CREATE VIRTUAL TABLE plg_loyalty_points__search USING fts5(body)')
    await expect(ground.backups().write(ground.request())).rejects.toMatchObject({ code: 'BACKUP_FAILED', message: expect.stringContaining('plg_loyalty_points__search') })
    expect(await ground.backups().list()).toEqual([])
    expect(readdirSync(join(ground.dataDir, '.backups'))).toEqual([])
  })
})

describe('the lease', () => {
  test('whoever lost it restores nothing', async () => {
    ground.fill()
    const { name } = await ground.backups().write(ground.request())
    const stale = ground.fence
    await ground.takeLease()
    ground.put('settings.json', 'changed')
    const before = ground.content()
    await expect(ground.backups().restore(name, { store: 'acme-eu' }, stale)).rejects.toMatchObject({ code: 'LEASE_LOST' })
    await ground.backups().settle(ground.fence)
    expect(ground.content()).toBe(before)
    expect(readdirSync(ground.dataDir).sort()).toEqual(['.backups', 'loyalty-points'])
  })
})

describe('rows of others', () => {
  test('that would point to nothing refuse the restore by name', async () => {
    ground.fill()
    const { name } = await ground.backups().write(ground.request())
    ground.sql(`INSERT INTO plg_loyalty_points__accounts (id, customer) VALUES (77, 'new'); CREATE TABLE vouchers (account INTEGER REFERENCES plg_loyalty_points__accounts (id) ON DELETE CASCADE); INSERT INTO vouchers VALUES (1), (77)`)
    const before = ground.content()
    await expect(ground.backups().restore(name, { store: 'acme-eu' }, ground.fence)).rejects.toMatchObject({ code: 'TABLE_IN_USE', message: expect.stringMatching(/vouchers.*accounts/) })
    expect(ground.content()).toBe(before)
    ground.sql('DELETE FROM vouchers WHERE account = 77')
    await ground.backups().restore(name, { store: 'acme-eu' }, ground.fence)
    expect(ground.rows('SELECT account FROM vouchers')).toEqual([{ account: 1n }])
  })
})
