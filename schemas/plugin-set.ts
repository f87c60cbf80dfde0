import * as Type from 'typebox'
import { Closed, Duration, Id, Keyed, Range, Sha256, SignerRule, UninstallPolicy, Version } from './common.ts'
import { PermissionsInput } from './permissions.ts'

export const STORE_TYPES = ['fashion', 'electronics', 'food', 'beauty', 'home', 'books', 'sports', 'toys', 'digital', 'services', 'general'] as const
export const UPGRADE_LEVELS = ['none', 'patch', 'minor', 'major'] as const

/** `github:owner/repo` with an optional `#folder`. */
const Source = Type.String({
  pattern: '^github:[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+(#[A-Za-z0-9_./-]+)?$',
  maxLength: 300,
  title: 'source such as github:acme/repo#plugins/erp',
})

const RegistryRef = Closed({
  name: Type.String({ pattern: '^[a-z][a-z0-9-]*$', maxLength: 40 }),
  url: Type.String({ pattern: '^(https?://|git\\+https?://|git\\+file:|file:)', maxLength: 2048, title: 'registry URL (https:, git+https: or file:)' }),
  root: Type.Optional(Type.String({ maxLength: 500 })),
  /** `public-good`, `github`, or the path of a trusted root file; one profile, never tried in turn. */
  sigstore: Type.Optional(Type.String({ maxLength: 500 })),
  maxAge: Type.Optional(Duration),
})

const PluginEntry = Closed({
  version: Type.Optional(Range),
  channel: Type.Optional(Type.Enum(['stable', 'beta'])),
  registry: Type.Optional(Type.String({ maxLength: 40 })),
  source: Type.Optional(Source),
  signer: Type.Optional(SignerRule),
  sigstore: Type.Optional(Type.String({ maxLength: 500 })),
  verify: Type.Optional(Closed({ unsigned: Type.Literal(true), sha256: Sha256 })),
  enabled: Type.Optional(Type.Boolean()),
  permissions: Type.Optional(PermissionsInput),
  config: Type.Optional(Keyed(Type.String({ maxLength: 100 }), Type.Unknown())),
  uninstall: Type.Optional(UninstallPolicy),
  reject: Type.Optional(Type.Array(Version, { maxItems: 100 })),
  ignoreDrift: Type.Optional(Type.Array(Type.String({ pattern: '^/', maxLength: 200 }), { maxItems: 100 })),
})
export type PluginEntry = Type.Static<typeof PluginEntry>

const APPROVALS = ['major', 'breaking', 'irreversible', 'signer', 'registry', 'restore', 'unsigned', 'evidence'] as const
export type ApprovalKind = (typeof APPROVALS)[number]

/** A person's consent in git. It is bound to a change (`to` = entry digest), or names the removals it allows. */
const Approval = Closed({
  plugin: Type.Optional(Id),
  to: Type.Optional(Sha256),
  accept: Type.Optional(Type.Array(Type.Enum([...APPROVALS]), { minItems: 1 })),
  removals: Type.Optional(Type.Array(Id, { minItems: 1 })),
})
export type Approval = Type.Static<typeof Approval>

/** `plugins.yaml`: what a store wants. Fields that later parts of the house use are reserved here from the first version. */
export const PluginSet = Closed(
  {
    apiVersion: Type.Literal('catalyst.dev/v1'),
    kind: Type.Literal('PluginSet'),
    store: Closed({
      id: Id,
      type: Type.Optional(Type.Enum([...STORE_TYPES])),
      catalyst: Type.Optional(Version),
      database: Type.Optional(Type.String({ maxLength: 500 })),
      dataDir: Type.Optional(Type.String({ maxLength: 500 })),
    }),
    registries: Type.Optional(Type.Array(RegistryRef, { maxItems: 16 })),
    policy: Type.Optional(
      Closed({
        upgrades: Type.Optional(Type.Enum([...UPGRADE_LEVELS])),
        minimumReleaseAge: Type.Optional(Duration),
        maxRemovals: Type.Optional(Type.String({ pattern: '^(100|[0-9]{1,2})%$', title: 'percentage such as 25%' })),
        uninstall: Type.Optional(UninstallPolicy),
      }),
    ),
    plugins: Keyed(Id, PluginEntry),
    removed: Type.Optional(Keyed(Type.String({ pattern: '^[a-z0-9-]+@[0-9A-Za-z.+-]+$', maxLength: 170, title: 'id@version' }), UninstallPolicy)),
    moved: Type.Optional(Type.Array(Closed({ from: Id, to: Id }), { maxItems: 100 })),
    approvals: Type.Optional(Type.Array(Approval, { maxItems: 200 })),
  },
  { title: 'Catalyst plugins.yaml', $id: 'https://catalyst.dev/schemas/plugins.schema.json' },
)
export type PluginSet = Type.Static<typeof PluginSet>
