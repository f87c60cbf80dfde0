import { createPublicKey, verify } from 'node:crypto'
import {
  CODE_SIGNING, authorityKeyId, distinguishedName, extendedKeyUsage, fulcioExtension, keyUsage, newSerial, rootCertificate, signCertificate, subjectKeyId,
  toBeSigned, uriAltName,
} from './certificate.ts'
import type { CertificateLog } from './certificate-log.ts'
import { pem } from './der.ts'
import { identityOfClaims } from './identity.ts'
import type { Identity } from './identity.ts'
import { SigningKey, spkiOfPem } from './signing-key.ts'

const LIFETIME_MS = 10 * 60_000

/**
 * Fulcio: certificates of ten minutes that bind a fresh key to a workflow's identity. The start of a certificate is an
 * argument, so that a test can have a release that was signed last year.
 */
export class Fulcio {
  readonly #key = new SigningKey()
  readonly #name: Buffer
  readonly #log: CertificateLog
  /** The root certificate, DER. */
  readonly root: Buffer

  constructor(options: { organization: string; log: CertificateLog; validity: { notBefore: Date; notAfter: Date } }) {
    this.#name = distinguishedName({ organization: options.organization, commonName: 'fulcio' })
    this.#log = options.log
    this.root = rootCertificate(this.#name, this.#key, options.validity)
  }

  /** A certificate, DER, for a public key (SubjectPublicKeyInfo) and an identity. */
  issue(spki: Buffer, identity: Identity, at: Date): Buffer {
    const extensions = [
      keyUsage('sign'), extendedKeyUsage(CODE_SIGNING), subjectKeyId(spki), authorityKeyId(this.#key.spki), uriAltName(identity.subject),
      ...Object.entries(identity.extensions).map(([arc, value]) => fulcioExtension(Number(arc), value)),
    ]
    const contents = { subject: distinguishedName(), issuer: this.#name, notBefore: at, notAfter: new Date(at.getTime() + LIFETIME_MS), spki, extensions, serial: newSerial() }
    const promise = this.#log.timestampExtension(toBeSigned(contents), this.#key.spki, at)
    return signCertificate({ ...contents, extensions: [...extensions, promise] }, this.#key)
  }

  /**
   * `POST /api/v2/signingCert`. The token is believed as it is (nobody here could sign one), the proof that the asker holds the key is checked.
   * @throws Error when the proof is wrong.
   */
  answer(request: SigningCertificateRequest, at: Date): unknown {
    const { content } = request.publicKeyRequest.publicKey
    const claims = claimsOf(request.credentials.oidcIdentityToken)
    const proof = Buffer.from(request.publicKeyRequest.proofOfPossession, 'base64')
    if (!verify('sha256', Buffer.from(String(claims.sub)), createPublicKey(content), proof)) throw new Error('proof of possession does not hold')
    const leaf = this.issue(spkiOfPem(content), identityOfClaims(claims), at)
    return { signedCertificateEmbeddedSct: { chain: { certificates: [pem('CERTIFICATE', leaf), pem('CERTIFICATE', this.root)] } } }
  }
}

/** Body of Fulcio's v2 request, as sigstore-js sends it. */
export interface SigningCertificateRequest {
  readonly credentials: { readonly oidcIdentityToken: string }
  readonly publicKeyRequest: { readonly publicKey: { readonly content: string }; readonly proofOfPossession: string }
}

function claimsOf(token: string): Record<string, string> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, string>
}
