import { CatalystError } from '../../schemas/errors.ts'
import type { Lock } from '../../schemas/lock.ts'
import type { DesiredRegistry, DesiredState } from '../plan/desired.ts'
import type { IndexSnapshot } from '../ports.ts'

/** What decides which registry an id belongs to. `open` throws what `assertOwner` shall throw when a registry cannot be asked. */
export interface Owners {
  readonly desired: DesiredState
  readonly lock: Pick<Lock, 'plugins'>
  /** The registry from which the store has a plugin, by id. */
  readonly origins: ReadonlyMap<string, string | undefined>
  readonly open: (registry: string) => Promise<IndexSnapshot>
}

/**
 * Refuses a block whose registry is not the one that owns the id: a registry that is trusted for one plugin is not asked
 * for another. The first one of plugins.yaml that lists an id owns it; a dependency belongs to the registry of its
 * dependents. What the store has from a registry goes on there, and `registry:` in plugins.yaml decides everything.
 * @throws CatalystError REGISTRY_SHADOWED when an earlier registry lists the id, AUTHORITY_MISMATCH when no dependent is of it
 */
export async function assertOwner(id: string, registry: string, owners: Owners): Promise<void> {
  const { desired, origins, open } = owners
  if (desired.plugins.find((p) => p.id === id)?.registry !== undefined || origins.get(id) === registry) return
  for (const earlier of rivals(id, registry, owners)) {
    if (!(await (await open(earlier.name)).entry(id))) continue
    throw new CatalystError('REGISTRY_SHADOWED', `${id}: the lock takes it from registry ${registry}, but ${earlier.name} lists it too and comes first`, {
      hint: `Run \`catalyst lock\`, or write \`registry: ${registry}\` under ${id} in plugins.yaml if that is what you want.`,
    })
  }
}

/** The registries that would own the id, were they to list it. */
function rivals(id: string, registry: string, { desired, lock }: Owners): readonly DesiredRegistry[] {
  const order = desired.registries.map(({ name }) => name)
  const earlier = desired.registries.slice(0, order.indexOf(registry))
  if (desired.plugins.some((p) => p.id === id)) return earlier
  const askers = Object.values(lock.plugins).filter((block) => Object.hasOwn(block.dependencies, id))
  // The dependencies of a direct source are in no registry of its own: any may have them.
  if (askers.some((asker) => asker.registry === undefined)) return earlier
  if (!askers.some((asker) => order.indexOf(asker.registry ?? '') >= order.indexOf(registry))) {
    throw new CatalystError('AUTHORITY_MISMATCH', `${id}: the lock takes it from registry ${registry}, where nothing that needs it is from`)
  }
  return earlier.filter(({ name }) => askers.some((asker) => asker.registry === name))
}
