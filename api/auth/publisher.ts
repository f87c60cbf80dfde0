import { GITHUB_ACTIONS_ISSUER } from '../../schemas/common.ts'
import type { RegistryEntry } from '../../schemas/registry-entry.ts'
import type { WorkflowClaims } from './github-oidc.ts'

/**
 * Why a workflow may not speak for a plugin, or undefined when it may: its token is of the entry's issuer, for another GitHub
 * has repositories of the same numbers and names; it runs in a repository that the entry names, by both of GitHub's numbers
 * and not past its end; it is the very workflow that must have signed, at a tag or at a ref that the entry
 * names; and no other workflow does the job but the one that the entry names. Pure.
 */
export function publisherRefusal(claims: WorkflowClaims, { id, repositories, signer }: RegistryEntry, now: string): string | undefined {
  const issuer = signer.issuer ?? GITHUB_ACTIONS_ISSUER
  if (claims.issuer !== issuer) return `the token is of ${claims.issuer}; the entry of ${id} expects ${issuer}`
  const mine = repositories.filter((repository) => repository.id === claims.repositoryId && repository.ownerId === claims.ownerId)
  if (mine.length === 0) return `${claims.repository} (repository ${claims.repositoryId}, owner ${claims.ownerId}) is none of the repositories of ${id}`
  if (mine.every(({ until }) => until !== undefined && Date.parse(until) <= Date.parse(now))) return `${claims.repository} published ${id} only until ${mine[0]?.until}`
  const expected = `${claims.repository}/${signer.workflow}@${claims.ref}`
  if (!sameText(claims.workflowRef, expected)) return `the workflow is ${claims.workflowRef}; the entry of ${id} names ${signer.workflow}`
  if (!claims.ref.startsWith('refs/tags/') && !(signer.refs ?? []).includes(claims.ref)) return `it runs at ${claims.ref}; the entry of ${id} takes tags${signer.refs ? ` and ${signer.refs.join(', ')}` : ''}`
  const job = signer.reusable ? `${new URL(signer.reusable.repository).pathname.slice(1)}/${signer.reusable.path}@${signer.reusable.ref}` : claims.workflowRef
  if (!sameText(claims.jobWorkflowRef, job)) return `the job is of ${claims.jobWorkflowRef}; the entry of ${id} expects ${job}`
  return undefined
}

/** GitHub's names of owners and repositories are case-insensitive; paths and refs are not. */
function sameText(a: string, b: string): boolean {
  const split = (text: string): readonly [string, string] => {
    const [owner = '', name = '', ...rest] = text.split('/')
    return [`${owner}/${name}`.toLowerCase(), rest.join('/')]
  }
  const [[repositoryA, restA], [repositoryB, restB]] = [split(a), split(b)]
  return repositoryA === repositoryB && restA === restB
}
