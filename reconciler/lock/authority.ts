import { artifactUrlAllowed, isBelow } from '../../schemas/artifact-urls.ts'
import { authorityOfEntry } from '../../schemas/authority.ts'
import { CatalystError } from '../../schemas/errors.ts'
import type { IndexLine } from '../../schemas/index-line.ts'
import { releaseDigest, type Lock, type LockBlock } from '../../schemas/lock.ts'
import { tagsFor } from '../../schemas/names.ts'
import { normalizePermissions, permissionExcess } from '../../schemas/permissions.ts'
import type { DesiredState } from '../plan/desired.ts'
import type { Authority, IndexSnapshot } from '../ports.ts'
import { authorityOfBlock, authorityOfSigner } from './candidates.ts'
import { assertOwner } from './owner.ts'

/** Who must have signed a block that is about to be applied, or that plugins.yaml allows its digest unsigned. */
export type Authorization = (
  | { readonly kind: 'provenance'; readonly authority: Authority }
  | { readonly kind: 'unsigned' }
) & {
  /** This very release was proven and applied by this store before: a whole tree of it need not be proven again. */
  readonly applied?: boolean
}

/** What authority may be drawn from: the store's own records and git, and the pinned registries. Never the lock. */
export interface AuthoritySources {
  readonly desired: DesiredState
  /** The lock as a whole: who depends on whom. */
  readonly lock: Pick<Lock, 'plugins'>
  /** The registry from which the store has a plugin, by id. */
  readonly origins: ReadonlyMap<string, string | undefined>
  /** The base URLs of GitHub: the web, and its API. */
  readonly hosts: ReleaseHosts
  /** Releases that this store has applied before, now or in a kept generation: `releaseDigest` of their blocks. */
  readonly applied: ReadonlySet<string>
  /** @throws CatalystError when the registry cannot be opened */
  readonly snapshot: (registry: string) => Promise<IndexSnapshot>
}

/** Where a direct source's files are: below the one for everybody, below the other with a token. Without a slash at the end. */
export interface ReleaseHosts {
  readonly webUrl: string
  readonly apiUrl: string
}

/**
 * The authority for one lock block (law 11). A block that was applied before needs none but its own identity; a new
 * one must be spoken for by the entry and the line of the registry that owns the id, or by `signer:` or `verify:` in plugins.yaml.
 * @throws CatalystError AUTHORITY_UNCHECKED when the outside could not be asked, AUTHORITY_MISMATCH, REGISTRY_SHADOWED or
 * FOREIGN_URL when it says something else than the lock
 */
export async function authorize(id: string, block: LockBlock, sources: AuthoritySources): Promise<Authorization> {
  if (sources.applied.has(releaseDigest(block))) {
    const authority = authorityOfBlock(block)
    return authority ? { kind: 'provenance', authority, applied: true } : { kind: 'unsigned', applied: true }
  }
  if (!tagsFor(id, block.version).includes(block.tag)) throw mismatch(id, `the lock takes ${block.version} from tag ${block.tag}, releases have one of ${tagsFor(id, block.version).join(', ')}`)
  return block.source === undefined ? fromRegistry(id, block, sources) : fromPluginSet(id, block, sources)
}

