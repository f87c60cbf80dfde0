import { describe, expect, test } from 'vitest'
import { liftHolds, rollback } from '../../../reconciler/apply/rollback.ts'
import { asKind, textsOf, versionsOf } from './data-catalogue.ts'
import { applied, events, installed, items, live, outcomes, ran, storeOn } from './data-store.ts'
import type { DataWorld } from './data-world.ts'
import type { Catalogue, MigrationText } from './world.ts'

/* Groups with migrations on real databases: every phase, and every way to fail. */

describe.each(['sqlite', 'postgres'] as const)('groups with migrations on %s', (dialect) => {
  const t = textsOf(dialect, 'a')
  /** A store with `a` 1.0.0, and what else the catalogue has. */
  const withA = async (more: Catalogue = {}): Promise<DataWorld> => {
    const world = await storeOn(dialect, { ...versionsOf(dialect, 'a'), ...more })
    await applied(world, { a: { version: '1.0.0' } })
    return world
  }
  const upTo = (...migrations: readonly MigrationText[]): Catalogue => ({ 'a@9.0.0': { migrations } })

  test('an installation runs all migrations before the plugin is live', async () => {
    const world = await storeOn(dialect, versionsOf(dialect, 'a'))
    const seen: string[] = []
    await applied(world, { a: { version: '2.1.0' } }, { onBoundary: (name) => void seen.push(`${name} ${JSON.stringify(live(world))}`) })
    expect(seen.filter((s) => s.startsWith('done migrate'))).toEqual(['0001_init', '0002_note', '0003_rename'].map((id) => `done migrate:a:${id} {}`).concat(`done migrate:a:0004_tidy {"a":"2.1.0"}`))
    expect(await items(world, 'a')).toEqual([{ id: 1, label: 'one' }, { id: 2, label: 'two' }, { id: 3, label: 'three' }])
    expect(await events(world)).toEqual(['install a'])
  })

  test('what expands runs beside the old code', async () => {
    const world = await withA()
    const seen: string[] = []
    await applied(world, { a: { version: '1.1.0' } }, { onBoundary: (name) => void (name.includes('migrate') && seen.push(`${name} ${live(world)['a']}`)) })
    expect(seen).toEqual(['begun migrate:a:0002_note 1.0.0', 'done migrate:a:0002_note 1.0.0'])
    expect(await world.data.backups.list('a')).toEqual([])
    expect(await events(world, 1)).toEqual(['upgrade a'])
  })

  describe('a release that changes what has run is refused by name, and nothing is touched', () => {
    const edited = { ...t.note, up: `${t.note.up} DEFAULT 'other'` }
    test.each<[string, readonly MigrationText[], string]>([
      ['edited', [t.init, edited], 'it brings 0002_note with another text'],
      ['removed at the end', [t.init], '0002_note has run where it brings nothing'],
      ['removed from the middle', [t.init, t.rename], '0002_note has run where it brings 0003_rename'],
      ['reordered', [t.note, t.init], '0001_init has run where it brings 0002_note'],
      ['one put before', [t.extra, t.init, t.note], '0001_init has run where it brings 0006_extra'],
    ])('%s', async (_what, migrations, why) => {
      const world = await withA(upTo(...migrations))
      await applied(world, { a: { version: '1.1.0' } })
      const before = [await ran(world, 'a'), await items(world, 'a'), await events(world), live(world)]
      const wish = { a: { version: '9.0.0' } }
      expect((await world.plan(wish)).blocked).toMatchObject([{ id: 'a', code: 'MIGRATION_CHANGED', reason: expect.stringContaining(why), hint: expect.stringContaining('reject: [9.0.0]') }])
      expect(outcomes(await world.apply(wish))).toEqual({})
      expect([await ran(world, 'a'), await items(world, 'a'), await events(world), live(world)]).toEqual(before)
    })

    test('a fix of the release that was gone back to need not bring what only the other one brought', async () => {
      const world = await withA({ 'a@1.0.1': { migrations: [t.init] } })
      await applied(world, { a: { version: '1.1.0' } })
      await rollback({ id: 'a' }, world.rollbackDeps)
      await applied(world, { a: { version: '1.0.1' } })
      expect([live(world), await ran(world, 'a')]).toEqual([{ a: '1.0.1' }, '1 2'])
    })
  })

  test('what breaks runs while the plugin is off, after a backup; what contracts runs under the new code', async () => {
    const world = await withA()
    const seen: string[] = []
    await applied(world, { a: { version: '2.1.0' } }, { onBoundary: (name) => void (name.startsWith('done') && seen.push(`${name} ${live(world)['a'] ?? 'off'}`)) })
    expect(seen).toEqual(['done migrate:a:0002_note 1.0.0', 'done backup:a off', 'done migrate:a:0003_rename off', 'done migrate:a:0004_tidy 2.1.0'])
    expect(await world.data.backups.list('a')).toMatchObject([{ version: '1.0.0', rows: 3 }])
    expect(await events(world, 1)).toEqual(['deactivate a', 'upgrade a'])
  })

  describe('a migration that fails leaves nothing', () => {
    test('of an installation: no table, no record, and the next pass does not try again', async () => {
      const world = await storeOn(dialect, { ...upTo(t.init, t.note, t.bad), 'b@1.0.0': {} })
      const result = await world.apply({ a: { version: '9.0.0' }, b: { version: '1.0.0' } })
      expect(outcomes(result)).toEqual({ a: 'MIGRATION_FAILED', b: 'applied' })
      expect(live(world)).toEqual({ b: '1.0.0' })
      expect([await ran(world, 'a'), (await world.data.tables.inventory(['a'], 'exact')).get('a')]).toEqual(['', { plugin: 'a', tables: [], others: [], quarantined: false }])
      expect(await events(world)).toEqual(['install b', 'stalled a'])
      const next = await world.plan({ a: { version: '9.0.0' }, b: { version: '1.0.0' } })
      expect([next.changes, next.notices]).toEqual([[], [expect.objectContaining({ id: 'a', code: 'Stalled', message: expect.stringContaining('a 9.0.0 failed (MIGRATION_FAILED') })]])
    })

    test.each([
      ['an expansion', asKind(t.bad, 'expand')],
      ['a break', t.bad],
    ])('of an upgrade, at %s: the old code and its tables stand', async (_what, bad) => {
      const world = await withA(upTo(t.init, t.note, bad))
      const before = await world.data.tables.digest('a')
      expect(outcomes(await world.apply({ a: { version: '9.0.0' } }))).toEqual({ a: 'MIGRATION_FAILED' })
      expect([live(world), await installed(world), await ran(world, 'a')]).toEqual([{ a: '1.0.0' }, { a: '1.0.0' }, '1'])
      expect(await world.data.tables.digest('a')).toBe(before)
      expect(await events(world, 1)).toEqual([...(bad === t.bad ? ['deactivate a'] : []), 'stalled a'])
    })

    test('after a break that has a down: it is undone', async () => {
      const world = await withA(upTo(t.init, t.note, t.rename, t.bad))
      expect(outcomes(await world.apply({ a: { version: '9.0.0' } }))).toEqual({ a: 'MIGRATION_FAILED' })
      expect([live(world), await installed(world), await ran(world, 'a')]).toEqual([{ a: '1.0.0' }, { a: '1.0.0' }, '1'])
      expect((await items(world, 'a'))[0]).toEqual({ id: 1, title: 'one' })
    })

    test('after a break without a down: the plugin stays off, is Stalled, and the backup holds what was', async () => {
      const world = await withA(upTo(t.init, t.oneWay, t.worse))
      expect(outcomes(await world.apply({ a: { version: '9.0.0' } }))).toEqual({ a: 'MIGRATION_FAILED' })
      expect([live(world), await installed(world), await ran(world, 'a')]).toEqual([{}, { a: '1.0.0 off' }, '1 5'])
      expect((await world.state.audit({ limit: 1 }))[0]).toMatchObject({ event: 'stalled', id: 'a', details: { code: 'MIGRATION_FAILED', off: true } })
      expect(await world.data.backups.list('a')).toMatchObject([{ version: '1.0.0', rows: 3 }])
      const next = await world.plan({ a: { version: '9.0.0' } })
      expect([next.changes, next.notices.map((n) => n.code)]).toEqual([[], ['Stalled']])
    })

    test('a contraction: the new code is live, and the rest waits for a person', async () => {
      const world = await withA(upTo(t.init, t.note, asKind(t.bad, 'contract')))
      expect(outcomes(await world.apply({ a: { version: '9.0.0' } }))).toEqual({ a: 'MIGRATION_FAILED' })
      expect([live(world), await ran(world, 'a')]).toEqual([{ a: '9.0.0' }, '1 2'])
      expect(await events(world, 1)).toEqual(['upgrade a', 'stalled a'])
      const next = await world.plan({ a: { version: '9.0.0' } })
      expect([next.changes, next.notices.map((n) => n.code)]).toEqual([[], ['Stalled']])
    })
  })

  test('a person lifts the hold: it is tried again, and goes on where it can', async () => {
    const world = await withA(upTo(t.init, t.note, t.bad))
    await world.apply({ a: { version: '9.0.0' } })
    await world.sql(`DELETE FROM ${world.table('a', 'items')} WHERE id = 1`)
    expect((await world.plan({ a: { version: '9.0.0' } })).changes).toEqual([])
    expect(await liftHolds('a', world.rollbackDeps)).toBe(1)
    await applied(world, { a: { version: '9.0.0' } })
    expect([live(world), await ran(world, 'a')]).toEqual([{ a: '9.0.0' }, '1 2 9'])
  })

  test('a contraction that did not run is run by the next pass', async () => {
    const world = await withA()
    const stop = new Error('stopped')
    await expect(world.apply({ a: { version: '2.1.0' } }, { onBoundary: (name) => { if (name === 'begun migrate:a:0004_tidy') throw stop } })).rejects.toBe(stop)
    expect([live(world), await ran(world, 'a')]).toEqual([{ a: '2.1.0' }, '1 2 3'])
    expect((await world.plan({ a: { version: '2.1.0' } })).changes).toMatchObject([{ id: 'a', action: 'repair', reason: '0004_tidy of it has not run yet' }])
    await applied(world, { a: { version: '2.1.0' } })
    expect(await ran(world, 'a')).toBe('1 2 3 4')
    expect(await events(world, 1)).toEqual(['deactivate a', 'upgrade a'])
  })

  describe('groups', () => {
    const needsA = { needs: { a: '*' } }
    const b = textsOf(dialect, 'b')
    const two = (bad: boolean): Catalogue => ({
      'b@1.0.0': { ...needsA, migrations: [b.init] },
      'b@2.0.0': { ...needsA, migrations: [b.init, b.note, ...(bad ? [b.bad] : [])] },
      'c@1.0.0': { migrations: [textsOf(dialect, 'c').init] },
      'd@1.0.0': {},
    })

    test('one that fails undoes its whole group, is the one that is named, and holds up nobody else', async () => {
      const world = await storeOn(dialect, { ...versionsOf(dialect, 'a'), ...two(true) })
      await applied(world, { a: { version: '1.0.0' }, b: { version: '1.0.0' } })
      const result = await world.apply({ a: { version: '2.0.0' }, b: { version: '2.0.0' }, c: { version: '1.0.0' }, d: { version: '1.0.0' } })
      expect(outcomes(result)).toEqual({ a: 'skipped because b', b: 'MIGRATION_FAILED', c: 'applied', d: 'applied' })
      expect(live(world)).toEqual({ a: '1.0.0', b: '1.0.0', c: '1.0.0', d: '1.0.0' })
      expect([await ran(world, 'a'), await ran(world, 'b'), await ran(world, 'c')]).toEqual(['1', '1', '1'])
    })

    test('a plugin that goes, and one that needed it and does not any more, switch in one moment', async () => {
      const catalogue = { ...two(false), 'b@3.0.0': { block: { conflicts: { a: '*' } }, migrations: [b.init, b.note, b.rename] } }
      const world = await storeOn(dialect, { ...versionsOf(dialect, 'a'), ...catalogue })
      await applied(world, { a: { version: '1.0.0' }, b: { version: '1.0.0' } })
      const seen = new Set<string>()
      await applied(world, { b: { version: '3.0.0' } }, { onBoundary: () => void seen.add(JSON.stringify(live(world))) })
      expect([...seen].filter((set) => set.includes('"a"') && set.includes('3.0.0'))).toEqual([])
      expect(await events(world, 2)).toEqual(['deactivate b', 'upgrade b', 'remove a'])
      expect((await world.state.read()).retained.map((r) => r.id)).toEqual(['a'])
    })

    test('a plugin with tables that goes, and one without that takes its place: one moment, too', async () => {
      const catalogue = { ...versionsOf(dialect, 'a'), 'd@1.0.0': {}, 'd@2.0.0': { block: { conflicts: { a: '*' } } } }
      const world = await storeOn(dialect, catalogue)
      await applied(world, { a: { version: '1.0.0' }, d: { version: '1.0.0' } })
      const seen = new Set<string>()
      await applied(world, { d: { version: '2.0.0' } }, { onBoundary: () => void seen.add(JSON.stringify(live(world))) })
      expect([...seen]).toEqual(['{"a":"1.0.0","d":"1.0.0"}', '{"d":"2.0.0"}'])
    })
  })

  test('a plugin goes on under another id, with tables, rows and data folder', async () => {
    const e = textsOf(dialect, 'e')
    const world = await withA({ 'e@1.0.0': { migrations: [e.init] }, 'e@2.0.0': { migrations: [e.init, e.bad] } })
    world.put('a', 'card.txt', 'mine')
    const moved = [{ from: 'a', to: 'e' }]
    expect(outcomes(await world.apply({ e: { version: '2.0.0' } }, {}, { moved }))).toEqual({ e: 'MIGRATION_FAILED' })
    expect([live(world), await ran(world, 'a'), await items(world, 'a'), world.files()]).toMatchObject([{ a: '1.0.0' }, '1', [{ id: 1 }, { id: 2 }, { id: 3 }], { 'a/card.txt': 'mine' }])
    await applied(world, { e: { version: '1.0.0' } }, { said: { moved } })
    expect([live(world), await ran(world, 'e'), await items(world, 'e'), world.files()]).toMatchObject([{ e: '1.0.0' }, '1', [{ id: 1 }, { id: 2 }, { id: 3 }], { 'e/card.txt': 'mine' }])
  })
})
