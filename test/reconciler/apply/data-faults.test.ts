import { execFileSync } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { restore } from '../../../reconciler/apply/restore.ts'
import { rollback } from '../../../reconciler/apply/rollback.ts'
import type { PluginData, PluginTables } from '../../../reconciler/data-ports.ts'
import { removeWhole } from '../../../reconciler/state/trees.ts'
import { startPostgres, type PostgresProcess } from '../../postgres-process.ts'
import { newDatabase, type TestDatabase } from '../../postgres-server.ts'
import { asKind, textsOf, versionsOf } from './data-catalogue.ts'
import { bundledChild } from './data-places.ts'
import { applied, events, installed, items, live, outcomes, ran, storeOn, withBackups, withTables } from './data-store.ts'
import { dataWorld, type DataWorld, type Place } from './data-world.ts'
import type { MigrationText, Want } from './world.ts'

/* What else may come between: a full disk, a database that goes away or only reads, a migration without an end, a thief of the lease. */

const DIALECTS = ['sqlite', 'postgres'] as const
const REMOVE: Want['uninstall'] = { config: 'remove', data: 'remove', tables: 'remove', code: 'remove', grace: '7d' }
const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean()
})

/** A small disk of its own; undefined where this user may not mount one. */
function smallDisk(): string | undefined {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'catalyst-small-'))
  cleanups.push(() => rmSync(folder, { recursive: true }))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  cleanups.push(() => void execFileSync('umount', ['-l', folder]))
  return folder
}

/** Leaves so much of a disk free. */
function fill(disk: string, kilobytesLeft: number): () => void {
  const { bavail, bsize } = statfsSync(disk)
  writeFileSync(join(disk, 'filler'), Buffer.alloc(Math.max(0, bavail * bsize - kilobytesLeft * 1024)))
  return () => rmSync(join(disk, 'filler'))
}

async function openAt(place: Place): Promise<DataWorld> {
  const world = await dataWorld(place, { catalogue: versionsOf(place.dialect, 'a') })
  cleanups.push(() => world.close())
  return world
}

describe.each(DIALECTS)('on %s', (dialect) => {
  test('a disk that is full sooner or later in an upgrade: it is said, the old stands, and with room again it goes on', async () => {
    const disk = smallDisk()
    if (disk === undefined) return expect(process.getuid?.()).not.toBe(0) // only root can mount
    const database = dialect === 'postgres' ? await newDatabase() : undefined
    if (database) cleanups.push(() => database.drop())
    const world = await openAt({ folder: disk, dialect, ...(database ? { url: database.url } : { child: bundledChild() }) })
    await applied(world, { a: { version: '1.0.0' } })
    world.put('a', 'card.txt', 'x'.repeat(20_000))
    const said: string[] = []
    for (const left of [0, 4, 8, 16, 24, 32, 48, 64, 96, 128, 256]) {
      const room = fill(disk, left)
      const outcome = await world.apply({ a: { version: '2.1.0' } }).then((result) => outcomes(result)['a'] ?? 'nothing', (error: { code?: string }) => error.code ?? String(error))
      room()
      world.pass(120) // the lease of a pass that could not even give it back
      said.push(outcome)
      if (outcome === 'applied') break
      expect(await items(world, 'a')).toHaveLength(3)
      expect(Object.keys(world.files())).toContain('a/card.txt')
    }
    expect(said.at(-1)).toBe('applied')
    expect(new Set(said.slice(0, -1))).toEqual(new Set(['DISK_FULL']))
    await applied(world, { a: { version: '2.1.0' } })
    expect([live(world), await ran(world, 'a'), await items(world, 'a')]).toEqual([{ a: '2.1.0' }, '1 2 3 4', [{ id: 1, label: 'one' }, { id: 2, label: 'two' }, { id: 3, label: 'three' }]])
  })

  test('a migration without an end is stopped: the old stands, nobody tries again, the others go on', async () => {
    const t = textsOf(dialect, 'a')
    const forever = dialect === 'sqlite' ? `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n` : 'SELECT pg_sleep(600)'
    const endless: MigrationText = { ...asKind(t.bad, 'breaking'), up: `-- catalyst: breaking\nUPDATE ${'plg_a'}${dialect === 'sqlite' ? '__' : '.'}items SET title = 'gone';\n${forever}` }
    const world = await storeOn(dialect, { ...versionsOf(dialect, 'a'), 'a@9.0.0': { migrations: [t.init, endless] }, 'b@1.0.0': {} })
    await applied(world, { a: { version: '1.0.0' } })
    const before = await world.data.tables.digest('a')
    const hasty = withTables(world.data, { migrate: (plugin, migration, fence, limits) => world.data.tables.migrate(plugin, migration, fence, { ...limits, timeoutMs: 1_000 }) })
    const wish = { a: { version: '9.0.0' }, b: { version: '1.0.0' } }
    expect(outcomes(await world.apply(wish, { data: async () => hasty }))).toEqual({ a: 'MIGRATION_TIMEOUT', b: 'applied' })
    expect([live(world), await world.data.tables.digest('a')]).toEqual([{ a: '1.0.0', b: '1.0.0' }, before])
    expect((await world.plan(wish)).changes).toEqual([])
  })

  test('whose lease is stolen right before an effect does not have it, whatever it is', async () => {
    const world = await storeOn(dialect, versionsOf(dialect, 'a'))
    const robbed = robbing(world)
    await robbed('migrate', () => world.apply({ a: { version: '1.0.0', uninstall: REMOVE } }, robbed.with('migrate')))
    await applied(world, { a: { version: '1.0.0', uninstall: REMOVE } })
    await robbed('migrate', () => world.apply({ a: { version: '2.1.0', uninstall: REMOVE } }, robbed.with('migrate', 2)))
    await applied(world, { a: { version: '2.1.0', uninstall: REMOVE } })
    await robbed('revert', () => rollback({ id: 'a' }, { ...world.rollbackDeps, ...robbed.with('revert') }))
    await rollback({ id: 'a' }, world.rollbackDeps)
    const backup = (await world.data.backups.list('a')).find((ref) => ref.version === '1.0.0')?.name ?? ''
    await robbed('restore', () => restore(backup, { storeId: 'acme-eu' }, { ...world.rollbackDeps, ...robbed.with('restore') }))
    await restore(backup, { storeId: 'acme-eu' }, world.rollbackDeps)
    await robbed('quarantine', () => world.apply({}, robbed.with('quarantine')))
    await applied(world, {})
    await robbed('restoreFromQuarantine', () => world.apply({ a: { version: '1.1.0', uninstall: REMOVE } }, robbed.with('restoreFromQuarantine')))
    await applied(world, {})
    world.pass(8 * 86_400)
    await robbed('drop', () => world.apply({}, robbed.with('drop')))
    await applied(world, {})
    expect(await installed(world)).toEqual({})
  })
})

