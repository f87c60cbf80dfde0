import type { Digest } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import type { AppliedMigration } from '../data-ports.ts'

/*
 * Compares the migrations that have run with those of a version. Pure. The lock's references are enough to ask: texts
 * of what is to be undone were kept when it ran.
 */

/** A migration by name: of a lock's block, or read from a package. */
export interface Named {
  readonly id: string
  readonly checksum: Digest
}

/** What has run of one plugin, oldest first; its `down` decides whether it can be undone. */
export type Applied = Pick<AppliedMigration, 'id' | 'checksum' | 'down'>

/**
 * The migrations of `wanted` that have not run yet, in their order.
 * @throws CatalystError MIGRATION_CHANGED when what has run is not how `wanted` begins: edited, removed or reordered since
 */
export function toRun<W extends Named>(plugin: string, applied: readonly Applied[], wanted: readonly W[]): readonly W[] {
  const common = commonPrefix(applied, wanted)
  if (common === applied.length) return wanted.slice(common)
  throw new CatalystError('MIGRATION_CHANGED', `${plugin}: ${whatChanged(applied, wanted, common)}`)
}

/** What leads from the applied migrations to those of an older version. */
export interface Reversal<A extends Applied, W extends Named> {
  /** Newest first. */
  readonly undo: readonly A[]
  /** Those of the older version that run then: none, unless the two versions had gone different ways. */
  readonly run: readonly W[]
}

/**
 * The way back to the migrations of an older version.
 * @throws CatalystError MIGRATION_IRREVERSIBLE that names all that cannot be undone
 */
export function toUndo<A extends Applied, W extends Named>(plugin: string, applied: readonly A[], wanted: readonly W[]): Reversal<A, W> {
  const common = commonPrefix(applied, wanted)
  const undo = applied.slice(common).reverse()
  const stuck = undo.filter(({ down }) => down === undefined).map(({ id }) => id)
  if (stuck.length === 0) return { undo, run: wanted.slice(common) }
  throw new CatalystError('MIGRATION_IRREVERSIBLE', `${plugin}: ${stuck.join(', ')} cannot be undone: the package has no ${stuck.map((id) => `${id}.down.sql`).join(', ')}`)
}

/** True when `wanted` begins with all that has run: data that was kept fits this version. */
export function fits(applied: readonly Named[], wanted: readonly Named[]): boolean {
  return commonPrefix(applied, wanted) === applied.length
}

function commonPrefix(applied: readonly Named[], wanted: readonly Named[]): number {
  const different = applied.findIndex((done, i) => done.id !== wanted[i]?.id || done.checksum !== wanted[i].checksum)
  return different < 0 ? applied.length : different
}

/** Told of the first that differs. */
function whatChanged(applied: readonly Named[], wanted: readonly Named[], at: number): string {
  const done = applied[at]
  const there = wanted[at]
  if (done === undefined) return 'nothing'
  const same = wanted.find(({ id }) => id === done.id)
  if (!same) return `${done.id} has run and is not in this version${there ? `, which has ${there.id} in its place` : ''}`
  if (same === there) return `${done.id} was edited after it had run: it was ${done.checksum} and is ${same.checksum} now`
  return `${done.id} has run as number ${at + 1} and is number ${wanted.indexOf(same) + 1} in this version`
}
