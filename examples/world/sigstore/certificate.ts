import { createHash, randomBytes } from 'node:crypto'
import { bits, boolean, certificateTime, der, explicit, implicit, integer, octets, oid, sequence, setOf, utf8 } from './der.ts'
import type { SigningKey } from './signing-key.ts'

/** `ecdsa-with-SHA256` (RFC 5758 3.2). */
export const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'))

/** What a certificate says. `extensions` come from the functions below. */
export interface CertificateContents {
  /** DER Name; see `distinguishedName`. Fulcio's leaf certificates have an empty one. */
  readonly subject: Buffer
  readonly issuer: Buffer
  readonly notBefore: Date
  readonly notAfter: Date
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer
  readonly extensions: readonly Buffer[]
  readonly serial: Buffer
}

/** A random positive serial number of 16 bytes. */
export function newSerial(): Buffer {
  const serial = randomBytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x01
  return serial
}

/** The TBSCertificate (RFC 5280 4.1.1.1): what is signed, and what a certificate log signs before there is a certificate. */
export function toBeSigned(c: CertificateContents): Buffer {
  const validity = sequence(certificateTime(c.notBefore), certificateTime(c.notAfter))
  return sequence(explicit(0, integer(2)), integer(c.serial), ECDSA_SHA256, c.issuer, validity, c.subject, c.spki, explicit(3, sequence(...c.extensions)))
}

/** A whole certificate, DER. */
export function signCertificate(contents: CertificateContents, issuerKey: SigningKey): Buffer {
  const tbs = toBeSigned(contents)
  return sequence(tbs, ECDSA_SHA256, bits(issuerKey.sign(tbs)))
}

/** A Name of an organization and a common name; empty for none. */
export function distinguishedName(name?: { organization: string; commonName: string }): Buffer {
  if (!name) return sequence()
  const attribute = (type: string, value: string): Buffer => setOf(sequence(oid(type), utf8(value)))
  return sequence(attribute('2.5.4.10', name.organization), attribute('2.5.4.3', name.commonName))
}

/** Any extension; `value` is the DER (or, for Fulcio's oldest ones, the raw text) inside the OCTET STRING. */
export function extension(id: string, value: Uint8Array, critical = false): Buffer {
  return critical ? sequence(oid(id), boolean(true), octets(value)) : sequence(oid(id), octets(value))
}

/** RFC 5280 4.2.1.2 method 1: SHA-1 of the public key's bits. P-256 keys have them in their last 65 bytes. */
function keyIdentifier(spki: Buffer): Buffer {
  return createHash('sha1').update(spki.subarray(-65)).digest()
}

/** RFC 5280 4.2.1.2. */
export const subjectKeyId = (spki: Buffer): Buffer => extension('2.5.29.14', octets(keyIdentifier(spki)))
/** RFC 5280 4.2.1.1. */
export const authorityKeyId = (spki: Buffer): Buffer => extension('2.5.29.35', sequence(implicit(0, keyIdentifier(spki))))
/** RFC 5280 4.2.1.9: may issue certificates. */
export const certificateAuthority = (): Buffer => extension('2.5.29.19', sequence(boolean(true)), true)
/** RFC 5280 4.2.1.6: the only name of a Fulcio certificate. */
export const uriAltName = (uri: string): Buffer => extension('2.5.29.17', sequence(implicit(6, Buffer.from(uri))), true)
/** RFC 5280 4.2.1.12. */
export const extendedKeyUsage = (purpose: string, critical = false): Buffer => extension('2.5.29.37', sequence(oid(purpose)), critical)

/** `sign`: may sign data. `issue`: may sign certificates and revocation lists. */
export function keyUsage(may: 'sign' | 'issue'): Buffer {
  return extension('2.5.29.15', may === 'sign' ? bits(Buffer.of(0x80), 7) : bits(Buffer.of(0x06), 1), true)
}

/** Purposes for `extendedKeyUsage`. */
export const CODE_SIGNING = '1.3.6.1.5.5.7.3.3'
export const TIME_STAMPING = '1.3.6.1.5.5.7.3.8'

/** A self-signed root for a key. */
export function rootCertificate(name: Buffer, key: SigningKey, validity: { notBefore: Date; notAfter: Date }): Buffer {
  const extensions = [certificateAuthority(), keyUsage('issue'), subjectKeyId(key.spki), authorityKeyId(key.spki)]
  return signCertificate({ subject: name, issuer: name, ...validity, spki: key.spki, extensions, serial: newSerial() }, key)
}

/** Fulcio's extensions from 1.8 on hold a DER UTF8String; the older ones hold raw text. */
export function fulcioExtension(arc: number, value: string): Buffer {
  return extension(`1.3.6.1.4.1.57264.1.${arc}`, arc < 8 ? Buffer.from(value) : der(0x0c, Buffer.from(value)))
}
