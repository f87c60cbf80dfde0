import * as Type from 'typebox'
import { Advisory, Closed, Commit, Id, Instant, Range, RangeById, RemoteFile, RepositoryRef, Sha256, Version } from './common.ts'
import { Permissions } from './permissions.ts'

/** The version of the line format that we write and read; a line with another `v` is skipped. */
export const INDEX_LINE_VERSION = 1

/**
 * One line of `index/<prefix>/<id>`: one released version, written by the registry's bot from a verified release.
 * A line can never widen its entry; line and manifest are compared when the package is in hand.
 */
export const IndexLine = Closed(
  {
    v: Type.Literal(INDEX_LINE_VERSION),
    id: Id,
    version: Version,
    repository: RepositoryRef,
    tag: Type.String({ minLength: 1, maxLength: 200 }),
    commit: Commit,
    artifact: RemoteFile,
    bundle: RemoteFile,
    manifest: Sha256,
    dependencies: Type.Optional(RangeById),
    conflicts: Type.Optional(RangeById),
    platform: Type.Optional(Range),
    permissions: Permissions,
    publishedAt: Instant,
    yanked: Type.Optional(Closed({ reason: Type.String({ maxLength: 300 }) })),
    advisories: Type.Optional(Type.Array(Advisory, { maxItems: 32 })),
  },
  { title: 'Catalyst index line', $id: 'https://catalyst.dev/schemas/index-line.schema.json' },
)
export type IndexLine = Type.Static<typeof IndexLine>
