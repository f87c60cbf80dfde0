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
  refuseOtherThanBase64(json)
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
  const has = (...names: readonly string[]): boolean => names.some((name) => (json as Record<string, unknown>)[name] ?? false)
  if (has('messageSignature', 'message_signature') && has('dsseEnvelope', 'dsse_envelope')) throw invalid('carries both a message signature and a DSSE envelope')
}

/** The members of sigstore_bundle.proto, sigstore_common.proto, sigstore_rekor.proto and envelope.proto that are `bytes`. */
const BYTES = /^(rawBytes|raw_bytes|keyId|key_id|signedEntryTimestamp|signed_entry_timestamp|rootHash|root_hash|hashes|canonicalizedBody|canonicalized_body|signedTimestamp|signed_timestamp|payload|sig|digest|signature)$/
/** A bundle is nine deep. */
const DEEPEST = 32
const BASE64 = /^[A-Za-z0-9+/_\-\r\n]*={0,2}[\r\n]*$/

/** Node decodes whatever it is given and leaves out what it cannot read; then a broken bundle reads as a whole one. */
function refuseOtherThanBase64(value: unknown, name = '', depth = 0): void {
  if (depth > DEEPEST) throw invalid('is nested too deep')
  if (typeof value === 'string') {
    if (BYTES.test(name) && !BASE64.test(value)) throw invalid(`has a member "${name}" that is not base64`)
  } else if (Array.isArray(value)) {
    for (const item of value) refuseOtherThanBase64(item, name, depth + 1)
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) refuseOtherThanBase64(item, key, depth + 1)
  }
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
