import { describe, expect, test } from 'vitest'
import { restore } from '../../../reconciler/apply/restore.ts'
import { rollback, type RollbackDeps } from '../../../reconciler/apply/rollback.ts'
import { textsOf, versionsOf } from './data-catalogue.ts'
import { applied, classes, events, installed, items, live, ran, storeOn, withBackups } from './data-store.ts'
import type { DataWorld } from './data-world.ts'
import type { Catalogue, Want } from './world.ts'

/* Going back together with the data: by downs, by a backup, or not at all; and backups put back. */

const DAY = 86_400

describe.each(['sqlite', 'postgres'] as const)('rollback with data on %s', (dialect) => {
  const t = textsOf(dialect, 'a')
  const withA = async (version: string, more: Catalogue = {}, uninstall: Want['uninstall'] = { data: 'keep', tables: 'keep' }): Promise<DataWorld> => {
    const world = await storeOn(dialect, { ...versionsOf(dialect, 'a'), ...more })
    await applied(world, { a: { version: '1.0.0', uninstall } })
    world.put('a', 'card.txt', 'mine')
    if (version !== '1.0.0') await applied(world, { a: { version, uninstall } })
    return world
  }
  /** `a` 1.0.0 may be gone back to although rows are lost. */
  const consenting = (world: DataWorld, accept: 'restore' | 'irreversible'): RollbackDeps => {
    const to = world.lock({ a: { version: '1.0.0', uninstall: { data: 'keep', tables: 'keep' } } }).plugins['a']?.entryDigest ?? 'sha256:'
    return { ...world.rollbackDeps, consent: async () => ({ storeId: 'acme-eu', approvals: [{ plugin: 'a', to, accept: [accept] }] }) }
  }
  const rowsOf = async (world: DataWorld): Promise<number> => (await items(world, 'a')).length

  test('by downs: off meanwhile, backed up, newest first; what was left is held', async () => {
    const world = await withA('2.1.0')
    await world.sql(`INSERT INTO ${world.table('a', 'items')} VALUES (4, 'four')`)
    const seen: string[] = []
    const result = await rollback({ id: 'a' }, { ...world.rollbackDeps, onBoundary: (name) => void (name.startsWith('done') && seen.push(`${name} ${live(world)['a'] ?? 'off'}`)) })
    expect(result.data.get('a')).toMatchObject({ kind: 'down' })
    expect(seen).toEqual(['done backup:a off', 'done revert:a:0004_tidy off', 'done revert:a:0003_rename off'])
    expect([live(world), await ran(world, 'a'), (await items(world, 'a'))[3]]).toEqual([{ a: '1.0.0' }, '1 2', { id: 4, title: 'four', note: null }])
    const next = await world.plan({ a: { version: '2.1.0', uninstall: { data: 'keep', tables: 'keep' } } })
    expect([next.changes, next.notices.map((n) => n.code)]).toEqual([[], ['Held']])
    expect((await events(world)).slice(-3)).toEqual(['deactivate a', 'rollback.begun a', 'rollback a'])
  })

  test('only expanded since: the code alone goes back', async () => {
    const world = await withA('1.1.0')
    expect((await rollback({ id: 'a' }, world.rollbackDeps)).data.get('a')).toMatchObject({ kind: 'code-only' })
    expect([live(world), await ran(world, 'a')]).toEqual([{ a: '1.0.0' }, '1 2'])
    expect((await world.plan({ a: { version: '1.0.0', uninstall: { data: 'keep', tables: 'keep' } } })).changes).toEqual([])
  })

  test('without a down: by a backup, and only with consent; the present is backed up first', async () => {
    const world = await withA('3.0.0')
    await world.sql(`INSERT INTO ${world.table('a', 'items')} VALUES (4, 'four')`)
    world.put('a', 'card.txt', 'newer')
    await expect(rollback({ id: 'a' }, world.rollbackDeps)).rejects.toMatchObject({ code: 'APPROVAL_MISSING', problems: [{ hint: expect.stringContaining('accept: [restore]') }] })
    expect([live(world), await ran(world, 'a')]).toEqual([{ a: '3.0.0' }, '1 2 3 4 5'])
    await rollback({ id: 'a' }, consenting(world, 'restore'))
    expect([live(world), await ran(world, 'a'), await items(world, 'a'), world.files()]).toMatchObject([{ a: '1.0.0' }, '1 2', [{ id: 1, title: 'one' }, { id: 2 }, { id: 3 }], { 'a/card.txt': 'mine' }])
    expect((await world.data.backups.list('a'))[0]).toMatchObject({ version: '3.0.0', rows: 4, reason: 'rollback' })
  })

  test('no way back: refused with what would be lost; with consent the code goes alone', async () => {
    const world = await withA('1.0.0', { 'a@9.0.0': { migrations: [t.init, t.oneWay] } })
    await applied(world, { a: { version: '9.0.0', uninstall: { data: 'keep', tables: 'keep' } } })
    await world.data.backups.prune({ keep: 0, keepDays: 0, now: '2099-01-01T00:00:00Z', pinned: new Set() })
    await expect(rollback({ id: 'a' }, world.rollbackDeps)).rejects.toMatchObject({ code: 'APPROVAL_MISSING', message: expect.stringContaining('there is no backup of a 1.0.0') })
    await rollback({ id: 'a' }, consenting(world, 'irreversible'))
    expect([live(world), await ran(world, 'a'), await rowsOf(world)]).toEqual([{ a: '1.0.0' }, '1 5', 3])
  })

  test('a down that fails half way: what was undone is done again, and the code stays', async () => {
    const stuck = { ...t.rename, down: `${t.rename.down};\nUPDATE ${dialect === 'sqlite' ? 'plg_a__items' : 'plg_a.items'} SET id = 1` }
    const world = await withA('1.0.0', { 'a@9.0.0': { migrations: [t.init, t.note, stuck, t.tidy] } })
    await applied(world, { a: { version: '9.0.0', uninstall: { data: 'keep', tables: 'keep' } } })
    const before = await items(world, 'a')
    await expect(rollback({ id: 'a' }, world.rollbackDeps)).rejects.toMatchObject({ code: 'MIGRATION_FAILED' })
    expect([live(world), await installed(world), await ran(world, 'a'), await items(world, 'a')]).toEqual([{ a: '9.0.0' }, { a: '9.0.0' }, '1 2 3 4', before])
    expect((await events(world)).slice(-3)).toEqual(['deactivate a', 'rollback.begun a', 'stalled a'])
  })

  test('of an installation: taken out, all of it kept; of a removal: everything comes back, also out of quarantine', async () => {
    const world = await withA('1.0.0', {}, { data: 'remove', tables: 'remove', grace: '7d' })
    await applied(world, { a: { version: '1.0.0', uninstall: { data: 'remove', tables: 'remove', grace: '7d' } }, b: { version: '1.0.0' } })
    await applied(world, { b: { version: '1.0.0' } })
    expect(world.files()).toEqual({ '.quarantine/a/card.txt': 'mine' })
    await rollback({ to: 2 }, world.rollbackDeps)
    expect([live(world), world.files(), await rowsOf(world), (await world.state.read()).retained]).toEqual([{ a: '1.0.0', b: '1.0.0' }, { 'a/card.txt': 'mine' }, 3, []])
    await rollback({ to: 3 }, world.rollbackDeps)
    expect([live(world), world.files(), await rowsOf(world), await classes(world, 'a')]).toEqual([{ b: '1.0.0' }, { 'a/card.txt': 'mine' }, 3, { config: 'retained', data: 'retained', tables: 'retained' }])
    await applied(world, { a: { version: '1.1.0' }, b: { version: '1.0.0' } })
    expect([await ran(world, 'a'), await rowsOf(world)]).toEqual(['1 2', 3])
  })

  test('of a removal whose tables were destroyed: by its backup, with consent', async () => {
    const world = await withA('1.0.0', {}, { data: 'remove', tables: 'remove', grace: '0d' })
    await applied(world, {})
    expect(world.files()).toEqual({})
    await expect(rollback({ to: 1 }, world.rollbackDeps)).rejects.toMatchObject({ code: 'APPROVAL_MISSING' })
    const [generation] = (await world.state.read()).generations
    const to = generation?.plugins['a']?.record.block.entryDigest ?? 'sha256:'
    await rollback({ to: 1 }, { ...world.rollbackDeps, consent: async () => ({ storeId: 'acme-eu', approvals: [{ plugin: 'a', to, accept: ['restore'] }] }) })
    expect([live(world), world.files(), await rowsOf(world), await ran(world, 'a')]).toEqual([{ a: '1.0.0' }, { 'a/card.txt': 'mine' }, 3, '1'])
  })

  describe('restore', () => {
    test('of an installed plugin: off meanwhile, the present backed up first', async () => {
      const world = await withA('2.0.0')
      const backup = await world.apply({ a: { version: '2.1.0', uninstall: { data: 'keep', tables: 'keep' } } }).then(async () => (await world.data.backups.list('a'))[0])
      await rollback({ id: 'a' }, world.rollbackDeps)
      await world.sql(`DELETE FROM ${world.table('a', 'items')}`)
      const seen: string[] = []
      const result = await restore(backup?.name ?? '', { storeId: 'acme-eu' }, { ...world.rollbackDeps, onBoundary: (name) => void (name.startsWith('done') && seen.push(`${name} ${live(world)['a'] ?? 'off'}`)) })
      expect(seen).toEqual(['done backup:a off', 'done restore:a off'])
      expect([result.result.rows, await rowsOf(world), live(world)]).toEqual([3, 3, { a: '2.0.0' }])
      expect(await world.data.backups.verify(result.before?.name ?? '')).toMatchObject({ rows: 0 })
      expect((await events(world)).at(-1)).toBe('restore a')
    })

    test('of another version than is installed, or of nothing that the store knows: refused', async () => {
      const world = await withA('2.0.0')
      const [backup] = await world.data.backups.list('a')
      await expect(restore(backup?.name ?? '', { storeId: 'acme-eu' }, world.rollbackDeps)).rejects.toMatchObject({ code: 'CONTRADICTION' })
      await expect(restore('a-20260101T000000Z-00000000', { storeId: 'acme-eu' }, world.rollbackDeps)).rejects.toMatchObject({ code: 'NOT_FOUND' })
      expect([live(world), await world.state.lease(world.deps.clock())]).toEqual([{ a: '2.0.0' }, undefined])
    })

    test.each([
      ['kept', { data: 'keep', tables: 'keep' }],
      ['in quarantine', { data: 'remove', tables: 'remove', grace: '7d' }],
    ] as const)('of a removed plugin whose data is %s: what is there is backed up first, and what comes is in its place', async (_what, uninstall) => {
      const world = await withA('1.0.0', {}, uninstall)
      await applied(world, {})
      const [backup] = await world.data.backups.list('a')
      const result = await restore(backup?.name ?? '', { storeId: 'acme-eu' }, world.rollbackDeps)
      expect([result.before, await classes(world, 'a'), world.files(), await rowsOf(world)]).toMatchObject([{ rows: 3 }, { data: 'retained', tables: 'retained' }, { 'a/card.txt': 'mine' }, 3])
    })

    test('of a removed plugin whose data was destroyed', async () => {
      const world = await withA('1.0.0', {}, { data: 'remove', tables: 'remove', grace: '7d' })
      await applied(world, {})
      world.pass(8 * DAY)
      await applied(world, {})
      const [backup] = await world.data.backups.list('a')
      const result = await restore(backup?.name ?? '', { storeId: 'acme-eu' }, world.rollbackDeps)
      expect([result.before, world.files(), await rowsOf(world), await ran(world, 'a')]).toEqual([undefined, { 'a/card.txt': 'mine' }, 3, '1'])
      await applied(world, { a: { version: '1.1.0' } })
      expect(await ran(world, 'a')).toBe('1 2')
    })

    test('that fails: everything is as before', async () => {
      const world = await withA('1.0.0')
      const { backups } = world.data
      await applied(world, { a: { version: '2.0.0', uninstall: { data: 'keep', tables: 'keep' } } })
      await rollback({ id: 'a' }, world.rollbackDeps)
      const mine = (await backups.list('a')).find((ref) => ref.version === '1.0.0')?.name ?? ''
      const broken = withBackups(world.data, { restore: () => Promise.reject(new Error('the disk burns')) })
      await expect(restore(mine, { storeId: 'acme-eu' }, { ...world.rollbackDeps, data: async () => broken })).rejects.toThrow('the disk burns')
      expect([live(world), await rowsOf(world), world.files()]).toEqual([{ a: '1.0.0' }, 3, { 'a/card.txt': 'mine' }])
    })
  })
})
