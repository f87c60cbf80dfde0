import * as Type from 'typebox'
import { Closed, Id, Instant, MigrationRef, SealedPolicy, Sha256, Version } from './common.ts'
import { Permissions } from './permissions.ts'
import { ClassEffect, DataStep, Holdings, PhasedGroup } from './plan-data.ts'
import { APPROVALS } from './plugin-set.ts'

export const PLAN_FORMAT_VERSION = 1

/** What a change does. Of a plugin that is removed already: `configure` changes what becomes of its data, `remove` puts some of it into quarantine, `purge` destroys it. */
export const ACTIONS = ['install', 'upgrade', 'downgrade', 'configure', 'move', 'remove', 'repair', 'reattach', 'purge'] as const
export type Action = (typeof ACTIONS)[number]

/** One side of a change. Digests stand for config and grant: values are never in a plan. */
export const PlanSide = Closed({
  version: Version,
  entryDigest: Sha256,
  tree: Sha256,
  enabled: Type.Boolean(),
  configDigest: Sha256,
  /** Keyed digest over the values that the config refers to, where they are known. Not part of `planDigest`: who reviews has no secrets. */
  references: Type.Optional(Type.String({ pattern: '^hmac-sha256:[0-9a-f]{64}$' })),
  grantDigest: Sha256,
  signer: Type.String({ maxLength: 500 }),
  source: Type.String({ maxLength: 500 }),
  permissions: Permissions,
})
export type PlanSide = Type.Static<typeof PlanSide>

/** What a change does to things that outlive code. */
export const Effects = Closed({
  permissionsAdded: Type.Array(Type.String()),
  permissionsDropped: Type.Array(Type.String()),
  migrations: Type.Array(MigrationRef),
  tables: Type.Array(Closed({ name: Type.String(), rows: Type.Optional(Type.Integer()), bytes: Type.Optional(Type.Integer()) })),
  /** What a removal keeps and destroys, per class. */
  keeps: Type.Array(Type.Enum(['code', 'config', 'data', 'tables'])),
  /** Kept until somebody answers: `answer` is the YAML to write. */
  asks: Type.Optional(Type.Array(Type.Enum(['config', 'data', 'tables']))),
  /** Now, or at the end of the grace: `classes` tells. */
  destroys: Type.Array(Type.Enum(['code', 'config', 'data', 'tables'])),
  /** The policy in force: seal, removed block, answers and tombstone together. */
  uninstall: Type.Optional(SealedPolicy),
  classes: Type.Optional(Type.Array(ClassEffect)),
  holdings: Type.Optional(Holdings),
  answer: Type.Optional(Type.String()),
  /** How to take it back, in the words of a command or of plugins.yaml. */
  undo: Type.Optional(Type.String()),
  notes: Type.Array(Type.String()),
})
export type Effects = Type.Static<typeof Effects>

export const Change = Closed({
  id: Id,
  action: Type.Enum([...ACTIONS]),
  from: Type.Optional(PlanSide),
  to: Type.Optional(PlanSide),
  /** For display only: apply never branches on it. */
  reason: Type.String(),
  effects: Effects,
  destructive: Type.Boolean(),
  reversible: Type.Boolean(),
  /** What is done to things that outlive code, in this order; absent when nothing is. */
  steps: Type.Optional(Type.Array(DataStep)),
  /** The policy to record with a removal, without what tombstones and answers say: those are asked again at every pass. */
  sealed: Type.Optional(SealedPolicy),
  /** The plugin that was removed earlier, when the change goes on with its data or attaches it again. */
  removed: Type.Optional(Closed({ version: Version, entryDigest: Sha256, at: Instant })),
  /** The id under which it stood until now; only of `move`. */
  movedFrom: Type.Optional(Id),
  /** Ids of the plugins whose changes depend on this one (and it on them): they switch together. */
  group: Type.Integer({ minimum: 0 }),
})
export type Change = Type.Static<typeof Change>

/** One thing about a change that a person must consent to: why, and the word in `accept:` that says so. */
export const ConsentNeed = Closed({ accept: Type.Enum([...APPROVALS]), why: Type.String() })
export type ConsentNeed = Type.Static<typeof ConsentNeed>

/** A change that waits for a person, or cannot be made; it never holds up others outside its dependents. */
export const Blocked = Closed({
  id: Id,
  action: Type.Enum([...ACTIONS]),
  code: Type.String(),
  reason: Type.String(),
  /** The exact YAML or command to write. */
  hint: Type.String(),
  to: Type.Optional(Version),
  /** Of APPROVAL_MISSING: what of it needs consent, one by one. */
  needs: Type.Optional(Type.Array(ConsentNeed)),
})
export type Blocked = Type.Static<typeof Blocked>

/** Something a reader should know that asks for nothing now: a kept-back version, an unsigned source, a hold. */
export const Notice = Closed({ id: Id, code: Type.String(), message: Type.String(), hint: Type.Optional(Type.String()) })
export type Notice = Type.Static<typeof Notice>

/** A plan is data: ordered changes, what is blocked and why, what to know. */
export const Plan = Closed(
  {
    formatVersion: Type.Literal(PLAN_FORMAT_VERSION),
    store: Id,
    revision: Type.Optional(Type.String()),
    generation: Type.Integer({ minimum: 0 }),
    changes: Type.Array(Change),
    /** How the changes are carried out, group by group: absent when there are none. */
    groups: Type.Optional(Type.Array(PhasedGroup)),
    blocked: Type.Array(Blocked),
    notices: Type.Array(Notice),
    unchanged: Type.Integer({ minimum: 0 }),
    /** The earliest moment at which an unchanged world could lead to another plan (grace, cool-down). */
    validUntil: Type.Optional(Instant),
    /** RFC 8785 digest over sorted {id, action, from, to, config and grant digests, migration ids, data effects}. */
    planDigest: Sha256,
  },
  { title: 'Catalyst plan', $id: 'https://catalyst.dev/schemas/plan.schema.json' },
)
export type Plan = Type.Static<typeof Plan>
