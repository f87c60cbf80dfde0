import { sha256 } from '../../../schemas/digest.ts'
import { DEFAULT_UNINSTALL } from '../../../schemas/common.ts'
import { entryDigest, type Lock, type LockBlock } from '../../../schemas/lock.ts'
import { normalizePermissions, type PermissionsInput } from '../../../schemas/permissions.ts'
import type { PluginEntry, PluginSet } from '../../../schemas/plugin-set.ts'
import { desiredState, type DesiredState } from '../../../reconciler/plan/desired.ts'
import { resolve, type ResolveInput, type Resolved } from '../../../reconciler/resolve/resolve.ts'
import type { Candidate, Hold } from '../../../reconciler/ports.ts'

/* Builders that are valid by default: a test states only what is odd. */

export const NOW = '2026-11-22T12:00:00Z'
const LONG_AGO = '2026-01-01T00:00:00Z'

/** One version as a test writes it. */
export interface Release {
  readonly needs?: Readonly<Record<string, string>>
  readonly conflicts?: Readonly<Record<string, string>>
  readonly asks?: PermissionsInput
  readonly platform?: string
  readonly published?: string
  readonly yanked?: string
  readonly advisories?: Candidate['advisories']
  /** `none`: a direct source of which nobody has said who may sign. */
  readonly signer?: 'none'
  /** Another text means other bytes. */
  readonly bytes?: string
}

/** The releases of each plugin: `{ sms: { '1.0.0': {} } }`, or a list of versions without anything odd. */
export type Releases = Readonly<Record<string, readonly string[] | Readonly<Record<string, Release>>>>

export function candidate(id: string, version: string, release: Release = {}): Candidate {
  const bytes = sha256(release.bytes ?? `${id}-${version}`)
  return {
    id,
    version,
    ...(release.signer === 'none' ? { source: `github:acme/${id}` } : { registry: 'official' }),
    repository: { url: `https://github.com/acme/${id}`, id: 1, ownerId: 2 },
    tag: `v${version}`,
    commit: '0'.repeat(40),
    artifact: { url: `https://github.com/acme/${id}/releases/download/v${version}/${id}-${version}.tgz`, size: 1000, sha256: bytes },
    bundle: { url: `https://github.com/acme/${id}/${version}.sigstore.json`, sha256: sha256('bundle') },
    dependencies: release.needs ?? {},
    conflicts: release.conflicts ?? {},
    platform: release.platform,
    permissions: normalizePermissions(release.asks),
    publishedAt: release.published ?? LONG_AGO,
    yanked: release.yanked === undefined ? undefined : { reason: release.yanked },
    advisories: release.advisories ?? [],
    ...(release.signer === 'none'
      ? {}
      : {
          authority: {
            profile: 'public-good',
            issuer: 'https://token.actions.githubusercontent.com',
            repositories: [{ url: `https://github.com/acme/${id}`, id: 1, ownerId: 2 }],
            workflow: '.github/workflows/release.yml',
            refs: [],
          },
        }),
  }
}

export function candidates(releases: Releases): Map<string, Candidate[]> {
  return new Map(
    Object.entries(releases).map(([id, versions]) => [
      id,
      Array.isArray(versions) ? versions.map((version: string) => candidate(id, version)) : Object.entries(versions).map(([version, release]) => candidate(id, version, release as Release)),
    ]),
  )
}

/** What plugins.yaml asks for: a range, or an entry. Entry n stands at line 10 * n of plugins.yaml, in the order written. */
export type Wanted = Readonly<Record<string, string | PluginEntry>>

export function desired(wanted: Wanted, options: { policy?: PluginSet['policy']; catalyst?: string; registries?: readonly string[] } = {}): DesiredState {
  const ids = Object.keys(wanted)
  const set: PluginSet = {
    apiVersion: 'catalyst.dev/v1',
    kind: 'PluginSet',
    store: { id: 'acme', catalyst: options.catalyst ?? '3.2.0' },
    registries: (options.registries ?? ['official']).map((name) => ({ name, url: `https://${name}.example` })),
    ...(options.policy ? { policy: options.policy } : {}),
    plugins: Object.fromEntries(Object.entries(wanted).map(([id, entry]) => [id, typeof entry === 'string' ? { version: entry } : entry])),
  }
  return desiredState(set, (path) => ({ file: 'plugins.yaml', line: 10 * (ids.indexOf(String(path[1])) + 1), column: 5 }))
}

