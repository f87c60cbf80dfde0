import type { LogEntry, ProposedEntry } from './rekor.ts'
import { pem } from './der.ts'

/** A Sigstore bundle as JSON, version 0.3 (sigstore/protobuf-specs, sigstore_bundle.proto). */
export interface BundleJson {
  readonly mediaType: string
  readonly verificationMaterial: Readonly<Record<string, unknown>>
  readonly dsseEnvelope?: DsseEnvelope
  readonly messageSignature?: { readonly messageDigest: { readonly algorithm: string; readonly digest: string }; readonly signature: string }
}

export interface DsseEnvelope {
  readonly payload: string
  readonly payloadType: string
  readonly signatures: readonly { readonly sig: string }[]
}

/** What proves a bundle's content: the certificate, and who saw the signature when. */
export interface Witnessed {
  /** DER. */
  readonly certificate: Buffer
  readonly logEntry?: { readonly kind: string; readonly entry: LogEntry }
  /** RFC 3161 response, DER. */
  readonly timestamp?: Buffer
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const hexToBase64 = (hex: string): string => Buffer.from(hex, 'hex').toString('base64')

/** Puts content and proof together. */
export function bundleOf(content: Pick<BundleJson, 'dsseEnvelope' | 'messageSignature'>, seen: Witnessed): BundleJson {
  const verificationMaterial = {
    certificate: { rawBytes: base64(seen.certificate) },
    tlogEntries: seen.logEntry ? [logEntryOf(seen.logEntry.kind, seen.logEntry.entry)] : [],
    ...(seen.timestamp ? { timestampVerificationData: { rfc3161Timestamps: [{ signedTimestamp: base64(seen.timestamp) }] } } : {}),
  }
  return { mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json', verificationMaterial, ...content }
}

function logEntryOf(kind: string, entry: LogEntry): Record<string, unknown> {
  const { signedEntryTimestamp, inclusionProof: proof } = entry.verification
  return {
    logIndex: String(entry.logIndex), logId: { keyId: hexToBase64(entry.logID) }, kindVersion: { kind, version: '0.0.1' },
    integratedTime: String(entry.integratedTime), inclusionPromise: { signedEntryTimestamp },
    inclusionProof: {
      logIndex: String(proof.logIndex), treeSize: String(proof.treeSize), rootHash: hexToBase64(proof.rootHash), hashes: proof.hashes.map(hexToBase64),
      checkpoint: { envelope: proof.checkpoint },
    },
    canonicalizedBody: entry.body,
  }
}

/** DSSE v1 pre-authentication encoding: what is signed instead of the payload alone. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `), payload])
}

/** The log entry that a signer proposes for an envelope. */
export function dsseEntry(envelope: DsseEnvelope, certificate: Buffer): ProposedEntry {
  const verifiers = [base64(Buffer.from(pem('CERTIFICATE', certificate)))]
  return { apiVersion: '0.0.1', kind: 'dsse', spec: { proposedContent: { envelope: JSON.stringify(envelope), verifiers } } }
}

/** The log entry that a signer proposes for a signature over an artifact. `sha256` is hexadecimal. */
export function hashedRekordEntry(sha256: string, signature: Buffer, certificate: Buffer): ProposedEntry {
  const publicKey = { content: base64(Buffer.from(pem('CERTIFICATE', certificate))) }
  return { apiVersion: '0.0.1', kind: 'hashedrekord', spec: { data: { hash: { algorithm: 'sha256', value: sha256 } }, signature: { content: base64(signature), publicKey } } }
}
