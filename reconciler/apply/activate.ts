import { digestOf, type Digest } from '../../schemas/digest.ts'
import type { GenerationRecord, InstallRecord, StoreCommit, StoreSnapshot, StoreState } from '../ports.ts'
import { stateDigest } from '../plan/state-digest.ts'
import { buildGeneration, currentGeneration, liveSet, liveTrees, sameSet, switchTo } from '../state/generations.ts'
import type { Journal } from '../state/journal.ts'
import type { StorePaths } from '../state/paths.ts'
import type { HeldLease } from './lease.ts'
import { followStore } from './recover.ts'

export interface ActivateDeps {
  readonly state: StoreState
  readonly paths: StorePaths
  readonly clock: () => string
  /** Told the name of each boundary between two effects; a test stops the process there. */
  readonly onBoundary?: ((name: string) => void) | undefined
}

/** What the database says after an activation. */
export interface Recorded {
  readonly serial: number
  readonly auditHead: Digest
}

/**
 * The generation that holds exactly these records: one that exists already, or a new one. Same content makes no new
 * generation; plugins that are switched off belong to its records and not to its folder.
 */
export function generationOf(installs: readonly InstallRecord[], store: StoreSnapshot, now: string): GenerationRecord {
  const wanted = contentDigest(installs)
  const known = [store.generation, ...store.generations.toReversed()].find((g) => g && contentDigest(recordsOf(g)) === wanted)
  if (known) return known
  const number = Math.max(0, ...store.generations.map((g) => g.number)) + 1
  const plugins = installs.map((record) => [record.id, { version: record.block.version, tree: record.block.tree, record }] as const)
  return { number, createdAt: now, plugins: Object.fromEntries(plugins) }
}

/** The install records of a generation. */
export function recordsOf(generation: GenerationRecord): readonly InstallRecord[] {
  return Object.values(generation.plugins).map((plugin) => plugin.record)
}

/** True when this machine runs exactly the plugins of a generation, under its number. */
export function isLive(paths: StorePaths, generation: GenerationRecord): boolean {
  const live = liveTrees(paths)
  return currentGeneration(paths) === generation.number && live !== undefined && sameSet(live, liveSet(generation))
}

/**
 * Brings a generation live and records it: folder, intent, one rename, one transaction, observation. `commit` is
 * absent when the database says so already and only this machine has to follow. If it cannot be recorded, `current` goes back.
 * @throws CatalystError LEASE_LOST, READ_ONLY, DISK_FULL, STATE_UNAVAILABLE; then the old generation is live
 */
export async function activate(
  generation: GenerationRecord,
  commit: Omit<StoreCommit, 'generation' | 'token'> | undefined,
  deps: ActivateDeps,
  { lease, journal }: { readonly lease: HeldLease; readonly journal: Journal },
): Promise<Recorded | undefined> {
  const at = deps.onBoundary ?? (() => undefined)
  const { paths, clock } = deps
  buildGeneration(paths, generation.number, liveSet(generation))
  at('built')
  await lease.confirm()
  const key = `activate:${generation.number}`
  journal.intent(key, clock(), { from: currentGeneration(paths) ?? null, to: generation.number })
  at('activating')
  try {
    if (currentGeneration(paths) !== generation.number) switchTo(paths, generation.number)
    at('activated')
    const recorded = commit ? await deps.state.commit({ ...commit, generation, token: lease.token }, clock()) : undefined
    at('recorded')
    journal.observed(key, clock())
    at('observed')
    return recorded
  } catch (error) {
    await undo(deps)
    throw error
  }
}

/** Whether it was recorded is asked, not guessed: what the database says now is made live here. When that fails too, the journal makes the next pass do it. */
async function undo({ state, paths }: ActivateDeps): Promise<void> {
  try {
    followStore(paths, await state.read())
  } catch {
    // The failure that led here is the one to tell.
  }
}

const digests = new WeakMap<object, Digest>()

function contentDigest(records: readonly InstallRecord[]): Digest {
  const states = [...records].sort((a, b) => (a.id < b.id ? -1 : 1)).map((r) => [r.id, recordDigest(r)])
  return digestOf(states)
}

/** Records are never changed, and those that come from one read are shared between generations: each is digested once. */
function recordDigest(record: InstallRecord): Digest {
  const known = digests.get(record)
  if (known) return known
  const state = stateDigest({ entryDigest: record.block.entryDigest, enabled: record.enabled, configDigest: record.configDigest, grantDigest: record.grantDigest })
  const digest = record.references === undefined ? state : digestOf([state, record.references])
  digests.set(record, digest)
  return digest
}
