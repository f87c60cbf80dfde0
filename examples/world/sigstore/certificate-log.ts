import { octets } from './der.ts'
import { extension } from './certificate.ts'
import { SigningKey, sha256Bytes } from './signing-key.ts'

/**
 * A certificate transparency log (RFC 6962): it promises to log a certificate before it exists. Verifiers of
 * Sigstore check only that promise, so no tree is kept behind it.
 */
export class CertificateLog {
  readonly #key = new SigningKey()

  get publicKey(): Buffer {
    return this.#key.spki
  }

  /** RFC 6962 3.2 and 3.3: the extension that carries a signed certificate timestamp for a TBSCertificate. */
  timestampExtension(tbs: Buffer, issuerSpki: Buffer, at: Date): Buffer {
    const signature = this.#key.sign(preCertificate(tbs, issuerSpki, at))
    const sct = Buffer.concat([Buffer.of(0), this.#key.id, uint(at.getTime(), 8), uint(0, 2), SHA256_ECDSA, uint(signature.length, 2), signature])
    const list = Buffer.concat([uint(sct.length, 2), sct])
    return extension('1.3.6.1.4.1.11129.2.4.2', octets(Buffer.concat([uint(list.length, 2), list])))
  }
}

/** TLS 1.2 HashAlgorithm and SignatureAlgorithm. */
const SHA256_ECDSA = Buffer.of(4, 3)

/** version v1, certificate_timestamp, time, precert_entry, hash of the issuer's key, the TBS, no extensions. */
function preCertificate(tbs: Buffer, issuerSpki: Buffer, at: Date): Buffer {
  return Buffer.concat([Buffer.of(0, 0), uint(at.getTime(), 8), uint(1, 2), sha256Bytes(issuerSpki), uint(tbs.length, 3), tbs, uint(0, 2)])
}

function uint(value: number, bytes: number): Buffer {
  return Buffer.from(value.toString(16).padStart(bytes * 2, '0'), 'hex')
}
