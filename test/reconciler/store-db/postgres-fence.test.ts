import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { CatalystError } from '../../../schemas/errors.ts'
import type { Migration } from '../../../reconciler/data-ports.ts'
import type { StoreState } from '../../../reconciler/ports.ts'
import { appliedSql, fenceSql, recordMigrationSql, type Statement } from '../../../reconciler/store-db/fence-sql.ts'
import { PostgresConnection } from '../../../reconciler/store-db/postgres-connection.ts'
import { GUARD_FUNCTIONS } from '../../../reconciler/store-db/postgres-guard.ts'
import { forgetByPassSql, issuePassSql, recordByPassSql, withdrawPassSql } from '../../../reconciler/store-db/postgres-pass.ts'
import { openPostgres } from '../../../reconciler/store-db/postgres.ts'
import { fenceSqlContract } from '../../contracts/fence-sql.ts'
import { at, SOME_DIGEST, T0 } from '../../contracts/records.ts'
import { newDatabase, type TestDatabase } from '../../postgres-server.ts'

const MIGRATION: Migration = { id: '0001_a', kind: 'expand', checksum: SOME_DIGEST, up: 'CREATE TABLE t ()', down: undefined }

async function run(db: PostgresConnection, statements: readonly Statement[]): Promise<void> {
  await db.transaction('write', async (query) => {
    for (const { sql, params, fence } of statements) {
      const rows = await query(fence ? `${sql} RETURNING 1 AS one` : sql, params)
      if (fence && rows.length !== 1) throw new CatalystError('LEASE_LOST', 'the lease was lost')
    }
  })
}

describe('the contract', () => {
  let shared: TestDatabase
  beforeAll(async () => {
    shared = await newDatabase()
  })
  afterAll(() => shared.drop())
  fenceSqlContract('PostgreSQL', 'postgres', async () => {
    const db = new PostgresConnection(shared.url)
    const store = await openPostgres(shared.url)
    return {
      store,
      run: (statements) => run(db, statements),
      ask: async ({ sql, params }) => db.ask(sql, params),
      async remove() {
        await db.close()
        await shared.admin.query('DROP SCHEMA catalyst CASCADE')
      },
    }
  })
})

