import * as Type from 'typebox'
import { DIGEST_PATTERN } from './digest.ts'
import { ID_MAX_LENGTH, ID_PATTERN } from './names.ts'

/** Building blocks shared by the file formats. Keywords are JSON Schema 2020-12. */

/** An object that knows all its keys: anything else is an error with "did you mean". */
export const Closed = <P extends Type.TProperties>(properties: P, options: Type.TObjectOptions = {}) =>
  Type.Object(properties, { additionalProperties: false, ...options })

/** An object whose keys all obey `key` and whose values all obey `value`. (`Type.Record` lets keys that do not match pass unchecked.) */
export const Keyed = <V extends Type.TSchema>(key: Type.TSchema, value: V, options: Type.TObjectOptions = {}) =>
  Type.Unsafe<Record<string, Type.Static<V>>>({ type: 'object', propertyNames: key, additionalProperties: value, ...options })

/** The schema with a sentence that editors show at the key. */
export const about = <S extends Type.TSchema>(schema: S, description: string): S => ({ ...schema, description })

export const Id = Type.String({ pattern: ID_PATTERN, maxLength: ID_MAX_LENGTH, title: 'plugin id' })
export const Sha256 = Type.Unsafe<`sha256:${string}`>(Type.String({ pattern: DIGEST_PATTERN, title: 'sha256 digest' }))
export const Commit = Type.String({ pattern: '^[0-9a-f]{40}$', title: 'git commit' })
export const Version = Type.String({ format: 'semver', minLength: 5, maxLength: 128, title: 'exact version such as 2.1.3' })
export const Range = Type.String({ format: 'semver-range', minLength: 1, maxLength: 256, title: 'version range such as ^2.1.0' })
export const Url = Type.String({ pattern: '^(https?|git\\+https?|file):', maxLength: 2048, title: 'URL' })
export const Instant = Type.String({
  format: 'instant',
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?Z$',
  title: 'UTC time such as 2026-11-22T12:00:00Z',
})
export const Duration = Type.String({ pattern: '^\\d+(s|m|h|d|w)$', maxLength: 8, title: 'duration such as 24h or 7d' })
export const RepositoryUrl = Type.String({
  pattern: '^https?://[^\\s/@]+/[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$',
  maxLength: 300,
  title: 'repository URL such as https://github.com/acme/plugin',
})
export const WorkflowPath = Type.String({
  pattern: '^\\.github/workflows/[A-Za-z0-9_.-]+\\.ya?ml$',
  title: 'workflow path such as .github/workflows/release.yml',
})
export const GitRef = Type.String({ pattern: '^refs/(heads|tags)/[^\\s~^:?*\\[\\\\]+$', maxLength: 300, title: 'git ref' })
/** A file inside a package, without a way out of it. */
export const MainPath = Type.String({ pattern: '^(?!/)(?!.*\\.\\.)[A-Za-z0-9_./-]+\\.(js|mjs|cjs)$', maxLength: 200, title: 'path of a JavaScript file' })
export const RangeById = Keyed(Id, Range)

/** A repository by its numeric ids: they are the anchor, its URL may change over time. */
export const RepositoryRef = Closed({
  url: RepositoryUrl,
  id: Type.Integer({ minimum: 1, description: 'GitHub number of the repository; it stays when the name changes' }),
  ownerId: Type.Integer({ minimum: 1, description: 'GitHub number of the owner' }),
})
export type RepositoryRef = Type.Static<typeof RepositoryRef>

/** A file to download, with everything needed to refuse another one. */
export const RemoteFile = Closed({
  url: Url,
  size: Type.Integer({ minimum: 1 }),
  sha256: Sha256,
})
export type RemoteFile = Type.Static<typeof RemoteFile>

/** What a workflow of another repository is pinned to: a ref, or better a commit. */
const PinnedRef = Type.String({ pattern: '^(refs/(heads|tags)/[^\\s~^:?*\\[\\\\]+|[0-9a-f]{40})$', maxLength: 300, title: 'git ref or commit' })

/** A reusable workflow that signs in place of the repository's own; accepted only where it is named in full. */
export const ReusableWorkflow = Closed({ repository: RepositoryUrl, path: WorkflowPath, ref: PinnedRef })
export type ReusableWorkflow = Type.Static<typeof ReusableWorkflow>

/** Who must have signed: the exact workflow of the repository, at the tag of the version or at one of `refs`. */
export const SignerRule = Closed({
  workflow: about(WorkflowPath, 'The workflow of the repository that must have signed'),
  refs: Type.Optional(Type.Array(GitRef, { maxItems: 16, description: 'Refs accepted besides the tag of the version; their commit must be the tag’s' })),
  issuer: Type.Optional(about(Url, 'OpenID issuer of the signer; GitHub Actions unless named')),
  reusable: Type.Optional(about(ReusableWorkflow, 'A reusable workflow that signs in place of the repository’s own')),
})
export type SignerRule = Type.Static<typeof SignerRule>

/** The issuer of GitHub Actions' certificates; the only one accepted unless a rule names another. */
export const GITHUB_ACTIONS_ISSUER = 'https://token.actions.githubusercontent.com'

export const Advisory = Closed({
  id: Type.Optional(Type.String({ maxLength: 64 })),
  level: Type.Enum(['notice', 'yanked', 'withdrawn', 'malicious']),
  title: Type.Optional(Type.String({ maxLength: 300 })),
  fixedIn: Type.Optional(Version),
})
export type Advisory = Type.Static<typeof Advisory>

export const MigrationRef = Closed({
  id: Type.String({ pattern: '^[0-9]{4}_[a-z0-9_]+$', maxLength: 80 }),
  checksum: Sha256,
  kind: Type.Enum(['expand', 'contract', 'breaking']),
  down: Type.Boolean(),
})
export type MigrationRef = Type.Static<typeof MigrationRef>

/** What happens to each class of things when an entry leaves plugins.yaml (RECONCILER.md). */
export const UninstallPolicy = Closed({
  code: Type.Optional(Type.Enum(['keep', 'remove'], { description: 'The unpacked package: keep it for a rollback, or remove it' })),
  config: Type.Optional(Type.Enum(['keep', 'remove', 'ask'], { description: 'Its configuration' })),
  data: Type.Optional(Type.Enum(['keep', 'remove', 'ask'], { description: 'Its data folder and stored keys' })),
  tables: Type.Optional(Type.Enum(['keep', 'remove', 'ask'], { description: 'The tables that its migrations made' })),
  backup: Type.Optional(Type.Boolean({ description: 'Back up and read back before anything is removed' })),
  grace: Type.Optional(about(Duration, 'How long removed data stays in quarantine before it is purged')),
})
export type UninstallPolicy = Type.Static<typeof UninstallPolicy>

/** The policy with every field decided. */
export const SealedPolicy = Closed({
  code: Type.Enum(['keep', 'remove']),
  config: Type.Enum(['keep', 'remove', 'ask']),
  data: Type.Enum(['keep', 'remove', 'ask']),
  tables: Type.Enum(['keep', 'remove', 'ask']),
  backup: Type.Boolean(),
  grace: Duration,
})
export type SealedPolicy = Type.Static<typeof SealedPolicy>

export const DEFAULT_UNINSTALL: SealedPolicy = { code: 'keep', config: 'keep', data: 'ask', tables: 'ask', backup: true, grace: '7d' }
