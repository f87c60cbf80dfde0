import type { Digest } from '../../schemas/digest.ts'
import type { MigrationRef } from '../../schemas/common.ts'
import type { Lock } from '../../schemas/lock.ts'
import type { Answers, BackupRef, Inventory, TableDefinitions, TableUse } from '../data-ports.ts'
import type { StoreSnapshot } from '../ports.ts'
import type { ConfigChecks } from './config.ts'
import type { DesiredState } from './desired.ts'

/** What is really there: the store's own records, and what this machine has live. */
export interface ObservedState {
  readonly store: StoreSnapshot
  /** Plugin id -> tree digest that `current` of this machine points to. Undefined: nothing was ever activated here. */
  readonly live: ReadonlyMap<string, Digest> | undefined
  /** Ids whose unpacked tree was checked and found altered, with the files. Empty when nothing was checked. */
  readonly damaged: ReadonlyMap<string, readonly string[]>
  /** What plugins own, by id. Here and below: a plugin that is not in a map was not looked at. Unknown is never taken for empty. */
  readonly inventories?: ReadonlyMap<string, Inventory>
  readonly dataFolders?: ReadonlyMap<string, { readonly files: number; readonly bytes: number }>
  /** Who else needs a plugin's tables. Apply asks again before it destroys anything. */
  readonly uses?: ReadonlyMap<string, readonly TableUse[]>
  /** Migrations that have run, in their order. Not looked at: those of the recorded block are taken. */
  readonly applied?: ReadonlyMap<string, readonly MigrationRef[]>
  /** Backups by plugin, newest first. */
  readonly backups?: ReadonlyMap<string, readonly BackupRef[]>
  /** The configs that running hosts of this machine gave a plugin, in the form of plugins.yaml: references, no values. */
  readonly running?: ReadonlyMap<string, readonly Readonly<Record<string, unknown>>[]>
  /** How the tables of plugins are defined, and were after their newest migration. */
  readonly definitions?: ReadonlyMap<string, TableDefinitions>
}

/** An empty store: nothing installed, nothing live. */
export const NOTHING_OBSERVED: ObservedState = {
  store: { serial: 0, installs: [], retained: [], holds: [], generation: undefined, generations: [], activations: [] },
  live: undefined,
  damaged: new Map(),
}

/** Everything that a plan is decided from. `revision` is the git commit the desired state came from, when known. */
export interface PlanInput {
  readonly desired: DesiredState
  readonly lock: Lock
  readonly observed: ObservedState
  readonly revision?: string | undefined
  /** What became of checking the configs of plugins that change; absent: nobody looked. */
  readonly configs?: ConfigChecks | undefined
  /** Keyed digests of the values that configs refer to, by plugin, as far as they are known here. */
  readonly references?: ReadonlyMap<string, string> | undefined
  /** What time it is. Without it no grace ends. */
  readonly now?: string | undefined
  /** Answers to what policies ask, by plugin: given by flag or at a terminal, not in git. */
  readonly answers?: ReadonlyMap<string, Answers> | undefined
}
