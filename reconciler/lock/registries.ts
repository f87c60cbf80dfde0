import { CatalystError } from '../../schemas/errors.ts'
import type { LockBlock } from '../../schemas/lock.ts'
import type { DesiredRegistry, DesiredState } from '../plan/desired.ts'
import type { IndexSnapshot, IndexSource } from '../ports.ts'

/** The registries of plugins.yaml, each opened once or known to be out of reach. */
export interface OpenRegistries {
  /**
   * The snapshot of the registry that owns an id: the first of the named ones (all, when none are named) that lists it;
   * undefined when all were asked and none does. An earlier registry that could not be asked is never skipped.
   * @throws CatalystError the reason why a registry that had to be asked could not be
   */
  ownerOf(id: string, named: readonly string[] | undefined): Promise<IndexSnapshot | undefined>
  /** @throws CatalystError UNKNOWN_REGISTRY, or why it could not be opened */
  snapshot(registry: string): IndexSnapshot
  config(registry: string): DesiredRegistry
  close(): Promise<void>
}

export interface RegistriesDeps {
  readonly registries: readonly IndexSource[]
  readonly signal?: AbortSignal | undefined
}

/** Opens all registries at once; each must descend from every snapshot of it that was seen when these blocks were written. */
export async function openRegistries(desired: DesiredState, seen: readonly LockBlock[], deps: RegistriesDeps): Promise<OpenRegistries> {
  const opened = new Map<string, IndexSnapshot | CatalystError>()
  await Promise.all(
    deps.registries.map(async (source) => {
      opened.set(source.registry, await openOne(source, seen, deps.signal))
    }),
  )
  const config = (name: string): DesiredRegistry => {
    const found = desired.registries.find((r) => r.name === name)
    if (!found) throw new CatalystError('UNKNOWN_REGISTRY', `plugins.yaml has no registry ${name}`)
    return found
  }
  const snapshot = (name: string): IndexSnapshot => {
    const found = opened.get(config(name).name)
    if (!found) throw new CatalystError('UNKNOWN_REGISTRY', `registry ${name} is not set up`)
    if (found instanceof CatalystError) throw found
    return found
  }
  return {
    config,
    snapshot,
    async ownerOf(id, named) {
      for (const name of named ?? desired.registries.map((registry) => registry.name)) {
        const found = snapshot(name)
        if (await found.entry(id)) return found
      }
      return undefined
    },
    async close() {
      await Promise.all([...opened.values()].map((s) => (s instanceof CatalystError ? undefined : s.close())))
    },
  }
}

async function openOne(source: IndexSource, seen: readonly LockBlock[], signal: AbortSignal | undefined): Promise<IndexSnapshot | CatalystError> {
  try {
    const snapshot = await source.open(signal ? { signal } : {})
    for (const head of seenHeads(source.registry, seen)) {
      if (await snapshot.descendsFrom(head)) continue
      await snapshot.close()
      return new CatalystError('INDEX_REWRITTEN', `registry ${source.registry} is at ${snapshot.head}, which does not descend from ${head}, seen before`)
    }
    return snapshot
  } catch (error) {
    if (error instanceof CatalystError) return error
    throw error
  }
}

/** Heads of the registry that were seen. All must be ancestors: then the newest one is too. */
function seenHeads(registry: string, seen: readonly LockBlock[]): readonly string[] {
  return [...new Set(seen.flatMap((b) => (b.snapshot?.registry === registry ? [b.snapshot.head] : [])))]
}
