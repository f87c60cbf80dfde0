import * as Type from 'typebox'
import { about, Closed, Id, Instant, RepositoryUrl, SignerRule } from './common.ts'
import { PermissionsInput } from './permissions.ts'

export const TIERS = ['official', 'community', 'generated'] as const

/**
 * `entries/<id>.yaml` of an index repository, reviewed by people: who may publish a plugin from where, and the most
 * it may ask. `until` ends an older repository's right after a move.
 */
export const RegistryEntry = Closed(
  {
    v: Type.Optional(Type.Literal(1)),
    id: Id,
    repositories: Type.Array(
      Closed({
        url: RepositoryUrl,
        id: Type.Integer({ minimum: 1, description: 'GitHub number of the repository; it stays when the name changes' }),
        ownerId: Type.Integer({ minimum: 1, description: 'GitHub number of the owner' }),
        until: Type.Optional(about(Instant, 'Releases after this moment are not the entry’s: the plugin moved')),
      }),
      { minItems: 1, maxItems: 16, description: 'Where it may be published from' },
    ),
    path: Type.Optional(Type.String({ pattern: '^(?!/)(?!.*\\.\\.)[A-Za-z0-9_./-]+$', maxLength: 200 })),
    signer: about(SignerRule, 'Who must have signed'),
    permissions: Type.Optional(about(PermissionsInput, 'The most that a release may ask; none when absent')),
    categories: Type.Optional(Type.Array(Type.String({ pattern: '^[a-z][a-z0-9-]*$', maxLength: 40 }), { maxItems: 10 })),
    tier: Type.Enum([...TIERS]),
    publisher: Type.String({ minLength: 1, maxLength: 100 }),
    description: Type.Optional(Type.String({ maxLength: 500 })),
    killed: Type.Optional(Closed({ reason: Type.String({ minLength: 1, maxLength: 300 }) }, { description: 'The kill list: nothing of this plugin is to be used, and its id is not to be had again' })),
  },
  { title: 'Catalyst registry entry', $id: 'https://catalyst.dev/schemas/registry-entry.schema.json' },
)
export type RegistryEntry = Type.Static<typeof RegistryEntry>

/** `registry.yaml` at the top of an index repository. */
export const RegistryFile = Closed(
  {
    apiVersion: Type.Literal('catalyst.dev/v1'),
    kind: Type.Literal('Registry'),
    name: Type.String({ pattern: '^[a-z][a-z0-9-]*$', maxLength: 40 }),
    title: Type.Optional(Type.String({ maxLength: 100 })),
    /** Where artifacts may be downloaded from, as URL prefixes; absent: only the entry's own repositories. */
    artifactHosts: Type.Optional(Type.Array(Type.String({ pattern: '^(https?://|file:)', maxLength: 300 }), { maxItems: 16 })),
    maxAge: Type.Optional(Type.String({ pattern: '^\\d+(s|m|h|d|w)$' })),
  },
  { title: 'Catalyst registry', $id: 'https://catalyst.dev/schemas/registry.schema.json' },
)
export type RegistryFile = Type.Static<typeof RegistryFile>
