import { existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { apply } from '../../../reconciler/apply/apply.ts'
import { hasTree } from '../../../reconciler/state/trees.ts'
import { planCollection } from '../../../reconciler/state/gc.ts'
import { textsOf, versionsOf } from './data-catalogue.ts'
import { applied, classes, events, items, live, outcomes, ran, storeOn } from './data-store.ts'
import { dataDirOf, type DataWorld } from './data-world.ts'
import { releaseBlock, type Catalogue, type Want } from './world.ts'

/* What removals do to tables, data folders and backups of real databases, class by class and to the end of the grace. */

type Uninstall = NonNullable<Want['uninstall']>
const DAY = 86_400

describe.each(['sqlite', 'postgres'] as const)('removals on %s', (dialect) => {
  /** A store with `a` 1.0.0 that has three rows and a file, under a policy, and `b` without any of it. */
  const withA = async (uninstall: Uninstall, more: Catalogue = {}): Promise<DataWorld> => {
    const world = await storeOn(dialect, { ...versionsOf(dialect, 'a'), ...more })
    await applied(world, { a: { version: '1.0.0', uninstall, config: { theme: 'dark' } }, b: { version: '1.0.0' } })
    world.put('a', 'card.txt', 'mine')
    return world
  }
  const B = { b: { version: '1.0.0' } }
  const aside = dialect === 'sqlite' ? 'plg_a__items' : null
  /** The rows wherever they are: in place or in quarantine. */
  const rowsOfA = async (world: DataWorld): Promise<number> => (await world.data.tables.inventory(['a'], 'exact')).get('a')?.tables.reduce((sum, t) => sum + t.rows, 0) ?? 0

  test('keep: switched off first, backed up and read back, everything stays', async () => {
    const world = await withA({ data: 'keep', tables: 'keep' })
    const seen: string[] = []
    await applied(world, B, { onBoundary: (name) => void (/^done|recorded$/.test(name) && seen.push(`${name} ${live(world)['a'] ?? 'off'}`)) })
    expect(seen).toEqual(['done backup:a off', 'recorded off'])
    expect(await classes(world, 'a')).toEqual({ config: 'retained', data: 'retained', tables: 'retained' })
    const [backup] = await world.data.backups.list('a')
    expect(await world.data.backups.verify(backup?.name ?? '')).toMatchObject({ plugin: 'a', version: '1.0.0', rows: 3, reason: 'removal' })
    expect([await rowsOfA(world), world.files()]).toEqual([3, { 'a/card.txt': 'mine' }])
    expect((await world.state.read()).retained).toMatchObject([{ id: 'a', removal: { code: 'kept', by: 'tester', backup: { name: backup?.name }, inventory: { tables: [{ rows: 3 }] }, data: { files: 1, bytes: 4 } } }])
    expect(await events(world, 2)).toEqual(['remove a'])
  })

  test('remove: set aside for the grace, then destroyed after the backup was read again; put back as new', async () => {
    const world = await withA({ config: 'remove', data: 'remove', tables: 'remove', code: 'remove', grace: '7d' })
    await applied(world, B)
    expect(await classes(world, 'a')).toEqual({ config: 'quarantined', data: 'quarantined', tables: 'quarantined' })
    expect([await rowsOfA(world), world.files()]).toEqual([3, { '.quarantine/a/card.txt': 'mine' }])
    if (aside === null) await expect(items(world, 'a')).rejects.toThrow(/plg_a/)
    world.pass(6 * DAY)
    expect((await world.plan(B)).changes).toEqual([])
    world.pass(DAY)
    expect((await world.plan(B)).changes).toMatchObject([{ id: 'a', action: 'purge', steps: [{ do: 'backup', existing: expect.any(String) }, { do: 'purge' }, { do: 'purge' }, { do: 'purge' }] }])
    await applied(world, B)
    expect(await classes(world, 'a')).toEqual({ config: 'purged', data: 'purged', tables: 'purged' })
    expect([await rowsOfA(world), await ran(world, 'a'), world.files()]).toEqual([0, '', {}])
    expect(await world.data.backups.list('a')).toMatchObject([{ rows: 3 }])
    expect(await events(world, 2)).toEqual(['remove a', 'data.quarantine a', 'data.quarantine a', 'data.quarantine a', 'data.purge a', 'data.purge a', 'data.purge a'])
    await applied(world, { ...B, a: { version: '2.0.0' } })
    expect([await ran(world, 'a'), await items(world, 'a')]).toMatchObject(['1 2 3', [{ id: 1, label: 'one' }, { id: 2 }, { id: 3 }]])
  })

  test('without a grace: destroyed at once, and last', async () => {
    const world = await withA({ data: 'remove', tables: 'remove', grace: '0d' })
    const seen: string[] = []
    await applied(world, B, { onBoundary: (name) => void (/^done|recorded$/.test(name) && seen.push(name)) })
    expect(seen).toEqual(['done backup:a', 'recorded', 'done purge:a:data', 'done purge:a:tables'])
    expect([await rowsOfA(world), world.files(), (await world.data.backups.list('a')).length]).toEqual([0, {}, 1])
  })

  test('ask: kept and named until somebody answers, by flag or in git; nobody waits', async () => {
    const world = await withA({ data: 'ask', tables: 'ask', grace: '0d' })
    await applied(world, B)
    expect(await classes(world, 'a')).toEqual({ config: 'retained', data: 'awaiting', tables: 'awaiting' })
    expect((await world.plan(B)).notices).toMatchObject([{ id: 'a', code: 'DecisionRequired' }])
    await applied(world, B, { said: { answers: new Map([['a', { tables: 'remove' as const }]]) } })
    expect(await classes(world, 'a')).toEqual({ config: 'retained', data: 'awaiting', tables: 'purged' })
    expect([await rowsOfA(world), world.files()]).toEqual([0, { 'a/card.txt': 'mine' }])
    expect((await world.state.read()).retained[0]?.removal?.answers).toEqual({ tables: 'remove' })
    const removed = { 'a@1.0.0': { data: 'keep' as const } }
    await applied(world, B, { said: { removed } })
    expect(await classes(world, 'a')).toEqual({ config: 'retained', data: 'retained', tables: 'purged' })
  })

  test('ask about nothing is no question', async () => {
    const world = await storeOn(dialect, { 'c@1.0.0': {} })
    await applied(world, { c: { version: '1.0.0', uninstall: { data: 'ask', tables: 'ask' } } })
    await applied(world, {})
    expect(await classes(world, 'c')).toEqual({ config: 'retained', data: 'retained', tables: 'retained' })
  })

  test('backup: false makes none where everything is kept; what destroys makes one all the same', async () => {
    const kept = await withA({ data: 'keep', tables: 'keep', backup: false })
    await applied(kept, B)
    expect(await kept.data.backups.list()).toEqual([])
    const gone = await withA({ data: 'keep', tables: 'remove', backup: false, grace: '0d' })
    await applied(gone, B)
    expect([await rowsOfA(gone), (await gone.data.backups.list('a')).length]).toEqual([0, 1])
  })

  describe('before anything is destroyed the backup is read', () => {
    const spoils: readonly (readonly [string, (folder: string) => void])[] = [
      ['gone', (folder) => rmSync(folder, { recursive: true })],
      ['cut short', (folder) => truncateSync(join(folder, readdirSync(folder).find((name) => name.startsWith('data')) ?? ''), 20)],
    ]
    test.each(spoils)('%s: all of it is backed up anew, also what lies in quarantine', async (_what, spoil) => {
      const world = await withA({ data: 'remove', tables: 'remove', grace: '7d' })
      await applied(world, B)
      const [first] = await world.data.backups.list('a')
      spoil(join(dataDirOf(world.place), '.backups', first?.name ?? ''))
      world.pass(8 * DAY)
      await applied(world, B)
      const backups = await world.data.backups.list('a')
      expect([await rowsOfA(world), world.files(), backups.length]).toEqual([0, {}, 2])
      expect(await world.data.backups.verify(backups[0]?.name ?? '')).toMatchObject({ rows: 3 })
      // The data folder is in it: it comes back with the plugin.
      await applied(world, { ...B, a: { version: '1.0.0' } })
      const { token } = await world.state.acquireLease('test', world.deps.clock(), 60_000)
      expect(await world.data.backups.restore(backups[0]?.name ?? '', { store: 'acme-eu' }, { token, now: world.deps.clock() })).toEqual({ tables: 1, rows: 3, files: 1 })
      expect(world.files()).toEqual({ 'a/card.txt': 'mine' })
    })

    test('what was set aside at another time is in every later backup', async () => {
      const world = await withA({ data: 'remove', tables: 'keep', grace: '7d' })
      await applied(world, B)
      expect(await classes(world, 'a')).toMatchObject({ data: 'quarantined', tables: 'retained' })
      world.pass(DAY)
      const said = { removed: { 'a@1.0.0': { tables: 'remove' as const, grace: '7d' } } }
      await applied(world, B, { said })
      expect([await classes(world, 'a'), world.files()]).toMatchObject([{ data: 'quarantined', tables: 'quarantined' }, { '.quarantine/a/card.txt': 'mine' }])
      world.pass(30 * DAY)
      await applied(world, B, { said })
      expect([await rowsOfA(world), world.files()]).toEqual([0, {}])
      const held = (await world.state.read()).retained[0]?.removal?.backup?.name ?? ''
      await applied(world, { ...B, a: { version: '1.0.0' } })
      const { token } = await world.state.acquireLease('test', world.deps.clock(), 60_000)
      await world.data.backups.restore(held, { store: 'acme-eu' }, { token, now: world.deps.clock() })
      expect(world.files()).toEqual({ 'a/card.txt': 'mine' })
    })
  })

  test('tables that others need stay in quarantine, by name, until nothing needs them; the rest goes', async () => {
    const world = await withA({ data: 'remove', tables: 'remove', grace: '0d' })
    const target = world.table('a', 'items')
    await world.sql(`CREATE VIEW titles AS SELECT title FROM ${target}`)
    await world.apply(B)
    expect([await classes(world, 'a'), world.files()]).toMatchObject([{ data: 'purged', tables: 'quarantined' }, {}])
    expect((await world.plan(B)).blocked).toMatchObject([{ id: 'a', code: 'TABLE_IN_USE', reason: expect.stringContaining('titles') }])
    expect([live(world), await rowsOfA(world)]).toEqual([{ b: '1.0.0' }, 3])
    await world.sql('DROP VIEW titles')
    await applied(world, B)
    expect(await rowsOfA(world)).toBe(0)
  })

  test('a view that is made between plan and apply: the tables go aside and wait', async () => {
    const world = await withA({ data: 'keep', tables: 'remove', grace: '0d' })
    const input = await world.input(B)
    await world.sql(`CREATE VIEW titles AS SELECT title FROM ${world.table('a', 'items')}`)
    await apply(input, world.deps)
    expect([await classes(world, 'a'), await rowsOfA(world)]).toMatchObject([{ tables: 'quarantined' }, 3])
  })

  describe('comes back', () => {
    test.each([
      ['retained', { data: 'keep', tables: 'keep' }],
      ['in quarantine', { data: 'remove', tables: 'remove', grace: '7d' }],
      ['asked about', { data: 'ask', tables: 'ask' }],
    ] as const)('to what is %s: rows, file and history', async (_what, policy) => {
      const world = await withA(policy)
      await applied(world, B)
      await applied(world, { ...B, a: { version: '1.1.0' } })
      expect([await ran(world, 'a'), await items(world, 'a'), world.files()]).toMatchObject(['1 2', [{ id: 1, title: 'one' }, { id: 2 }, { id: 3 }], { 'a/card.txt': 'mine' }])
      expect([(await world.state.read()).retained, (await events(world)).at(-1)]).toEqual([[], 'reattach a'])
    })

    test.each([
      ['kept', { data: 'keep', tables: 'keep' }],
      ['in quarantine', { data: 'remove', tables: 'remove', grace: '7d' }],
    ] as const)('as a release whose migrations do not begin with those that ran, to what is %s: refused by name, and nothing is touched', async (_what, policy) => {
      const { extra } = textsOf(dialect, 'a')
      const world = await withA(policy, { 'a@9.0.0': { migrations: [extra] } })
      await applied(world, B)
      const before = [await classes(world, 'a'), world.files(), await rowsOfA(world), await ran(world, 'a'), await events(world)]
      const wish = { ...B, a: { version: '9.0.0' } }
      expect((await world.plan(wish)).blocked).toMatchObject([{ id: 'a', action: 'reattach', code: 'REATTACH_CONFLICT', reason: expect.stringContaining('0001_init has run where 9.0.0 brings 0006_extra'), hint: expect.stringContaining('a@1.0.0: { tables: remove }') }])
      expect(outcomes(await world.apply(wish))).toEqual({})
      expect([await classes(world, 'a'), world.files(), await rowsOfA(world), await ran(world, 'a'), await events(world)]).toEqual(before)
    })

    test('in quarantine, with a migration that fails: it stays aside', async () => {
      const { init, worse } = textsOf(dialect, 'a')
      const world = await withA({ data: 'remove', tables: 'remove', grace: '7d' }, { 'a@9.0.0': { migrations: [init, worse] } })
      await applied(world, B)
      expect(outcomes(await world.apply({ ...B, a: { version: '9.0.0' } }))).toEqual({ a: 'MIGRATION_FAILED' })
      expect([await classes(world, 'a'), world.files(), await rowsOfA(world), await ran(world, 'a')]).toMatchObject([{ data: 'quarantined', tables: 'quarantined' }, { '.quarantine/a/card.txt': 'mine' }, 3, '1'])
      expect((await world.data.tables.inventory(['a'], 'estimate')).get('a')?.quarantined).toBe(true)
      expect(await world.data.backups.list('a')).toHaveLength(2)
    })

    test('tables that were destroyed are made anew, and the data folder that was kept is there', async () => {
      const world = await withA({ data: 'keep', tables: 'remove', grace: '0d' })
      await applied(world, B)
      await applied(world, { ...B, a: { version: '1.0.0' } })
      expect([await ran(world, 'a'), world.files(), await rowsOfA(world)]).toEqual(['1', { 'a/card.txt': 'mine' }, 3])
    })
  })

  test('code: its tree is kept from the collection, or let go', async () => {
    for (const code of ['keep', 'remove'] as const) {
      const world = await withA({ code, data: 'keep', tables: 'keep' })
      await applied(world, B)
      const { tree } = releaseBlock('a', '1.0.0', versionsOf(dialect, 'a')['a@1.0.0'])
      expect(hasTree(world.paths, tree)).toBe(true)
      const gone = planCollection(world.paths, await world.state.read(), { now: world.deps.clock(), keep: 0 }).trees.map((t) => t.tree)
      expect([code, gone.includes(tree)]).toEqual([code, code === 'remove'])
    }
  })

  test('a removal and an upgrade of another in one plan', async () => {
    const { init, note, rename } = textsOf(dialect, 'c')
    const world = await withA({ data: 'keep', tables: 'remove', grace: '0d' }, { 'c@1.0.0': { migrations: [init] }, 'c@2.0.0': { migrations: [init, note, rename] } })
    await applied(world, { ...B, a: { version: '1.0.0', uninstall: { data: 'keep', tables: 'remove', grace: '0d' }, config: { theme: 'dark' } }, c: { version: '1.0.0' } })
    await applied(world, { ...B, c: { version: '2.0.0' } })
    expect([live(world), await ran(world, 'c'), await rowsOfA(world)]).toEqual([{ b: '1.0.0', c: '2.0.0' }, '1 2 3', 0])
    expect(await events(world, 3)).toEqual(['deactivate c', 'upgrade c', 'remove a', 'data.purge a'])
  })

  test('a removal whose backup cannot be made takes nothing away; others go on', async () => {
    const world = await withA({ data: 'keep', tables: 'remove', grace: '0d' })
    rmSync(join(dataDirOf(world.place), '.backups'), { recursive: true, force: true })
    writeFileSync(join(dataDirOf(world.place), '.backups'), 'in the way')
    expect(outcomes(await world.apply({ b: { version: '1.1.0' } }))).toEqual({ a: 'BACKUP_FAILED', b: 'applied' })
    expect([live(world), await rowsOfA(world), (await world.state.read()).retained]).toEqual([{ a: '1.0.0', b: '1.1.0' }, 3, []])
    expect(existsSync(world.paths.journal)).toBe(false)
  })
})
