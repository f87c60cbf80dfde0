import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { existsSync, mkdtempSync, readdirSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rollback } from '../../../reconciler/apply/rollback.ts'
import type { StoreSnapshot } from '../../../reconciler/ports.ts'
import { brokenLink } from '../../../reconciler/store-db/audit.ts'
import { memoryStore } from '../../../reconciler/store-db/memory.ts'
import { liveSet, liveTrees, sameSet } from '../../../reconciler/state/generations.ts'
import { removeWhole } from '../../../reconciler/state/trees.ts'
import { worldAt, type Catalogue, type Wish, type World } from './world.ts'

const IDS = ['a', 'b', 'c', 'd'] as const
const VERSIONS = ['1.0.0', '1.1.0', '2.0.0'] as const

/** `b` and `c` need `a`; any release may be one that does not start. */
const catalogues = fc.dictionary(fc.constantFrom(...IDS.flatMap((id) => VERSIONS.map((v) => `${id}@${v}`))), fc.constant({ broken: true }), { maxKeys: 4 }).map((broken): Catalogue => {
  const all = IDS.flatMap((id) => VERSIONS.map((v) => [`${id}@${v}`, { needs: id === 'b' || id === 'c' ? { a: '*' } : {} }] as const))
  return Object.fromEntries(all.map(([key, odds]) => [key, { ...odds, ...(Object.hasOwn(broken, key) ? { broken: true } : {}) }]))
})

const want = fc.record({ version: fc.constantFrom(...VERSIONS), enabled: fc.boolean(), config: fc.record({ x: fc.integer({ min: 0, max: 1 }) }) })
const wishes = fc.record(Object.fromEntries(IDS.map((id) => [id, fc.option(want, { nil: undefined })]))).map((all): Wish => {
  const entries = Object.entries(all).filter(([, w]) => w !== undefined)
  const hasA = entries.some(([id]) => id === 'a')
  return Object.fromEntries(entries.filter(([id]) => hasA || (id !== 'b' && id !== 'c'))) as Wish
})
const moves = fc.array(fc.oneof({ weight: 4, arbitrary: wishes }, { weight: 1, arbitrary: fc.record({ back: fc.nat({ max: 20 }) }) }), { minLength: 1, maxLength: 6 })

async function inWorld(catalogue: Catalogue, work: (world: World) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'catalyst-laws-'))
  try {
    await work(worldAt(folder, memoryStore(), { catalogue }))
  } finally {
    removeWhole(folder)
  }
}

/** What must hold between any two passes. */
async function sound(world: World): Promise<StoreSnapshot> {
  const store = await world.state.read()
  expect(store.installs.map((r) => r.id)).toEqual(Object.keys(store.generation?.plugins ?? {}).sort())
  expect(store.installs).toEqual(Object.values(store.generation?.plugins ?? {}).map((p) => p.record))
  expect(sameSet(liveTrees(world.paths) ?? new Map(), store.generation ? liveSet(store.generation) : new Map())).toBe(true)
  expect(store.installs.filter((r) => r.enabled && world.catalogue[`${r.id}@${r.block.version}`]?.broken)).toEqual([])
  for (const record of [...store.installs, ...store.retained]) expect(existsSync(world.paths.tree(record.block.tree))).toBe(true)
  expect(brokenLink(await world.state.audit({ limit: 1000 }))).toBeUndefined()
  expect(existsSync(world.paths.journal)).toBe(false)
  for (const folder of [world.paths.trees, world.paths.generations]) expect(existsSync(folder) ? readdirSync(folder).filter((n) => n.startsWith('.')) : []).toEqual([])
  return store
}

describe('laws of applying', () => {
  test('1, 3, 5, 6: what was applied is as wished, all else as before, and nothing is on that does not start; the next plan holds nothing that was applied; nothing is lost', async () => {
    await fc.assert(
      fc.asyncProperty(catalogues, moves, (catalogue, steps) =>
        inWorld(catalogue, async (world) => {
          for (const step of steps) {
            const before = await sound(world)
            if ('back' in step) await goBack(world, before, step.back as unknown as number)
            else await applyOnce(world, before, step)
          }
        }),
      ),
      { numRuns: 40 },
    )
  })

  test('1: the order of plugins.yaml and of the lock changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(catalogues, wishes, wishes, (catalogue, first, second) =>
        inWorld(catalogue, (one) =>
          inWorld(catalogue, async (other) => {
            for (const wish of [first, second]) {
              await one.apply(wish)
              await other.apply(Object.fromEntries(Object.entries(wish).reverse()))
            }
            expect(JSON.stringify(await other.state.read())).toBe(JSON.stringify(await one.state.read()))
            expect(liveTrees(other.paths)).toEqual(liveTrees(one.paths))
          }),
        ),
      ),
      { numRuns: 15 },
    )
  })
})

async function applyOnce(world: World, before: StoreSnapshot, wish: Wish): Promise<void> {
  const planned = await world.plan(wish)
  const auditBefore = (await world.state.audit({ limit: 1000 })).length
  const { outcomes } = await world.apply(wish)
  const after = await sound(world)
  const old = new Map(before.installs.map((r) => [r.id, r]))
  const young = new Map(after.installs.map((r) => [r.id, r]))
  expect(outcomes.map((o) => o.id)).toEqual(planned.changes.map((c) => c.id))
  for (const { id, outcome } of outcomes) {
    if (outcome !== 'applied') expect(young.get(id)).toEqual(old.get(id))
    else expect([young.get(id)?.block.version, young.get(id)?.enabled]).toEqual([wish[id]?.version, wish[id]?.enabled])
  }
  const touched = new Set(outcomes.map((o) => o.id))
  for (const id of IDS) if (!touched.has(id)) expect(young.get(id)).toEqual(old.get(id))
  const groups = new Map(planned.changes.map((c) => [c.id, c.group]))
  // Law 6: who fails does not start, and who waits waits for one of his own group that fails.
  for (const { id, outcome } of outcomes) if (outcome === 'failed') expect(world.catalogue[`${id}@${wish[id]?.version}`]?.broken).toBe(true)
  const failing = new Set(outcomes.filter((o) => o.outcome === 'failed').map((o) => groups.get(o.id)))
  for (const { id, outcome } of outcomes) expect(outcome !== 'applied').toBe(failing.has(groups.get(id)))
  for (const a of outcomes) for (const b of outcomes) if (groups.get(a.id) === groups.get(b.id)) expect(a.outcome === 'applied').toBe(b.outcome === 'applied')
  const applied = outcomes.filter((o) => o.outcome === 'applied')
  expect((await world.state.audit({ limit: 1000 })).length - auditBefore).toBe(applied.length)
  const next = await world.plan(wish)
  expect(next.changes.filter((c) => applied.some((o) => o.id === c.id))).toEqual([])
  for (const r of before.installs) if (!young.has(r.id)) expect(after.retained.map((x) => x.id)).toContain(r.id)
}

async function goBack(world: World, before: StoreSnapshot, pick: number): Promise<void> {
  const target = before.generations[pick % Math.max(1, before.generations.length)]
  if (!target) return
  await rollback({ to: target.number }, world.rollbackDeps)
  const after = await sound(world)
  expect(after.generation?.number).toBe(target.number)
  expect(after.installs).toEqual(Object.values(target.plugins).map((p) => p.record))
}
