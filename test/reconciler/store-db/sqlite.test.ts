import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { quickSerial } from '../../../reconciler/store-db/serial.ts'
import { openSqlite } from '../../../reconciler/store-db/sqlite.ts'
import { generationRecord, installRecord, T0 } from '../../contracts/records.ts'
import { storeStateContract } from '../../contracts/store-state.ts'

storeStateContract('SQLite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'catalyst-store-'))
  return { open: () => openSqlite(join(folder, 'store.db')), remove: async () => rmSync(folder, { recursive: true }) }
})

describe('the SQLite file', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'catalyst-store-'))
    path = join(folder, 'store.db')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const commitOnce = async (number = 1): Promise<number> => {
    const store = await openSqlite(path)
    const lease = await store.acquireLease('me', T0, 1000)
    const installs = [installRecord('alpha', `${number}.0.0`)]
    const activation = { at: T0, by: 'me', reason: 'test' }
    const { serial } = await store.commit({ generation: generationRecord(number, installs), activation, installs, removed: [], holds: [], audit: [], token: lease.token }, T0)
    await store.releaseLease(lease)
    await store.close()
    return serial
  }

  test('reading a store that does not exist makes no file', async () => {
    const store = await openSqlite(path, { readOnly: true })
    expect((await store.read()).installs).toEqual([])
    await store.close()
    expect(readdirSync(folder)).toEqual([])
  })

  test('reading a database without our tables adds none', async () => {
    new DatabaseSync(path).exec('CREATE TABLE orders (id INTEGER)')
    const store = await openSqlite(path, { readOnly: true })
    expect(await store.serial()).toBe(0)
    await store.close()
    expect(new DatabaseSync(path).prepare('SELECT name FROM sqlite_master').all()).toEqual([{ name: 'orders' }])
  })

  test('a read-only store refuses to write', async () => {
    await commitOnce()
    const store = await openSqlite(path, { readOnly: true })
    expect((await store.read()).installs).toHaveLength(1)
    await expect(store.acquireLease('me', T0, 1000)).rejects.toMatchObject({ code: 'READ_ONLY' })
    await store.close()
  })

  test("the shop's own tables and user_version stay as they are", async () => {
    const shop = new DatabaseSync(path)
    shop.exec('CREATE TABLE orders (id INTEGER); INSERT INTO orders VALUES (7); PRAGMA user_version = 42')
    shop.close()
    await commitOnce()
    const again = new DatabaseSync(path)
    expect(again.prepare('SELECT id FROM orders').get()).toEqual({ id: 7 })
    expect(again.prepare('PRAGMA user_version').get()).toEqual({ user_version: 42 })
    const ours = again.prepare(`SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' AND name <> 'orders'`).all()
    expect(ours.filter((row) => !String(row['name']).startsWith('catalyst_'))).toEqual([])
    again.close()
  })

  test('tables of a newer version are refused, in both modes, and left alone', async () => {
    await commitOnce()
    const db = new DatabaseSync(path)
    db.exec('UPDATE catalyst_schema SET version = 99')
    db.close()
    await expect(openSqlite(path)).rejects.toMatchObject({ code: 'STATE_INVALID', message: expect.stringMatching(/version 99.*version 3/) })
    await expect(openSqlite(path, { readOnly: true })).rejects.toMatchObject({ code: 'STATE_INVALID' })
    expect(quickSerial(path)).toBe(1)
  })

  test('a file that is no database, and a folder that does not exist, are said so', async () => {
    writeFileSync(path, 'not a database, but long enough to be looked at as one by anybody who tries to')
    await expect(openSqlite(path)).rejects.toMatchObject({ code: 'STATE_INVALID' })
    await expect(openSqlite(join(folder, 'no', 'store.db'))).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' })
  })

  test('a damaged record is said so, never taken for absence', async () => {
    await commitOnce()
    const db = new DatabaseSync(path)
    db.exec(`UPDATE catalyst_records SET record = '{'`)
    const store = await openSqlite(path)
    await expect(store.read()).rejects.toMatchObject({ code: 'STATE_INVALID' })
    db.exec('DELETE FROM catalyst_records')
    await expect(store.read()).rejects.toMatchObject({ code: 'STATE_INVALID' })
    await store.close()
    db.close()
  })

  test('older generations are read when they are looked at, also after the store was closed', async () => {
    await commitOnce(1)
    await commitOnce(2)
    const store = await openSqlite(path)
    const { generations } = await store.read()
    await store.close()
    expect(generations.map((g) => g.plugins['alpha']?.version)).toEqual(['1.0.0', '2.0.0'])
    expect(generations).toEqual([generationRecord(1, [installRecord('alpha', '1.0.0')]), generationRecord(2, [installRecord('alpha', '2.0.0')])])
  })

  test('quickSerial asks the serial, says 0 without a file, undefined in doubt, and leaves no connection', async () => {
    expect(quickSerial(path)).toBe(0)
    expect(existsSync(path)).toBe(false)
    expect(quickSerial(path)).toBe(0)
    const serial = await commitOnce()
    expect(quickSerial(path)).toBe(serial)
    expect(quickSerial(path)).toBe(serial)
    writeFileSync(join(folder, 'other.db'), 'nonsense, long enough to be looked at as a database file header')
    expect(quickSerial(join(folder, 'other.db'))).toBeUndefined()
    new DatabaseSync(join(folder, 'empty.db')).exec('CREATE TABLE t (a)')
    expect(quickSerial(join(folder, 'empty.db'))).toBeUndefined()
  })

  test('only the newest hundred generations are remembered, and the one that is live', async () => {
    await commitOnce(1)
    for (let number = 2; number <= 105; number++) await commitOnce(number)
    const store = await openSqlite(path)
    const numbers = (await store.read()).generations.map((g) => g.number)
    expect(numbers).toEqual(Array.from({ length: 100 }, (_, i) => i + 6))
    await store.close()
    const db = new DatabaseSync(path)
    expect(db.prepare('SELECT count(*) AS n FROM catalyst_records').get()).toEqual({ n: 100 })
    db.close()
  })

  test('two processes that take the lease at the same time: one gets it', async () => {
    const stores = await Promise.all([openSqlite(path), openSqlite(path)])
    const results = await Promise.allSettled(stores.map((store, i) => store.acquireLease(`holder ${i}`, T0, 60_000)))
    expect(results.map((r) => r.status).sort()).toEqual(['fulfilled', 'rejected'])
    await Promise.all(stores.map((store) => store.close()))
  })
})
