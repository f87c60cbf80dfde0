import { CatalystError } from '../../schemas/errors.ts'
import { LIMITS } from '../../schemas/limits.ts'
import { certificatesOf, messageDigestOf, parseBundle, readCertificate, type Bundle } from './sigstore.ts'

/** The media types that exist. The library takes any that looks like one. */
const MEDIA_TYPES = new Set([
  'application/vnd.dev.sigstore.bundle+json;version=0.1',
  'application/vnd.dev.sigstore.bundle+json;version=0.2',
  'application/vnd.dev.sigstore.bundle+json;version=0.3',
  'application/vnd.dev.sigstore.bundle.v0.3+json',
])

/**
 * Reads a bundle file. Nothing in it is proven yet.
 * @throws CatalystError BUNDLE_INVALID
 */
export function readBundle(bytes: Uint8Array): Bundle {
  if (bytes.length > LIMITS.bundleMaxBytes) throw invalid(`has ${bytes.length} bytes; the limit is ${LIMITS.bundleMaxBytes}`)
  const json = parseJson(bytes)
  refuseTwoContents(json)
  const bundle = parse(json)
  if (!MEDIA_TYPES.has(bundle.mediaType)) throw invalid(`has the media type "${bundle.mediaType}", which we do not know`)
  refuseRootCertificate(bundle)
  return bundle
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw invalid('is not JSON', error)
  }
}

/** A protobuf `oneof` holds one member; in JSON somebody can write two, and each reader picks its own. */
function refuseTwoContents(json: unknown): void {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalid('is not a JSON object')
  const has = (...names: readonly string[]): boolean => names.some((name) => (json as Record<string, unknown>)[name] != null)
  if (has('messageSignature', 'message_signature') && has('dsseEnvelope', 'dsse_envelope')) throw invalid('carries both a message signature and a DSSE envelope')
}

function parse(json: unknown): Bundle {
  try {
    const bundle = parseBundle(json)
    messageDigestOf(bundle) // a hash that we do not know
    return bundle
  } catch (error) {
    throw invalid(`cannot be read: ${(error as Error).message}`, error)
  }
}

/** sigstore_bundle.proto, X509CertificateChain: a root certificate must not be in a bundle; a client must not believe one. */
function refuseRootCertificate(bundle: Bundle): void {
  for (const certificate of certificatesOf(bundle)) {
    let selfIssued: boolean
    try {
      selfIssued = readCertificate(certificate).selfIssued
    } catch (error) {
      throw invalid('holds a certificate that cannot be read', error)
    }
    if (selfIssued) throw invalid('brings its own root certificate')
  }
}

function invalid(why: string, cause?: unknown): CatalystError {
  return new CatalystError('BUNDLE_INVALID', `The bundle ${why}`, { cause })
}