function fromPluginSet(id: string, block: LockBlock, { desired, hosts }: AuthoritySources): Authorization {
  const plugin = desired.plugins.find((p) => p.id === id)
  if (plugin?.source !== block.source) throw mismatch(id, `the lock takes it from ${block.source}, plugins.yaml says ${plugin?.source ?? 'nothing'}`)
  const named = /^github:([^#]+)/.exec(block.source ?? '')?.[1] ?? ''
  const bundle = block.bundle?.url.startsWith('plugins.bundles/') ? undefined : block.bundle?.url
  for (const url of [block.artifact.url, bundle]) {
    if (url === undefined || isBelow(url, [`${hosts.webUrl}/${named}/releases/download/`, `${hosts.apiUrl}/repos/${named}/releases/assets/`])) continue
    throw new CatalystError('FOREIGN_URL', `${id}: the lock downloads from ${url}, where ${block.source} has no releases`)
  }
  if (block.signer.kind === 'unsigned') {
    if (plugin?.unsigned === block.artifact.sha256) return { kind: 'unsigned' }
    throw mismatch(id, `the lock takes ${block.artifact.sha256} unsigned, plugins.yaml allows ${plugin?.unsigned ?? 'no unsigned package'}`)
  }
  if (!block.repository.url.toLowerCase().endsWith(`/${named.toLowerCase()}`)) throw mismatch(id, `the lock names repository ${block.repository.url}, plugins.yaml says ${block.source}`)
  const authority = plugin ? authorityOfSigner(plugin, block.repository) : undefined
  if (!authority) throw new CatalystError('AUTHORITY_UNCHECKED', `${id}: the block is new and plugins.yaml names no signer for ${block.source}`)
  return { kind: 'provenance', authority }
}

async function fromRegistry(id: string, block: LockBlock, { desired, lock, origins, snapshot }: AuthoritySources): Promise<Authorization> {
  const plugin = desired.plugins.find((p) => p.id === id)
  const registry = desired.registries.find((r) => r.name === (plugin?.registry ?? block.registry))
  if (plugin?.source || !registry || registry.name !== block.registry) throw mismatch(id, `the lock takes it from registry ${block.registry ?? '(none)'}, plugins.yaml says ${plugin?.source ?? plugin?.registry ?? 'no such registry'}`)
  if (block.signer.kind === 'unsigned') throw mismatch(id, 'the lock takes it unsigned, and a registry never lists unsigned releases')
  const open = (name: string): Promise<IndexSnapshot> => openIndex(id, name, snapshot)
  await assertOwner(id, registry.name, { desired, lock, origins, open })
  const index = await open(registry.name)
  const entry = await index.entry(id)
  if (!entry) throw mismatch(id, `registry ${registry.name} does not list it`)
  for (const url of [block.artifact.url, block.bundle?.url ?? '']) {
    if (!artifactUrlAllowed(url, entry, index.file)) throw new CatalystError('FOREIGN_URL', `${id}: the lock downloads from ${url}, which is none of its repositories and no host of registry ${registry.name}`)
  }
  const excess = permissionExcess(block.permissions, normalizePermissions(entry.permissions))
  if (excess.length > 0) throw mismatch(id, `the lock lets it ask for ${excess.map((e) => `${e.kind} ${e.what}`).join(', ')}, more than its entry allows`)
  assertListed(id, block, await index.lines(id), index)
  return { kind: 'provenance', authority: authorityOfEntry(entry, registry.profile) }
}

/** The publisher's signature says who built a release; that the registry took it, and does not warn of it, says its line. */
function assertListed(id: string, { version, artifact }: LockBlock, lines: readonly IndexLine[], { registry, freshness }: IndexSnapshot): void {
  const line = lines.find((l) => l.version === version)
  const name = `registry ${registry}${freshness === 'cached' ? ' (as it was when it was last asked)' : ''}`
  if (!line) throw new CatalystError(freshness === 'cached' ? 'AUTHORITY_UNCHECKED' : 'AUTHORITY_MISMATCH', `${id}: ${name} does not list ${version}`)
  if (line.artifact.sha256 !== artifact.sha256) throw mismatch(id, `the lock takes ${artifact.sha256} as ${version}, ${name} lists ${line.artifact.sha256}`)
  const warning = line.advisories?.find(({ level }) => level === 'malicious' || level === 'withdrawn')
  if (warning) throw mismatch(id, `${name} calls ${version} ${warning.level}${warning.title ? `: ${warning.title}` : ''}`)
}

async function openIndex(id: string, registry: string, snapshot: AuthoritySources['snapshot']): Promise<IndexSnapshot> {
  try {
    return await snapshot(registry)
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error
    throw new CatalystError('AUTHORITY_UNCHECKED', `${id}: the lock block is new and registry ${registry} could not be asked who may publish it (${error.message})`, { cause: error })
  }
}

function mismatch(id: string, why: string): CatalystError {
  return new CatalystError('AUTHORITY_MISMATCH', `${id}: ${why}`)
}
