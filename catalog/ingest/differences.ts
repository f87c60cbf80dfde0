import type { Proof } from '../../reconciler/ports.ts'
import { artifactUrlAllowed } from '../../schemas/artifact-urls.ts'
import { GITHUB_ACTIONS_ISSUER } from '../../schemas/common.ts'
import type { IndexLine } from '../../schemas/index-line.ts'
import { tagsFor } from '../../schemas/names.ts'
import { normalizePermissions, permissionExcess } from '../../schemas/permissions.ts'
import type { RegistryEntry, RegistryFile } from '../../schemas/registry-entry.ts'
import type { Difference } from '../ports.ts'

/**
 * Everything by which a proven release goes beyond its entry, repository first; empty for one that may be listed. An
 * entry without permissions allows none. Pure.
 */
export function differences(proof: Proof, line: IndexLine, entry: RegistryEntry, registry: RegistryFile): readonly Difference[] {
  const repository = repositoryDifferences(proof, line, entry, registry)
  return [...repository, ...signerDifferences(proof, line, entry), ...permissionDifferences(line, entry)]
}

function repositoryDifferences(proof: Proof, line: IndexLine, entry: RegistryEntry, registry: RegistryFile): readonly Difference[] {
  const { url, id, ownerId } = proof.repository
  const named = entry.repositories.map((r) => `${r.url} (id ${r.id}, owner ${r.ownerId}${r.until === undefined ? '' : `, until ${r.until}`})`).join(' or ')
  const sameId = entry.repositories.filter((r) => r.id === id)
  if (sameId.length === 0) return [{ kind: 'repository', allowed: named, found: `${url} (id ${id}, owner ${ownerId})` }]
  const sameOwner = sameId.filter((r) => r.ownerId === ownerId)
  if (sameOwner.length === 0) return [{ kind: 'owner', allowed: sameId.map((r) => String(r.ownerId)).join(' or '), found: `${ownerId} (${url})` }]
  const sameUrl = sameOwner.filter((r) => r.url === url)
  if (sameUrl.length === 0) return [{ kind: 'repository', allowed: named, found: `${url} (the same repository under another name)` }]
  if (!sameUrl.some((r) => r.until === undefined || Date.parse(line.publishedAt) < Date.parse(r.until))) return [{ kind: 'repository', allowed: named, found: `${url}, signed at ${line.publishedAt}` }]
  return artifactUrlAllowed(line.artifact.url, entry, registry) ? [] : [{ kind: 'repository', allowed: named, found: line.artifact.url }]
}

function signerDifferences({ signer }: Proof, line: IndexLine, { id, signer: rule }: RegistryEntry): readonly Difference[] {
  const found: Difference[] = []
  const issuer = rule.issuer ?? GITHUB_ACTIONS_ISSUER
  if (signer.issuer !== issuer) found.push({ kind: 'workflow', allowed: `issuer ${issuer}`, found: `issuer ${signer.issuer}` })
  if (signer.workflow !== rule.workflow) found.push({ kind: 'workflow', allowed: rule.workflow, found: signer.workflow })
  const [allowed, used] = [rule.reusable, signer.reusable].map((r) => r && `${r.repository}/${r.path}@${r.ref}`)
  if (allowed !== used) found.push({ kind: 'workflow', allowed: allowed ?? 'no reusable workflow', found: used ?? 'no reusable workflow' })
  const refs = [`refs/tags/${line.tag}`, ...(rule.refs ?? [])]
  if (!refs.includes(signer.ref)) found.push({ kind: 'tag', allowed: refs.join(' or '), found: signer.ref })
  if (!tagsFor(id, line.version).includes(line.tag)) found.push({ kind: 'tag', allowed: tagsFor(id, line.version).join(' or '), found: line.tag })
  return found
}

function permissionDifferences(line: IndexLine, entry: RegistryEntry): readonly Difference[] {
  const allowed = normalizePermissions(entry.permissions)
  return permissionExcess(normalizePermissions(line.permissions), allowed).map(({ kind, what }) =>
    kind === 'api'
      ? { kind: 'host', allowed: allowed.api.join(', ') || undefined, found: what }
      : { kind: 'permission', allowed: wordsOf(allowed[kind]), found: `${kind} ${what}` })
}

function wordsOf(allowed: unknown): string | undefined {
  if (Array.isArray(allowed)) return allowed.join(', ') || undefined
  if (typeof allowed !== 'object' || allowed === null) return undefined
  return Object.entries(allowed).map(([name, access]) => `${name}: ${String(access)}`).join(', ') || undefined
}
