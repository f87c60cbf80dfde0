import { CatalystError } from '../../schemas/errors.ts'
import type { LockBlock } from '../../schemas/lock.ts'
import { removalOf } from '../plan/retained.ts'
import type { GenerationRecord, Hold, InstallRecord, StoreSnapshot } from '../ports.ts'
import { recordsOf } from './activate.ts'
import { OFF_REASON, stateOf, switchedOffByUs } from './standing.ts'

/** Back to a whole generation, or one plugin back to the code it had before. */
export type RollbackRequest = { readonly to: number } | { readonly id: string }

/** What a rollback leads to. `generation` is the one to go back to, absent when a new set is to be made. */
export interface RollbackTarget {
  readonly installs: readonly InstallRecord[]
  readonly generation: GenerationRecord | undefined
}

/** One plugin that a rollback changes: `absent` sides are plugins that come or go. */
export interface RolledBack {
  readonly id: string
  readonly before: InstallRecord | undefined
  readonly after: InstallRecord | undefined
}

/**
 * Decides what shall be installed. Pure, but for loading the comparison of versions when one plugin goes back alone.
 * @throws CatalystError GENERATION_UNKNOWN, NOT_INSTALLED, ROLLBACK_IMPOSSIBLE (nothing older), IN_USE (another plugin needs what would go)
 */
export async function targetOf(request: RollbackRequest, store: StoreSnapshot): Promise<RollbackTarget> {
  if ('to' in request) {
    const generation = generationNumbered(request.to, store)
    return { generation, installs: recordsOf(generation) }
  }
  const older = olderRecord(request.id, store)
  const installs = store.installs.map((record) => (record.id === older.id ? older : record))
  await assertConsistent(older, installs)
  return { generation: undefined, installs }
}

/** The plugins that differ, by id. Pure. */
export function differences(store: StoreSnapshot, after: readonly InstallRecord[]): readonly RolledBack[] {
  const old = new Map(store.installs.map((r) => [r.id, r]))
  const young = new Map(after.map((r) => [r.id, r]))
  const ids = [...new Set([...old.keys(), ...young.keys()])].sort()
  return ids.map((id) => ({ id, before: old.get(id), after: young.get(id) })).filter((d) => !sameState(d.before, d.after))
}

/** True when going back may do something to tables: only then is more asked than the records tell. */
export function touchesData(changes: readonly RolledBack[], store: StoreSnapshot): boolean {
  return changes.some(({ id, before, after }) => {
    if (!after) return false
    if (!before) return after.block.migrations.length > 0 || store.retained.some((r) => r.id === id && Object.values(removalOf(r).classes).some(({ state }) => state === 'quarantined'))
    return migrationsOf(before.block) !== migrationsOf(after.block) || switchedOffByUs(id, store) !== undefined
  })
}

function migrationsOf(block: LockBlock): string {
  return JSON.stringify(block.migrations.map(({ id, checksum }) => [id, checksum]))
}

/** A hold on every state that is left, beside the holds that stand already; one that is gone back to is lifted. Pure. */
export function holdsAfter(store: StoreSnapshot, rolledBack: readonly RolledBack[], now: string): readonly Hold[] {
  // A secret that was another one then is no state to hold: the one behind the reference now is the one that counts.
  const left = rolledBack.filter(({ before, after }) => stateOf(before) !== stateOf(after))
  const fresh = left.map(({ id, before, after }): Hold => ({
    id,
    from: stateOf(before),
    fromVersion: before?.block.version,
    ...(before && before.block.tree !== after?.block.tree ? { fromTree: before.block.tree } : {}),
    to: stateOf(after),
    toVersion: after?.block.version,
    since: now,
  }))
  const isReplaced = (hold: Hold): boolean => fresh.some((f) => f.id === hold.id && (f.from === hold.from || f.to === hold.from))
  return [...store.holds.filter((hold) => !isReplaced(hold)), ...fresh]
}

function generationNumbered(number: number, { generations }: StoreSnapshot): GenerationRecord {
  const found = generations.find((g) => g.number === number)
  if (found) return found
  const known = generations.map((g) => g.number)
  throw new CatalystError('GENERATION_UNKNOWN', `There is no generation ${number}; known are ${known.length > 0 ? `${known[0]} to ${known.at(-1)}` : 'none'}`)
}

/** The newest other code that the plugin had when it was live, and that was not rolled back itself. */
function olderRecord(id: string, store: StoreSnapshot): InstallRecord {
  const present = store.installs.find((r) => r.id === id)
  if (!present) throw new CatalystError('NOT_INSTALLED', `${id} is not installed`)
  const held = new Set(store.holds.filter((h) => h.id === id).map((h) => h.from))
  const byNumber = new Map(store.generations.map((g) => [g.number, g]))
  // A generation in which it was off only while its tables changed is no state to go back to.
  const history = store.activations.filter((a) => a.reason !== OFF_REASON).toReversed().flatMap((a) => byNumber.get(a.generation)?.plugins[id]?.record ?? [])
  const older = history.find((record) => record.block.tree !== present.block.tree && !held.has(stateOf(record)))
  if (older) return older
  throw new CatalystError('ROLLBACK_IMPOSSIBLE', `${id} ${present.block.version} has no earlier code in the generations that are kept`, {
    hint: 'List the generations with `catalyst generations`, or lock the older version.',
  })
}

/** The store never passes through a state in which a plugin lacks what it needs, not even backwards. */
async function assertConsistent(older: InstallRecord, installs: readonly InstallRecord[]): Promise<void> {
  const { satisfies } = await import('../../schemas/versions.ts')
  const versions = new Map(installs.map((r) => [r.id, r.block.version]))
  for (const { id, block } of installs) {
    if (id !== older.id && !(older.id in { ...block.dependencies, ...block.conflicts })) continue
    for (const [other, range] of Object.entries(block.dependencies)) {
      const have = versions.get(other)
      if (!have || !satisfies(have, range, true)) throw inUse(older, `${id} ${block.version} needs ${other} ${range}, which would be ${have ?? 'missing'}`)
    }
    for (const [other, range] of Object.entries(block.conflicts)) {
      const have = versions.get(other)
      if (have && satisfies(have, range, true)) throw inUse(older, `${id} ${block.version} cannot stand beside ${other} ${have}`)
    }
  }
}

function inUse(older: InstallRecord, why: string): CatalystError {
  return new CatalystError('IN_USE', `${older.id} cannot go back to ${older.block.version} alone: ${why}`, {
    hint: 'Go back to a whole generation: `catalyst generations`, then `catalyst rollback --to N`.',
  })
}

/** The same fields as the state digest, and the values referred to, without computing it for plugins that are not touched. */
function sameState(a: InstallRecord | undefined, b: InstallRecord | undefined): boolean {
  if (!a || !b) return a === b
  return a.block.entryDigest === b.block.entryDigest && a.enabled === b.enabled && a.configDigest === b.configDigest && a.references === b.references && a.grantDigest === b.grantDigest
}
