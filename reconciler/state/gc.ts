import { join } from 'node:path'
import type { Digest } from '../../schemas/digest.ts'
import type { StoreSnapshot } from '../ports.ts'
import { trying } from './disk.ts'
import { currentGeneration, generationNumbers, linkedTrees } from './generations.ts'
import { hostedGenerations } from './hosts.ts'
import type { StorePaths } from './paths.ts'
import { bytesOf, namesIn, removeTree, removeWhole, treeParts } from './trees.ts'

export const KEPT_GENERATIONS = 10

/** What a collection would free, decided before anything is touched. */
export interface Collection {
  readonly generations: readonly number[]
  readonly trees: readonly { readonly tree: Digest; readonly bytes: number }[]
  /** Left behind by interrupted work. */
  readonly leftovers: readonly { readonly path: string; readonly bytes: number }[]
  readonly bytes: number
}

/**
 * Decides what may go. Kept are: the newest `keep` generations and those that were live in the last `keep`
 * activations, the one of `current`, those of running hosts, every tree that one of them or an install record or a
 * retained plugin, whose policy does not let its code go, needs. Only call while holding the lease: an apply stages trees before anything names them.
 */
export function planCollection(paths: StorePaths, store: StoreSnapshot, options: { readonly now: string; readonly keep?: number }): Collection {
  const here = generationNumbers(paths)
  const kept = keptGenerations(paths, store, options.now, options.keep ?? KEPT_GENERATIONS)
  const used = usedTrees(paths, store, here.filter((n) => kept.has(n)), kept)
  const trees = treesHere(paths)
    .filter((tree) => !used.has(tree))
    .map((tree) => ({ tree, bytes: sum(treeParts(paths.trees, tree.slice('sha256:'.length)).map(bytesOf)) }))
  const leftovers = leftoversIn(paths).map((path) => ({ path, bytes: bytesOf(path) }))
  return { generations: here.filter((n) => !kept.has(n)), trees, leftovers, bytes: sum([...trees, ...leftovers].map((t) => t.bytes)) }
}

/** Frees what the collection names: generations first, so that no link ever leads to a tree that is gone. */
export function collect(paths: StorePaths, collection: Collection): void {
  trying(`remove what is not used in ${paths.root}`, () => {
    for (const number of collection.generations) removeWhole(paths.generation(number))
    for (const { tree } of collection.trees) removeTree(paths, tree)
    for (const { path } of collection.leftovers) removeWhole(path)
  })
}

function keptGenerations(paths: StorePaths, store: StoreSnapshot, now: string, keep: number): ReadonlySet<number> {
  const newest = store.generations.map((g) => g.number).sort((a, b) => b - a).slice(0, keep)
  const activated = keep > 0 ? store.activations.slice(-keep).map((a) => a.generation) : []
  const current = currentGeneration(paths)
  const live = [store.generation?.number, current].filter((n) => n !== undefined)
  return new Set([...newest, ...activated, ...live, ...hostedGenerations(paths, now)])
}

function usedTrees(paths: StorePaths, store: StoreSnapshot, here: readonly number[], kept: ReadonlySet<number>): ReadonlySet<Digest> {
  const recorded = store.generations.filter((g) => kept.has(g.number)).flatMap((g) => Object.values(g.plugins).map((p) => p.tree))
  const linked = here.flatMap((number) => [...linkedTrees(paths, number).values()])
  return new Set([...recorded, ...linked, ...store.installs.map((r) => r.block.tree), ...store.retained.filter((r) => r.removal?.code !== 'removed').map((r) => r.block.tree)])
}

function treesHere(paths: StorePaths): Digest[] {
  const hex = namesIn(paths.trees).filter((name) => /^[0-9a-f]{64}$/.test(name))
  return hex.sort().map((name): Digest => `sha256:${name}`)
}

/** Names that start with a dot are work that somebody began and did not finish; `tmp` holds nothing else. */
function leftoversIn(paths: StorePaths): string[] {
  const begun = (folder: string): string[] => namesIn(folder).filter((name) => name.startsWith('.')).map((name) => join(folder, name))
  return [...begun(paths.trees), ...begun(paths.generations), ...namesIn(paths.tmp).map((name) => join(paths.tmp, name))]
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}
