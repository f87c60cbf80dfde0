import * as Type from 'typebox'
import { Closed, Id, Instant, RepositoryUrl, SignerRule } from './common.ts'
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
        id: Type.Integer({ minimum: 1 }),
        ownerId: Type.Integer({ minimum: 1 }),
        until: Type.Optional(Instant),
      }),
      { minItems: 1, maxItems: 16 },
    ),
    path: Type.Optional(Type.String({ pattern: '^(?!/)(?!.*\\.\\.)[A-Za-z0-9_./-]+$', maxLength: 200 })),
    signer: SignerRule,
    permissions: Type.Optional(PermissionsInput),
    categories: Type.Optional(Type.Array(Type.String({ pattern: '^[a-z][a-z0-9-]*$', maxLength: 40 }), { maxItems: 10 })),
    tier: Type.Enum([...TIERS]),
    publisher: Type.String({ minLength: 1, maxLength: 100 }),
    description: Type.Optional(Type.String({ maxLength: 500 })),
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
