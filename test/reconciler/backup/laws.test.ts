import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Ground } from './ground.ts'

/* Whatever a plugin has: after write, destroy and restore it has the same to the last bit; and a backup with any other byte is refused. */

const value = fc.oneof(
  fc.constant(null),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.integer().map(BigInt),
  fc.double({ noNaN: true }),
  fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => text.isWellFormed()),
  fc.constantFrom('', 'a\0b', '\ufffd', '\ufeffx', '1', '1.0', '0x10', ' 7 '),
  fc.uint8Array({ maxLength: 40 }),
)
/** `bad` is text that is not UTF-8, given as its bytes. */
const cell = fc.oneof({ weight: 20, arbitrary: value.map((v) => ({ v, bad: false })) }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 8 }).map((v) => ({ v, bad: true })) })

const NAMES = ['a', 'B c', 'd"e', 'rowid', 'été', 'select', "f'g", 'oid']
const TYPES = ['', 'INTEGER', 'TEXT', 'REAL', 'NUMERIC', 'BLOB', 'VARCHAR(10)', 'ANY']

const table = fc
  .record({
    columns: fc.uniqueArray(fc.record({ name: fc.constantFrom(...NAMES), type: fc.constantFrom(...TYPES) }), { selector: (c) => c.name, minLength: 1, maxLength: 5 }),
    key: fc.constantFrom('none', 'integer', 'autoincrement', 'without rowid'),
    generated: fc.boolean(),
    index: fc.boolean(),
  })
  .chain((shape) => fc.array(fc.array(cell, { minLength: shape.columns.length, maxLength: shape.columns.length }), { maxLength: 8 }).map((rows) => ({ ...shape, rows })))

type Table = typeof table extends fc.Arbitrary<infer T> ? T : never

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

function make(db: DatabaseSync, shape: Table, number: number): void {
  const name = quoted(`plg_loyalty_points__t${number}`)
  const keys = { none: [], integer: ['k INTEGER PRIMARY KEY'], autoincrement: ['k INTEGER PRIMARY KEY AUTOINCREMENT'], 'without rowid': ['k TEXT PRIMARY KEY'] }
  const columns = [...keys[shape.key as 'none'], ...shape.columns.map((c) => `${quoted(c.name)} ${c.type}`), ...(shape.generated ? [`g AS (typeof(${quoted(shape.columns[0]?.name ?? '')})) STORED`] : [])]
  db.exec(`CREATE TABLE ${name} (${columns.join(', ')}) ${shape.key === 'without rowid' ? 'WITHOUT ROWID' : ''}`)
  if (shape.index) db.exec(`CREATE INDEX plg_loyalty_points__i${number} ON ${name} (${quoted(shape.columns[0]?.name ?? '')} DESC)`)
  shape.rows.forEach((row, i) => {
    const list = [...(shape.key === 'without rowid' ? ['k'] : []), ...shape.columns.map((c) => quoted(c.name))]
    const holes = [...(shape.key === 'without rowid' ? [`'${i}'`] : []), ...row.map(({ bad }) => (bad ? 'CAST(? AS TEXT)' : '?'))]
    db.prepare(`INSERT INTO ${name} (${list.join(', ')}) VALUES (${holes.join(', ')})`).run(...row.map(({ v }) => v))
  })
  if (shape.rows.length > 2 && shape.key !== 'without rowid') db.exec(`DELETE FROM ${name} WHERE _rowid_ = 2`)
}

test('write, destroy, restore: identical', async () => {
  const ground = await Ground.make()
  try {
    const files = fc.dictionary(fc.stringMatching(/^[a-zé]{1,8}$/), fc.uint8Array({ maxLength: 100 }), { maxKeys: 3 })
    await fc.assert(
      fc.asyncProperty(fc.array(table, { maxLength: 3 }), files, async (tables, data) => {
        const db = new DatabaseSync(ground.path)
        tables.forEach((shape, i) => make(db, shape, i))
        for (const [file, bytes] of Object.entries(data)) ground.put(file, Buffer.from(bytes))
        ground.applied('loyalty-points')
        const before = ground.content()
        const { name } = await ground.backups().write(ground.request())
        for (let i = 0; i < tables.length; i++) db.exec(`DROP TABLE plg_loyalty_points__t${i}`)
        ground.put('other', 'x')
        await ground.backups().restore(name, { store: 'acme-eu' }, ground.fence)
        expect(ground.content()).toBe(before)
        for (let i = 0; i < tables.length; i++) db.exec(`DROP TABLE plg_loyalty_points__t${i}`)
        db.close()
      }),
      { numRuns: 25 },
    )
  } finally {
    ground.remove()
  }
})

test('one bit changed anywhere: refused, by verify and by restore, and nothing is changed', async () => {
  const ground = await Ground.make()
  try {
    ground.fill()
    const { name } = await ground.backups().write(ground.request())
    const folder = join(ground.dataDir, '.backups', name)
    const before = ground.content()
    const whole = new Map(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file))]))
    const place = fc.constantFrom(...whole.keys()).chain((file) => fc.record({ file: fc.constant(file), at: fc.nat((whole.get(file)?.length ?? 1) - 1), bit: fc.nat(7) }))
    await fc.assert(
      fc.asyncProperty(place, async ({ file, at, bit }) => {
        const bytes = Buffer.from(whole.get(file) ?? [])
        bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
        writeFileSync(join(folder, file), bytes)
        await expect(ground.backups().verify(name)).rejects.toMatchObject({ code: expect.stringMatching(/^BACKUP_(DAMAGED|NEWER)$/) })
        await expect(ground.backups().restore(name, { store: 'acme-eu' }, ground.fence)).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' })
        writeFileSync(join(folder, file), whole.get(file) ?? '')
      }),
      { numRuns: 40 },
    )
    expect(ground.content()).toBe(before)
    await ground.backups().verify(name)
  } finally {
    ground.remove()
  }
})
