import type { Lock } from '../schemas/lock.ts'
import type { PluginData } from '../reconciler/data-ports.ts'
import type { DesiredState } from '../reconciler/plan/desired.ts'
import type { ObservedState } from '../reconciler/plan/observed.ts'
import type { Packages, StoreSnapshot } from '../reconciler/ports.ts'
import { trying } from '../reconciler/state/disk.ts'
import { liveTrees } from '../reconciler/state/generations.ts'
import { hostedConfigs } from '../reconciler/state/hosts.ts'
import type { StorePaths } from '../reconciler/state/paths.ts'
import { hasTree } from '../reconciler/state/trees.ts'

/** What is looked at. Each is opened when it is first needed, and nothing for a store that has none of it. */
export interface Observing {
  readonly paths: StorePaths
  readonly now: () => string
  readonly read: () => Promise<StoreSnapshot>
  readonly data: () => Promise<PluginData>
  readonly packages: () => Promise<Packages>
}

export interface ObserveOptions {
  /** Every unpacked file of live plugins is read, and how their tables are defined. */
  readonly check: boolean
  /** The data of every plugin is looked at, as for a snapshot: who plans with it may remove any. */
  readonly all?: boolean
  /** Nobody looks into tables of plugins that this lock leaves as they are. */
  readonly lock?: Lock
}

type Installs = StoreSnapshot['installs']

/** What is recorded and live. Changes nothing. */
export async function observeStore(desired: DesiredState, options: ObserveOptions, parts: Observing): Promise<ObservedState> {
  const { paths } = parts
  const store = await parts.read()
  const live = trying(`read ${paths.current}`, () => liveTrees(paths))
  const running = hostedConfigs(paths, parts.now())
  const looked = options.check ? { damaged: await damaged(store.installs, parts), ...(await definitions(store.installs, parts)) } : { damaged: new Map<string, readonly string[]>() }
  return { store, live, running, ...looked, ...(await outliving(desired, store, options, parts)) }
}

/** What outlives code, of every plugin that has some of it and of those that leave or have left. */
async function outliving(desired: DesiredState, { installs, retained }: StoreSnapshot, { all = false, lock }: ObserveOptions, { data }: Observing): Promise<Partial<ObservedState>> {
  const wanted = new Set(desired.plugins.map((p) => p.id))
  const going = [...installs.filter((r) => all || !wanted.has(r.id)), ...retained].map((r) => r.id)
  const ids = [...new Set([...going, ...withTables(installs)])]
  if (ids.length === 0) return {}
  const { observeData } = await import('./observed-data.ts')
  const staying = new Map(installs.filter((r) => lock?.plugins[r.id]?.entryDigest === r.block.entryDigest).map((r) => [r.id, r.block]))
  return observeData({ ids, going, staying }, await data())
}

/** How the tables of installed plugins are defined, and were by their migrations. */
async function definitions(installs: Installs, { data }: Observing): Promise<Pick<ObservedState, 'definitions'>> {
  const ids = withTables(installs)
  return ids.length === 0 ? {} : { definitions: await (await data()).tables.definitions(ids) }
}

async function damaged(installs: Installs, { paths, packages }: Observing): Promise<ObservedState['damaged']> {
  const reader = await packages()
  const present = installs.filter((r) => r.enabled && hasTree(paths, r.block.tree))
  const found = await Promise.all(present.map(async (r) => [r.id, await reader.damage(paths.tree(r.block.tree), r.block.tree)] as const))
  return new Map(found.filter(([, files]) => files.length > 0))
}

function withTables(installs: Installs): readonly string[] {
  return installs.filter((r) => r.block.migrations.length > 0).map((r) => r.id)
}