export function block(of: Candidate, requested: string | undefined): LockBlock {
  const unsealed = {
    ...(requested === undefined ? {} : { requested }),
    version: of.version,
    ...(of.registry === undefined ? {} : { registry: of.registry }),
    ...(of.source === undefined ? {} : { source: of.source }),
    repository: of.repository,
    tag: of.tag,
    commit: of.commit,
    artifact: of.artifact,
    tree: sha256('tree'),
    manifest: sha256('manifest'),
    bundle: { url: 'https://github.com/b', sha256: sha256('bundle') },
    signer: { kind: 'provenance' as const, profile: 'public-good', predicateType: 'https://slsa.dev/provenance/v1', issuer: 'https://token.actions.githubusercontent.com', workflow: '.github/workflows/release.yml', ref: `refs/tags/${of.tag}` },
    publishedAt: of.publishedAt,
    type: 'generic',
    main: 'index.js',
    dependencies: { ...of.dependencies },
    conflicts: { ...of.conflicts },
    ...(of.platform === undefined ? {} : { platform: of.platform }),
    provides: [],
    permissions: of.permissions,
    migrations: [],
    tables: [],
    uninstall: DEFAULT_UNINSTALL,
  }
  return { ...unsealed, entryDigest: entryDigest(unsealed) }
}

/** A lock that has these versions of what is released. */
export function lockOf(versions: Readonly<Record<string, string>>, releases: Releases = {}, wanted: Wanted = {}): Lock {
  const known = candidates(releases)
  const range = (id: string): string | undefined => {
    const entry = wanted[id]
    return typeof entry === 'string' ? entry : entry?.version
  }
  return {
    lockVersion: 1,
    plugins: Object.fromEntries(
      Object.entries(versions).map(([id, version]) => [id, block(known.get(id)?.find((c) => c.version === version) ?? candidate(id, version), range(id))]),
    ),
  }
}

/** A rollback from a version to another one, or to nothing. */
export function hold(id: string, fromVersion: string, toVersion?: string): Hold {
  return { id, from: sha256(`${id} ${fromVersion}`), fromVersion, to: toVersion === undefined ? 'absent' : sha256(`${id} ${toVersion}`), toVersion, since: '2026-11-22T00:00:00Z' }
}

/** A lock that says what was resolved. */
export function relock({ selections }: Resolved): Lock {
  return { lockVersion: 1, plugins: Object.fromEntries(selections.map((s) => [s.id, block(s.candidate, s.requested)])) }
}

/** What a case states; all else is `lock` without a lock. */
export interface Case {
  readonly wanted: Wanted
  readonly releases: Releases
  readonly locked?: Readonly<Record<string, string>> | Lock
  readonly mode?: ResolveInput['mode']
  readonly holds?: ResolveInput['holds']
  readonly policy?: PluginSet['policy']
  readonly catalyst?: string
  readonly registries?: readonly string[]
  readonly now?: string
}

export function inputOf(of: Case): ResolveInput {
  const locked = of.locked === undefined ? undefined : isLock(of.locked) ? of.locked : lockOf(of.locked, of.releases, of.wanted)
  return {
    desired: desired(of.wanted, of),
    candidates: candidates(of.releases),
    locked,
    mode: of.mode ?? { kind: 'lock' },
    holds: of.holds ?? [],
    now: of.now ?? NOW,
  }
}

function isLock(locked: NonNullable<Case['locked']>): locked is Lock {
  return 'lockVersion' in locked
}

export function resolved(of: Case): Resolved {
  return resolve(inputOf(of))
}

/** The answer in short: `sms 1.0.0`. */
export function taken(of: Case): string[] {
  return short(resolved(of))
}

export function short({ selections }: Resolved): string[] {
  return selections.map((s) => `${s.id} ${s.candidate.version}`)
}
