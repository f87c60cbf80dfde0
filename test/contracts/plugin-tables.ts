import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Dialect, Fence, Migration, PluginTables, SqlLimits } from '../../reconciler/data-ports.ts'
import { sha256 } from '../../schemas/digest.ts'
import { ATTACKS, type Names } from './plugin-tables-attacks.ts'

/** A store's database to test plugins' tables in. Freshly made, it has our own tables and nothing else. */
export interface TablesUnderTest {
  /** Another connection, as a second process would have. */
  open(): Promise<PluginTables>
  /** Takes the lease away from whoever has it: fences of before are old then. */
  lease(): Promise<Fence>
  /** Runs SQL as the owner of the store; rows of the last statement. */
  sql(text: string): Promise<readonly Readonly<Record<string, unknown>>[]>
  /** All objects and rows of the database, our own included, as something that can be compared. */
  world(): Promise<unknown>
  remove(): Promise<void>
}

const LIMITS: SqlLimits = { timeoutMs: 60_000 }
/** For what never ends: long enough for the rest to have happened. */
const SHORT: SqlLimits = { timeoutMs: 1_500 }

/** What every database behind the PluginTables port must do. `make` gives a fresh store. */
export function pluginTablesContract(dialect: Dialect, make: () => Promise<TablesUnderTest>): void {
  const table = (plugin: string, name: string): string => `plg_${plugin.replaceAll('-', '_')}${dialect === 'sqlite' ? '__' : '.'}${name}`
  const names: Names = { own: (name) => table('loyalty', name), other: (name) => table('loyalty-points', name) }
  const own = names.own
  const create = migration('0001_a', `CREATE TABLE ${own('a')} (id INTEGER PRIMARY KEY, s TEXT)`, `DROP TABLE ${own('a')}`)

  /** What a shop has, and another plugin with a row. */
  const openShop = async (under: TablesUnderTest, tables: PluginTables, fence: Fence): Promise<void> => {
    await under.sql('CREATE TABLE orders (id INTEGER PRIMARY KEY, total INTEGER)')
    await under.sql('INSERT INTO orders VALUES (1, 100), (2, 200)')
    await under.sql('CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT)')
    await tables.migrate('loyalty-points', migration('0001_points', `CREATE TABLE ${names.other('points')} (id INTEGER PRIMARY KEY, s TEXT); INSERT INTO ${names.other('points')} VALUES (1, 'theirs')`), fence, LIMITS)
  }

  describe(`on ${dialect}, what a migration may not do leaves nothing behind`, () => {
    let under: TablesUnderTest
    let tables: PluginTables
    let fence: Fence

    beforeAll(async () => {
      under = await make()
      tables = await under.open()
      fence = await under.lease()
      await openShop(under, tables, fence)
    })
    afterAll(async () => {
      await tables.close()
      await under.remove()
    })

    test.each(ATTACKS.filter(({ on }) => on === undefined || on === dialect))('$name', async ({ sql, codes = ['MIGRATION_REFUSED'] }) => {
      const before = await under.world()
      const attack = migration('0001_attack', `${create.up};\n${sql(names)}`)
      const error = await tables.migrate('loyalty', attack, fence, codes.includes('MIGRATION_TIMEOUT') ? SHORT : LIMITS).then(() => undefined, (e: unknown) => e)
      expect(error).toMatchObject({ code: expect.stringMatching(new RegExp(`^(${codes.join('|')})$`)) })
      expect(await under.world()).toEqual(before)
      expect(await tables.applied('loyalty')).toEqual([])
    })

    test('the line and the reason are told', async () => {
      const attack = migration('0001_a', `${create.up};\n\n  UPDATE orders\n SET total = 0`)
      await expect(tables.migrate('loyalty', attack, fence, LIMITS)).rejects.toMatchObject({ code: 'MIGRATION_REFUSED', message: expect.stringMatching(/orders/), place: { file: expect.stringMatching(/0001_a\.sql/), line: 3 } })
    })
  })

  describe(`PluginTables on ${dialect}`, () => {
    let under: TablesUnderTest
    let tables: PluginTables
    let fence: Fence

    beforeEach(async () => {
      under = await make()
      tables = await under.open()
      fence = await under.lease()
    })
    afterEach(async () => {
      await tables.close()
      await under.remove()
    })

    const run = (plugin: string, one: Migration, limits = LIMITS): Promise<void> => tables.migrate(plugin, one, fence, limits)
    const shop = (): Promise<void> => openShop(under, tables, fence)

    describe('migrations', () => {
      test('one runs, and is recorded with its texts', async () => {
        await run('loyalty', create)
        const other = await under.open()
        expect(await other.applied()).toEqual([{ ...create, plugin: 'loyalty', appliedAt: fence.now, sequence: 1 }])
        await other.close()
        await under.sql(`INSERT INTO ${own('a')} VALUES (1, 'x')`)
      })

      test('the order is told over all plugins, and of one', async () => {
        await run('zebra', migration('0001_a', `CREATE TABLE ${table('zebra', 'a')} (id INTEGER)`))
        await run('loyalty', create)
        await run('zebra', migration('0002_b', `CREATE TABLE ${table('zebra', 'b')} (id INTEGER)`))
        expect((await tables.applied()).map((m) => [m.sequence, m.plugin, m.id])).toEqual([[1, 'zebra', '0001_a'], [2, 'loyalty', '0001_a'], [3, 'zebra', '0002_b']])
        expect((await tables.applied('zebra')).map((m) => m.id)).toEqual(['0001_a', '0002_b'])
        expect(await tables.applied('nobody')).toEqual([])
      })

      test('many statements, with comments and strings that look like some', async () => {
        await run('loyalty', migration('0001_a', `-- one; two\nCREATE TABLE ${own('a')} (id INTEGER, s TEXT);\n/* DROP TABLE x; */\nINSERT INTO ${own('a')} VALUES (1, 'it''s; DROP TABLE x;');\nUPDATE ${own('a')} SET id = 2 WHERE s LIKE '%;%'`))
        expect(await under.sql(`SELECT id, s FROM ${own('a')}`)).toEqual([{ id: 2, s: "it's; DROP TABLE x;" }])
      })

      test('one that says nothing is recorded', async () => {
        await run('loyalty', migration('0001_a', '-- catalyst: expand\n'))
        expect((await tables.applied('loyalty')).map((m) => m.id)).toEqual(['0001_a'])
      })

      test('one that fails half-way leaves nothing, and says where', async () => {
        const before = await under.world()
        const sql = `${create.up};\nINSERT INTO ${own('a')} VALUES (1, 'x');\n\nINSERT INTO ${own('a')} VALUES (1, 'again')`
        await expect(run('loyalty', migration('0001_a', sql))).rejects.toMatchObject({ code: 'MIGRATION_FAILED', place: { line: 4 } })
        expect(await under.world()).toEqual(before)
        await run('loyalty', create)
      })

      test('syntax that the database does not know is said', async () => {
        await expect(run('loyalty', migration('0001_a', '\nCREATE TABEL x (id)'))).rejects.toMatchObject({ code: expect.stringMatching(/^MIGRATION_(FAILED|REFUSED)$/), place: { line: 2 } })
      })

      test('the same one again is refused', async () => {
        await run('loyalty', create)
        await expect(run('loyalty', create)).rejects.toMatchObject({ code: 'MIGRATION_CHANGED' })
        expect(await tables.applied()).toHaveLength(1)
      })

      test('one that never ends is stopped, and leaves nothing', async () => {
        const before = await under.world()
        const started = performance.now()
        const endless = `${create.up};\nWITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT count(*) FROM r`
        await expect(run('loyalty', migration('0001_a', endless), SHORT)).rejects.toMatchObject({ code: 'MIGRATION_TIMEOUT' })
        expect(performance.now() - started).toBeLessThan(SHORT.timeoutMs + 30_000)
        expect(await under.world()).toEqual(before)
        await run('loyalty', create)
      })

      test('one that is called off is stopped, and leaves nothing', async () => {
        const before = await under.world()
        const stop = new AbortController()
        const running = run('loyalty', migration('0001_a', 'WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT count(*) FROM r'), { timeoutMs: 60_000, signal: stop.signal })
        setTimeout(() => stop.abort(), 300)
        await expect(running).rejects.toMatchObject({ code: 'MIGRATION_TIMEOUT' })
        expect(await under.world()).toEqual(before)
      })

      test('without the newest lease nothing runs', async () => {
        const young = await under.lease()
        const before = await under.world()
        await expect(run('loyalty', create)).rejects.toMatchObject({ code: 'LEASE_LOST' })
        expect(await under.world()).toEqual(before)
        await tables.migrate('loyalty', create, young, LIMITS)
        await expect(tables.revert('loyalty', '0001_a', fence, LIMITS)).rejects.toMatchObject({ code: 'LEASE_LOST' })
        await expect(tables.quarantine('loyalty', fence)).rejects.toMatchObject({ code: 'LEASE_LOST' })
        await expect(tables.drop('loyalty', fence)).rejects.toMatchObject({ code: 'LEASE_LOST' })
        expect(await tables.applied()).toHaveLength(1)
      })
    })

    describe('undoing', () => {
      test('the newest is undone and forgotten', async () => {
        await run('loyalty', create)
        const before = await tables.digest('loyalty')
        await run('loyalty', migration('0002_b', `ALTER TABLE ${own('a')} ADD COLUMN n INTEGER`, `ALTER TABLE ${own('a')} DROP COLUMN n`))
        expect(await tables.digest('loyalty')).not.toBe(before)
        await tables.revert('loyalty', '0002_b', fence, LIMITS)
        expect((await tables.applied()).map((m) => m.id)).toEqual(['0001_a'])
        expect(await tables.digest('loyalty')).toBe(before)
      })

      test('only the newest', async () => {
        await run('loyalty', create)
        await run('loyalty', migration('0002_b', 'SELECT 1', 'SELECT 1'))
        await expect(tables.revert('loyalty', '0001_a', fence, LIMITS)).rejects.toMatchObject({ code: 'MIGRATION_CHANGED' })
        await expect(tables.revert('loyalty', '0009_x', fence, LIMITS)).rejects.toMatchObject({ code: 'MIGRATION_CHANGED' })
        expect(await tables.applied()).toHaveLength(2)
      })

      test('not one without its down', async () => {
        await run('loyalty', migration('0001_a', create.up))
        await expect(tables.revert('loyalty', '0001_a', fence, LIMITS)).rejects.toMatchObject({ code: 'MIGRATION_IRREVERSIBLE' })
        expect(await tables.applied()).toHaveLength(1)
      })

      test('a down is confined like any other', async () => {
        await shop()
        await run('loyalty', migration('0001_a', create.up, `DROP TABLE ${own('a')};\nDELETE FROM orders`))
        const before = await under.world()
        await expect(tables.revert('loyalty', '0001_a', fence, LIMITS)).rejects.toMatchObject({ code: 'MIGRATION_REFUSED', place: { line: 2 } })
        expect(await under.world()).toEqual(before)
      })
    })

    describe('a migration can do what it needs with its own tables', () => {
      const does = async (...texts: readonly string[]): Promise<void> => {
        for (const [i, text] of texts.entries()) await run('loyalty', migration(`000${i + 1}_x`, text))
      }
      test('indexes, defaults, checks, keys among its own, views over its own', async () => {
        await shop()
        await does(
          `CREATE TABLE ${own('a')} (id INTEGER PRIMARY KEY, s TEXT NOT NULL DEFAULT 'x' CHECK (length(s) < 9), UNIQUE (s));
           CREATE TABLE ${own('b')} (id INTEGER PRIMARY KEY, a INTEGER REFERENCES ${own('a')} (id));
           CREATE VIEW ${own('v')} AS SELECT b.id, a.s FROM ${own('b')} b JOIN ${own('a')} a ON a.id = b.a;`,
          `ALTER TABLE ${own('b')} ADD COLUMN n INTEGER NOT NULL DEFAULT 7`,
          `ALTER TABLE ${own('b')} RENAME COLUMN n TO m`,
          `ALTER TABLE ${own('b')} DROP COLUMN m`,
          `INSERT INTO ${own('a')} VALUES (1, 'one'), (2, 'two'); INSERT INTO ${own('b')} SELECT id + 10, id FROM ${own('a')}`,
          `UPDATE ${own('a')} SET s = upper(s) WHERE id IN (SELECT a FROM ${own('b')}); DELETE FROM ${own('b')} WHERE id = 12`,
        )
        expect(await under.sql(`SELECT id, s FROM ${own('v')}`)).toEqual([{ id: 11, s: 'ONE' }])
        const inventory = (await tables.inventory(['loyalty'], 'exact')).get('loyalty')
        expect(inventory?.tables.map((t) => [t.name.replace(/^.*__/, ''), t.rows])).toEqual([['a', 2], ['b', 1]])
        expect(inventory?.others.map((o) => o.replace(/^.*__/, ''))).toEqual(['v'])
      })
      test('CTEs, also those whose rows are only counted', async () => {
        await does(create.up, `WITH q(x) AS (VALUES (1), (2)) INSERT INTO ${own('a')} SELECT count(*), 'n' FROM q`, `WITH RECURSIVE r(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM r WHERE i < 12) INSERT INTO ${own('a')} SELECT i, 'r' FROM r`)
        expect(await under.sql(`SELECT id FROM ${own('a')} ORDER BY id`)).toEqual([{ id: 2 }, { id: 10 }, { id: 11 }, { id: 12 }])
      })
    })

    describe('ownership', () => {
      test('plugins that own nothing have an empty inventory', async () => {
        expect([...(await tables.inventory(['loyalty', 'zebra'], 'estimate')).values()]).toEqual([
          { plugin: 'loyalty', tables: [], others: [], quarantined: false },
          { plugin: 'zebra', tables: [], others: [], quarantined: false },
        ])
      })

      test('tables with rows, bytes and indexes, and none of another plugin', async () => {
        await shop()
        await run('loyalty', migration('0001_a', `${create.up}; INSERT INTO ${own('a')} VALUES (1, 'x'), (2, 'y'); CREATE INDEX ${dialect === 'sqlite' ? own('a_s') : 'a_s'} ON ${own('a')} (s)`))
        for (const rows of ['exact', 'estimate'] as const) {
          const found = (await tables.inventory(['loyalty', 'loyalty-points'], rows)).get('loyalty')
          expect(found?.tables).toHaveLength(1)
          expect(found?.tables[0]?.bytes).toBeGreaterThan(0)
          expect(found?.tables[0]?.indexes.some((name) => name.endsWith('a_s'))).toBe(true)
          if (rows === 'exact') expect(found?.tables[0]?.rows).toBe(2)
        }
      })

      test('a digest tells changes of rows and of the schema, and of nothing else', async () => {
        await shop()
        await run('loyalty', create)
        const seen = [await tables.digest('loyalty')]
        await under.sql('INSERT INTO orders VALUES (3, 300)')
        await under.sql(`INSERT INTO ${names.other('points')} VALUES (2, 'more')`)
        expect(await tables.digest('loyalty')).toBe(seen[0])
        for (const sql of [`INSERT INTO ${own('a')} VALUES (1, 'x')`, `UPDATE ${own('a')} SET s = NULL`, `UPDATE ${own('a')} SET s = ''`, `INSERT INTO ${own('a')} VALUES (2, '1')`, `ALTER TABLE ${own('a')} ADD COLUMN n INTEGER`]) {
          await under.sql(sql)
          seen.push(await tables.digest('loyalty'))
        }
        expect(new Set(seen).size).toBe(seen.length)
        // As SQL sees them, the tables are the same again: a column that is gone counts no more.
        await under.sql(`ALTER TABLE ${own('a')} DROP COLUMN n`)
        await under.sql(`ALTER TABLE ${own('a')} ADD COLUMN n INTEGER`)
        expect(await tables.digest('loyalty')).toBe(seen.at(-1))
      })

      test('tables are as the newest migration left them, wherever they are and whatever rows they have, until somebody defines them otherwise', async () => {
        await shop()
        const altered = async (plugin = 'loyalty'): Promise<boolean | undefined> => {
          const found = (await tables.definitions([plugin])).get(plugin)
          return found && found.recorded !== found.now
        }
        expect(await altered()).toBeUndefined()
        await run('loyalty', create)
        await under.sql(`INSERT INTO ${own('a')} VALUES (1, 'x')`)
        await under.sql('ALTER TABLE orders ADD COLUMN note TEXT')
        await under.sql(`ALTER TABLE ${names.other('points')} ADD COLUMN note TEXT`)
        expect(await altered()).toBe(false)
        expect(await altered('loyalty-points')).toBe(true)
        for (const sql of [`ALTER TABLE ${own('a')} ADD COLUMN n INTEGER`, `ALTER TABLE ${own('a')} DROP COLUMN n`]) {
          await under.sql(sql)
          expect(await altered()).toBe(sql.includes('ADD'))
        }
        await tables.quarantine('loyalty', fence)
        expect(await altered()).toBe(false)
        await tables.restoreFromQuarantine('loyalty', fence)
        await under.sql(`CREATE INDEX ${dialect === 'sqlite' ? own('fast') : 'fast'} ON ${own('a')} (s)`)
        expect(await altered()).toBe(true)
        await run('loyalty', migration('0002_b', `ALTER TABLE ${own('a')} ADD COLUMN b TEXT`, `ALTER TABLE ${own('a')} DROP COLUMN b`))
        expect(await altered()).toBe(false)
        await tables.revert('loyalty', '0002_b', fence, LIMITS)
        expect(await altered()).toBe(false)
        await tables.rename('loyalty', 'rewards', [create], fence)
        expect([await altered(), await altered('rewards')]).toEqual([undefined, false])
        await tables.drop('rewards', fence)
        expect(await altered('rewards')).toBeUndefined()
      })

      test('who else needs the tables is told by name, and nothing of it is dropped', async () => {
        await shop()
        await run('loyalty', create)
        expect((await tables.uses(['loyalty'])).get('loyalty')).toEqual([])
        await under.sql(`CREATE TABLE rewards (id INTEGER, a INTEGER REFERENCES ${own('a')} (id))`)
        await under.sql(`CREATE VIEW report AS SELECT count(*) AS n FROM ${own('a')}`)
        const all = await tables.uses(['loyalty-points', 'loyalty'])
        expect(all.get('loyalty-points')).toEqual([])
        expect(all.get('loyalty')?.map((use) => [use.kind, use.by.replace(/^public\./, '')]).sort()).toEqual([['foreign key', 'rewards'], ['view', 'report']])
        const before = await under.world()
        await expect(tables.drop('loyalty', fence)).rejects.toMatchObject({ code: 'TABLE_IN_USE', message: expect.stringMatching(/report.*rewards|rewards.*report/s) })
        expect(await under.world()).toEqual(before)
      })

      test('dropping takes everything of the plugin, and its migrations from the record', async () => {
        await shop()
        await run('loyalty', create)
        await run('loyalty', migration('0002_b', `CREATE TABLE ${own('b')} (id INTEGER REFERENCES ${own('a')} (id)); CREATE VIEW ${own('v')} AS SELECT * FROM ${own('b')}; INSERT INTO ${own('a')} VALUES (1, 'x'); INSERT INTO ${own('b')} VALUES (1)`))
        const dropped = await tables.drop('loyalty', fence)
        expect(dropped.tables.map((t) => t.rows)).toEqual([1, 1])
        expect(await tables.applied()).toHaveLength(1)
        expect((await tables.inventory(['loyalty'], 'exact')).get('loyalty')).toEqual({ plugin: 'loyalty', tables: [], others: [], quarantined: false })
        expect((await tables.inventory(['loyalty-points'], 'exact')).get('loyalty-points')?.tables).toHaveLength(1)
        await run('loyalty', create)
      })

      test('quarantine is seen, stops migrations, and is undone without a trace', async () => {
        await run('loyalty', create)
        await under.sql(`INSERT INTO ${own('a')} VALUES (1, 'x')`)
        const before = await tables.digest('loyalty')
        await tables.quarantine('loyalty', fence)
        const found = (await tables.inventory(['loyalty'], 'exact')).get('loyalty')
        expect([found?.quarantined, found?.tables.map((t) => t.rows)]).toEqual([true, [1]])
        expect(await tables.digest('loyalty')).toBe(before)
        await expect(run('loyalty', migration('0002_b', `DROP TABLE ${own('a')}`))).rejects.toMatchObject({ code: 'MIGRATION_REFUSED' })
        await tables.quarantine('loyalty', fence)
        await tables.restoreFromQuarantine('loyalty', fence)
        await tables.restoreFromQuarantine('loyalty', fence)
        expect((await tables.inventory(['loyalty'], 'exact')).get('loyalty')?.quarantined).toBe(false)
        expect(await tables.digest('loyalty')).toBe(before)
        await run('loyalty', migration('0002_b', `DROP TABLE ${own('a')}`))
      })

      test('everything of a plugin goes on under another id: rows, keys, views, what ran and how it is undone', async () => {
        await shop()
        const renamed = (text: string): string => text.replaceAll(own(''), table('rewards', ''))
        const both = migration('0002_b', `CREATE TABLE ${own('b')} (id INTEGER REFERENCES ${own('a')} (id)); CREATE INDEX ${dialect === 'sqlite' ? own('by_id') : 'by_id'} ON ${own('b')} (id); CREATE VIEW ${own('v')} AS SELECT * FROM ${own('b')}; INSERT INTO ${own('a')} VALUES (1, 'x'); INSERT INTO ${own('b')} VALUES (1)`, `DROP VIEW ${own('v')}; DROP TABLE ${own('b')}`)
        await run('loyalty', create)
        await run('loyalty', both)
        const fresh = [create, both].map(({ id, up, down }) => migration(id, renamed(up), renamed(down ?? '')))
        await tables.rename('loyalty', 'rewards', fresh, fence)
        expect((await tables.applied()).filter((m) => m.plugin !== 'loyalty-points').map((m) => [m.plugin, m.id, m.checksum])).toEqual(fresh.map((m) => ['rewards', m.id, m.checksum]))
        const owned = await tables.inventory(['loyalty', 'rewards'], 'exact')
        expect(owned.get('loyalty')).toMatchObject({ tables: [], others: [] })
        expect(owned.get('rewards')?.tables.map((t) => t.rows)).toEqual([1, 1])
        expect(await under.sql(`SELECT count(*) AS n FROM ${table('rewards', 'v')}`)).toMatchObject([{ n: expect.anything() }])
        if (dialect === 'sqlite') expect(await under.sql(`SELECT "table" AS t FROM pragma_foreign_key_list('${table('rewards', 'b')}')`)).toEqual([{ t: table('rewards', 'a') }])
        else await expect(under.sql(`INSERT INTO ${table('rewards', 'b')} VALUES (77)`)).rejects.toThrow()
        await tables.revert('rewards', '0002_b', fence, LIMITS)
        expect((await tables.inventory(['rewards'], 'exact')).get('rewards')?.tables).toHaveLength(1)
        await run('rewards', migration('0002_c', `ALTER TABLE ${table('rewards', 'a')} ADD COLUMN t TEXT`))
        await expect(tables.rename('rewards', 'loyalty-points', [], fence)).rejects.toMatchObject({ code: 'CONTRADICTION' })
      })

      test('what is in quarantine can be dropped', async () => {
        await run('loyalty', create)
        await tables.quarantine('loyalty', fence)
        expect((await tables.drop('loyalty', fence)).tables).toHaveLength(1)
        expect((await tables.inventory(['loyalty'], 'exact')).get('loyalty')).toMatchObject({ tables: [], quarantined: false })
        await run('loyalty', create)
      })
    })
  })
}

/** A migration as a package would hold it. */
export function migration(id: string, up: string, down?: string): Migration {
  return { id, kind: 'breaking', checksum: sha256(up), up, down }
}
