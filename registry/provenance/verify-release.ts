import { GITHUB_ACTIONS_ISSUER, type SignerRule } from '../../schemas/common.ts'
import type { Digest } from '../../schemas/digest.ts'
import type { Proof } from '../../reconciler/ports.ts'
import { readBundle } from './bundle-file.ts'
import { identityOf, type CertificateIdentity } from './certificate-identity.ts'
import { assertExpectation, assertIdentity, statedRun, type Expected, type SigningRun } from './identity.ts'
import { proveSignature } from './signature.ts'
import type { Bundle } from './sigstore.ts'
import { assertSubject, readProvenance, SLSA_PROVENANCE_V1 } from './statement.ts'
import type { TrustProfile } from './trust-profile.ts'

/** A release and its bundle file. */
export interface SignedRelease {
  readonly artifactDigest: Digest
  readonly bundle: Uint8Array
  readonly profile: TrustProfile
  /** Epoch milliseconds; when given, a signature from the future is refused as a wrong clock. */
  readonly now?: number | undefined
}

/** A proof with everything compared. `publishedAt` is the proven time of the signature. */
export interface Verified extends Proof {
  readonly verdict: 'verified'
  /** The certificate's subject alternative name. */
  readonly subject: string
}

/** Cryptography holds, but nobody has said who should have signed: it never counts as verified. */
export interface Observed extends Proof {
  readonly verdict: 'observed'
  readonly subject: string
}

/**
 * Proves that the expected workflow run of the expected repository built exactly this artifact. Offline, and the same
 * answer whenever it is asked.
 * @throws CatalystError IDENTITY_EMPTY, BUNDLE_INVALID, PROVENANCE_MISSING, SIGNATURE_INVALID, SUBJECT_MISMATCH, IDENTITY_MISMATCH, CLOCK_SKEW
 */
export function verifyRelease(release: SignedRelease, expected: Expected): Verified {
  assertExpectation(expected)
  const bundle = readBundle(release.bundle)
  const { certificate, signedAt } = proveProvenance(bundle, release)
  const run = assertIdentity(certificate, expected, signedAt)
  return { verdict: 'verified', ...proofOf(run, { profile: release.profile, subject: certificate.subject, signedAt }) }
}

/**
 * The same without an expectation: what `lock` shows a person who has not yet said whom to trust.
 * @throws CatalystError BUNDLE_INVALID, PROVENANCE_MISSING, SIGNATURE_INVALID, SUBJECT_MISMATCH, IDENTITY_MISMATCH, CLOCK_SKEW
 */
export function observeSigner(release: SignedRelease): Observed {
  const bundle = readBundle(release.bundle)
  const { certificate, signedAt } = proveProvenance(bundle, release)
  return { verdict: 'observed', ...proofOf(statedRun(certificate), { profile: release.profile, subject: certificate.subject, signedAt }) }
}

/** The part of the story that needs no name: provenance, signature, artifact. */
function proveProvenance(bundle: Bundle, { profile, artifactDigest, now }: SignedRelease): { readonly certificate: CertificateIdentity; readonly signedAt: string } {
  const statement = readProvenance(bundle)
  const { certificate, signedAt } = proveSignature(bundle, profile, { now })
  assertSubject(statement, artifactDigest)
  return { certificate: identityOf(certificate), signedAt }
}

function proofOf(run: SigningRun, { profile, subject, signedAt }: { profile: TrustProfile; subject: string; signedAt: string }): Proof & { readonly subject: string } {
  const { repository, commit, issuer, workflow, ref, reusable } = run
  const signer = { kind: 'provenance', profile: profile.name, predicateType: SLSA_PROVENANCE_V1, issuer, workflow, ref, ...(reusable ? { reusable } : {}) } as const
  return { signer, repository, commit, publishedAt: signedAt, subject }
}

/** The `signer:` that a person would write in plugins.yaml to trust whom we saw; `tag` is the version's. */
export function signerRule({ signer }: Pick<Proof, 'signer'>, tag: string): SignerRule {
  return {
    workflow: signer.workflow,
    ...(signer.ref === `refs/tags/${tag}` ? {} : { refs: [signer.ref] }),
    ...(signer.issuer === GITHUB_ACTIONS_ISSUER ? {} : { issuer: signer.issuer }),
    ...(signer.reusable ? { reusable: signer.reusable } : {}),
  }
}
