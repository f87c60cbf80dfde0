import { GITHUB_ACTIONS_ISSUER } from '../../schemas/common.ts'
import type { IndexLine } from '../../schemas/index-line.ts'
import type { LockBlock } from '../../schemas/lock.ts'
import type { DesiredPlugin } from '../plan/desired.ts'
import type { Authority, Candidate, FoundRelease, InspectedPackage } from '../ports.ts'
import { candidateOfBlock } from '../resolve/locked.ts'
import { normalizePermissions } from '../../schemas/permissions.ts'
import type { Digest } from '../../schemas/digest.ts'

/* Pure: every way in which a version becomes a candidate. */

/** Who may sign a direct source: what `signer:` in plugins.yaml says, from the repository that `source:` names. */
export function authorityOfSigner(plugin: DesiredPlugin, repository: Candidate['repository']): Authority | undefined {
  if (!plugin.signer) return undefined
  return {
    profile: plugin.profile ?? 'public-good',
    issuer: plugin.signer.issuer ?? GITHUB_ACTIONS_ISSUER,
    repositories: [repository],
    workflow: plugin.signer.workflow,
    refs: plugin.signer.refs ?? [],
    reusable: plugin.signer.reusable,
  }
}

/** The identity a block was proven with: enough for a block that was applied before. */
export function authorityOfBlock(block: LockBlock): Authority | undefined {
  if (block.signer.kind !== 'provenance') return undefined
  return {
    profile: block.signer.profile,
    issuer: block.signer.issuer,
    repositories: [block.repository],
    workflow: block.signer.workflow,
    refs: [block.signer.ref],
    reusable: block.signer.reusable,
  }
}

/** A version of an index. */
export function candidateOfLine(line: IndexLine, authority: Authority, snapshot: { readonly registry: string; readonly head: string }): Candidate {
  return {
    id: line.id,
    version: line.version,
    registry: snapshot.registry,
    repository: line.repository,
    tag: line.tag,
    commit: line.commit,
    artifact: line.artifact,
    bundle: line.bundle,
    manifest: line.manifest,
    dependencies: line.dependencies ?? {},
    conflicts: line.conflicts ?? {},
    platform: line.platform,
    permissions: line.permissions,
    publishedAt: line.publishedAt,
    yanked: line.yanked,
    advisories: line.advisories ?? [],
    authority,
    snapshot,
  }
}

/** The version that the lock holds, to be proven as it was: always a candidate, even when its registry cannot be asked or forgot it. */
export function provenCandidate(id: string, block: LockBlock): Candidate {
  return { ...candidateOfBlock(id, block), authority: authorityOfBlock(block) ?? UNSIGNED }
}

/** A release of a direct source whose package was read. Its permissions and dependencies are the manifest's. */
export function candidateOfRelease(release: FoundRelease, inspected: InspectedPackage, plugin: DesiredPlugin, bundle: Candidate['bundle']): Candidate {
  const { manifest } = inspected
  return {
    id: plugin.id,
    version: release.version,
    source: plugin.source,
    repository: release.repository,
    tag: release.tag,
    commit: release.commit,
    artifact: release.artifact,
    bundle,
    manifest: inspected.manifestDigest,
    dependencies: manifest.dependencies ?? {},
    conflicts: manifest.conflicts ?? {},
    platform: manifest.compatibility?.catalyst,
    permissions: normalizePermissions(manifest.permissions),
    publishedAt: release.publishedAt,
    advisories: [],
    authority: plugin.unsigned === release.artifact.sha256 ? UNSIGNED : authorityOfSigner(plugin, release.repository),
  }
}

/** Stands for "plugins.yaml allows exactly this digest without a signature"; no proof can match it. */
export const UNSIGNED: Authority = { profile: 'unsigned', issuer: '', repositories: [], workflow: '', refs: [] }

/** True when two candidates are the same bytes from the same place: nothing needs to be fetched or proven again. */
export function sameRelease(candidate: Candidate, block: LockBlock): boolean {
  return (
    candidate.version === block.version &&
    candidate.registry === block.registry &&
    candidate.source === block.source &&
    candidate.artifact.sha256 === (block.artifact.sha256 as Digest) &&
    candidate.artifact.url === block.artifact.url &&
    candidate.commit === block.commit &&
    candidate.repository.id === block.repository.id &&
    candidate.repository.ownerId === block.repository.ownerId &&
    candidate.repository.url === block.repository.url
  )
}
