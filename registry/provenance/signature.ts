import { createPublicKey } from 'node:crypto'
import { CatalystError } from '../../schemas/errors.ts'
import { assertLoggedSigner } from './log-entry.ts'
import { assertNotFromTheFuture, isoTime } from './signing-time.ts'
import { certificatesOf, checkSignature, materialOf, readCertificate, type Bundle, type CertificateContents } from './sigstore.ts'
import type { TrustProfile } from './trust-profile.ts'

/** What the cryptography alone has proven: somebody with this certificate signed, at this time. */
export interface SignatureProof {
  readonly certificate: CertificateContents
  /** The earliest proven time; an ISO time in UTC. */
  readonly signedAt: string
}

export interface SignatureOptions {
  /** Needed for message signatures. */
  readonly artifact?: Uint8Array | undefined
  /** Epoch milliseconds. A signature from the future means that this machine's clock is wrong. */
  readonly now?: number | undefined
}

/**
 * Proves a bundle's signature by its certificate under one profile. The identity is not looked at.
 * @throws CatalystError SIGNATURE_INVALID, TRUST_ROOT_INVALID, CLOCK_SKEW
 */
export function proveSignature(bundle: Bundle, profile: TrustProfile, options: SignatureOptions = {}): SignatureProof {
  const certificate = signingCertificate(bundle)
  if (profile.root.certificateAuthorities.length === 0) throw new CatalystError('TRUST_ROOT_INVALID', `The trusted root "${profile.name}" has no certificate authority`)
  return refusing(profile, () => {
    const times = checkSignature(bundle, { material: profile.material, thresholds: profile.thresholds, artifact: options.artifact })
    assertLoggedSigner(bundle)
    const signedAt = earliest(times)
    if (!signedAt) throw new Error('no time is proven')
    assertNotFromTheFuture(signedAt, options.now)
    return { certificate, signedAt: isoTime(signedAt) }
  })
}

/**
 * Proves a bundle's signature by a bare key (PEM) and by nothing else. What the profile has of logs must have seen it.
 * @throws CatalystError SIGNATURE_INVALID, IDENTITY_MISMATCH, TRUST_ROOT_INVALID, CLOCK_SKEW
 */
export function proveKeySignature(bundle: Bundle, profile: TrustProfile, key: string, options: SignatureOptions = {}): { readonly signedAt: string | undefined } {
  if (certificatesOf(bundle).length > 0) {
    throw new CatalystError('IDENTITY_MISMATCH', 'The bundle was signed with a certificate, not by the given key', { hint: 'Name --identity and --issuer instead of --key.' })
  }
  const material = materialWithKey(profile, key)
  return refusing(profile, () => {
    const signedAt = earliest(checkSignature(bundle, { material, thresholds: { ...profile.thresholds, certificateLog: 0, time: 0 }, artifact: options.artifact }))
    if (signedAt) assertNotFromTheFuture(signedAt, options.now)
    return { signedAt: signedAt && isoTime(signedAt) }
  })
}

/** Whatever the library throws, of whatever class, is a refusal. */
function refusing<T>(profile: TrustProfile, prove: () => T): T {
  try {
    return prove()
  } catch (error) {
    if (error instanceof CatalystError) throw error
    throw new CatalystError('SIGNATURE_INVALID', `The signature does not hold under "${profile.name}": ${(error as Error).message}`, { cause: error })
  }
}

/** RFC 5280 4.2.1.12. */
const CODE_SIGNING = '1.3.6.1.5.5.7.3.3'

function signingCertificate(bundle: Bundle): CertificateContents {
  const [der] = certificatesOf(bundle)
  if (!der) throw new CatalystError('SIGNATURE_INVALID', 'The bundle was signed by a bare key and no key is trusted here', { hint: 'Give the key with --key, or ask the publisher for a signature with a certificate.' })
  const certificate = readCertificate(der)
  if (certificate.isAuthority || !certificate.purposes.includes(CODE_SIGNING)) throw new CatalystError('SIGNATURE_INVALID', 'The certificate of the bundle is not one for signing code')
  return certificate
}

function materialWithKey(profile: TrustProfile, pem: string): TrustProfile['material'] {
  try {
    createPublicKey(pem)
  } catch (error) {
    throw new CatalystError('TRUST_ROOT_INVALID', 'The given key is not a public key in PEM', { cause: error, hint: 'Give a file that starts with "-----BEGIN PUBLIC KEY-----".' })
  }
  return materialOf(profile.root, pem)
}

function earliest(times: readonly Date[]): Date | undefined {
  return times.reduce<Date | undefined>((first, time) => (first === undefined || time < first ? time : first), undefined)
}
