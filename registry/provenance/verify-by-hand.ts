import { hash } from 'node:crypto'
import { sha256, type Digest } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { readBundle } from './bundle-file.ts'
import { identityOf, type CertificateIdentity } from './certificate-identity.ts'
import { proveKeySignature, proveSignature } from './signature.ts'
import { messageDigestOf, type Bundle } from './sigstore.ts'
import { assertSubject, readStatement } from './statement.ts'
import type { TrustProfile } from './trust-profile.ts'

/** `catalyst verify FILE`: any artifact, any Sigstore bundle, and whoever the person at the keyboard names. */
export interface HandVerification {
  /** Its bytes, or where a statement was signed its digest. A plain signature is over the bytes. */
  readonly artifact: Uint8Array | Digest
  readonly bundle: Uint8Array
  readonly profile: TrustProfile
  /** The certificate's subject alternative name, whole. Not together with `key`. */
  readonly identity?: string | undefined
  readonly issuer?: string | undefined
  /** Whose source was built; when absent, the repository part of `identity`. */
  readonly sourceRepository?: string | undefined
  /** PEM. The bundle must be signed by this bare key. */
  readonly key?: string | undefined
  /** Epoch milliseconds. */
  readonly now?: number | undefined
}

/** What was proven by hand. */
export interface HandVerified {
  readonly artifactDigest: Digest
  readonly profile: string
  /** The proven time of the signature; absent when a bare key signed and nothing proves a time. */
  readonly signedAt?: string
  /** Absent when a bare key signed. */
  readonly identity?: string
  readonly issuer?: string
  readonly sourceRepository?: string
  /** Absent for a plain signature over the artifact. */
  readonly predicateType?: string
}

/**
 * Proves an artifact by hand. Message signatures are taken here, and only here.
 * @throws CatalystError IDENTITY_EMPTY, BUNDLE_INVALID, SIGNATURE_INVALID, SUBJECT_MISMATCH, IDENTITY_MISMATCH, TRUST_ROOT_INVALID, CLOCK_SKEW
 */
export function verifyByHand(asked: HandVerification): HandVerified {
  assertAsked(asked)
  const bundle = readBundle(asked.bundle)
  const proven = asked.key === undefined ? proveIdentity(bundle, asked) : proveKey(bundle, asked, asked.key)
  return { ...assertSigned(bundle, asked.artifact), ...proven, profile: asked.profile.name }
}

type Proven = Pick<HandVerified, 'signedAt' | 'identity' | 'issuer' | 'sourceRepository'>

function proveIdentity(bundle: Bundle, asked: HandVerification): Proven {
  const { certificate, signedAt } = proveSignature(bundle, asked.profile, { artifact: bytesToProve(bundle, asked.artifact), now: asked.now })
  return { ...assertSigner(identityOf(certificate), asked), signedAt }
}

function proveKey(bundle: Bundle, asked: HandVerification, key: string): Proven {
  const { signedAt } = proveKeySignature(bundle, asked.profile, key, { artifact: bytesToProve(bundle, asked.artifact), now: asked.now })
  return signedAt === undefined ? {} : { signedAt }
}

/** Either a key or a whole identity. Half an identity would leave half unchecked; both contradict each other. */
function assertAsked({ identity, issuer, key }: HandVerification): void {
  if (key === undefined && !identity) throw new CatalystError('IDENTITY_EMPTY', 'No identity is named that must have signed')
  if (key === undefined && !issuer) throw new CatalystError('IDENTITY_EMPTY', 'No issuer is named that must have vouched for the identity')
  if (key !== undefined && (identity || issuer)) {
    throw new CatalystError('IDENTITY_MISMATCH', 'A bare key has no identity: a key and an identity cannot both be demanded', { hint: 'Name either --key, or --identity and --issuer.' })
  }
}

function bytesToProve(bundle: Bundle, artifact: HandVerification['artifact']): Uint8Array | undefined {
  if (typeof artifact !== 'string') return artifact
  if (messageDigestOf(bundle) === undefined) return undefined
  throw new CatalystError('SIGNATURE_INVALID', 'The bundle is a plain signature, which is over the file itself', { hint: 'Give the file instead of its digest.' })
}

/** What was signed must be this artifact; the library checks neither the statement nor a message's stated digest. */
function assertSigned(bundle: Bundle, artifact: HandVerification['artifact']): Pick<HandVerified, 'artifactDigest' | 'predicateType'> {
  const artifactDigest = typeof artifact === 'string' ? artifact : sha256(artifact)
  const statement = readStatement(bundle)
  if (statement) {
    assertSubject(statement, artifactDigest)
    return { artifactDigest, predicateType: statement.predicateType }
  }
  const stated = messageDigestOf(bundle)
  if (stated && typeof artifact !== 'string' && !stated.digest.equals(hash(stated.algorithm, artifact, 'buffer'))) {
    throw new CatalystError('SUBJECT_MISMATCH', `The bundle is about ${stated.algorithm}:${stated.digest.toString('hex')}; the artifact is ${artifactDigest}`)
  }
  return { artifactDigest }
}

function assertSigner(certificate: CertificateIdentity, asked: HandVerification): Pick<HandVerified, 'identity' | 'issuer' | 'sourceRepository'> {
  const wanted: [name: string, wanted: string | undefined, found: string | undefined][] = [
    ['identity', asked.identity, certificate.subject],
    ['issuer', asked.issuer, certificate.issuer],
  ]
  if (certificate.sourceRepository !== undefined || asked.sourceRepository) {
    wanted.push(['source repository', asked.sourceRepository || repositoryPart(asked.identity ?? ''), certificate.sourceRepository])
  }
  const wrong = wanted.filter(([, want, found]) => want !== found)
  if (wrong.length > 0) {
    const differences = wrong.map(([name, want, found]) => `${name} must be ${want ?? 'named'}, the certificate says ${found ?? 'nothing'}`)
    throw new CatalystError('IDENTITY_MISMATCH', `Signed by somebody else: ${differences.join('; ')}`)
  }
  const { subject, issuer, sourceRepository } = certificate
  return { identity: subject, ...(issuer === undefined ? {} : { issuer }), ...(sourceRepository === undefined ? {} : { sourceRepository }) }
}

/** `https://github.com/o/r` of `https://github.com/o/r/.github/workflows/x.yml@ref`; GitLab puts `//` before its path. */
function repositoryPart(identity: string): string | undefined {
  return /^(https?:\/\/[^/@\s]+\/[^@\s]+?)\/(\.github\/workflows\/|\/)[^@]+@/.exec(identity)?.[1]
}
