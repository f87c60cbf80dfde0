import { digestOf } from '../schemas/digest.ts'
import { readLock } from '../schemas/lock-file.ts'
import { readPluginSet } from '../schemas/plugin-set-file.ts'
import { desiredState } from '../reconciler/plan/desired.ts'
import { NOTHING_OBSERVED, type ObservedState } from '../reconciler/plan/observed.ts'
import { configDigest, grantOf } from '../reconciler/plan/sides.ts'
import type { InstallRecord } from '../reconciler/ports.ts'

/**
 * The state of a store that applied these two files: what a change in git is compared with where the store cannot be
 * asked. A revision without a lock is an empty store. @throws CatalystError what is wrong with the files of that revision
 */
export function observedByLock(files: ReadonlyMap<string, Uint8Array>, revision: string): ObservedState {
  const [plugins, lock] = [files.get('plugins.yaml'), files.get('plugins.lock.yaml')]
  if (!plugins || !lock) return NOTHING_OBSERVED
  const desired = desiredState(readPluginSet(plugins, `${revision}:plugins.yaml`).set)
  const wanted = new Map(desired.plugins.map((p) => [p.id, p]))
  const blocks = Object.entries(readLock(lock, `${revision}:plugins.lock.yaml`).plugins)
  const installs = blocks.map(([id, block]): InstallRecord => {
    const plugin = wanted.get(id)
    const grant = grantOf(plugin)
    return { id, block, enabled: plugin?.enabled ?? true, configDigest: configDigest(plugin?.config ?? {}), grantDigest: digestOf(grant), grant, installedAt: '', updatedAt: '' }
  })
  return { ...NOTHING_OBSERVED, store: { ...NOTHING_OBSERVED.store, installs }, live: new Map(installs.map((r) => [r.id, r.block.tree])) }
}
