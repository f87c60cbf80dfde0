import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { liftHolds, rollback } from '../../../reconciler/apply/rollback.ts'
import type { StoreState } from '../../../reconciler/ports.ts'
import { memoryStore } from '../../../reconciler/store-db/memory.ts'
import { currentGeneration, liveTrees, switchTo } from '../../../reconciler/state/generations.ts'
import { openJournal } from '../../../reconciler/state/journal.ts'
import { removeTree } from '../../../reconciler/state/trees.ts'
import { temporaryStore } from '../state/folder.ts'
import { releaseBlock, worldAt, type Catalogue, type Wish, type World } from './world.ts'

let folder: string
let state: StoreState
let world: World
beforeEach(() => {
  folder = temporaryStore().store
  state = memoryStore()
  world = worldAt(folder, state)
})
const withCatalogue = (catalogue: Catalogue): World => (world = worldAt(folder, state, { catalogue }))
const liveVersions = (): Record<string, string> =>
  Object.fromEntries([...(liveTrees(world.paths) ?? [])].map(([id]) => [id, JSON.parse(readFileSync(join(world.paths.current, id, 'manifest.json'), 'utf8')).version as string]))
const both = (a: string, b: string): Wish => ({ a: { version: a }, b: { version: b } })

describe('rollback --to N', () => {
  test('goes back to the whole generation, offline, without reading or probing anything', async () => {
    await world.apply(both('1.0.0', '1.0.0'))
    await world.apply(both('2.0.0', '2.0.0'))
    world.fetched.length = 0
    world.probed.length = 0
    const result = await rollback({ to: 1 }, world.rollbackDeps)
    expect(result).toMatchObject({ generation: 1, activated: true, recovered: false })
    expect(result.changes.map((c) => [c.id, c.before?.block.version, c.after?.block.version])).toEqual([['a', '2.0.0', '1.0.0'], ['b', '2.0.0', '1.0.0']])
    expect(liveVersions()).toEqual({ a: '1.0.0', b: '1.0.0' })
    const store = await state.read()
    expect(store.installs.map((r) => r.block.version)).toEqual(['1.0.0', '1.0.0'])
    expect(store.activations.map((a) => [a.generation, a.reason])).toEqual([[1, 'apply'], [2, 'apply'], [1, 'rollback to 1']])
    expect((await state.audit({ limit: 2 })).map((r) => [r.event, r.id])).toEqual([['rollback', 'a'], ['rollback', 'b']])
    expect([world.fetched, world.probed]).toEqual([[], []])
    expect(existsSync(world.paths.journal)).toBe(false)
  })

  test('what was left is held: the next plan is empty and says so, until a person lifts it', async () => {
    await world.apply({ a: { version: '1.0.0' } })
    await world.apply({ a: { version: '2.0.0' } })
    await rollback({ to: 1 }, world.rollbackDeps)
    const plan = await world.plan({ a: { version: '2.0.0' } })
    expect(plan.changes).toEqual([])
    expect(plan.notices).toMatchObject([{ id: 'a', code: 'Held' }])
    expect((await world.plan({ a: { version: '3.0.0' } })).changes).toMatchObject([{ id: 'a', action: 'upgrade' }])
    expect(await liftHolds('a', world.rollbackDeps)).toBe(1)
    expect(await liftHolds('a', world.rollbackDeps)).toBe(0)
    expect((await world.plan({ a: { version: '2.0.0' } })).changes).toMatchObject([{ id: 'a', action: 'upgrade' }])
    expect((await state.audit({ limit: 1 }))[0]).toMatchObject({ event: 'hold.lifted', id: 'a' })
    expect((await state.read()).activations).toHaveLength(3)
  })

  test('a plugin that came goes, and one that went comes back; both stay so', async () => {
    await world.apply({ a: { version: '1.0.0' } })
    await world.apply({ b: { version: '1.0.0' } })
    await rollback({ to: 1 }, world.rollbackDeps)
    expect(liveVersions()).toEqual({ a: '1.0.0' })
    const store = await state.read()
    expect(store.retained.map((r) => r.id)).toEqual(['b'])
    expect(store.holds).toMatchObject([{ id: 'a', from: 'absent' }, { id: 'b', to: 'absent', fromVersion: '1.0.0' }])
    const plan = await world.plan({ b: { version: '1.0.0' } })
    expect(plan.changes).toEqual([])
    expect(plan.notices.map((n) => n.id)).toEqual(['a', 'b'])
  })

  test('configuration and switching off go back too', async () => {
    await world.apply({ a: { version: '1.0.0', config: { x: 1 } } })
    await world.apply({ a: { version: '1.0.0', config: { x: 2 }, enabled: false } })
    expect(liveVersions()).toEqual({})
    await rollback({ to: 1 }, world.rollbackDeps)
    expect(liveVersions()).toEqual({ a: '1.0.0' })
    expect((await world.plan({ a: { version: '1.0.0', config: { x: 1 } } })).changes).toEqual([])
  })

  test('forth and back again: the hold on what is gone back to is lifted', async () => {
    await world.apply({ a: { version: '1.0.0' } })
    await world.apply({ a: { version: '2.0.0' } })
    await rollback({ to: 1 }, world.rollbackDeps)
    await rollback({ to: 2 }, world.rollbackDeps)
    expect(liveVersions()).toEqual({ a: '2.0.0' })
    expect((await state.read()).holds).toMatchObject([{ fromVersion: '1.0.0', toVersion: '2.0.0' }])
    expect((await world.plan({ a: { version: '2.0.0' } })).notices).toEqual([])
  })

  test('to where we are: nothing', async () => {
    await world.apply({ a: { version: '1.0.0' } })
    const serial = await state.serial()
    expect(await rollback({ to: 1 }, world.rollbackDeps)).toMatchObject({ activated: false, changes: [] })
    expect(await state.serial()).toBe(serial)
  })

  test('a generation that does not exist, and code that is gone', async () => {
    await expect(rollback({ to: 1 }, world.rollbackDeps)).rejects.toMatchObject({ code: 'GENERATION_UNKNOWN' })
    await world.apply({ a: { version: '1.0.0' } })
    await world.apply({ a: { version: '2.0.0' } })
    await expect(rollback({ to: 7 }, world.rollbackDeps)).rejects.toMatchObject({ code: 'GENERATION_UNKNOWN', message: expect.stringContaining('1 to 2') })
    removeTree(world.paths, releaseBlock('a', '1.0.0').tree)
    await expect(rollback({ to: 1 }, world.rollbackDeps)).rejects.toMatchObject({ code: 'ROLLBACK_IMPOSSIBLE', message: expect.stringContaining('a 1.0.0') })
    expect(liveVersions()).toEqual({ a: '2.0.0' })
    expect(await state.lease(world.deps.clock())).toBeUndefined()
  })

  test('on a machine that never had that folder, as long as the trees are there', async () => {
    await world.apply({ a: { version: '1.0.0' } })
    await world.apply({ a: { version: '2.0.0' } })
    rmSync(world.paths.generation(1), { recursive: true })
    await rollback({ to: 1 }, world.rollbackDeps)
    expect(liveVersions()).toEqual({ a: '1.0.0' })
  })

  test('a pass that was killed after its rename is undone first, also when the rollback itself cannot be done', async () => {
    await world.apply({ a: { version: '1.0.0' } })
    await world.apply({ a: { version: '2.0.0' } })
    openJournal(world.paths.journal).intent('activate:1', world.rollbackDeps.clock())
    switchTo(world.paths, 1)
    await expect(rollback({ to: 7 }, world.rollbackDeps)).rejects.toMatchObject({ code: 'GENERATION_UNKNOWN' })
    expect(liveVersions()).toEqual({ a: '2.0.0' })
    expect(existsSync(world.paths.journal)).toBe(false)
  })

  test('somebody is applying: BUSY', async () => {
    await world.apply({ a: { version: '1.0.0' } })
    await state.acquireLease('another:1', world.deps.clock(), 3_600_000)
    await expect(rollback({ to: 1 }, world.rollbackDeps)).rejects.toMatchObject({ code: 'BUSY' })
  })
})