describe('in PostgreSQL', () => {
  let database: TestDatabase
  let store: StoreState
  let db: PostgresConnection
  let token: number
  beforeEach(async () => {
    database = await newDatabase()
    store = await openPostgres(database.url)
    db = new PostgresConnection(database.url)
    token = (await store.acquireLease('me', T0, 60_000)).token
  })
  afterEach(async () => {
    await db.close()
    await store.close()
    await database.drop()
  })
  const applied = () => db.ask(appliedSql('postgres').sql)

  const somebodyWaits = async (): Promise<boolean> =>
    (await database.admin.query('SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))')).rows.length > 0
  /** Steals the lease in a transaction that is still open while `meanwhile` starts, and ends only when that waits. */
  const stealDuring = async <T>(meanwhile: () => Promise<T>): Promise<T> => {
    await database.admin.query('BEGIN')
    await database.admin.query('SELECT 1 FROM catalyst.state FOR UPDATE')
    await database.admin.query(`UPDATE catalyst.state SET tokens = tokens + 1; UPDATE catalyst.lease SET token = token + 1, holder = 'thief'`)
    const seen = { ended: false }
    const started = meanwhile().finally(() => (seen.ended = true))
    started.catch(() => undefined)
    while (!seen.ended && !(await somebodyWaits()));
    expect(seen.ended).toBe(false)
    await database.admin.query('COMMIT')
    return started
  }

  test('a fence that waited for a thief sees the theft', async () => {
    await expect(stealDuring(() => run(db, [...recordMigrationSql('postgres', 'alpha', MIGRATION, T0), ...fenceSql('postgres', token)]))).rejects.toMatchObject({ code: 'LEASE_LOST' })
    expect(await applied()).toEqual([])
  })

  test('a commit and a renewal that waited for a thief see the theft', async () => {
    const lease = await store.lease(at(1))
    const empty = { generation: { number: 1, createdAt: T0, plugins: {} }, activation: { at: T0, by: 'me', reason: 'r' }, installs: [], removed: [], holds: [], audit: [], token }
    await expect(stealDuring(() => store.commit(empty, T0))).rejects.toMatchObject({ code: 'LEASE_LOST', message: expect.stringContaining('thief') })
    await expect(stealDuring(() => store.renewLease(lease ?? { holder: '', token, since: T0, expiresAt: T0 }, at(1), 1000))).rejects.toMatchObject({ code: 'LEASE_LOST' })
    expect((await store.read()).generations).toEqual([])
  })

  test('another writer that takes too long makes us busy, and nothing is written', async () => {
    await database.admin.query('BEGIN; SELECT 1 FROM catalyst.state FOR UPDATE')
    await expect(store.breakLease(at(1), 'me')).rejects.toMatchObject({ code: 'BUSY', exit: 7 })
    await database.admin.query('ROLLBACK')
    expect(await store.lease(at(1))).toMatchObject({ holder: 'me' })
  })

  describe('a plugin\'s own role', () => {
    const SECRET = 'a-secret-of-one-use'
    let role: string
    let plugin: PostgresConnection
    const asStore = (statements: readonly Statement[]) => run(db, statements)
    const asPlugin = (...statements: readonly Statement[]) => run(plugin, statements)
    const migrating = (statement: Statement) => asPlugin({ sql: 'SELECT catalyst.open_migration($1, $2)', params: [SECRET, 'alpha'] }, statement)
    const state = async (work: Promise<unknown>): Promise<unknown> => work.then(() => 'done', (error: CatalystError) => (error.cause as { code?: string } | undefined)?.code)

    beforeEach(async () => {
      role = `${database.name}_plg`
      await db.transaction('write', (query) => query(`CREATE ROLE ${role} LOGIN PASSWORD '${database.password}'`))
      const url = new URL(database.url)
      url.username = role
      plugin = new PostgresConnection(url.href)
    })
    afterEach(() => plugin.close())
    const issue = () => asStore([...issuePassSql({ plugin: 'alpha', role, token, secret: SECRET }), { sql: `GRANT EXECUTE ON FUNCTION ${GUARD_FUNCTIONS} TO ${role}`, params: [] }])

    test('records its migration by a pass, once', async () => {
      await issue()
      const before = await store.serial()
      await migrating(recordByPassSql(SECRET, 'alpha', MIGRATION, T0))
      expect(await applied()).toMatchObject([{ plugin: 'alpha', id: '0001_a', sequence: '1' }])
      expect(await store.serial()).toBe(before + 1)
      expect(await state(migrating(recordByPassSql(SECRET, 'alpha', { ...MIGRATION, id: '0002_b' }, T0)))).toBe('CT002')
    })

    test('forgets one that it undid by a pass', async () => {
      await asStore([...recordMigrationSql('postgres', 'alpha', MIGRATION, T0), ...recordMigrationSql('postgres', 'beta', MIGRATION, T0)])
      await issue()
      await migrating(forgetByPassSql(SECRET, 'alpha', '0001_a'))
      expect((await applied()).map((row) => row['plugin'])).toEqual(['beta'])
    })

    test('records nothing with another secret, for another plugin, as another role, or after the lease was stolen', async () => {
      await issue()
      expect(await state(migrating(recordByPassSql('guess', 'alpha', MIGRATION, T0)))).toBe('CT002')
      expect(await state(migrating(recordByPassSql(SECRET, 'beta', MIGRATION, T0)))).toBe('CT002')
      expect(await state(run(db, [recordByPassSql(SECRET, 'alpha', MIGRATION, T0)]))).toBe('CT002')
      await store.acquireLease('thief', at(3600), 60_000)
      await expect(migrating(recordByPassSql(SECRET, 'alpha', MIGRATION, T0))).rejects.toMatchObject({ code: 'LEASE_LOST' })
      expect(await applied()).toEqual([])
    })

    test('sees a theft for which its record had to wait', async () => {
      await issue()
      await expect(stealDuring(() => migrating(recordByPassSql(SECRET, 'alpha', MIGRATION, T0)))).rejects.toMatchObject({ code: 'LEASE_LOST' })
    })

    test('can do nothing else in our schema, with the pass or without', async () => {
      await issue()
      const attempts = [
        'SELECT * FROM catalyst.passes', 'SELECT * FROM catalyst.installs', 'SELECT token FROM catalyst.lease', 'UPDATE catalyst.state SET serial = 0',
        `INSERT INTO catalyst.migrations VALUES ('alpha', '1', '', '', '', '', '', 9)`, 'DELETE FROM catalyst.audit', 'CREATE TABLE catalyst.mine ()',
        `SELECT catalyst.use_pass('${SECRET}', 'alpha')`, 'CREATE TRIGGER t AFTER UPDATE ON catalyst.state EXECUTE FUNCTION catalyst.use_pass()',
      ]
      const answers = []
      for (const sql of attempts) answers.push([sql, await state(asPlugin({ sql, params: [] }))])
      expect(answers.filter(([, code]) => code !== '42501')).toEqual([])
    })

    test('fools our functions by no object of its own', async () => {
      await issue()
      await database.admin.query('CREATE SCHEMA plg_alpha')
      await database.admin.query(`GRANT CREATE, USAGE ON SCHEMA plg_alpha TO ${role}`)
      await plugin.transaction('write', async (query) => {
        const record = recordByPassSql('guess', 'alpha', MIGRATION, T0)
        await query('SELECT catalyst.open_migration($1, $2)', [SECRET, 'alpha'])
        await query(`CREATE FUNCTION plg_alpha.encode(bytea, text) RETURNS text LANGUAGE sql AS 'SELECT digest FROM plg_alpha.passes'`).catch(() => undefined)
        await query('SET LOCAL search_path = plg_alpha, pg_catalog')
        await query(record.sql, record.params)
      }).catch(() => undefined)
      expect(await applied()).toEqual([])
    })

    test('is free to be dropped when its pass is withdrawn', async () => {
      await issue()
      await plugin.close()
      await asStore(withdrawPassSql('alpha', role))
      await asStore([{ sql: `REVOKE EXECUTE ON FUNCTION ${GUARD_FUNCTIONS} FROM ${role}`, params: [] }, { sql: `DROP ROLE ${role}`, params: [] }])
      expect((await database.admin.query('SELECT count(*)::int AS n FROM catalyst.passes')).rows).toEqual([{ n: 0 }])
    })
  })
})
