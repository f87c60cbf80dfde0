import { DEFAULT_UNINSTALL, type SealedPolicy, type SignerRule } from '../../schemas/common.ts'
import { byCodeUnit, type Digest } from '../../schemas/digest.ts'
import type { Place } from '../../schemas/errors.ts'
import { normalizePermissions, type Permissions } from '../../schemas/permissions.ts'
import type { Approval, PluginEntry, PluginSet } from '../../schemas/plugin-set.ts'
import { durationMs } from '../../schemas/durations.ts'

/** One registry with every default applied. */
export interface DesiredRegistry {
  readonly name: string
  readonly url: string
  /** Where its index, artifacts and bundles are taken from instead. */
  readonly mirror: string | undefined
  /** The root of the mirror's owner. */
  readonly mirrorRoot: string | undefined
  readonly root: string | undefined
  readonly profile: string
  readonly maxAgeMs: number
}

/** One wanted plugin with every default applied. */
export interface DesiredPlugin {
  readonly id: string
  /** Undefined: any version of the channel. */
  readonly range: string
  readonly channel: 'stable' | 'beta'
  readonly registry: string | undefined
  readonly source: string | undefined
  readonly signer: SignerRule | undefined
  readonly profile: string | undefined
  readonly unsigned: Digest | undefined
  readonly enabled: boolean
  /** Undefined: nobody has decided; a manifest that asks for something then waits (exit 3). */
  readonly grant: Permissions | undefined
  readonly config: Readonly<Record<string, unknown>>
  readonly uninstall: SealedPolicy
  readonly reject: readonly string[]
  /** JSON pointers to places of the config that may differ from git. */
  readonly ignoreDrift: readonly string[]
  readonly place: Place | undefined
  readonly versionPlace: Place | undefined
}

/** What git asks: plugins.yaml with every default applied, sorted by id, with the places its clauses stand at. */
export interface DesiredState {
  readonly store: { readonly id: string; readonly type: string | undefined; readonly catalyst: string | undefined; readonly database: string; readonly dataDir: string }
  readonly registries: readonly DesiredRegistry[]
  readonly policy: {
    readonly upgrades: 'none' | 'patch' | 'minor' | 'major'
    readonly minimumReleaseAgeMs: number
    readonly maxRemovalsPercent: number
    readonly uninstall: SealedPolicy
  }
  readonly plugins: readonly DesiredPlugin[]
  readonly removed: Readonly<Record<string, NonNullable<PluginSet['removed']>[string]>>
  readonly moved: readonly { readonly from: string; readonly to: string }[]
  readonly approvals: readonly Approval[]
}

/** Finds the place of a key path in the file, e.g. `['plugins', 'stripe-payments', 'version']`. */
export type PlaceOf = (path: readonly (string | number)[]) => Place | undefined

const DAY_MS = 24 * 60 * 60 * 1000

/** Applies the defaults of RECONCILER.md to a valid plugins.yaml. Pure; the input is not changed. */
export function desiredState(set: PluginSet, placeOf: PlaceOf = () => undefined): DesiredState {
  const uninstall = { ...DEFAULT_UNINSTALL, ...set.policy?.uninstall }
  return {
    store: {
      id: set.store.id,
      type: set.store.type,
      catalyst: set.store.catalyst,
      database: set.store.database ?? 'sqlite:./store.db',
      dataDir: set.store.dataDir ?? './plugin-data',
    },
    registries: (set.registries ?? []).map((r) => ({
      name: r.name,
      url: r.url,
      mirror: r.mirror,
      mirrorRoot: r.mirrorRoot,
      root: r.root,
      profile: r.sigstore ?? 'public-good',
      maxAgeMs: durationMs(r.maxAge ?? '7d'),
    })),
    policy: {
      upgrades: set.policy?.upgrades ?? 'minor',
      minimumReleaseAgeMs: set.policy?.minimumReleaseAge ? durationMs(set.policy.minimumReleaseAge) : DAY_MS,
      maxRemovalsPercent: Number.parseInt(set.policy?.maxRemovals ?? '25%', 10),
      uninstall,
    },
    plugins: Object.entries(set.plugins)
      .sort(([a], [b]) => byCodeUnit(a, b))
      .map(([id, entry]) => desiredPlugin(id, entry, uninstall, placeOf)),
    removed: set.removed ?? {},
    moved: set.moved ?? [],
    approvals: set.approvals ?? [],
  }
}

function desiredPlugin(id: string, entry: PluginEntry, uninstall: SealedPolicy, placeOf: PlaceOf): DesiredPlugin {
  return {
    id,
    range: entry.version ?? '*',
    channel: entry.channel ?? 'stable',
    registry: entry.registry,
    source: entry.source,
    signer: entry.signer,
    profile: entry.sigstore,
    unsigned: entry.verify?.sha256,
    enabled: entry.enabled ?? true,
    grant: entry.permissions === undefined ? undefined : normalizePermissions(entry.permissions),
    config: entry.config ?? {},
    uninstall: { ...uninstall, ...entry.uninstall },
    reject: entry.reject ?? [],
    ignoreDrift: entry.ignoreDrift ?? [],
    // Looked up by who needs them: places cost more than the values that stand there.
    get place() {
      return placeOf(['plugins', id])
    },
    get versionPlace() {
      return placeOf(['plugins', id, 'version']) ?? placeOf(['plugins', id])
    },
  }
}
