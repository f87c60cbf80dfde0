import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Fence, Migration, PluginTables } from '../../../reconciler/data-ports.ts'
import { openPostgresTables } from '../../../reconciler/tables/postgres.ts'
import { migration } from '../../contracts/plugin-tables.ts'
import { postgresStore, using, type PostgresStore } from './postgres-world.ts'
import { bundled } from '../../builders/bundled.ts'
import { Wire } from './postgres-wire.ts'

/* Wherever it ends, a migration stands wholly with its record, or nothing of it does; and the next run makes it whole. */

const PROGRAM = bundled('test/reconciler/tables/postgres-runner.ts')
const LIMITS = { timeoutMs: 60_000 }
const ONE = migration('0001_a', 'CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1); CREATE VIEW v AS SELECT * FROM a', 'DROP VIEW v; DROP TABLE a')

describe('a migration that is broken off', () => {
  let store: PostgresStore
  let fence: Fence
  beforeEach(async () => {
    store = await postgresStore()
    fence = await store.lease()
  })
  afterEach(() => store.remove())

  /** What of the plugin is there, seen on a connection that never breaks. */
  const state = async (): Promise<{ records: number; things: number }> => {
    const { rows } = await store.database.admin.query(
      `SELECT (SELECT count(*)::int FROM catalyst.migrations) AS records, (SELECT count(*)::int FROM pg_class WHERE relnamespace = to_regnamespace('plg_loyalty')) AS things`)
    return rows[0]
  }
  /** The server notices a lost connection by itself; this only waits for it. */
  const settled = async (): Promise<void> => {
    for (let busy = true; busy;) busy = (await store.database.admin.query(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'`)).rows.length > 0
  }
  /** Roles that may still log in when the time limit has passed. */
  const openForLonger = async (): Promise<unknown> => (await store.database.admin.query(`SELECT rolname FROM pg_roles WHERE rolname = $1 AND rolcanlogin AND rolpassword IS NOT NULL AND (rolvaliduntil IS NULL OR rolvaliduntil > now() + make_interval(secs => $2))`, [await store.role('loyalty'), LIMITS.timeoutMs / 1000])).rows
  const WHOLE = { records: 1, things: 3 }
  const NOTHING = { records: 0, things: 0 }
  const codeOf = (work: Promise<unknown>): Promise<string> => work.then(() => 'done', (error: { code: string }) => error.code)

  /** Does `work` again and again, each time cut one burst later, until it gets through. */
  async function atEveryBurst(prepare: () => Promise<void>, work: (tables: PluginTables) => Promise<void>, check: (outcome: string) => Promise<void>): Promise<number> {
    const wire = await Wire.to(store.database.url)
    let bursts = 1
    for (let outcome = ''; outcome !== 'done' || wire.dead; bursts++) {
      await prepare()
      const tables = openPostgresTables(wire.url)
      wire.start(bursts)
      outcome = await codeOf(work(tables))
      await tables.close()
      await settled()
      if (outcome !== 'done') expect(outcome).toMatch(/^(STATE_UNAVAILABLE|MIGRATION_FAILED)$/)
      await check(outcome)
    }
    await wire.close()
    return bursts
  }

  test('before any of its statements: nothing, or all of it when only the tidying was lost; again, and it is whole', async () => {
    const bursts = await atEveryBurst(
      () => using(store, (tables) => tables.drop('loyalty', fence).then(() => undefined)),
      (tables) => tables.migrate('loyalty', ONE, fence, LIMITS),
      async (outcome) => {
        const found = await state()
        expect(await openForLonger()).toEqual([])
        expect([NOTHING, WHOLE]).toContainEqual(found)
        if (outcome === 'done') expect(found).toEqual(WHOLE)
        const again = await using(store, (tables) => codeOf(tables.migrate('loyalty', ONE, fence, LIMITS)))
        expect(again).toBe(found.records === 1 ? 'MIGRATION_CHANGED' : 'done')
        expect(await state()).toEqual(WHOLE)
      })
    expect(bursts).toBeGreaterThan(25)
  })

  test.each<[string, (tables: PluginTables) => Promise<unknown>, (found: { records: number; things: number; away: boolean }) => string]>([
    ['undoing', (tables) => tables.revert('loyalty', ONE.id, fence, LIMITS), (f) => (f.records === 0 && f.things === 0 ? 'new' : f.records === 1 && f.things === 3 ? 'old' : 'half')],
    ['dropping', (tables) => tables.drop('loyalty', fence), (f) => (f.records === 0 && f.things === 0 && !f.away ? 'new' : f.records === 1 && f.things === 3 ? 'old' : 'half')],
    ['quarantine', (tables) => tables.quarantine('loyalty', fence), (f) => (f.away && f.things === 0 ? 'new' : !f.away && f.things === 3 ? 'old' : 'half')],
  ])('%s: wholly old or wholly new', async (_, work, judge) => {
    const away = async (): Promise<boolean> => (await store.database.admin.query(`SELECT to_regnamespace('plg_loyalty__quarantined') IS NOT NULL AS away`)).rows[0].away
    const seen = new Set<string>()
    await atEveryBurst(
      () => using(store, async (tables) => {
        await tables.restoreFromQuarantine('loyalty', fence)
        if ((await tables.applied()).length === 0) await tables.migrate('loyalty', ONE, fence, LIMITS)
      }),
      async (tables) => void (await work(tables)),
      async (outcome) => {
        const now = judge({ ...(await state()), away: await away() })
        seen.add(now)
        if (outcome === 'done') expect(now).toBe('new')
      })
    expect(seen).toEqual(new Set(['old', 'new']))
  })

  test('after COMMIT was said and its answer lost: it stands, and that is said', async () => {
    const wire = await Wire.to(store.database.url)
    const tables = openPostgresTables(wire.url)
    wire.start()
    // Our own connection says it in a message of another kind: only the plugin's is lost.
    wire.loseAnswerTo('P\0\0\0\x0e\0COMMIT\0')
    await tables.migrate('loyalty', ONE, fence, LIMITS)
    expect(wire.lost).toBe(true)
    expect(await state()).toEqual(WHOLE)
    await tables.close()
    await wire.close()
  })

  test('when the server ends all its connections: nothing stands, and the next one is whole', async () => {
    const before = await store.world()
    await using(store, async (tables) => {
      const running = codeOf(tables.migrate('loyalty', migration('0001_a', `${ONE.up}; SELECT pg_sleep(3600)`), fence, LIMITS))
      await sleeping(store)
      await store.database.disconnect()
      expect(await running).toMatch(/^(MIGRATION_FAILED|STATE_UNAVAILABLE)$/)
    })
    await store.shop.end()
    expect(await state()).toEqual(NOTHING)
    await using(store, (tables) => tables.migrate('loyalty', ONE, fence, LIMITS))
    await using(store, (tables) => tables.revert('loyalty', ONE.id, fence, LIMITS))
    expect(await store.world()).toMatchObject({ roles: (before as { roles: unknown }).roles })
  })

  test('by SIGKILL, while a statement works: the server ends it by itself, nothing stands, nobody can log in', async () => {
    const child = runner(`${ONE.up}; SELECT pg_sleep(3600)`)
    await sleeping(store)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await gone(store)
    expect(await state()).toEqual(NOTHING)
    expect((await store.database.admin.query('SELECT rolcanlogin FROM pg_roles WHERE rolname = $1', [await store.role('loyalty')])).rows).toEqual([{ rolcanlogin: false }])
    await using(store, (tables) => tables.migrate('loyalty', ONE, fence, LIMITS))
    expect(await state()).toEqual(WHOLE)
  })

  test('by SIGKILL, when it had made the server deaf: the next run puts it out', async () => {
    const child = runner(`DO $$ BEGIN EXECUTE 'SET client_connection_check_interval = 0'; END $$; CREATE TABLE a (id int); SELECT pg_sleep(3600)`)
    await sleeping(store)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await using(store, (tables) => tables.migrate('loyalty', ONE, fence, LIMITS))
    expect(await state()).toEqual(WHOLE)
    expect(await store.world()).toMatchObject({ sessions: [] })
  })

  test('by a thief of the lease, while it works: it records nothing and nothing stands', async () => {
    await using(store, async (tables) => {
      const before = await store.world() as { rows: unknown }
      const running = codeOf(tables.migrate('loyalty', migration('0001_a', `${ONE.up}; SELECT pg_sleep(3)`), fence, LIMITS))
      await sleeping(store)
      const thief = await store.lease()
      expect(await running).toBe('LEASE_LOST')
      expect({ ...(await store.world() as object), rows: undefined }).toEqual({ ...before, rows: undefined })
      await tables.migrate('loyalty', ONE, thief, LIMITS)
      expect(await state()).toEqual(WHOLE)
    })
  })

  test('by the next holder of the lease, who starts the same: one of them stands, once', async () => {
    await using(store, (first) => using(store, async (second) => {
      const running = codeOf(first.migrate('loyalty', migration('0001_a', `${ONE.up}; SELECT pg_sleep(3600)`), fence, LIMITS))
      await sleeping(store)
      await second.migrate('loyalty', ONE, await store.lease(), LIMITS)
      expect(await running).toMatch(/^(MIGRATION_FAILED|LEASE_LOST)$/)
      expect(await state()).toEqual(WHOLE)
    }))
  })

  test('two plugins at the same time do not hinder each other', async () => {
    const two: Migration = migration('0001_a', 'CREATE TABLE a (id int); SELECT pg_sleep(0.2)')
    await using(store, async (tables) => {
      await Promise.all(['loyalty', 'zebra', 'yak'].map((id) => tables.migrate(id, two, fence, LIMITS)))
      expect((await tables.applied()).map((m) => m.sequence)).toEqual([1, 2, 3])
    })
  })

  function runner(sql: string): ReturnType<typeof spawn> {
    return spawn(process.execPath, [PROGRAM, store.database.url, String(fence.token), fence.now, sql], { stdio: 'inherit' })
  }
})

/** Waits until a plugin's statement sleeps on the server. */
async function sleeping(store: PostgresStore): Promise<void> {
  while ((await store.database.admin.query(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`)).rows.length === 0);
}

/** Waits until no plugin has a connection. */
async function gone(store: PostgresStore): Promise<void> {
  while ((await store.database.admin.query(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND usename LIKE 'plg\\_%'`)).rows.length > 0);
}
