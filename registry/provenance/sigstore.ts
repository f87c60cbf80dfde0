import { createPublicKey, X509Certificate as NodeCertificate } from 'node:crypto'
import { bundleFromJSON, type Bundle } from '@sigstore/bundle'
import { ASN1Obj, ByteStream, X509Certificate } from '@sigstore/core'
import { HashAlgorithm, TrustedRoot } from '@sigstore/protobuf-specs'
import { toSignedEntity, toTrustMaterial, Verifier, type TrustMaterial } from '@sigstore/verify'
import type { Thresholds } from './trust-root.ts'

/*
 * The door to Sigstore's libraries: nothing else imports them. Whatever they throw is left as it is here (TypeErrors, SyntaxErrors,
 * OpenSSL's own) and becomes a refusal with our code in the functions that use this door.
 */

export type { Bundle, TrustMaterial, TrustedRoot }

// The library encodes each of a certificate's hundred parts into two buffers of its own, which was a quarter of a proof.
// This gives the same bytes from one; what else it writes are a few bytes, for which its blocks of 1024 are too large.
ASN1Obj.prototype.toDER = function (this: ASN1Obj) {
  return encoded(this)
}
Object.assign(ByteStream, { BLOCK_SIZE: 64 })

/** A Sigstore bundle of version 0.1 to 0.3, with everything present that its version demands. */
export function parseBundle(json: unknown): Bundle {
  return bundleFromJSON(json)
}

/** sigstore/protobuf-specs `TrustedRoot`. */
export function parseTrustedRoot(json: unknown): TrustedRoot {
  return TrustedRoot.fromJSON(json)
}

/** Keys and certificates of a root, ready for use. `keyPem`: the key that a bundle without a certificate was signed by. */
export function materialOf(root: TrustedRoot, keyPem?: string): TrustMaterial {
  const publicKey = keyPem === undefined ? undefined : createPublicKey(keyPem)
  const material = publicKey ? toTrustMaterial(root, () => ({ publicKey, validFor: () => true })) : toTrustMaterial(root)
  for (const authority of [...material.certificateAuthorities, ...material.timestampAuthorities]) {
    authority.certChain.forEach(encodeOnce)
    authority.certChain.forEach(verifyOnce)
  }
  return material
}

/*
 * For every bundle the library encodes whole certificates again and again to compare them, parses one anew to take the
 * log's promise out of it, and proves again that a root's certificates signed each other: half of a proof. Nothing changes a
 * certificate after parsing, so each is encoded once, copied without parsing, and each pair of a root's certificates proven once.
 */

function encodeOnce(certificate: X509Certificate): void {
  for (const part of [certificate.root, certificate.tbsCertificate]) {
    const der = part.toDER()
    part.toDER = () => der
  }
  certificate.clone = () => new X509Certificate(copied(certificate.root))
}

/** Lists of parts are the copy's own; the bytes, which nobody writes to, are shared. */
function copied({ tag, value, subs }: ASN1Obj): ASN1Obj {
  return new ASN1Obj(tag, value, subs.map(copied))
}

