import { createPublicKey } from 'node:crypto'
import { CatalystError } from '../../schemas/errors.ts'
import { assertLoggedSigner } from './log-entry.ts'
import { certificatesOf, checkSignature, materialOf, readCertificate, timesOf, type Bundle, type CertificateContents } from './sigstore.ts'
import type { TrustProfile } from './trust-profile.ts'

/** What the cryptography alone has proven: somebody with this certificate (or the given key) signed, at these times. */
export interface SignatureProof {
  /** Undefined when the bundle was signed by a bare key. */
  readonly certificate: CertificateContents | undefined
  /** The earliest proven time; an ISO time in UTC. */
  readonly signedAt: string
}

export interface SignatureOptions {
  /** Needed for message signatures. */
  readonly artifact?: Uint8Array | undefined
  /** PEM. Bundles signed by a bare key are proven by it and by nothing else. */
  readonly key?: string | undefined
  /** Epoch milliseconds. A signature from the future means that this machine's clock is wrong. */
  readonly now?: number | undefined
}

/** How far clocks may differ. */
const CLOCK_TOLERANCE_MS = 5 * 60_000

/**
 * Proves a bundle's signature under one profile. The identity is not looked at.
 * @throws CatalystError SIGNATURE_INVALID, BUNDLE_INVALID, TRUST_ROOT_INVALID, IDENTITY_MISMATCH, CLOCK_SKEW
 */
export function proveSignature(bundle: Bundle, profile: TrustProfile, options: SignatureOptions = {}): SignatureProof {
  const certificate = options.key === undefined ? signingCertificate(bundle) : refuseCertificate(bundle)
  const material = options.key === undefined ? profile.material : materialWithKey(profile, options.key)
  try {
    checkSignature(bundle, material, profile.thresholds, options.artifact)
    assertLoggedSigner(bundle)
    const signedAt = earliest(timesOf(bundle))
    assertNotFromTheFuture(signedAt, options.now)
    return { certificate, signedAt: isoTime(signedAt) }
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

function refuseCertificate(bundle: Bundle): undefined {
  if (certificatesOf(bundle).length > 0) throw new CatalystError('IDENTITY_MISMATCH', 'The bundle was signed with a certificate, not by the given key', { hint: 'Name --identity and --issuer instead of --key.' })
}

function materialWithKey(profile: TrustProfile, pem: string): TrustProfile['material'] {
  try {
    createPublicKey(pem)
  } catch (error) {
    throw new CatalystError('TRUST_ROOT_INVALID', 'The given key is not a public key in PEM', { cause: error, hint: 'Give a file that starts with "-----BEGIN PUBLIC KEY-----".' })
  }
  return materialOf(profile.root, pem)
}

function earliest(times: readonly Date[]): Date {
  const [first, ...others] = times
  if (!first) throw new Error('no time is proven')
  return others.reduce((early, time) => (time < early ? time : early), first)
}

/** @throws CatalystError CLOCK_SKEW */
export function assertNotFromTheFuture(signedAt: Date, now: number | undefined): void {
  if (now === undefined || signedAt.getTime() <= now + CLOCK_TOLERANCE_MS) return
  throw new CatalystError('CLOCK_SKEW', `The signature is from ${isoTime(signedAt)}; the clock of this machine says ${isoTime(new Date(now))}`)
}

function isoTime(time: Date): string {
  return time.toISOString().replace('.000Z', 'Z')
}