type Effect = 'migrate' | 'revert' | 'quarantine' | 'restoreFromQuarantine' | 'drop' | 'restore'

/** Runs a pass whose lease another takes in the last moment before an effect; what the plugins own must be the same right after it. */
function robbing(world: DataWorld): ((effect: Effect, pass: () => Promise<unknown>) => Promise<void>) & { with(effect: Effect, time?: number): { readonly data: () => Promise<PluginData> } } {
  let before: unknown
  let thief: Awaited<ReturnType<typeof world.state.acquireLease>> | undefined
  const owned = async (): Promise<unknown> => [await world.data.tables.applied(), await world.data.tables.inventory(['a'], 'exact'), await world.data.tables.digest('a')]
  const steal = async (): Promise<void> => {
    before = await owned()
    await world.state.breakLease(world.deps.clock(), 'operator')
    thief = await world.state.acquireLease('thief', world.deps.clock(), 60_000)
  }
  const robbed = async (effect: Effect, pass: () => Promise<unknown>): Promise<void> => {
    await expect(pass(), effect).rejects.toMatchObject({ code: 'LEASE_LOST' })
    expect(thief, effect).toBeDefined()
    expect(await owned(), effect).toEqual(before)
    if (thief) await world.state.releaseLease(thief)
    thief = undefined
  }
  return Object.assign(robbed, {
    with(effect: Effect, time = 1) {
      let calls = 0
      const first = async (): Promise<void> => void (++calls === time && (await steal()))
      if (effect === 'restore') return { data: async () => withBackups(world.data, { restore: async (...args) => (await first(), world.data.backups.restore(...args)) }) }
      const real = world.data.tables[effect].bind(world.data.tables) as (...args: unknown[]) => Promise<never>
      return { data: async () => withTables(world.data, { [effect]: async (...args: unknown[]) => (await first(), real(...args)) } as Partial<PluginTables>) }
    },
  })
}

describe('a server of one\'s own', () => {
  let server: PostgresProcess
  let database: TestDatabase
  beforeAll(async () => {
    server = await startPostgres()
    database = await newDatabase({ adminUrl: server.adminUrl })
  })
  afterAll(() => server.remove())

  test('that is stopped in the middle of a migration, and then only reads: nothing of it stands, and the next pass goes on', async () => {
    const { init } = textsOf('postgres', 'a')
    const shout: MigrationText = { id: '0002_shout', up: `-- catalyst: breaking\nUPDATE plg_a.items SET title = title || '!'` }
    const folder = mkdtempSync(join(realpathSync(tmpdir()), 'catalyst-gone-'))
    const world = await dataWorld({ folder, dialect: 'postgres', url: database.url }, { catalogue: { 'a@1.0.0': { migrations: [init] }, 'a@2.0.0': { migrations: [init, shout] } } })
    cleanups.push(() => void removeWhole(folder), () => world.close())
    await applied(world, { a: { version: '1.0.0' } })
    // The migration has changed two rows and waits for the third.
    await database.admin.query('BEGIN; SELECT * FROM plg_a.items WHERE id = 3 FOR UPDATE')
    const pass = world.apply({ a: { version: '2.0.0' } }).then(() => 'done', (error: { code?: string }) => error.code)
    for (let waiting = 0; waiting === 0;) waiting = (await database.admin.query('SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))')).rows.length
    await server.stop()
    expect(await pass).toBe('STATE_UNAVAILABLE')
    expect(live(world)['a']).not.toBe('2.0.0')
    world.pass(120) // nobody could give the lease back

    await server.start(true)
    expect([await ran(world, 'a'), await items(world, 'a')]).toEqual(['1', [{ id: 1, title: 'one' }, { id: 2, title: 'two' }, { id: 3, title: 'three' }]])
    const before = [live(world), await installed(world), await events(world)]
    await expect(world.apply({ a: { version: '2.0.0' } })).rejects.toMatchObject({ code: 'READ_ONLY' })
    expect([live(world), await installed(world), await events(world)]).toEqual(before)

    await server.stop()
    await server.start()
    await applied(world, { a: { version: '2.0.0' } })
    expect(await items(world, 'a')).toEqual([{ id: 1, title: 'one!' }, { id: 2, title: 'two!' }, { id: 3, title: 'three!' }])
    expect((await events(world)).filter((event) => !event.startsWith('lease'))).toEqual(['install a', 'deactivate a', 'upgrade a'])
  })
})