/** The library looks by trial and error whether a value has parts. What is thrown and caught on the way needs no stack, which costs more than the trial. */
function withoutStacks<T>(work: () => T): T {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return work()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

function verifyOnce(certificate: X509Certificate): void {
  const verify = certificate.verify.bind(certificate)
  const known = new WeakMap<X509Certificate, boolean>()
  certificate.verify = (issuer = certificate) => {
    const answer = known.get(issuer) ?? verify(issuer)
    known.set(issuer, answer)
    return answer
  }
}

export interface SignatureCheck {
  readonly material: TrustMaterial
  readonly thresholds: Thresholds
  /** Needed for message signatures only: a DSSE envelope carries what it signs. */
  readonly artifact?: Uint8Array | undefined
}

/**
 * Checks times, certificate chain, certificate log, transparency log and signature; no identity.
 * @returns the times that are proven thereby: promised log entries, and timestamps
 */
export function checkSignature(bundle: Bundle, check: SignatureCheck): Date[] {
  return withoutStacks(() => provenTimes(bundle, check))
}

function provenTimes(bundle: Bundle, { material, thresholds, artifact }: SignatureCheck): Date[] {
  const verifier = new Verifier(material, { tlogThreshold: thresholds.log, ctlogThreshold: thresholds.certificateLog, timestampThreshold: thresholds.time })
  const entity = toSignedEntity(bundle, artifact === undefined ? undefined : Buffer.from(artifact))
  if (entity.key.$case === 'certificate') encodeOnce(entity.key.certificate)
  verifier.verify(entity)
  return entity.timestamps.flatMap((time) => {
    if (time.$case === 'timestamp-authority') return [time.timestamp.signingTime]
    return time.tlogEntry.inclusionPromise ? [new Date(Number(time.tlogEntry.integratedTime) * 1000)] : []
  })
}

/** The certificates of a bundle, DER, the signer's first; none when it was signed by a bare key. */
export function certificatesOf(bundle: Bundle): Buffer[] {
  const { content } = bundle.verificationMaterial
  if (content.$case === 'certificate') return [content.certificate.rawBytes]
  if (content.$case === 'x509CertificateChain') return content.x509CertificateChain.certificates.map((certificate) => certificate.rawBytes)
  return []
}

const HASHES: Readonly<Partial<Record<HashAlgorithm, string>>> = {
  [HashAlgorithm.HASH_ALGORITHM_UNSPECIFIED]: 'sha256',
  [HashAlgorithm.SHA2_256]: 'sha256',
  [HashAlgorithm.SHA2_384]: 'sha384',
  [HashAlgorithm.SHA2_512]: 'sha512',
}

/** The digest that a message signature states of its artifact; undefined for a DSSE envelope. @throws Error for a hash we do not know */
export function messageDigestOf(bundle: Bundle): { readonly algorithm: string; readonly digest: Buffer } | undefined {
  if (bundle.content.$case !== 'messageSignature') return undefined
  const { algorithm, digest } = bundle.content.messageSignature.messageDigest
  const name = HASHES[algorithm]
  if (name === undefined) throw new Error(`unknown hash algorithm ${algorithm}`)
  return { algorithm: name, digest }
}

/** DER (X.690, 8.1 and 10.1) of a parsed object, as it is now: `tag.toDER()`, the length in as few bytes as it needs, its parts or its value. */
export function encoded(object: ASN1Obj): Buffer {
  const bytes = Buffer.allocUnsafe(encodedLength(object))
  write(object, bytes, 0)
  return bytes
}

function write(object: ASN1Obj, into: Buffer, start: number): number {
  const length = contentLength(object)
  let at = start
  into[at++] = object.tag.toDER()
  const more = lengthBytes(length) - 1
  if (more > 0) into[at++] = 0x80 | more
  at = into.writeUIntBE(length, at, more || 1)
  if (object.subs.length === 0) return at + object.value.copy(into, at)
  for (const part of object.subs) at = write(part, into, at)
  return at
}

function encodedLength(object: ASN1Obj): number {
  const length = contentLength(object)
  return 1 + lengthBytes(length) + length
}

function contentLength({ subs, value }: ASN1Obj): number {
  return subs.length === 0 ? value.length : subs.reduce((sum, part) => sum + encodedLength(part), 0)
}

function lengthBytes(length: number): number {
  let bytes = 1
  if (length >= 0x80) for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes += 1
  return bytes
}

/** What a certificate says, as far as we ask. */
export interface CertificateContents {
  /** Every subject alternative name, whatever its kind. */
  readonly names: readonly string[]
  /** Contents of each extension by its OID; an OID that occurs twice is listed twice. */
  readonly extensions: readonly (readonly [oid: string, value: Buffer])[]
  /** OIDs of its extended key usage. */
  readonly purposes: readonly string[]
  /** Whether its basic constraints say so, whatever its key usage says. */
  readonly isAuthority: boolean
  readonly selfIssued: boolean
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Buffer
}

/** Othername of a certificate for a user name (fulcio/docs/oid-info.md, 1.7). */
const USERNAME = '1.3.6.1.4.1.57264.1.7'

/** The bytes of a bundle do not change: each certificate is read once, however many rules look at it. */
const contents = new WeakMap<Buffer, CertificateContents>()

export function readCertificate(der: Buffer): CertificateContents {
  const known = contents.get(der) ?? withoutStacks(() => parseCertificate(der))
  contents.set(der, known)
  return known
}

function parseCertificate(der: Buffer): CertificateContents {
  const certificate = X509Certificate.parse(Buffer.from(der))
  const node = new NodeCertificate(der)
  const alternative = certificate.extSubjectAltName
  const known = alternative ? [alternative.uri, alternative.rfc822Name, alternative.otherName(USERNAME)] : []
  const count = alternative ? (certificate.extension('2.5.29.17')?.valueObj.subs[0]?.subs.length ?? 0) : 0
  const names = known.filter((name): name is string => name !== undefined)
  return {
    // A name of a kind that is not asked for still counts: a certificate with two names has no one identity.
    names: [...names, ...Array.from({ length: Math.max(0, count - names.length) }, () => '(another kind of name)')],
    extensions: certificate.extensions.map((extension) => [oidOf(extension), extensionValue(extension)] as const),
    purposes: node.keyUsage ?? [],
    isAuthority: certificate.extBasicConstraints?.isCA ?? false,
    selfIssued: certificate.subject.equals(certificate.issuer),
    publicKey: certificate.publicKey,
  }
}

function oidOf(extension: ASN1Obj): string {
  return extension.subs[0]?.toOID() ?? ''
}

/** RFC 5280 4.1: the value is the last part of an extension, inside an OCTET STRING. */
function extensionValue(extension: ASN1Obj): Buffer {
  return extension.subs.at(-1)?.value ?? Buffer.alloc(0)
}

const UTF8_STRING = 0x0c

/** A DER UTF8String of any length. @throws Error when the bytes are anything else */
export function utf8String(der: Buffer): string {
  const value = ASN1Obj.parseBuffer(Buffer.from(der))
  if (value.tag.number !== UTF8_STRING || value.tag.class !== 0 || value.tag.constructed) throw new Error('not a UTF8String')
  return new TextDecoder('utf-8', { fatal: true }).decode(value.value)
}
