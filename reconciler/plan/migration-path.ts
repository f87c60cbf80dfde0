import type { MigrationRef } from '../../schemas/common.ts'
import type { LockBlock } from '../../schemas/lock.ts'
import type { ObservedState } from './observed.ts'

/** How what has run relates to what a release brings. */
export type MigrationPath =
  /** What has run is the beginning of what the release brings; `pending` is the rest, in order. */
  | { readonly kind: 'forward'; readonly pending: readonly MigrationRef[] }
  /** More has run than the release knows. `undo`, newest first, must go before its code can run: nothing when all of it only expanded. */
  | { readonly kind: 'back'; readonly undo: readonly MigrationRef[] }
  /** They differ at one place: neither is the beginning of the other. */
  | { readonly kind: 'conflict'; readonly ran: string; readonly brings: string }

/** What has run for a plugin, by the database where somebody looked, else by the recorded block. */
export function recordedMigrations(id: string, block: LockBlock | undefined, observed: ObservedState): readonly MigrationRef[] {
  return observed.applied?.get(id) ?? block?.migrations ?? []
}

/**
 * Compares migration by migration. A plugin that goes on under another id names its tables anew in the same migrations:
 * with `renamed` their ids are compared and not their texts. Pure.
 */
export function migrationPath(ran: readonly MigrationRef[], brings: readonly MigrationRef[], renamed = false): MigrationPath {
  const same = (a: MigrationRef | undefined, b: MigrationRef | undefined): boolean => a?.id === b?.id && (renamed || a?.checksum === b?.checksum)
  const common = Math.min(ran.length, brings.length)
  const at = Array.from({ length: common }, (_, i) => i).find((i) => !same(ran[i], brings[i]))
  if (at !== undefined) return { kind: 'conflict', ran: ran[at]?.id ?? '', brings: ran[at]?.id === brings[at]?.id ? `${brings[at]?.id} with another text` : (brings[at]?.id ?? '') }
  if (ran.length <= brings.length) return { kind: 'forward', pending: brings.slice(ran.length) }
  return { kind: 'back', undo: mustUndo(ran.slice(brings.length)) }
}

/** Older code runs on tables that were only expanded; from the first other migration on everything has to be undone, newest first. */
function mustUndo(newer: readonly MigrationRef[]): readonly MigrationRef[] {
  const first = newer.findIndex((migration) => migration.kind !== 'expand')
  return first === -1 ? [] : newer.slice(first).toReversed()
}

/** Migrations of one plugin by when they can run. */
export interface RunOrder {
  readonly expand: readonly MigrationRef[]
  readonly breaking: readonly MigrationRef[]
  readonly contract: readonly MigrationRef[]
}

/**
 * Sorts what is pending by when it can run, without ever changing its order: what expands at the beginning runs beside the
 * old code, what contracts at the end runs after the switch, everything between runs while the plugin is off. Pure.
 */
export function runOrder(pending: readonly MigrationRef[]): RunOrder {
  const start = firstIndex(pending, (m) => m.kind !== 'expand')
  const end = pending.length - firstIndex(pending.toReversed(), (m) => m.kind !== 'contract')
  return { expand: pending.slice(0, start), breaking: pending.slice(start, Math.max(start, end)), contract: pending.slice(Math.max(start, end)) }
}

function firstIndex(list: readonly MigrationRef[], is: (m: MigrationRef) => boolean): number {
  const found = list.findIndex(is)
  return found === -1 ? list.length : found
}
