import { claimsOfRun } from './identity.ts'
import type { WorkflowRun } from './identity.ts'

export const SLSA_PROVENANCE = 'https://slsa.dev/provenance/v1'
export const IN_TOTO = 'application/vnd.in-toto+json'

/** What a statement is about. `sha256` is hexadecimal. */
export interface Subject {
  readonly name: string
  readonly sha256: string
}

/** An in-toto statement, v1. */
export interface Statement {
  readonly _type: string
  readonly subject: readonly { readonly name: string; readonly digest: Readonly<Record<string, string>> }[]
  readonly predicateType: string
  readonly predicate: unknown
}

/** Any statement about a subject. */
export function statement(subject: Subject, predicateType: string, predicate: unknown): Statement {
  return { _type: 'https://in-toto.io/Statement/v1', subject: [{ name: subject.name, digest: { sha256: subject.sha256 } }], predicateType, predicate }
}

/** SLSA provenance v1 as `actions/attest-build-provenance` writes it (buildType actions.github.io/buildtypes/workflow/v1). */
export function provenance(subject: Subject, run: WorkflowRun): Statement {
  const claims = claimsOfRun(run)
  const server = 'https://github.com'
  const path = claims.workflow_ref?.slice(run.repository.length + 1).split('@')[0]
  const workflow = { ref: run.ref, repository: `${server}/${run.repository}`, path }
  return statement(subject, SLSA_PROVENANCE, {
    buildDefinition: {
      buildType: 'https://actions.github.io/buildtypes/workflow/v1',
      externalParameters: { workflow },
      internalParameters: { github: { event_name: claims.event_name, repository_id: claims.repository_id, repository_owner_id: claims.repository_owner_id, runner_environment: claims.runner_environment } },
      resolvedDependencies: [{ uri: `git+${server}/${run.repository}@${run.ref}`, digest: { gitCommit: run.sha } }],
    },
    runDetails: {
      builder: { id: `${server}/${claims.job_workflow_ref}` },
      metadata: { invocationId: `${server}/${run.repository}/actions/runs/${claims.run_id}/attempts/${claims.run_attempt}` },
    },
  })
}