describe('rollback ID', () => {
  test('that plugin alone, in a new generation', async () => {
    await world.apply(both('1.0.0', '1.0.0'))
    await world.apply(both('2.0.0', '2.0.0'))
    const result = await rollback({ id: 'a' }, world.rollbackDeps)
    expect(result.generation).toBe(3)
    expect(liveVersions()).toEqual({ a: '1.0.0', b: '2.0.0' })
    expect((await state.read()).holds).toMatchObject([{ id: 'a', fromVersion: '2.0.0', toVersion: '1.0.0' }])
    expect((await world.plan(both('2.0.0', '2.0.0'))).changes).toEqual([])
  })

  test('again goes further back, never to what was rolled back', async () => {
    for (const version of ['1.0.0', '2.0.0', '3.0.0']) await world.apply({ a: { version } })
    await rollback({ id: 'a' }, world.rollbackDeps)
    expect(liveVersions()).toEqual({ a: '2.0.0' })
    await rollback({ id: 'a' }, world.rollbackDeps)
    expect(liveVersions()).toEqual({ a: '1.0.0' })
    await expect(rollback({ id: 'a' }, world.rollbackDeps)).rejects.toMatchObject({ code: 'ROLLBACK_IMPOSSIBLE' })
    expect(currentGeneration(world.paths)).toBe(1)
  })

  test('a change of configuration is not what code goes back over', async () => {
    await world.apply({ a: { version: '1.0.0' } })
    await world.apply({ a: { version: '2.0.0' } })
    await world.apply({ a: { version: '2.0.0', config: { x: 1 } } })
    await rollback({ id: 'a' }, world.rollbackDeps)
    expect(liveVersions()).toEqual({ a: '1.0.0' })
  })

  test('not when another plugin needs the newer one', async () => {
    withCatalogue({ 'b@2.0.0': { needs: { a: '^2.0.0' } } })
    await world.apply(both('1.0.0', '1.0.0'))
    await world.apply(both('2.0.0', '2.0.0'))
    await expect(rollback({ id: 'a' }, world.rollbackDeps)).rejects.toMatchObject({ code: 'IN_USE', message: expect.stringContaining('b 2.0.0 needs a ^2.0.0') })
    expect(liveVersions()).toEqual({ a: '2.0.0', b: '2.0.0' })
    await rollback({ id: 'b' }, world.rollbackDeps)
    await rollback({ id: 'a' }, world.rollbackDeps)
    expect(liveVersions()).toEqual({ a: '1.0.0', b: '1.0.0' })
  })

  test('not when its own older code needs something that is not there, or excludes what is', async () => {
    withCatalogue({ 'a@1.0.0': { needs: { b: '^1.0.0' } }, 'c@1.0.0': { block: { conflicts: { b: '>=2' } } } })
    await world.apply({ ...both('1.0.0', '1.0.0'), c: { version: '1.0.0' } })
    await world.apply({ ...both('2.0.0', '2.0.0'), c: { version: '2.0.0' } })
    await expect(rollback({ id: 'a' }, world.rollbackDeps)).rejects.toMatchObject({ code: 'IN_USE' })
    await expect(rollback({ id: 'c' }, world.rollbackDeps)).rejects.toMatchObject({ code: 'IN_USE', message: expect.stringContaining('cannot stand beside b 2.0.0') })
  })

  test('not installed, or nothing older', async () => {
    await world.apply({ a: { version: '1.0.0' } })
    await expect(rollback({ id: 'b' }, world.rollbackDeps)).rejects.toMatchObject({ code: 'NOT_INSTALLED' })
    await expect(rollback({ id: 'a' }, world.rollbackDeps)).rejects.toMatchObject({ code: 'ROLLBACK_IMPOSSIBLE' })
  })
})
