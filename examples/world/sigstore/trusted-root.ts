import type { Sigstore } from './sigstore.ts'
import { sha256Bytes } from './signing-key.ts'

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

/** The TrustedRoot of an instance: whatever a verifier needs and nothing that could sign. */
export function trustedRootOf(sigstore: Sigstore, from: Date): Record<string, unknown> {
  const validFor = { start: from.toISOString() }
  const log = (baseUrl: string, spki: Buffer): unknown => ({
    baseUrl, hashAlgorithm: 'SHA2_256', logId: { keyId: base64(sha256Bytes(spki)) },
    publicKey: { rawBytes: base64(spki), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor },
  })
  const authority = (commonName: string, chain: readonly Buffer[]): unknown => ({
    subject: { organization: 'world', commonName }, uri: `https://${commonName}.${sigstore.rekor.origin}`,
    certChain: { certificates: chain.map((certificate) => ({ rawBytes: base64(certificate) })) }, validFor,
  })
  return {
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    // Verifiers look for the checkpoint's origin inside `baseUrl`.
    tlogs: [log(`https://${sigstore.rekor.origin}`, sigstore.rekor.publicKey)],
    ctlogs: [log(`https://ctlog.${sigstore.rekor.origin}`, sigstore.certificateLog.publicKey)],
    certificateAuthorities: [authority('fulcio', [sigstore.fulcio.root])],
    timestampAuthorities: [authority('tsa', sigstore.timestampAuthority.chain)],
  }
}
