import * as Type from 'typebox'
import { Closed, Id, Instant, MigrationRef, SealedPolicy, Sha256, Version } from './common.ts'
import { Permissions } from './permissions.ts'
import { APPROVALS } from './plugin-set.ts'

export const PLAN_FORMAT_VERSION = 1

/** What a change does. `move`, `reattach` and `purge` are reserved for the removal machine. */
export const ACTIONS = ['install', 'upgrade', 'downgrade', 'configure', 'move', 'remove', 'repair', 'reattach', 'purge'] as const
export type Action = (typeof ACTIONS)[number]

/** One side of a change. Digests stand for config and grant: values are never in a plan. */
export const PlanSide = Closed({
  version: Version,
  entryDigest: Sha256,
  tree: Sha256,
  enabled: Type.Boolean(),
  configDigest: Sha256,
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
  destroys: Type.Array(Type.Enum(['code', 'config', 'data', 'tables'])),
  uninstall: Type.Optional(SealedPolicy),
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
