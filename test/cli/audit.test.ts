import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Shop } from './shop.ts'

let shop: Shop
let heads: string[]

beforeAll(async () => {
  shop = await Shop.open()
  shop.now = '2026-11-22T12:00:00.000Z'
  heads = []
  for (const version of ['1.0.0', '1.1.0', '1.2.0']) {
    await shop.release('pay', version)
    shop.want({ pay: { version, permissions: {} } })
    expect((await shop.json('lock')).exit).toBe(0)
    heads.push((await shop.json('apply')).result.auditHead)
  }
})
afterAll(() => shop.close())

/** Writes to the database past our program, and takes it back. */
async function tampered(sql: string, look: () => Promise<void>): Promise<void> {
  const db = new DatabaseSync(join(shop.dir, 'store.db'))
  const before = db.prepare('SELECT * FROM catalyst_audit').all()
  try {
    db.exec(sql)
    await look()
  } finally {
    db.exec('DELETE FROM catalyst_audit')
    for (const row of before) db.prepare('INSERT INTO catalyst_audit VALUES (?, ?, ?, ?, ?, ?, ?)').run(...(Object.values(row) as string[]))
    db.close()
  }
}

test('who did what, the newest last, with the head', async () => {
  const { out, exit } = await shop.run('audit')
  expect(exit).toBe(0)
  expect(out).toBe(
    [
      '1  2026-11-22T12:00:00.000Z  install  pay  1.0.0  generation 1  by tester',
      '2  2026-11-22T12:00:00.000Z  upgrade  pay  1.0.0 -> 1.1.0  generation 2  by tester',
      '3  2026-11-22T12:00:00.000Z  upgrade  pay  1.1.0 -> 1.2.0  generation 3  by tester',
      '',
      `Head: ${heads[2]}`,
      '',
    ].join('\n'),
  )
  expect((await shop.run('audit --limit 0')).out).toBe(`Head: ${heads[2]}\n`)
  expect((await shop.json('audit --limit 1')).result).toMatchObject({ records: [{ sequence: 3, id: 'pay' }], head: heads[2], verified: null, broken: null })
})

test('a whole chain is proven, also against every head that was kept', async () => {
  expect((await shop.run('audit --verify --limit 1')).out).toContain('The chain holds: 3 records from the first to the last.')
  for (const head of heads) expect((await shop.json(`audit --head ${head}`)).result.verified).toBe(true)
})

describe('what was written past us is named and ends with 5', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['altered', `UPDATE catalyst_audit SET by = 'somebody' WHERE sequence = 2`, 'record 2 is not what was chained'],
    ['removed', 'DELETE FROM catalyst_audit WHERE sequence = 2', 'record 2 is missing before record 3'],
    ['reordered', 'UPDATE catalyst_audit SET sequence = -sequence; UPDATE catalyst_audit SET sequence = CASE sequence WHEN -2 THEN 3 WHEN -3 THEN 2 ELSE 1 END', 'record 2 is not what was chained'],
  ]
  test.each(cases)('%s', async (_what, sql, message) => {
    await tampered(sql, async () => {
      const { exit, err } = await shop.run('audit --verify')
      expect(exit).toBe(5)
      expect(err).toContain('error[AUDIT_BROKEN]')
      expect(err).toContain(message)
    })
  })

  test('an end that was cut off: only with the head that was kept', async () => {
    await tampered('DELETE FROM catalyst_audit WHERE sequence = 3', async () => {
      expect((await shop.json('audit --verify')).exit).toBe(0)
      const { exit, result } = await shop.json(`audit --head ${heads[2]}`)
      expect([exit, result.verified, result.broken]).toEqual([5, false, { kind: 'cut', sequence: 2 }])
    })
  })

  test('a head that is none is refused', async () => {
    expect((await shop.json('audit --head sha256:abc')).exit).toBe(1)
    expect((await shop.json('audit --limit x')).exit).toBe(1)
  })
})
