import { createRemoteJWKSet, customFetch, errors, type FetchImplementation, jwtVerify } from 'jose'
import { GITHUB_ACTIONS_ISSUER } from '../../schemas/common.ts'
import { ApiError } from '../problem.ts'

/* The one door to `jose`: OIDC tokens of GitHub Actions (docs.github.com, "OpenID Connect reference"). */

/** What a proven token says about the workflow that runs. */
export interface WorkflowClaims {
  /** Whose token it is. */
  readonly issuer: string
  /** GitHub's numbers: they stay when names change hands. */
  readonly repositoryId: number
  readonly ownerId: number
  /** `owner/name` as it is now, for people. */
  readonly repository: string
  /** `owner/name/.github/workflows/x.yml@refs/…` of the workflow that was started. */
  readonly workflowRef: string
  /** The same of the workflow whose job this is: another one where it is reusable. */
  readonly jobWorkflowRef: string
  readonly ref: string
}

/** Fetches the keys of an issuer: an answer of status 200 with a JWK Set. */
export type KeyFetch = FetchImplementation

export interface OidcOptions {
  /** The address of this registry that tokens must be made for. */
  readonly audience: string
  readonly issuer?: string
  /** How the issuer's keys are fetched. */
  readonly fetch: KeyFetch
  /** The clock. */
  readonly now: () => Date
}

/** Proves tokens. */
export type OidcVerifier = (token: string) => Promise<WorkflowClaims>

/** Keys are kept so long, and an unknown key id asks for new ones only so often: nobody can make us ask the issuer at will. */
const JWKS_MAX_AGE_MS = 10 * 60_000
const JWKS_COOLDOWN_MS = 30_000
const JWKS_TIMEOUT_MS = 5_000
const CLOCK_TOLERANCE_SECONDS = 30

const CLAIMS = ['iat', 'exp', 'sub', 'repository', 'repository_id', 'repository_owner_id', 'workflow_ref', 'job_workflow_ref', 'ref'] as const

/**
 * A verifier of tokens of one issuer for one audience: RS256 alone, signed by a key of the issuer, not expired, made at most
 * ten minutes ago, with every claim that is looked at.
 */
export function oidcVerifier({ audience, issuer = GITHUB_ACTIONS_ISSUER, fetch, now }: OidcOptions): OidcVerifier {
  const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks`), { cacheMaxAge: JWKS_MAX_AGE_MS, cooldownDuration: JWKS_COOLDOWN_MS, timeoutDuration: JWKS_TIMEOUT_MS, [customFetch]: fetch })
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keys, { issuer, audience, algorithms: ['RS256'], requiredClaims: [...CLAIMS], maxTokenAge: '10 minutes', clockTolerance: CLOCK_TOLERANCE_SECONDS, currentDate: now() })
      return claimsOf(payload, issuer)
    } catch (error) {
      throw refusal(error)
    }
  }
}

function claimsOf(payload: Readonly<Record<string, unknown>>, issuer: string): WorkflowClaims {
  const [repositoryId, ownerId] = [payload['repository_id'], payload['repository_owner_id']].map((id) => (typeof id === 'string' && /^[1-9]\d{0,14}$/.test(id) ? Number(id) : undefined))
  const [repository, workflowRef, jobWorkflowRef, ref] = [payload['repository'], payload['workflow_ref'], payload['job_workflow_ref'], payload['ref']]
  if (repositoryId === undefined || ownerId === undefined || typeof repository !== 'string' || typeof workflowRef !== 'string' || typeof jobWorkflowRef !== 'string' || typeof ref !== 'string') {
    throw new ApiError('UNAUTHENTICATED', 'the token is none of GitHub Actions: its claims have another form')
  }
  return { issuer, repositoryId, ownerId, repository, workflowRef, jobWorkflowRef, ref }
}

/** Could not check is not refused: a client may try again. */
function refusal(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  if (!(error instanceof errors.JOSEError) || UNCHECKED.has(error.code)) {
    return new ApiError('ISSUER_UNREACHABLE', 'the keys of the issuer cannot be had now, so the token could not be checked', { cause: error, headers: { 'retry-after': '10' } })
  }
  const claim = error instanceof errors.JWTClaimValidationFailed ? ` (claim ${error.claim})` : ''
  return new ApiError('UNAUTHENTICATED', `the OIDC token is refused: ${REASONS[error.code] ?? 'it is not valid'}${claim}`)
}

/** What jose says when the issuer did not answer with its keys. */
const UNCHECKED: ReadonlySet<string> = new Set(['ERR_JOSE_GENERIC', 'ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID'])

const REASONS: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: 'it has expired',
  ERR_JWT_CLAIM_VALIDATION_FAILED: 'it is not for this registry, or not of this issuer',
  ERR_JWKS_NO_MATCHING_KEY: 'the issuer has no such key',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'its signature does not hold',
  ERR_JOSE_ALG_NOT_ALLOWED: 'it is not signed with RS256',
}
