import type { WorkflowRun } from '../../../examples/world/sigstore/identity.ts'
import { Sigstore, type ProvenanceOptions } from '../../../examples/world/sigstore/sigstore.ts'
import type { BundleJson } from '../../../examples/world/sigstore/bundle.ts'
import type { Authority } from '../../../reconciler/ports.ts'
import type { Expected } from '../../../registry/provenance/identity.ts'
import { profileOfText, type TrustProfile } from '../../../registry/provenance/trust-profile.ts'
import type { SignedRelease } from '../../../registry/provenance/verify-release.ts'
import { sha256 } from '../../../schemas/digest.ts'
import { CatalystError, type ErrorCode } from '../../../schemas/errors.ts'

/** One private Sigstore for a test file; a release that is good by default, each test states only what is odd. */
export const sigstore = new Sigstore()
export const profile: TrustProfile = profileOfText('./trust/own.json', JSON.stringify(sigstore.trustedRoot))

export const ARTIFACT = Buffer.from('the archive')
export const COMMIT = 'c'.repeat(40)
export const RUN: WorkflowRun = { repository: 'acme/stripe-payments', repositoryId: 111, ownerId: 222, ref: 'refs/tags/v1.2.3', sha: COMMIT }
export const SIGNED_AT = new Date('2026-03-01T12:00:00Z')

export const AUTHORITY: Authority = {
  profile: './trust/own.json',
  issuer: 'https://token.actions.githubusercontent.com',
  repositories: [{ url: 'https://github.com/acme/stripe-payments', id: 111, ownerId: 222 }],
  workflow: '.github/workflows/release.yml',
  refs: [],
}

export function attest(run: Partial<WorkflowRun> = {}, options: ProvenanceOptions = {}, artifact: Uint8Array = ARTIFACT): BundleJson {
  return sigstore.attest(artifact, { ...RUN, ...run }, { at: SIGNED_AT, ...options })
}

/** JSON that a test breaks on purpose, wherever it likes. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Loose = Record<string, any>

export const bytesOf = (bundle: unknown): Buffer => Buffer.from(typeof bundle === 'string' ? bundle : JSON.stringify(bundle))

export function release(bundle: unknown, odd: Partial<SignedRelease> = {}): SignedRelease {
  return { artifactDigest: sha256(ARTIFACT), bundle: bundle instanceof Uint8Array ? bundle : bytesOf(bundle), profile, ...odd }
}

export function expected(odd: Partial<Authority> = {}, more: Partial<Omit<Expected, 'authority'>> = {}): Expected {
  return { authority: { ...AUTHORITY, ...odd }, tag: 'v1.2.3', commit: COMMIT, ...more }
}

/** The refusal of a call; anything but a CatalystError is a defect, and so is acceptance. */
export function refusal(call: () => unknown): CatalystError {
  try {
    call()
  } catch (error) {
    if (error instanceof CatalystError && error.code !== 'INTERNAL') return error
    throw error
  }
  throw new Error('it was accepted')
}

export const codeOf = (call: () => unknown): ErrorCode => refusal(call).code
