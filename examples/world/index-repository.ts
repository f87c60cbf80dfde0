import { stringify } from 'yaml'
import { indexPath } from '../../schemas/names.ts'
import { byCodeUnit } from '../../schemas/digest.ts'
import type { IndexLine } from '../../schemas/index-line.ts'
import { normalizePermissions } from '../../schemas/permissions.ts'
import type { RegistryEntry, RegistryFile } from '../../schemas/registry-entry.ts'
import { fullName } from './github/github.ts'
import type { Repository } from './github/github.ts'
import { RELEASE_WORKFLOW } from './sigstore/identity.ts'
import type { Published } from './publish.ts'

/** A change to an index repository, told by what it is about. Objects are written as YAML or JSON, texts and bytes as they are. */
export interface IndexChange {
  readonly entries?: Readonly<Record<string, object | string>>
  /** Whole index files by plugin id. */
  readonly lines?: Readonly<Record<string, readonly (object | string)[]>>
  readonly files?: Readonly<Record<string, string | Uint8Array>>
  readonly registry?: object | string
  /** Paths that go. */
  readonly remove?: readonly string[]
  readonly message?: string
  readonly at?: Date
  /** Commit to start from in place of the head; `null` starts a history that does not know the old one. */
  readonly parent?: string | null
}

/** How an entry or a line differs from the one that a release deserves. */
export interface ListingChange {
  readonly entry?: Partial<RegistryEntry>
  readonly line?: Partial<IndexLine>
  /** Where repositories are said to be; default `https://github.com`, which is what certificates say. */
  readonly server?: string
}

/**
 * An index repository, as RECONCILER.md lays it out, in a bare repository of the world. It remembers the lines it
 * wrote, so that `list` can add to them.
 */
export class IndexRepository {
  readonly repository: Repository
  readonly #lines = new Map<string, readonly (object | string)[]>()
  readonly #entries = new Map<string, object | string>()
  readonly #web: string
  #registry: object | string = registryFile('official')

  constructor(repository: Repository, web: string) {
    this.repository = repository
    this.#web = web
  }

  /** What `git clone` takes; `git+` before it is what plugins.yaml takes. */
  get url(): string {
    return `${this.#web}/${fullName(this.repository)}.git`
  }

  /** The present head. */
  get head(): string | undefined {
    return this.repository.git.resolve('refs/heads/main')
  }

  /** Commits a change and returns the commit. */
  commit(change: IndexChange): Promise<string> {
    this.#registry = change.registry ?? this.#registry
    for (const [id, entry] of Object.entries(change.entries ?? {})) this.#entries.set(id, entry)
    for (const [id, lines] of Object.entries(change.lines ?? {})) this.#lines.set(id, lines)
    const { remove, message = 'Update the index', at, parent } = change
    const rest = { message, ...(remove ? { remove } : {}), ...(at ? { at } : {}), ...(parent === undefined ? {} : { parent }) }
    return this.repository.git.commit({ files: filesOf(change), ...rest })
  }

  /** Lists releases: an entry for each new plugin, a line for each version. One commit. */
  list(releases: readonly Published[], change: ListingChange = {}): Promise<string> {
    const entries: Record<string, object | string> = {}
    const lines: Record<string, readonly (object | string)[]> = {}
    for (const release of releases) {
      if (!this.#entries.has(release.id) || change.entry) entries[release.id] = { ...entryOf(release, change.server), ...change.entry }
      lines[release.id] = [...(lines[release.id] ?? this.#lines.get(release.id) ?? []), { ...lineOf(release, change.server), ...change.line }]
    }
    return this.commit({ entries, lines, message: `List ${releases.map(({ id, version }) => `${id} ${version}`).join(', ')}` })
  }

  /** Changes lines that are there: for a yank, an advisory, or an attack. */
  amend(id: string, amend: (line: IndexLine) => object): Promise<string> {
    const lines = (this.#lines.get(id) ?? []).map((line) => (typeof line === 'string' ? line : amend(line as IndexLine)))
    return this.commit({ lines: { [id]: lines }, message: `Amend ${id}` })
  }

  /** The attack: the same branch with a history that does not contain what was there. */
  rewriteHistory(change: IndexChange = {}): Promise<string> {
    const all = { entries: Object.fromEntries(this.#entries), lines: Object.fromEntries(this.#lines), registry: this.#registry }
    return this.commit({ ...all, message: 'A history that never was', ...change, parent: null })
  }
}

/** `registry.yaml`. Certificates say github.com while downloads come from loopback: so the world is a host of the registry's own. */
export function registryFile(name: string, artifactHosts: readonly string[] = []): RegistryFile {
  return { apiVersion: 'catalyst.dev/v1', kind: 'Registry', name, ...(artifactHosts.length > 0 ? { artifactHosts: [...artifactHosts] } : {}) }
}

/** The entry that a reviewer would write for a plugin that is published so. */
export function entryOf({ id, repository, manifest }: Published, server = 'https://github.com'): RegistryEntry {
  const url = `${server}/${fullName(repository)}`
  return {
    v: 1, id, repositories: [{ url, id: repository.id, ownerId: repository.owner.id }], signer: { workflow: RELEASE_WORKFLOW },
    ...(manifest.permissions ? { permissions: manifest.permissions } : {}), tier: 'community', publisher: repository.owner.login,
  }
}

/** The line that the registry's bot would write for a release. */
export function lineOf(release: Published, server = 'https://github.com'): IndexLine {
  const { id, version, repository, tag, commit, artifact, bundle, manifest } = release
  const file = ({ url, size, sha256 }: Published['artifact']): IndexLine['artifact'] => ({ url, size, sha256 })
  return {
    v: 1, id, version, repository: { url: `${server}/${fullName(repository)}`, id: repository.id, ownerId: repository.owner.id }, tag, commit,
    artifact: file(artifact), bundle: file(bundle ?? artifact), manifest: release.manifestDigest,
    ...(manifest.dependencies ? { dependencies: manifest.dependencies } : {}), ...(manifest.conflicts ? { conflicts: manifest.conflicts } : {}),
    ...(manifest.compatibility?.catalyst ? { platform: manifest.compatibility.catalyst } : {}),
    permissions: normalizePermissions(manifest.permissions), publishedAt: release.publishedAt.toISOString().replace('.000Z', 'Z'),
  }
}

function filesOf(change: IndexChange): Record<string, string | Uint8Array> {
  const yaml = (value: object | string): string => (typeof value === 'string' ? value : stringify(value))
  const entries = Object.entries(change.entries ?? {}).map(([id, entry]) => [`entries/${id}.yaml`, yaml(entry)] as const)
  const lines = Object.entries(change.lines ?? {}).map(([id, rows]) => [`index/${indexPath(id)}`, rows.map((row) => `${typeof row === 'string' ? row : JSON.stringify(row)}\n`).join('')] as const)
  const all = [...entries, ...lines, ...Object.entries(change.files ?? {}), ...(change.registry ? [['registry.yaml', yaml(change.registry)] as const] : [])]
  return Object.fromEntries(all.toSorted(([a], [b]) => byCodeUnit(a, b)))
}
