import { CatalystError } from '../../schemas/errors.ts'
import type { Lock } from '../../schemas/lock.ts'
import type { DesiredRegistry, DesiredState } from '../plan/desired.ts'
import type { IndexSnapshot, IndexSource } from '../ports.ts'

/** The registries of plugins.yaml, each opened once or known to be out of reach. */
export interface OpenRegistries {
  /**
   * The snapshot of the registry that owns an id: the named one, else the first in order that lists it; undefined
   * when all were asked and none does. An earlier registry that could not be asked is never skipped.
   * @throws CatalystError the reason why a registry that had to be asked could not be
   */
  ownerOf(id: string, named: string | undefined): Promise<IndexSnapshot | undefined>
  /** @throws CatalystError UNKNOWN_REGISTRY, or why it could not be opened */
  snapshot(registry: string): IndexSnapshot
  config(registry: string): DesiredRegistry
  close(): Promise<void>
}

export interface RegistriesDeps {
  readonly registries: readonly IndexSource[]
  readonly signal?: AbortSignal | undefined
}

/** Opens all registries at once; each must descend from the newest snapshot that the lock has seen of it. */
export async function openRegistries(desired: DesiredState, locked: Lock | undefined, deps: RegistriesDeps): Promise<OpenRegistries> {
  const opened = new Map<string, IndexSnapshot | CatalystError>()
  await Promise.all(
    deps.registries.map(async (source) => {
      opened.set(source.registry, await openOne(source, locked, deps.signal))
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
      if (named !== undefined) return snapshot(named)
      for (const registry of desired.registries) {
        const found = snapshot(registry.name)
        if (await found.entry(id)) return found
      }
      return undefined
    },
    async close() {
      await Promise.all([...opened.values()].map((s) => (s instanceof CatalystError ? undefined : s.close())))
    },
  }
}

async function openOne(source: IndexSource, locked: Lock | undefined, signal: AbortSignal | undefined): Promise<IndexSnapshot | CatalystError> {
  try {
    const snapshot = await source.open(signal ? { signal } : {})
    for (const head of lockedHeads(source.registry, locked)) {
      if (await snapshot.descendsFrom(head)) continue
      await snapshot.close()
      return new CatalystError('INDEX_REWRITTEN', `registry ${source.registry} is at ${snapshot.head}, which does not descend from ${head}, seen by the lock`)
    }
    return snapshot
  } catch (error) {
    if (error instanceof CatalystError) return error
    throw error
  }
}

/** Heads of the registry that the lock has seen. All must be ancestors: then the newest one is too. */
function lockedHeads(registry: string, locked: Lock | undefined): readonly string[] {
  const blocks = Object.values(locked?.plugins ?? {})
  return [...new Set(blocks.flatMap((b) => (b.snapshot?.registry === registry ? [b.snapshot.head] : [])))]
}
