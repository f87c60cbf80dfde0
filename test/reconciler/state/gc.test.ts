import { chmodSync, existsSync, mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { hexOf, sha256, type Digest } from '../../../schemas/digest.ts'
import type { StoreSnapshot } from '../../../reconciler/ports.ts'
import { collect, planCollection } from '../../../reconciler/state/gc.ts'
import { buildGeneration, generationNumbers, liveSet, switchTo } from '../../../reconciler/state/generations.ts'
import { enterHost } from '../../../reconciler/state/hosts.ts'
import type { StorePaths } from '../../../reconciler/state/paths.ts'
import { doubtfulTrees, hasTree, isQuarantined, markProven, placeTree, quarantineFolder, quarantineTree, removeTree } from '../../../reconciler/state/trees.ts'
import { block } from '../../builders/store.ts'
import { generationRecord, installRecord, T0 } from '../../contracts/records.ts'
import { temporaryStore } from './folder.ts'

let paths: StorePaths
beforeEach(() => {
  paths = temporaryStore()
})

/** A read-only tree with a listing beside it, as unpacking leaves it. */
function addTree(tree: Digest, at = paths.tree(tree)): void {
  mkdirSync(join(at, 'lib'), { recursive: true })
  writeFileSync(join(at, 'lib', 'index.mjs'), 'x'.repeat(100), { mode: 0o444 })
  chmodSync(join(at, 'lib'), 0o555)
  chmodSync(at, 0o555)
  writeFileSync(`${at}.files`, 'listing', { mode: 0o444 })
}

/** A store with one plugin whose version n is generation n; the newest is live. */
function storeWith(count: number): StoreSnapshot {
  const generations = Array.from({ length: count }, (_, i) => generationRecord(i + 1, [installRecord('alpha', `${i + 1}.0.0`)]))
  for (const generation of generations) {
    for (const { tree } of Object.values(generation.plugins)) addTree(tree)
    buildGeneration(paths, generation.number, liveSet(generation))
  }
  switchTo(paths, count)
  const generation = generations.at(-1)
  return {
    serial: 1,
    installs: Object.values(generation?.plugins ?? {}).map((p) => p.record),
    retained: [],
    holds: [],
    generation,
    generations,
    activations: generations.map((g) => ({ number: g.number, generation: g.number, at: T0, by: 'me', reason: '' })),
  }
}

const treeOf = (version: number): Digest => block('alpha', `${version}.0.0`).tree
const planned = (store: StoreSnapshot, keep = 3) => planCollection(paths, store, { now: T0, keep })

describe('collecting', () => {
  test('what the newest generations use is kept, the rest goes, read-only or not, with its bytes told before', () => {
    const store = storeWith(5)
    const plan = planned(store)
    expect(plan.generations).toEqual([1, 2])
    expect(plan.trees.map((t) => t.tree).sort()).toEqual([treeOf(1), treeOf(2)].sort())
    expect(plan.trees[0]?.bytes).toBe(107)
    expect(plan.bytes).toBe(214)
    expect(hasTree(paths, treeOf(1))).toBe(true)
    collect(paths, plan)
    expect(generationNumbers(paths)).toEqual([3, 4, 5])
    expect([1, 2, 3, 4, 5].map((n) => hasTree(paths, treeOf(n)))).toEqual([false, false, true, true, true])
    expect(existsSync(`${paths.tree(treeOf(1))}.files`)).toBe(false)
    expect(planned(store)).toEqual({ generations: [], trees: [], leftovers: [], bytes: 0 })
  })

  test('ten generations are kept when nothing is said', () => {
    expect(planCollection(paths, storeWith(12), { now: T0 }).generations).toEqual([1, 2])
  })

  test('what was live lately is kept, also when its number is old', () => {
    const store = storeWith(5)
    switchTo(paths, 1)
    const back = { ...store, generation: store.generations[0], activations: [...store.activations, { number: 6, generation: 1, at: T0, by: 'me', reason: 'rollback' }] }
    expect(planned(back, 2).generations).toEqual([2, 3])
  })

  test('the generation of `current` is kept, whatever the records say', () => {
    const store = storeWith(5)
    switchTo(paths, 1)
    expect(planned(store, 1).generations).toEqual([2, 3, 4])
  })

  test('installed and retained plugins keep their code', () => {
    const store = storeWith(5)
    addTree(block('gone').tree)
    const retained = { id: 'gone', block: block('gone'), removedAt: T0, generation: 1 }
    const off = installRecord('alpha', '1.0.0', { enabled: false })
    const plan = planned({ ...store, retained: [retained], installs: [off] })
    expect(plan.trees.map((t) => t.tree)).toEqual([treeOf(2)])
  })

  test('what a running host uses is kept until it says goodbye', () => {
    const store = storeWith(5)
    const leave = enterHost(paths, { generation: 1, configs: {} })
    expect(planned(store).generations).toEqual([2])
    expect(planned(store).trees.map((t) => t.tree)).toEqual([treeOf(2)])
    leave()
    expect(planned(store).generations).toEqual([1, 2])
  })

  test('a host whose process is not seen counts for a day', () => {
    const store = storeWith(5)
    mkdirSync(paths.hosts, { recursive: true })
    const file = join(paths.hosts, '999999999')
    writeFileSync(file, JSON.stringify({ generation: 1, configs: {} }))
    const now = (hours: number): string => new Date(statSync(file).mtimeMs + hours * 3_600_000).toISOString()
    expect(planCollection(paths, store, { now: now(1), keep: 3 }).generations).toEqual([2])
    expect(planCollection(paths, store, { now: now(25), keep: 3 }).generations).toEqual([1, 2])
    utimesSync(file, new Date(), new Date())
  })

  test('leftovers of interrupted work go', () => {
    const store = storeWith(1)
    addTree(sha256('x'), join(paths.trees, '.abc.unpack-0123456789ab'))
    mkdirSync(join(paths.generations, '.7.building'))
    mkdirSync(join(paths.tmp, 'x'), { recursive: true })
    const plan = planned(store)
    expect(plan.leftovers).toHaveLength(4)
    collect(paths, plan)
    expect(planned(store).leftovers).toEqual([])
  })

  test('nothing that we did not make is touched', () => {
    const store = storeWith(1)
    writeFileSync(join(paths.trees, 'README'), 'mine')
    writeFileSync(join(paths.generations, 'notes'), 'mine')
    expect(planned(store)).toMatchObject({ trees: [], generations: [], leftovers: [] })
  })
})

describe('trees', () => {
  const A = sha256('a')

  test('removing follows no link', () => {
    addTree(A)
    const outside = join(paths.store, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'file'), 'mine')
    chmodSync(paths.tree(A), 0o755)
    const link = join(paths.tree(A), 'link')
    writeFileSync(link, '')
    removeTree(paths, A)
    expect(hasTree(paths, A)).toBe(false)
    expect(existsSync(join(outside, 'file'))).toBe(true)
  })

  test('an altered tree is put aside with what lies beside it, and another takes its place', () => {
    addTree(A)
    const aside = quarantineFolder(paths, A)
    expect(isQuarantined(A, aside)).toBe(false)
    quarantineTree(paths, A, aside)
    expect(isQuarantined(A, aside)).toBe(true)
    expect(hasTree(paths, A)).toBe(false)
    expect(existsSync(join(aside, hexOf(A), 'lib', 'index.mjs'))).toBe(true)
    expect(existsSync(join(aside, `${hexOf(A)}.files`))).toBe(true)
    const fresh = join(paths.tmp, 'fresh')
    addTree(A, fresh)
    placeTree(paths, A, fresh)
    expect(hasTree(paths, A)).toBe(true)
    expect(existsSync(`${paths.tree(A)}.files`)).toBe(true)
    expect(existsSync(fresh)).toBe(false)
    expect(statSync(paths.tree(A)).mode & 0o777).toBe(0o555)
  })

  test('a tree is in doubt until it was written or read since the machine started', () => {
    addTree(A)
    expect(doubtfulTrees(paths, [A])).toEqual([A])
    markProven(paths, [A])
    expect(doubtfulTrees(paths, [A])).toEqual([])
    writeFileSync(paths.proven, JSON.stringify({ boot: 'another', trees: [A] }))
    expect(doubtfulTrees(paths, [A])).toEqual([A])
    writeFileSync(paths.proven, '{"boot"')
    expect(doubtfulTrees(paths, [A])).toEqual([A])
  })
})
