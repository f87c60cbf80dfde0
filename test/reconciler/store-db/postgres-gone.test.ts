import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { StoreCommit, StoreState } from '../../../reconciler/ports.ts'
import { openPostgres } from '../../../reconciler/store-db/postgres.ts'
import { startPostgres, type PostgresProcess } from '../../postgres-process.ts'
import { newDatabase, type TestDatabase } from '../../postgres-server.ts'
import { generationRecord, installRecord, T0 } from '../../contracts/records.ts'

/* A server that goes away: nothing half done, and it is found again when it is back. */

const commitOf = (number: number, token: number): StoreCommit => {
  const installs = [installRecord('alpha', `${number}.0.0`)]
  return { generation: generationRecord(number, installs), activation: { at: T0, by: 'me', reason: 'test' }, installs, removed: [], holds: [], audit: [{ event: 'install', id: 'alpha', details: {} }], token }
}

describe('a PostgreSQL server of one\'s own', () => {
  let server: PostgresProcess
  let database: TestDatabase
  beforeAll(async () => {
    server = await startPostgres()
    database = await newDatabase({ adminUrl: server.adminUrl })
  })
  afterAll(() => server.remove())

  test('restarted between two calls is not noticed; while it is away it is said so', async () => {
    const store = await openPostgres(database.url)
    const { token } = await store.acquireLease('me', T0, 60_000)
    await store.commit(commitOf(1, token), T0)
    await server.stop()
    await server.start()
    await store.commit(commitOf(2, token), T0)
    await server.stop()
    await expect(store.serial()).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE', retry: 'backoff' })
    await expect(store.commit(commitOf(3, token), T0)).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' })
    await expect(openPostgres(database.url)).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' })
    await expect(openPostgres(database.url, { readOnly: true })).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' })
    await server.start()
    expect((await store.read()).generations.map((g) => g.number)).toEqual([1, 2])
    await store.close()
  })
})

describe('a connection that breaks', () => {
  let database: TestDatabase
  let store: StoreState
  let token: number
  beforeEach(async () => {
    database = await newDatabase()
    store = await openPostgres(database.url)
    token = (await store.acquireLease('me', T0, 60_000)).token
    await store.commit(commitOf(1, token), T0)
  })
  afterEach(async () => {
    await store.close()
    await database.drop()
  })

  test('in the middle of a commit: nothing of it stands, and the next one is whole', async () => {
    const before = await store.read()
    // The commit gets as far as its last table and waits there for somebody.
    await database.admin.query('BEGIN; LOCK TABLE catalyst.audit IN ACCESS EXCLUSIVE MODE')
    const commit = store.commit(commitOf(2, token), T0)
    commit.catch(() => undefined)
    for (let waiting = 0; waiting === 0;) waiting = (await database.admin.query('SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))')).rows.length
    await database.disconnect()
    await database.admin.query('ROLLBACK')
    await expect(commit).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' })
    expect(JSON.stringify(await store.read())).toBe(JSON.stringify(before))
    await store.commit(commitOf(2, token), T0)
    expect((await store.read()).generation?.number).toBe(2)
  })

  test('when the server ends it at COMMIT: nothing of it stands', async () => {
    await database.admin.query(`
      CREATE FUNCTION catalyst.die() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
      CREATE CONSTRAINT TRIGGER die AFTER INSERT ON catalyst.audit DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION catalyst.die()`)
    await expect(store.commit(commitOf(2, token), T0)).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' })
    expect((await store.read()).generations.map((g) => g.number)).toEqual([1])
  })

  test('when the answer to COMMIT is lost: it is said that nobody knows, and looking tells', async () => {
    const wire = await Wire.to(database.url)
    const far = await openPostgres(wire.url)
    wire.cutAt = 'COMMIT\0'
    await expect(far.commit(commitOf(2, token), T0)).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE', message: expect.stringContaining('whether it did is not known') })
    wire.cutAt = undefined
    expect((await far.read()).generations.map((g) => g.number)).toEqual([1, 2])
    await far.close()
    await wire.close()
  })

  test('while nobody used it, and unnoticed: the next call takes another one', async () => {
    const wire = await Wire.to(database.url)
    const far = await openPostgres(wire.url)
    wire.cutAfter = 0
    await far.commit(commitOf(2, token), T0)
    wire.cutAfter = 0
    expect(await far.serial()).toBe(await store.serial())
    expect((await far.read()).generation?.number).toBe(2)
    await far.close()
    await wire.close()
  })

  test('at every statement of a commit in turn: it is wholly old, or the loss came after', async () => {
    const wire = await Wire.to(database.url)
    const outcomes: string[] = []
    for (let number = 2, statement = 1; outcomes.at(-1) !== 'done'; statement++) {
      const far = await openPostgres(wire.url)
      wire.cutAfter = statement
      const told = await far.commit(commitOf(number, token), T0).then(() => 'done', (error: { code: string }) => error.code)
      wire.cutAfter = undefined
      const read = await store.read()
      const whole = read.installs[0]?.block.version === `${read.generation?.number}.0.0` && read.activations.at(-1)?.generation === read.generation?.number && (await store.audit({ limit: 100 })).length === read.generations.length
      expect(whole).toBe(true)
      if (read.generation?.number === number) number += 1
      else expect(told).toBe('STATE_UNAVAILABLE')
      outcomes.push(told)
      await far.close()
    }
    expect(outcomes.length).toBeGreaterThan(8)
    await wire.close()
  })
})

/** A wire between a store and its server that can be cut. */
class Wire {
  readonly url: string
  /** Cut when the client says this: the server hears it, its answer is lost. */
  cutAt: string | undefined
  /** Cut before the so-manieth message of the client, the handshake not counted. */
  cutAfter: number | undefined
  readonly #server: Server

  private constructor(url: string, server: Server) {
    this.url = url
    this.#server = server
  }

  static async to(target: string): Promise<Wire> {
    const { hostname, port } = new URL(target)
    const server = createServer()
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const url = new URL(target)
    url.port = String((server.address() as AddressInfo).port)
    const wire = new Wire(url.href, server)
    server.on('connection', (near) => {
      const far = connect(Number(port), hostname)
      near.on('error', () => undefined)
      far.on('error', () => undefined)
      near.on('data', (chunk) => {
        if (wire.cutAfter !== undefined && wire.cutAfter-- === 0) {
          near.destroy()
          far.destroy()
          return
        }
        if (wire.cutAt !== undefined && chunk.includes(wire.cutAt)) far.prependOnceListener('data', () => near.destroy())
        far.write(chunk)
      })
      far.on('data', (chunk) => void (near.destroyed || near.write(chunk)))
      near.on('close', () => far.end())
      far.on('close', () => near.destroy())
    })
    return wire
  }

  async close(): Promise<void> {
    await new Promise((done) => this.#server.close(done))
  }
}
