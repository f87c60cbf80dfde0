/** Who a certificate names: the subject alternative name, and Fulcio's extensions by the last arc of 1.3.6.1.4.1.57264.1.N. */
export interface Identity {
  readonly subject: string
  readonly extensions: Readonly<Record<number, string>>
}

/** A run of a GitHub Actions workflow that signs. Everything but the repository has a default that a good release would have. */
export interface WorkflowRun {
  /** `owner/name`. */
  readonly repository: string
  readonly repositoryId: number
  readonly ownerId: number
  /** Default `.github/workflows/release.yml`. */
  readonly workflow?: string
  /** `refs/tags/v1.2.3` or `refs/heads/main`. */
  readonly ref: string
  /** The commit, 40 hexadecimal digits. */
  readonly sha: string
  /** Default GitHub's. */
  readonly issuer?: string
  /** Where a *reusable* workflow lives; it is then the one that signs: `owner/name/.github/workflows/x.yml@ref`. */
  readonly reusable?: string
  /** Default `push`. */
  readonly event?: string
  readonly visibility?: 'public' | 'private'
  /** Claims laid over the made ones; an empty text takes a claim away. For tests of odd certificates. */
  readonly claims?: Readonly<Record<string, string>>
}

export const GITHUB_ISSUER = 'https://token.actions.githubusercontent.com'
export const RELEASE_WORKFLOW = '.github/workflows/release.yml'
const SERVER = 'https://github.com'

/** The claims of the token that GitHub gives to such a run. `sub` is the workflow's URI, which is what Fulcio makes the certificate's name of. */
export function claimsOfRun(run: WorkflowRun): Record<string, string> {
  const workflowRef = `${run.repository}/${run.workflow ?? RELEASE_WORKFLOW}@${run.ref}`
  const jobRef = run.reusable ?? workflowRef
  const claims = {
    iss: run.issuer ?? GITHUB_ISSUER, aud: 'sigstore', sub: `${SERVER}/${jobRef}`,
    repository: run.repository, repository_id: String(run.repositoryId), repository_owner: run.repository.split('/')[0] ?? '', repository_owner_id: String(run.ownerId),
    repository_visibility: run.visibility ?? 'public', ref: run.ref, sha: run.sha, event_name: run.event ?? 'push', workflow: 'release',
    workflow_ref: workflowRef, workflow_sha: run.sha, job_workflow_ref: jobRef, job_workflow_sha: run.sha,
    run_id: '7001', run_attempt: '1', runner_environment: 'github-hosted', ...run.claims,
  }
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== ''))
}

/** What Fulcio writes for such claims (fulcio/docs/oid-info.md). */
export function identityOfClaims(c: Readonly<Record<string, string>>): Identity {
  const uri = (value: string | undefined): string | undefined => (value === undefined ? undefined : `${SERVER}/${value}`)
  const invocation = c.repository && c.run_id ? `${SERVER}/${c.repository}/actions/runs/${c.run_id}/attempts/${c.run_attempt ?? '1'}` : undefined
  const all: Record<number, string | undefined> = {
    1: c.iss, 2: c.event_name, 3: c.sha, 4: c.workflow, 5: c.repository, 6: c.ref,
    8: c.iss, 9: uri(c.job_workflow_ref), 10: c.job_workflow_sha, 11: c.runner_environment, 12: uri(c.repository), 13: c.sha, 14: c.ref,
    15: c.repository_id, 16: uri(c.repository_owner), 17: c.repository_owner_id, 18: uri(c.workflow_ref), 19: c.workflow_sha, 20: c.event_name,
    21: invocation, 22: c.repository_visibility,
  }
  const extensions = Object.fromEntries(Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined))
  return { subject: c.sub ?? '', extensions }
}

/** An unsigned token with such claims; our Fulcio believes it, nobody else does. */
export function tokenOf(claims: Readonly<Record<string, string>>): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return [part({ alg: 'RS256', typ: 'JWT' }), part(claims), Buffer.from('unsigned').toString('base64url')].join('.')
}
