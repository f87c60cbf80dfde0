import { TIME_STAMPING, distinguishedName, extendedKeyUsage, keyUsage, newSerial, rootCertificate, signCertificate, subjectKeyId, authorityKeyId, ECDSA_SHA256 } from './certificate.ts'
import { der, explicit, generalizedTime, integer, octets, oid, sequence, setOf } from './der.ts'
import { SigningKey, sha256Bytes } from './signing-key.ts'

const SHA256 = sequence(oid('2.16.840.1.101.3.4.2.1'))
const SIGNED_DATA = oid('1.2.840.113549.1.7.2')
const TST_INFO = oid('1.2.840.113549.1.9.16.1.4')

/** A timestamp authority (RFC 3161) with a signing certificate under a root. */
export class TimestampAuthority {
  readonly #key = new SigningKey()
  readonly #rootName: Buffer
  readonly #serial = newSerial()
  /** Signing certificate, then root; DER. */
  readonly chain: readonly [Buffer, Buffer]

  constructor(options: { organization: string; validity: { notBefore: Date; notAfter: Date } }) {
    const root = new SigningKey()
    this.#rootName = distinguishedName({ organization: options.organization, commonName: 'tsa root' })
    const extensions = [keyUsage('sign'), extendedKeyUsage(TIME_STAMPING, true), subjectKeyId(this.#key.spki), authorityKeyId(root.spki)]
    const subject = distinguishedName({ organization: options.organization, commonName: 'tsa' })
    const leaf = signCertificate({ subject, issuer: this.#rootName, ...options.validity, spki: this.#key.spki, extensions, serial: this.#serial }, root)
    this.chain = [leaf, rootCertificate(this.#rootName, root, options.validity)]
  }

  /** TimeStampResp (RFC 3161 2.4.2), DER, that says: these bytes existed then. */
  timestamp(data: Uint8Array, at: Date): Buffer {
    return this.timestampOfHash(sha256Bytes(data), at)
  }

  /** The same for a SHA-256 that somebody else took. */
  timestampOfHash(sha256: Uint8Array, at: Date): Buffer {
    const imprint = sequence(SHA256, octets(sha256))
    const info = sequence(integer(1), oid('1.3.6.1.4.1.57264.2'), imprint, integer(newSerial()), generalizedTime(at))
    return sequence(sequence(integer(0)), sequence(SIGNED_DATA, explicit(0, this.#signedData(info))))
  }

  /** RFC 5652 5.1: one signer, no certificates inside; verifiers have them from their trusted root. */
  #signedData(info: Buffer): Buffer {
    const content = sequence(TST_INFO, explicit(0, octets(info)))
    return sequence(integer(3), setOf(SHA256), content, setOf(this.#signerInfo(info)))
  }

  #signerInfo(info: Buffer): Buffer {
    const attributes = this.#signedAttributes(info)
    const signer = sequence(this.#rootName, integer(this.#serial))
    // RFC 5652 5.4: what is signed is the SET, what is written is the same bytes under the tag [0].
    const signature = this.#key.sign(attributes)
    return sequence(integer(1), signer, SHA256, Buffer.concat([Buffer.of(0xa0), attributes.subarray(1)]), ECDSA_SHA256, octets(signature))
  }

  /** contentType, messageDigest and signingCertificateV2 (RFC 5035), which RFC 3161 asks for. */
  #signedAttributes(info: Buffer): Buffer {
    const attribute = (id: string, value: Buffer): Buffer => sequence(oid(id), der(0x31, value))
    return setOf(
      attribute('1.2.840.113549.1.9.3', TST_INFO),
      attribute('1.2.840.113549.1.9.4', octets(sha256Bytes(info))),
      attribute('1.2.840.113549.1.9.16.2.47', sequence(sequence(sequence(octets(sha256Bytes(this.chain[0])))))),
    )
  }
}
