import * as Type from 'typebox'
import { about, Closed, Duration, Id, Keyed, Range, Sha256, SignerRule, UninstallPolicy, Version } from './common.ts'
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
  name: Type.String({ pattern: '^[a-z][a-z0-9-]*$', maxLength: 40, title: 'name of lower-case letters, digits and hyphens' }),
  url: Type.String({
    pattern: '^(https?://|git\\+https?://|git\\+file:|file:)',
    maxLength: 2048,
    title: 'registry URL (https:, git+https: or file:)',
    description: 'Where the index is: TUF over https:, a git repository by git+https:, or a folder by file:',
  }),
  mirror: Type.Optional(Type.String({ pattern: '^https?://', maxLength: 2048, title: 'address of a mirror (https:)', description: 'Takes index, artifacts and bundles of an https: registry from here, and asks no other host' })),
  mirrorRoot: Type.Optional(Type.String({ maxLength: 500, description: 'The TUF root of the owner of the mirror, when they seal it; `root` stays the registry’s, which says whose entries and lines are taken' })),
  root: Type.Optional(Type.String({ maxLength: 500, description: 'The TUF root pinned in this repository; it rotates only from here' })),
  sigstore: Type.Optional(Type.String({ maxLength: 500, description: 'public-good (default), github, or the path of a trusted root file; one profile, never tried in turn' })),
  maxAge: Type.Optional(about(Duration, 'How old a cached copy may be when the registry cannot be reached; default 7d')),
})

const PluginEntry = Closed({
  version: Type.Optional(about(Range, 'Versions to take; in quotes when it looks like a number ("2.10")')),
  channel: Type.Optional(Type.Enum(['stable', 'beta'], { description: 'stable takes no prereleases' })),
  registry: Type.Optional(Type.String({ maxLength: 40, description: 'Name of the registry to take it from; default the first that lists the id' })),
  source: Type.Optional(about(Source, 'A GitHub repository in place of a registry')),
  signer: Type.Optional(about(SignerRule, 'Who must have signed releases of a direct source')),
  sigstore: Type.Optional(Type.String({ maxLength: 500, description: 'Trust profile of a direct source: public-good (default), github, or the path of a trusted root file' })),
  verify: Type.Optional(Closed({ unsigned: Type.Literal(true), sha256: Sha256 }, { description: 'Takes exactly this unsigned artifact of a direct source; every plan says so' })),
  enabled: Type.Optional(Type.Boolean({ description: 'false keeps the plugin installed and does not run it' })),
  permissions: Type.Optional(about(PermissionsInput, 'What the plugin may do; it gets nothing else, whatever its manifest asks')),
  config: Type.Optional(Keyed(Type.String({ maxLength: 100 }), Type.Unknown(), { description: 'The plugin’s configuration; secrets as ${env:NAME} or ${file:path}' })),
  uninstall: Type.Optional(about(UninstallPolicy, 'What happens when the entry is taken out')),
  reject: Type.Optional(Type.Array(Version, { maxItems: 100, description: 'Versions never to take' })),
  ignoreDrift: Type.Optional(Type.Array(Type.String({ pattern: '^/', maxLength: 200, title: 'JSON pointer such as /theme/color' }), { maxItems: 100, description: 'Places in the config that may differ from git' })),
})
export type PluginEntry = Type.Static<typeof PluginEntry>

/** What a person can consent to, by the word in `accept:`. */
export const APPROVALS = ['major', 'breaking', 'irreversible', 'signer', 'registry', 'restore', 'unsigned', 'evidence'] as const
export type ApprovalKind = (typeof APPROVALS)[number]

/** A person's consent in git. It is bound to a change (`to` = entry digest), or names the removals it allows. */
const Approval = Closed({
  plugin: Type.Optional(about(Id, 'The plugin whose change is approved')),
  to: Type.Optional(about(Sha256, 'entryDigest of the lock block that is approved')),
  accept: Type.Optional(Type.Array(Type.Enum([...APPROVALS]), { minItems: 1, description: 'What about the change is accepted, as the plan names it' })),
  removals: Type.Optional(Type.Array(Id, { minItems: 1, description: 'Plugins that may go although there are many' })),
})
export type Approval = Type.Static<typeof Approval>

/** `plugins.yaml`: what a store wants. Fields that later parts of the house use are reserved here from the first version. */
export const PluginSet = Closed(
  {
    apiVersion: Type.Literal('catalyst.dev/v1'),
    kind: Type.Literal('PluginSet'),
    store: Closed({
      id: Id,
      type: Type.Optional(Type.Enum([...STORE_TYPES], { description: 'For recommendations' })),
      catalyst: Type.Optional(about(Version, 'Version of the platform, for compatibility')),
      database: Type.Optional(Type.String({ maxLength: 500, description: 'sqlite:./store.db (default), postgres://…, or a reference such as ${env:DATABASE_URL}' })),
      dataDir: Type.Optional(Type.String({ maxLength: 500, description: 'Folder of the plugins’ data, shared by all nodes of the store; default ./plugin-data' })),
    }),
    registries: Type.Optional(Type.Array(RegistryRef, { maxItems: 16, description: 'Order matters: the first that lists an id owns it' })),
    policy: Type.Optional(
      Closed({
        upgrades: Type.Optional(Type.Enum([...UPGRADE_LEVELS], { description: 'How far `update` may move by itself; default minor' })),
        minimumReleaseAge: Type.Optional(about(Duration, 'Younger releases are not taken; default 24h')),
        maxRemovals: Type.Optional(Type.String({ pattern: '^(100|[0-9]{1,2})%$', title: 'percentage such as 25%', description: 'More removals than this in one change need an approval' })),
        uninstall: Type.Optional(UninstallPolicy),
      }),
    ),
    plugins: Keyed(Id, PluginEntry, { description: 'What the store wants, by id' }),
    removed: Type.Optional(Keyed(Type.String({ pattern: '^[a-z0-9-]+@[0-9A-Za-z.+-]+$', maxLength: 170, title: 'id@version' }), UninstallPolicy, { description: 'Decisions about removed plugins, only where they differ from the policy at removal' })),
    moved: Type.Optional(Type.Array(Closed({ from: Id, to: Id }), { maxItems: 100, description: 'Plugins that go on under another id' })),
    approvals: Type.Optional(Type.Array(Approval, { maxItems: 200, description: 'Consent to the changes that a plan names' })),
  },
  { title: 'Catalyst plugins.yaml', $id: 'https://catalyst.dev/schemas/plugins.schema.json' },
)
export type PluginSet = Type.Static<typeof PluginSet>
