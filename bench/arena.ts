import type { Ground } from './ground.ts'
import type { OfferedPlugin } from './loopback.ts'
import type { Peer } from './peers.ts'
import type { WorldProcess } from './world-process.ts'

/** What every measurement is given. */
export interface Arena {
  readonly world: WorldProcess
  readonly ground: Ground
  /** The tools to measure beside us. */
  readonly peers: readonly Peer[]
  readonly sizes: Sizes
}

/** How much of everything. `bench/run.ts` takes FULL; the test that this folder still works takes its own. */
export interface Sizes {
  /** Plugins of a store with nothing to do, and of a rollback. */
  readonly calm: number
  /** Plugins of the cold install that is compared. */
  readonly cold: number
  readonly coldGrowth: readonly number[]
  readonly calmGrowth: readonly number[]
  readonly proofs: readonly number[]
  /** Plugins that own tables, and of each how many. */
  readonly owners: { readonly plugins: number; readonly tables: number }
  /** Uncounted rounds before the others. */
  readonly warmUps: number
  /** Rounds of quick and of slow measurements. */
  readonly quickRounds: number
  readonly slowRounds: number
  readonly growthRounds: number
  /** Plugins of a signed index. */
  readonly signed: readonly number[]
  /** Rows of the table that is backed up. */
  readonly backupRows: number
  readonly backupRounds: number
  /** Sizes of tables, in MB of rows, whose backups are looked at for memory. */
  readonly tableMegabytes: readonly number[]
  /** Releases that a registry lists, repositories that it sweeps, plugins of its catalog. */
  readonly ingest: number
  readonly sweep: readonly number[]
  readonly catalog: readonly number[]
  /** Plugins of the registry that is served, and requests of one round. */
  readonly servicePlugins: number
  readonly serviceRequests: number
  /** Resolving takes its sizes from bench/resolve.ts. */
  readonly resolve: boolean
}

export const FULL: Sizes = {
  calm: 50,
  cold: 100,
  coldGrowth: [10, 50, 100, 200],
  calmGrowth: [10, 50, 200, 500],
  proofs: [1, 10, 100, 200],
  owners: { plugins: 200, tables: 5 },
  warmUps: 1,
  quickRounds: 25,
  slowRounds: 7,
  growthRounds: 3,
  signed: [1_000, 10_000, 100_000],
  backupRows: 1_000_000,
  backupRounds: 3,
  tableMegabytes: [10, 100, 1_000],
  ingest: 100,
  sweep: [412, 4_117],
  catalog: [10_000, 100_000],
  servicePlugins: 100_000,
  serviceRequests: 10_000,
  resolve: true,
}

/** The first `count` plugins of the world. */
export function first({ world }: Arena, count: number): readonly OfferedPlugin[] {
  if (world.plugins.length < count) throw new Error(`the world has ${world.plugins.length} plugins, ${count} are wanted`)
  return world.plugins.slice(0, count)
}
