import type { Lock } from '../../schemas/lock.ts'
import type { Notice } from '../../schemas/plan.ts'
import type { Candidate, Hold } from '../ports.ts'
import type { DesiredState } from '../plan/desired.ts'

/** What the resolver is asked to do: keep what is locked, or let the named ids (or all) move forward. */
export type ResolveMode =
  | { readonly kind: 'lock' }
  | { readonly kind: 'update'; readonly ids: readonly string[] | 'all'; readonly latest: boolean }

/** Everything that a resolution depends on. Order of maps and lists never changes the answer. */
export interface ResolveInput {
  readonly desired: DesiredState
  /** Every id in the transitive closure that was looked for; an empty list = looked for, nobody has it. */
  readonly candidates: ReadonlyMap<string, readonly Candidate[]>
  readonly locked: Lock | undefined
  readonly mode: ResolveMode
  /** Versions that were rolled back: never taken by themselves. */
  readonly holds: readonly Hold[]
  /** The time of this pass, UTC. */
  readonly now: string
}

/** Why a version that exists is not taken. `dependency` = what it needs or conflicts with is taken otherwise. */
export type KeptBackCode =
  | 'permissions' | 'age' | 'yanked' | 'advisory' | 'rejected' | 'held' | 'signer' | 'level' | 'platform' | 'channel' | 'dependency' | 'invalid'

/** A newer version inside the range that is not taken, and why. */
export interface KeptBack {
  readonly version: string
  readonly code: KeptBackCode
  /** A clause without its subject, e.g. `asks for api evil.example:443, which its grant does not allow`. */
  readonly detail: string
  /** When it may be taken by itself (UTC); only for `age`. */
  readonly until?: string
}

/** One plugin of the answer. */
export interface Selection {
  readonly id: string
  readonly candidate: Candidate
  /** The clause of plugins.yaml; undefined when only other plugins want it. */
  readonly requested: string | undefined
  /** True when version and artifact are those of the lock: its block needs no new authority. */
  readonly locked: boolean
  /** Newest first. */
  readonly keptBack: readonly KeptBack[]
  /** Ids of the selected plugins that depend on it, sorted. */
  readonly wantedBy: readonly string[]
}

/** A plugin that waits for a person; it holds up only those that need it. */
export interface Waiting {
  readonly id: string
  /** DECISION_REQUIRED = it needs another plugin that waits. */
  readonly code: 'GRANT_MISSING' | 'SIGNER_MISSING' | 'DECISION_REQUIRED'
  readonly message: string
  /** The exact YAML to paste, or the next step. */
  readonly hint: string
  /** The version that would be taken once the decision is made. */
  readonly candidate?: Candidate
}

/** The answer: what is taken (sorted by id), what waits (sorted by id, then code), what a reader should know. */
export interface Resolved {
  readonly selections: readonly Selection[]
  readonly waiting: readonly Waiting[]
  readonly notices: readonly Notice[]
}
