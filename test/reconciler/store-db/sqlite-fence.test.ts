import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { CatalystError } from '../../../schemas/errors.ts'
import { brokenLink } from '../../../reconciler/store-db/audit.ts'
import { appliedFrom, appliedSql, recordMigrationSql } from '../../../reconciler/store-db/fence-sql.ts'
import { quickSerial } from '../../../reconciler/store-db/serial.ts'
import { openSqlite } from '../../../reconciler/store-db/sqlite.ts'
import { fenceSqlContract } from '../../contracts/fence-sql.ts'
import { SOME_DIGEST, T0 } from '../../contracts/records.ts'

fenceSqlContract('SQLite', 'sqlite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'catalyst-fence-'))
  const path = join(folder, 'store.db')
  const store = await openSqlite(path)
  const db = new DatabaseSync(path)
  return {
    store,
    async run(statements) {
      db.exec('BEGIN IMMEDIATE')
      try {
        for (const { sql, params, fence } of statements) {
          const { changes } = db.prepare(sql).run(...params)
          if (fence && changes !== 1) throw new CatalystError('LEASE_LOST', 'the lease was lost')
        }
        db.exec('COMMIT')
      } catch (error) {
        db.exec('ROLLBACK')
        throw error
      }
    },
    ask: async ({ sql, params }) => db.prepare(sql).all(...params),
    async remove() {
      db.close()
      rmSync(folder, { recursive: true })
    },
  }
})

test('a store of the first version is read as it is, and keeps everything when it gets the new tables', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'catalyst-version-1-'))
  const path = join(folder, 'store.db')
  const old = new DatabaseSync(path)
  old.exec(readFileSync(resolve(import.meta.dirname, '../../fixtures/store-db/version-1.sql'), 'utf8'))
  old.close()

  const reading = await openSqlite(path, { readOnly: true })
  const before = await reading.read()
  await reading.close()
  expect([before.installs, before.retained, before.generations].map((list) => list.length)).toEqual([1, 1, 2])
  expect(before.generation?.number).toBe(2)
  expect(quickSerial(path)).toBe(2)

  const writing = await openSqlite(path)
  const after = await writing.read()
  // Plugins of a generation are read when they are looked at.
  expect(JSON.stringify(after)).toBe(JSON.stringify(before))
  expect(brokenLink(await writing.audit({ limit: 10 }))).toBeUndefined()
  expect((await writing.acquireLease('me', T0, 1000)).token).toBe(2)
  await writing.close()

  const db = new DatabaseSync(path)
  expect(db.prepare('SELECT version FROM catalyst_schema').all().map((row) => row['version'])).toEqual([3])
  const [insert] = recordMigrationSql('sqlite', 'alpha', { id: '0001_a', kind: 'expand', checksum: SOME_DIGEST, up: '', down: undefined }, T0)
  db.prepare(insert?.sql ?? '').run(...(insert?.params ?? []))
  expect(db.prepare(appliedSql('sqlite').sql).all().map(appliedFrom)).toMatchObject([{ plugin: 'alpha', sequence: 1 }])
  db.close()
  rmSync(folder, { recursive: true })
})
