import * as Type from 'typebox'
import { Closed, Id, MainPath, Range, RangeById, Version } from './common.ts'
import { PermissionsInput } from './permissions.ts'

export const PLUGIN_TYPES = ['payment-gateway', 'shipping', 'analytics', 'marketing', 'tax', 'inventory', 'generic'] as const
export type PluginType = (typeof PLUGIN_TYPES)[number]

/**
 * `package/manifest.json` of a plugin: what it is, needs and asks. `config` is a JSON Schema subset that
 * `schemas/config-schema.ts` checks; `migrations` are the ids of `migrations/<id>.sql` in their order; `tables`
 * are the logical names of tables that they make (the store adds the plugin's own prefix).
 */
export const Manifest = Closed(
  {
    $schema: Type.Optional(Type.String()),
    id: Id,
    name: Type.String({ minLength: 1, maxLength: 100 }),
    version: Version,
    type: Type.Enum([...PLUGIN_TYPES]),
    description: Type.Optional(Type.String({ maxLength: 500 })),
    main: MainPath,
    compatibility: Type.Optional(Closed({ catalyst: Type.Optional(Range) })),
    capabilities: Type.Optional(Type.Array(Type.String({ pattern: '^[a-z][a-z0-9.-]*$', maxLength: 100 }), { maxItems: 100 })),
    provides: Type.Optional(Type.Array(Type.String({ pattern: '^[a-z][a-z0-9.@-]*$', maxLength: 100 }), { maxItems: 100 })),
    permissions: Type.Optional(PermissionsInput),
    resourceLimits: Type.Optional(
      Closed({
        memory: Type.Optional(Type.String({ pattern: '^\\d+(MB|MiB|GB|GiB)$', title: 'size such as 128MB' })),
        cpu: Type.Optional(Type.String({ pattern: '^\\d{1,3}%$', title: 'share such as 50%' })),
        diskIO: Type.Optional(Type.String({ pattern: '^\\d+(KB|MB|MiB)/s$', title: 'rate such as 10MB/s' })),
        networkConnections: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000 })),
        storage: Type.Optional(Type.String({ pattern: '^\\d+(MB|MiB|GB|GiB)$', title: 'size such as 1GB' })),
      }),
    ),
    dependencies: Type.Optional(RangeById),
    conflicts: Type.Optional(RangeById),
    config: Type.Optional(Type.Unsafe<Record<string, unknown>>(Type.Object({}, { title: 'JSON Schema' }))),
    migrations: Type.Optional(Type.Array(Type.String({ pattern: '^[0-9]{4}_[a-z0-9_]+$', maxLength: 80 }), { maxItems: 1000, uniqueItems: true })),
    tables: Type.Optional(Type.Array(Type.String({ pattern: '^[a-z][a-z0-9_]*$', maxLength: 40 }), { maxItems: 200, uniqueItems: true })),
    pricing: Type.Optional(
      Closed({
        model: Type.Enum(['free', 'one-time', 'subscription', 'usage']),
        amount: Type.Optional(Type.String({ pattern: '^\\d+(\\.\\d{1,4})?$' })),
        currency: Type.Optional(Type.String({ pattern: '^[A-Z]{3}$' })),
        interval: Type.Optional(Type.Enum(['month', 'year'])),
        trialDays: Type.Optional(Type.Integer({ minimum: 0, maximum: 365 })),
      }),
    ),
    license: Type.String({ minLength: 1, maxLength: 100, title: 'SPDX licence expression' }),
    personalData: Type.Optional(Type.Array(Type.String({ maxLength: 100 }), { maxItems: 100 })),
    author: Type.Optional(Type.String({ maxLength: 200 })),
    homepage: Type.Optional(Type.String({ pattern: '^https://', maxLength: 500 })),
    keywords: Type.Optional(Type.Array(Type.String({ maxLength: 50 }), { maxItems: 50 })),
  },
  { title: 'Catalyst plugin manifest', $id: 'https://catalyst.dev/schemas/manifest.schema.json' },
)
export type Manifest = Type.Static<typeof Manifest>
