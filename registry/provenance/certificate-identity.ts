import { CatalystError } from '../../schemas/errors.ts'
import { utf8String, type CertificateContents } from './sigstore.ts'

/** What a Fulcio certificate states of the workflow run that signed (fulcio/docs/oid-info.md). Undefined where it states nothing. */
export interface CertificateIdentity {
  /** The one subject alternative name: the URI of the workflow that signed. */
  readonly subject: string
  readonly issuer: string | undefined
  /** URI with ref of the workflow that signed; another repository's when it is a reusable one. */
  readonly buildSigner: string | undefined
  readonly sourceRepository: string | undefined
  /** The commit. */
  readonly sourceDigest: string | undefined
  readonly sourceRef: string | undefined
  readonly sourceRepositoryId: string | undefined
  readonly sourceOwnerId: string | undefined
  /** URI with ref of the workflow of the repository itself. */
  readonly buildConfig: string | undefined
}

const FULCIO = '1.3.6.1.4.1.57264.1'
const ISSUER_V1 = `${FULCIO}.1`
const EXTENSION = {
  issuer: `${FULCIO}.8`,
  buildSigner: `${FULCIO}.9`,
  sourceRepository: `${FULCIO}.12`,
  sourceDigest: `${FULCIO}.13`,
  sourceRef: `${FULCIO}.14`,
  sourceRepositoryId: `${FULCIO}.15`,
  sourceOwnerId: `${FULCIO}.17`,
  buildConfig: `${FULCIO}.18`,
} as const

/**
 * Reads the identity of a proven certificate. One name, no extension twice: two answers to "who?" are none.
 * @throws CatalystError IDENTITY_MISMATCH
 */
export function identityOf(certificate: CertificateContents): CertificateIdentity {
  const [subject, ...others] = certificate.names
  if (!subject || others.length > 0) throw mismatch(`The certificate has ${certificate.names.length} names; it must have exactly one`)
  const extensions = new Map(certificate.extensions)
  if (extensions.size !== certificate.extensions.length) throw mismatch('The certificate states something twice')
  const read = (oid: string): string | undefined => {
    const value = extensions.get(oid)
    return value && textOf(oid, value)
  }
  // The oldest extensions hold the text itself, those from .8 on a DER UTF8String.
  const issuer = read(EXTENSION.issuer) ?? extensions.get(ISSUER_V1)?.toString('utf8')
  return {
    subject,
    issuer,
    buildSigner: read(EXTENSION.buildSigner),
    sourceRepository: read(EXTENSION.sourceRepository),
    sourceDigest: read(EXTENSION.sourceDigest),
    sourceRef: read(EXTENSION.sourceRef),
    sourceRepositoryId: read(EXTENSION.sourceRepositoryId),
    sourceOwnerId: read(EXTENSION.sourceOwnerId),
    buildConfig: read(EXTENSION.buildConfig),
  }
}

function textOf(oid: string, value: Buffer): string {
  try {
    return utf8String(value)
  } catch (error) {
    throw mismatch(`The certificate's extension ${oid} is not a text`, error)
  }
}

function mismatch(message: string, cause?: unknown): CatalystError {
  return new CatalystError('IDENTITY_MISMATCH', message, { cause })
}
