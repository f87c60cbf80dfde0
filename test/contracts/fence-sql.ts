import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Dialect, Migration } from '../../reconciler/data-ports.ts'
import type { StoreState } from '../../reconciler/ports.ts'
import { appliedFrom, appliedSql, fenceSql, forgetMigrationSql, markQuarantinedSql, ownedSql, quarantinedSql, recordMigrationSql, recordOwnedSql, type Statement } from '../../reconciler/store-db/fence-sql.ts'
import { at, SOME_DIGEST, T0 } from './records.ts'

/** A store's database, and a plain connection to it, as whoever runs a plugin's SQL has one. */
export interface FenceUnderTest {
  readonly store: StoreState
  /** Runs the statements in one transaction of its own; LEASE_LOST and nothing done when a fence changes nothing. */
  run(statements: readonly Statement[]): Promise<void>
  ask(statement: Statement): Promise<readonly Record<string, unknown>[]>
  remove(): Promise<void>
}

/** What the statements of fence-sql.ts promise on every database. */
export function fenceSqlContract(engine: string, dialect: Dialect, make: () => Promise<FenceUnderTest>): void {
  describe(`records of migrations on ${engine}`, () => {
    let under: FenceUnderTest
    let token: number
    beforeEach(async () => {
      under = await make()
      token = (await under.store.acquireLease('me', T0, 60_000)).token
    })
    afterEach(async () => {
      await under.store.close()
      await under.remove()
    })

    const migration = (id: string, odd: Partial<Migration> = {}): Migration => ({ id, kind: 'expand', checksum: SOME_DIGEST, up: 'CREATE TABLE t (a INTEGER)', down: undefined, ...odd })
    const record = (plugin: string, m: Migration, second = 0) => under.run([...recordMigrationSql(dialect, plugin, m, at(second)), ...fenceSql(dialect, token)])
    const applied = async (plugin?: string) => (await under.ask(appliedSql(dialect, plugin))).map(appliedFrom)
    const owned = async (plugin?: string) => (await under.ask(ownedSql(dialect, plugin))).map((row) => ({ ...row }))

    test('are read back whole, of one plugin or of all, in the order in which they ran', async () => {
      const first = migration('0001_start', { down: 'DROP TABLE t', kind: 'breaking' })
      const odd = migration('0001_odd', { up: `-- $1 ?1 'quoted' "too" \u{1f6d2}\nSELECT '\\'` })
      await record('zeta', first, 1)
      await record('alpha', odd, 2)
      await record('zeta', migration('0002_more'), 3)
      expect(await applied()).toEqual([
        { ...first, plugin: 'zeta', appliedAt: at(1), sequence: 1 },
        { ...odd, plugin: 'alpha', appliedAt: at(2), sequence: 2 },
        { ...migration('0002_more'), plugin: 'zeta', appliedAt: at(3), sequence: 3 },
      ])
      expect((await applied('zeta')).map((m) => m.id)).toEqual(['0001_start', '0002_more'])
    })

    test('raise the serial, each transaction once', async () => {
      const before = await under.store.serial()
      await record('alpha', migration('0001_a'))
      expect(await under.store.serial()).toBe(before + 1)
    })

    test('are not written under a lease that was taken away, nor is the serial raised', async () => {
      await under.store.acquireLease('other', at(3600), 60_000)
      const before = await under.store.serial()
      await expect(record('alpha', migration('0001_a'))).rejects.toMatchObject({ code: 'LEASE_LOST' })
      expect(await applied()).toEqual([])
      expect(await under.store.serial()).toBe(before)
    })

    test('are not written without a lease', async () => {
      await under.store.breakLease(at(1), 'operator')
      await expect(record('alpha', migration('0001_a'))).rejects.toMatchObject({ code: 'LEASE_LOST' })
      expect(await applied()).toEqual([])
    })

    test('exist once; one is forgotten, or all of a plugin', async () => {
      for (const id of ['0001_a', '0002_b', '0003_c']) await record('alpha', migration(id))
      await record('beta', migration('0001_a'))
      await expect(record('alpha', migration('0002_b'))).rejects.toThrow()
      await under.run(forgetMigrationSql(dialect, 'alpha', '0003_c'))
      expect((await applied('alpha')).map((m) => m.id)).toEqual(['0001_a', '0002_b'])
      await under.run(forgetMigrationSql(dialect, 'alpha'))
      expect((await applied()).map((m) => m.plugin)).toEqual(['beta'])
    })

    test('what a plugin owns is replaced as a whole; nothing has two owners', async () => {
      const table = { kind: 'table', name: 'plg_alpha__t' }
      await under.run(recordOwnedSql(dialect, 'alpha', [table, { kind: 'index', name: 'plg_alpha__i' }]))
      await under.run(recordOwnedSql(dialect, 'alpha', [table]))
      await expect(under.run(recordOwnedSql(dialect, 'alpha-two', [table]))).rejects.toThrow()
      await under.run(recordOwnedSql(dialect, 'beta', [{ kind: 'table', name: 'plg_beta__t' }]))
      expect(await owned()).toEqual([{ plugin: 'alpha', ...table }, { plugin: 'beta', kind: 'table', name: 'plg_beta__t' }])
      await under.run(recordOwnedSql(dialect, 'alpha', []))
      expect(await owned('alpha')).toEqual([])
    })

    test('a plugin out of the way is marked until it is back', async () => {
      const marked = async () => (await under.ask(quarantinedSql(dialect))).map((row) => ({ ...row }))
      await under.run(markQuarantinedSql(dialect, 'alpha', T0))
      await under.run(markQuarantinedSql(dialect, 'alpha', at(1)))
      expect(await marked()).toEqual([{ plugin: 'alpha', since: at(1) }])
      await under.run(markQuarantinedSql(dialect, 'alpha', undefined))
      expect(await marked()).toEqual([])
    })
  })
}
