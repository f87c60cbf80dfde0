import type { RepositoryRef, ReusableWorkflow } from '../../schemas/common.ts'
import { CatalystError } from '../../schemas/errors.ts'
import type { Authority } from '../../reconciler/ports.ts'
import type { CertificateIdentity } from './certificate-identity.ts'

/** Who must have signed which version. */
export interface Expected {
  readonly authority: Authority
  readonly tag: string
  /** The commit that the tag points to. */
  readonly commit: string
}

/** The run that signed, as the certificate and the expectation agree on it. */
export interface SigningRun {
  readonly repository: RepositoryRef
  readonly issuer: string
  readonly workflow: string
  readonly ref: string
  readonly commit: string
  readonly reusable?: ReusableWorkflow
}

/**
 * Refuses an expectation that expects nothing: a field left empty would be a field not checked.
 * @throws CatalystError IDENTITY_EMPTY
 */
export function assertExpectation({ authority, tag, commit }: Expected): void {
  const { issuer, workflow, repositories, reusable } = authority
  const empty = [
    ...(issuer ? [] : ['issuer']),
    ...(workflow ? [] : ['workflow']),
    ...(tag ? [] : ['tag']),
    ...(commit ? [] : ['commit']),
    ...(repositories.length > 0 && repositories.every((r) => r.url && r.id > 0 && r.ownerId > 0) ? [] : ['repository']),
    ...(reusable && !(reusable.repository && reusable.path && reusable.ref) ? ['reusable workflow'] : []),
  ]
  if (empty.length > 0) throw new CatalystError('IDENTITY_EMPTY', `Nobody is named who must have signed: no ${empty.join(', no ')}`)
}

/**
 * Compares a proven certificate with the expectation, text by text, nothing as a pattern. The subject alone is not enough: under a
 * reusable workflow it names that workflow's repository, so the source repository and its numeric ids are compared too.
 * @throws CatalystError IDENTITY_MISMATCH that lists every difference
 */
export function assertIdentity(certificate: CertificateIdentity, expected: Expected, signedAt: string): SigningRun {
  const { authority } = expected
  const repository = repositoryFor(certificate, authority)
  const refs = [`refs/tags/${expected.tag}`, ...authority.refs]
  const ref = refs.find((allowed) => allowed === certificate.sourceRef) ?? `refs/tags/${expected.tag}`
  const config = `${repository.url}/${authority.workflow}@${ref}`
  const { reusable } = authority
  const signer = reusable ? `${reusable.repository}/${reusable.path}@${reusable.ref}` : config

  const compared: readonly (readonly [name: string, wanted: string, found: string | undefined])[] = [
    ['issuer', authority.issuer, certificate.issuer],
    ['source repository', repository.url, certificate.sourceRepository],
    ['source repository id', String(repository.id), certificate.sourceRepositoryId],
    ['source owner id', String(repository.ownerId), certificate.sourceOwnerId],
    ['ref', ref, certificate.sourceRef],
    ['commit', expected.commit, certificate.sourceDigest],
    ['workflow', config, certificate.buildConfig],
    [reusable ? 'reusable workflow' : 'signing workflow', signer, certificate.buildSigner],
    ['subject', signer, certificate.subject],
  ]
  const wrong = compared.filter(([, wanted, found]) => wanted !== found)
  if (wrong.length > 0) throw mismatch(wrong.map(([name, wanted, found]) => `${name} must be ${wanted}, the certificate says ${found ?? 'nothing'}`).join('; '))
  assertStillEntitled(repository, signedAt)
  const { url, id, ownerId } = repository
  return { repository: { url, id, ownerId }, issuer: authority.issuer, workflow: authority.workflow, ref, commit: expected.commit, ...(reusable ? { reusable } : {}) }
}

/** The entry's repository with the certificate's numeric ids, or with its URL, or simply the first, to compare with. */
function repositoryFor(certificate: CertificateIdentity, authority: Authority): Authority['repositories'][number] {
  const { repositories } = authority
  const sameId = repositories.filter((r) => String(r.id) === certificate.sourceRepositoryId)
  const found = sameId.find((r) => r.url === certificate.sourceRepository) ?? sameId[0] ?? repositories[0]
  if (!found) throw new CatalystError('IDENTITY_EMPTY', 'No repository is named that may publish')
  return found
}

function assertStillEntitled({ url, until }: Authority['repositories'][number], signedAt: string): void {
  if (until !== undefined && Date.parse(signedAt) >= Date.parse(until)) throw mismatch(`${url} might publish until ${until}; this was signed at ${signedAt}`)
}

/** `<repository URL>/<workflow path>@<ref>`, as GitHub's certificates write it; a reusable workflow may be pinned to a commit. */
const WORKFLOW_URI = /^(https?:\/\/[^/@\s]+\/[^/@\s]+\/[^/@\s]+)\/(\.github\/workflows\/[^/@\s]+)@(refs\/\S+|[0-9a-f]{40})$/

/**
 * The run that a certificate states, compared with nothing.
 * @throws CatalystError IDENTITY_MISMATCH when it is not the certificate of a GitHub workflow, or contradicts itself
 */
export function statedRun(certificate: CertificateIdentity): SigningRun {
  const { issuer, buildConfig, buildSigner, sourceRepository, sourceRef, sourceDigest, sourceRepositoryId, sourceOwnerId, subject } = certificate
  const config = WORKFLOW_URI.exec(buildConfig ?? '')
  const signer = WORKFLOW_URI.exec(buildSigner ?? '')
  if (!issuer || !config || !signer || !sourceRepository || !sourceRef || !sourceDigest || !sourceRepositoryId || !sourceOwnerId) {
    throw mismatch(`the certificate of ${subject} is not that of a GitHub workflow`)
  }
  if (subject !== buildSigner || config[1] !== sourceRepository || config[3] !== sourceRef) throw mismatch(`the certificate of ${subject} contradicts itself`)
  const repository = { url: sourceRepository, id: Number(sourceRepositoryId), ownerId: Number(sourceOwnerId) }
  const reusable = buildSigner === buildConfig ? {} : { reusable: { repository: signer[1] ?? '', path: signer[2] ?? '', ref: signer[3] ?? '' } }
  return { repository, issuer, workflow: config[2] ?? '', ref: sourceRef, commit: sourceDigest, ...reusable }
}

function mismatch(message: string): CatalystError {
  return new CatalystError('IDENTITY_MISMATCH', `Signed by somebody else: ${message}`)
}
