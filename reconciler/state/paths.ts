import { join } from 'node:path'
import type { Digest } from '../../schemas/digest.ts'

/** Every path of what this machine can rebuild: `.catalyst/` of one store. All absolute, all on one file system. */
export interface StorePaths {
  /** The store: the folder of plugins.yaml. */
  readonly store: string
  readonly root: string
  /** One read-only folder per tree digest. */
  readonly trees: string
  readonly generations: string
  /** Symbolic link to the generation that is live. */
  readonly current: string
  readonly journal: string
  readonly stamp: string
  /** Which trees were wholly written or read again since this machine started. */
  readonly proven: string
  /** Altered trees that a repair put aside, for people to look at. */
  readonly quarantine: string
  /** Running hosts, one file each. */
  readonly hosts: string
  readonly tmp: string
  tree(digest: Digest): string
  generation(number: number): string
}

/** The paths of the store in `store`. */
export function storePaths(store: string): StorePaths {
  const root = join(store, '.catalyst')
  const trees = join(root, 'trees')
  const generations = join(root, 'generations')
  return {
    store,
    root,
    trees,
    generations,
    current: join(root, 'current'),
    journal: join(root, 'journal'),
    stamp: join(root, 'stamp'),
    proven: join(root, 'proven'),
    quarantine: join(root, 'quarantine'),
    hosts: join(root, 'hosts'),
    tmp: join(root, 'tmp'),
    // Not hexOf(): the path on which nothing is to do loads no hashing.
    tree: (digest) => join(trees, digest.slice('sha256:'.length)),
    generation: (number) => join(generations, String(number)),
  }
}
