import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { CatalystError } from '../../../schemas/errors.ts'
import type { StoreState } from '../../../reconciler/ports.ts'
import { openPostgres } from '../../../reconciler/store-db/postgres.ts'
import { newDatabase, type TestDatabase } from '../../postgres-server.ts'
import { generationRecord, installRecord, T0 } from '../../contracts/records.ts'
import { storeStateContract } from '../../contracts/store-state.ts'

describe('the contract', () => {
  let shared: TestDatabase
  beforeAll(async () => {
    shared = await newDatabase()
  })
  afterAll(() => shared.drop())
  storeStateContract('PostgreSQL', async () => ({
    open: () => openPostgres(shared.url),
    remove: async () => void (await shared.admin.query('DROP SCHEMA catalyst CASCADE')),
  }))
})

describe('the PostgreSQL database', () => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await newDatabase()
  })
  afterEach(() => database.drop())

  const commit = async (store: StoreState, number: number): Promise<void> => {
    const lease = await store.acquireLease('me', T0, 1000)
    const installs = [installRecord('alpha', `${number}.0.0`)]
    await store.commit({ generation: generationRecord(number, installs), activation: { at: T0, by: 'me', reason: 'test' }, installs, removed: [], holds: [], audit: [], token: lease.token }, T0)
    await store.releaseLease(lease)
  }
  const commitOnce = async (number = 1): Promise<void> => {
    const store = await openPostgres(database.url)
    await commit(store, number)
    await store.close()
  }
  const schemas = async (): Promise<unknown[]> =>
    (await database.admin.query<{ name: string }>(`SELECT nspname AS name FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)' ORDER BY 1`)).rows.map((r) => r.name)

  test('reading one without our tables adds none', async () => {
    const store = await openPostgres(database.url, { readOnly: true })
    expect(await store.serial()).toBe(0)
    expect((await store.read()).installs).toEqual([])
    await store.close()
    expect(await schemas()).toEqual(['public'])
  })

  test('a read-only store refuses to write', async () => {
    await commitOnce()
    const store = await openPostgres(database.url, { readOnly: true })
    expect((await store.read()).installs).toHaveLength(1)
    await expect(async () => store.acquireLease('me', T0, 1000)).rejects.toMatchObject({ code: 'READ_ONLY' })
    await store.close()
  })

  test("the shop's own tables stay as they are, even of the same names and first in the search path", async () => {
    await database.admin.query(`CREATE TABLE state (serial text); INSERT INTO state VALUES ('theirs'); CREATE SCHEMA "${database.name}"; CREATE TABLE "${database.name}".state (serial text)`)
    await commitOnce()
    expect((await database.admin.query('SELECT serial FROM public.state')).rows).toEqual([{ serial: 'theirs' }])
    expect(await schemas()).toEqual(['catalyst', 'public', database.name])
  })

  test('tables of a newer version are refused, in both modes, and left alone', async () => {
    await commitOnce()
    await database.admin.query('UPDATE catalyst.schema SET version = 99')
    await expect(openPostgres(database.url)).rejects.toMatchObject({ code: 'STATE_INVALID', message: expect.stringMatching(/version 99.*version \d/) })
    await expect(openPostgres(database.url, { readOnly: true })).rejects.toMatchObject({ code: 'STATE_INVALID' })
    expect((await database.admin.query('SELECT version FROM catalyst.schema')).rows).toEqual([{ version: 99 }])
  })

  test('a damaged record is said so, never taken for absence', async () => {
    await commitOnce()
    await database.admin.query(`UPDATE catalyst.records SET record = '{'`)
    const store = await openPostgres(database.url)
    await expect(store.read()).rejects.toMatchObject({ code: 'STATE_INVALID' })
    await store.close()
    await database.admin.query('DELETE FROM catalyst.records')
    const again = await openPostgres(database.url)
    await expect(again.read()).rejects.toMatchObject({ code: 'STATE_INVALID' })
    await again.close()
  })

  test('older generations can be looked at after the store was closed', async () => {
    await commitOnce(1)
    await commitOnce(2)
    const store = await openPostgres(database.url)
    const { generations } = await store.read()
    await store.close()
    expect(generations).toEqual([generationRecord(1, [installRecord('alpha', '1.0.0')]), generationRecord(2, [installRecord('alpha', '2.0.0')])])
  })

  test('only the newest hundred generations are remembered, and the one that is live', async () => {
    const store = await openPostgres(database.url)
    for (let number = 1; number <= 103; number++) await commit(store, number)
    expect((await store.read()).generations.map((g) => g.number)).toEqual(Array.from({ length: 100 }, (_, i) => i + 4))
    expect((await database.admin.query('SELECT count(*)::int AS n FROM catalyst.records')).rows).toEqual([{ n: 100 }])
    await store.close()
  })

  test('opened for the first time by several at once, it gets its tables once', async () => {
    const stores = await Promise.all([1, 2, 3, 4].map(() => openPostgres(database.url)))
    expect(await Promise.all(stores.map((store) => store.serial()))).toEqual([0, 0, 0, 0])
    await Promise.all(stores.map((store) => store.close()))
  })

  describe('rights', () => {
    test('a role without any is told what the administrator must run; nothing is made', async () => {
      await expect(openPostgres(database.strangerUrl)).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE', message: expect.stringContaining('permission denied'), hint: expect.stringContaining(`CREATE SCHEMA catalyst AUTHORIZATION "${database.role}_stranger"`) })
      expect(await schemas()).toEqual(['public'])
    })

    test('what it may not read is unknown, not absent', async () => {
      await commitOnce()
      await expect(openPostgres(database.strangerUrl, { readOnly: true })).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' })
    })

    test('with a schema that the administrator made, a role needs no other right', async () => {
      await database.admin.query(`CREATE SCHEMA catalyst AUTHORIZATION "${database.role}_stranger"`)
      const store = await openPostgres(database.strangerUrl)
      await commit(store, 1)
      expect((await store.read()).installs).toHaveLength(1)
      await store.close()
    })

    test('it needs no right to make roles', async () => {
      const plain = await newDatabase({ createRole: false })
      const store = await openPostgres(plain.url)
      await commit(store, 1)
      await store.close()
      await plain.drop()
    })

    test('nobody else can read our records', async () => {
      await commitOnce()
      const { rows } = await database.admin.query(`SELECT has_schema_privilege($1, 'catalyst', 'USAGE') AS enters, has_table_privilege($1, 'catalyst.installs', 'SELECT') AS reads`, [`${database.role}_stranger`])
      expect(rows).toEqual([{ enters: false, reads: false }])
    })

    test('a server that only reads, such as a standby, is said so', async () => {
      await commitOnce()
      await database.admin.query(`ALTER ROLE "${database.role}" SET default_transaction_read_only = on`)
      const store = await openPostgres(database.url, { readOnly: true })
      expect((await store.read()).installs).toHaveLength(1)
      await store.close()
    })

    test('a database of another encoding is refused before anything is made', async () => {
      const name = `${database.name}_latin`
      await database.admin.query(`CREATE DATABASE ${name} OWNER ${database.role} ENCODING LATIN1 LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0`)
      await expect(openPostgres(database.url.replace(/[^/]+$/, name))).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE', message: expect.stringContaining('LATIN1') })
      await database.admin.query(`DROP DATABASE ${name}`)
    })
  })

  describe('what is told', () => {
    const told = async (url: string): Promise<CatalystError> => openPostgres(url).then(() => Promise.reject(new Error('opened')), (error: CatalystError) => error)

    test.each<[string, (url: URL) => void, RegExp]>([
      ['a wrong password', (url) => void (url.password = 'wr0ng-Secret'), /password authentication failed/],
      ['an unknown user', (url) => void (url.username = 'nobody_here'), /authentication failed/],
      ['an unknown database', (url) => void (url.pathname = '/none'), /none.*does not exist|permission/],
      ['a port where nobody listens', (url) => void (url.port = '1'), /ECONNREFUSED/],
      ['a host that does not exist', (url) => void (url.hostname = 'nowhere.invalid'), /ENOTFOUND|EAI_AGAIN/],
      ['a server that speaks no TLS', (url) => url.searchParams.set('sslmode', 'verify-full'), /SSL/],
    ])('of %s: what and where, and no password', async (_, odd, words) => {
      const url = new URL(database.url)
      odd(url)
      const error = await told(url.href)
      expect(error).toMatchObject({ code: 'STATE_UNAVAILABLE', retry: 'backoff', message: expect.stringMatching(words) })
      expect(error.message).toContain(`postgres://${url.hostname}:${url.port}${url.pathname}`)
      const everything = inspect(error, { depth: 20, showHidden: true }) + error.hint
      for (const secret of [database.password, 'wr0ng-Secret']) expect(everything).not.toContain(secret)
    })

    test.each(['postgres://user:S3cret-%zz@host/db', 'postgres://user:S3cret-x@host:99999999/db', 'postgres://user:S3cret-x@[::/db'])('%s is no URL, and is not shown', async (url) => {
      const error = await told(url)
      expect(error).toMatchObject({ code: 'STATE_UNAVAILABLE' })
      expect(inspect(error, { depth: 20, showHidden: true }) + error.hint).not.toContain('S3cret')
    })
  })
})
