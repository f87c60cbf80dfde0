import * as Type from 'typebox'
import { Closed, Commit, GitRef, Id, Instant, Keyed, MainPath, MigrationRef, Range, RangeById, RemoteFile, RepositoryRef, ReusableWorkflow, SealedPolicy, Sha256, Url, Version, WorkflowPath } from './common.ts'
import { digestOf, type Digest } from './digest.ts'
import { Permissions } from './permissions.ts'

/** The version of the lock format that we write. A newer file is refused by naming it, never rewritten. */
export const LOCK_VERSION = 1

/** The first version of @catalyst/plugins that reads `LOCK_VERSION`. */
export const LOCK_NEEDS = '0.1.0'

const BundleUrl = Type.String({
  pattern: '^((https?|file):|plugins\\.bundles/[0-9a-f]{64}\\.json$)',
  maxLength: 2048,
  title: 'URL, or a file plugins.bundles/<sha256>.json',
})

/** Who signed, as proven when the lock was written. `kind: unsigned` stands only where plugins.yaml says `verify: { unsigned: true }`. */
export const LockedSigner = Type.Union([
  Closed({
    kind: Type.Literal('provenance'),
    profile: Type.String({ maxLength: 500 }),
    predicateType: Url,
    issuer: Url,
    workflow: WorkflowPath,
    ref: GitRef,
    reusable: Type.Optional(ReusableWorkflow),
  }),
  Closed({ kind: Type.Literal('unsigned') }),
])
export type LockedSigner = Type.Static<typeof LockedSigner>

/** One plugin of the resolution: everything that `plan` and `apply` need, so that they resolve nothing again. */
export const LockBlock = Closed({
  /** The clause of plugins.yaml, absent when only dependents want the plugin. */
  requested: Type.Optional(Range),
  version: Version,
  /** Name of the registry in plugins.yaml; absent for a direct source. */
  registry: Type.Optional(Type.String({ maxLength: 40 })),
  /** The direct source, as written in plugins.yaml. */
  source: Type.Optional(Type.String({ maxLength: 300 })),
  repository: RepositoryRef,
  tag: Type.String({ minLength: 1, maxLength: 200 }),
  commit: Commit,
  artifact: RemoteFile,
  tree: Sha256,
  manifest: Sha256,
  /** Absent only for an unsigned source. A URL that starts with `plugins.bundles/` is a file of the store repository. */
  bundle: Type.Optional(Closed({ url: BundleUrl, sha256: Sha256 })),
  signer: LockedSigner,
  publishedAt: Instant,
  type: Type.String({ maxLength: 40 }),
  main: MainPath,
  dependencies: RangeById,
  conflicts: RangeById,
  platform: Type.Optional(Range),
  provides: Type.Array(Type.String({ maxLength: 100 })),
  permissions: Permissions,
  configSchema: Type.Optional(Sha256),
  migrations: Type.Array(MigrationRef),
  tables: Type.Array(Type.String({ maxLength: 40 })),
  uninstall: SealedPolicy,
  /** For audit only: where the registry stood. Not part of `entryDigest`. */
  snapshot: Type.Optional(Closed({ registry: Type.String({ maxLength: 40 }), head: Type.String({ maxLength: 100 }) })),
  /** sha256 over the RFC 8785 JSON of the block without `snapshot` and `entryDigest`: catches accidents, not attackers. */
  entryDigest: Sha256,
})
export type LockBlock = Type.Static<typeof LockBlock>

/** A wanted plugin that `lock` could not take, because a person must decide, or its release was refused or could not be checked: recorded, so that `plan` can say so without a network. */
export const WaitingBlock = Closed({
  requested: Type.Optional(Range),
  code: Type.Enum(['GRANT_MISSING', 'SIGNER_MISSING', 'DECISION_REQUIRED', 'RELEASE_REFUSED', 'RELEASE_UNCHECKED']),
  version: Version,
  /** The YAML to write under the plugin, or why the release was not taken. */
  write: Type.String({ maxLength: 4000 }),
})
export type WaitingBlock = Type.Static<typeof WaitingBlock>

/** `plugins.lock.yaml`: tools write it, people review it. Sorted by id; no digest over the whole file. */
export const Lock = Closed(
  {
    lockVersion: Type.Literal(LOCK_VERSION),
    /** The oldest version of this package that reads the file: an older one can then say what to install. */
    needs: Type.Optional(Version),
    plugins: Keyed(Id, LockBlock),
    removed: Type.Optional(Keyed(Id, LockBlock)),
    waiting: Type.Optional(Keyed(Id, WaitingBlock)),
  },
  { title: 'Catalyst plugins.lock.yaml', $id: 'https://catalyst.dev/schemas/lock.schema.json' },
)
export type Lock = Type.Static<typeof Lock>

/**
 * The digest of what a block says about the release itself, without what plugins.yaml decides (range, uninstall
 * policy) and without the snapshot: two blocks with the same one are the same release by the same signer.
 */
export function releaseDigest(block: LockBlock): Digest {
  const { requested: _requested, uninstall: _uninstall, snapshot: _snapshot, entryDigest: _digest, ...release } = block
  return digestOf(release)
}

/** The digest that a block must carry. */
export function entryDigest(block: Omit<LockBlock, 'entryDigest'> & { entryDigest?: string }): Digest {
  const { snapshot: _snapshot, entryDigest: _digest, ...rest } = block
  return digestOf(rest)
}
