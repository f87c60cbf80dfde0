import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import seeds from '@sigstore/tuf/seeds.json' with { type: 'json' }
import { describe, expect, test } from 'vitest'
import { loadProfile, profileOfText, type TrustProfile } from '../../../registry/provenance/trust-profile.ts'
import { verifyByHand } from '../../../registry/provenance/verify-by-hand.ts'
import type { ErrorCode } from '../../../schemas/errors.ts'
import { bytesOf, refusal, type Loose } from './release.ts'

/* Further cases of the conformance suite, made from its happy path as their descriptions say. Names are the suite's. */

const SUITE = new URL('../../fixtures/sigstore-conformance/', import.meta.url).pathname
const IDENTITY = 'https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main'
const ISSUER = 'https://token.actions.githubusercontent.com'
const A_TXT = readFileSync(`${SUITE}a.txt`)
const publicGood = await loadProfile('public-good')

const read = (name: string): Loose => JSON.parse(readFileSync(`${SUITE}${name}/bundle.sigstore.json`, 'utf8')) as Loose

function happy(change: (bundle: Loose, entry: Loose) => void = () => undefined): Loose {
  const bundle = read('happy-path-v0.3')
  change(bundle, bundle.verificationMaterial.tlogEntries[0])
  return bundle
}

const verify = (bundle: unknown, odd: { artifact?: Uint8Array; profile?: TrustProfile } = {}): unknown =>
  verifyByHand({ artifact: A_TXT, profile: publicGood, identity: IDENTITY, issuer: ISSUER, bundle: bytesOf(bundle), ...odd })

/** Another valid base64 text of the same length. */
const flip = (base64: string, at = 20): string => {
  const bytes = Buffer.from(base64, 'base64')
  bytes[at] = (bytes[at] ?? 0) ^ 1
  return bytes.toString('base64')
}
const rootWith = (validFor: unknown): TrustProfile => {
  const json = JSON.parse(Buffer.from(seeds['https://tuf-repo-cdn.sigstore.dev'].targets['trusted_root.json'], 'base64').toString()) as Loose
  json.tlogs[0].publicKey.validFor = validFor
  return profileOfText('trusted_root.json', JSON.stringify(json))
}

describe('rebuilt cases of the Sigstore conformance suite', () => {
  test('happy-path-v0.2: a certificate chain instead of a certificate', () => {
    const bundle = happy((b) => {
      b.mediaType = 'application/vnd.dev.sigstore.bundle+json;version=0.2'
      b.verificationMaterial.x509CertificateChain = { certificates: [b.verificationMaterial.certificate] }
      delete b.verificationMaterial.certificate
    })
    expect(verify(bundle)).toMatchObject({ signedAt: '2024-03-19T17:26:26Z' })
  })

  test('trust-root-tlog-validity-end-inclusive', () => {
    expect(verify(happy(), { profile: rootWith({ start: '2021-01-12T11:53:27Z', end: '2024-03-19T17:26:26Z' }) })).toBeDefined()
    expect(refusal(() => verify(happy(), { profile: rootWith({ start: '2021-01-12T11:53:27Z', end: '2024-03-19T17:26:25Z' }) })).code).toBe('SIGNATURE_INVALID')
  })

  test('trust-root-tlog-missing-validity-start_fail', () => {
    expect(refusal(() => rootWith({ end: '2030-01-01T00:00:00Z' }))).toMatchObject({ code: 'TRUST_ROOT_INVALID', message: expect.stringContaining('tlogs[0].publicKey.validFor has no start') })
  })

  const fails: Record<string, [Loose | string, ErrorCode, string?]> = {
    'bundle-empty-certificate-chain_fail': [happy((b) => void (b.mediaType = 'application/vnd.dev.sigstore.bundle+json;version=0.2', b.verificationMaterial = { ...b.verificationMaterial, certificate: undefined, x509CertificateChain: { certificates: [] } })), 'BUNDLE_INVALID'],
    'bundle-from-wrong-instance_fail': [read('rekor2-happy-path'), 'SIGNATURE_INVALID'],
    'bundle-invalid-base64-signature_fail': [happy((b) => void (b.messageSignature.signature = `!!!!${b.messageSignature.signature}`)), 'BUNDLE_INVALID', 'not base64'],
    'bundle-malformed-json_fail': [`${JSON.stringify(happy())}}`, 'BUNDLE_INVALID'],
    'bundle-negative-log-index_fail': [happy((_, e) => void (e.logIndex = '-1', e.inclusionProof.logIndex = '-1')), 'SIGNATURE_INVALID'],
    'bundle-unknown-version_fail': [happy((b) => void (b.mediaType = 'application/vnd.dev.sigstore.bundle+json;version=99.9')), 'BUNDLE_INVALID'],
    'checkpoint-bad-keyhint_fail': [happy((_, e) => void (e.inclusionProof.checkpoint.envelope = e.inclusionProof.checkpoint.envelope.replace('wNI9aj', 'xNI9aj'))), 'SIGNATURE_INVALID', 'checkpoint signature'],
    'checkpoint-wrong-roothash_fail': [happy((_, e) => void (e.inclusionProof.checkpoint = read('dsse-with-hashedrekord-happy-path').verificationMaterial.tlogEntries[0].inclusionProof.checkpoint)), 'SIGNATURE_INVALID'],
    'inclusion-proof-corrupted-hash_fail': [happy((_, e) => void (e.inclusionProof.hashes[3] = flip(e.inclusionProof.hashes[3]))), 'SIGNATURE_INVALID', 'root hash'],
    'incorrect-public-key_fail': [happy((_, e) => void (e.canonicalizedBody = read('dsse-with-hashedrekord-happy-path').verificationMaterial.tlogEntries[0].canonicalizedBody)), 'SIGNATURE_INVALID'],
    'integrated-time-in-future_fail': [happy((_, e) => void (e.integratedTime = '4070908800')), 'SIGNATURE_INVALID'],
    'invalid-checkpoint-signature_fail': [happy((_, e) => void (e.inclusionProof.checkpoint.envelope = e.inclusionProof.checkpoint.envelope.replace('AiBTyiBM', 'AiBTyiBN'))), 'SIGNATURE_INVALID', 'checkpoint signature'],
    'invalid-inclusion-proof_fail': [happy((_, e) => void e.inclusionProof.hashes.pop()), 'SIGNATURE_INVALID', 'hash count'],
    'managed-key-no-key_fail': [read('intoto-canonical-log-entry'), 'SIGNATURE_INVALID', 'bare key'],
    'message-digest-mismatch_fail': [happy((b) => void (b.messageSignature.messageDigest.digest = flip(b.messageSignature.messageDigest.digest))), 'SIGNATURE_INVALID', 'digest mismatch'],
    'rekor2-checkpoint-missing-origin_fail': [rekor2((text) => text.slice(text.indexOf('\n') + 1)), 'SIGNATURE_INVALID'],
    'rekor2-checkpoint-missing-root-hash_fail': [rekor2((text) => text.replace(/\n736\n[^\n]*\n/, '\n736\n')), 'SIGNATURE_INVALID'],
    'rekor2-checkpoint-missing-size_fail': [rekor2((text) => text.replace('\n736\n', '\n')), 'SIGNATURE_INVALID'],
    'rekor2-checkpoint-missing-log-signature_fail': [rekor2((text) => text.slice(0, text.indexOf('\u2014'))), 'SIGNATURE_INVALID'],
    'rekor2-no-inclusion-proof_fail': [rekor2(undefined, (e) => void delete e.inclusionProof), 'BUNDLE_INVALID'],
    'rekor2-timestamp-payload-mismatch_fail': [otherTimestamp(), 'SIGNATURE_INVALID', 'timestamp'],
    'set-invalid-signature_fail': [happy((_, e) => void (e.inclusionPromise.signedEntryTimestamp = flip(e.inclusionPromise.signedEntryTimestamp))), 'SIGNATURE_INVALID', 'inclusion promise'],
    'signature-mismatch_fail': [happy((b) => void (b.messageSignature.signature = flip(b.messageSignature.signature))), 'SIGNATURE_INVALID', 'signature mismatch'],
    'wrong-hashedrekord-entry_fail': [happy((b) => void (b.verificationMaterial.tlogEntries = read('dsse-with-hashedrekord-happy-path').verificationMaterial.tlogEntries)), 'SIGNATURE_INVALID'],
  }

  function rekor2(change: (checkpoint: string) => string = (text) => text, entry: (e: Loose) => void = () => undefined): Loose {
    const bundle = read('rekor2-happy-path')
    const [first] = bundle.verificationMaterial.tlogEntries
    first.inclusionProof.checkpoint.envelope = change(first.inclusionProof.checkpoint.envelope)
    entry(first)
    return bundle
  }

  function otherTimestamp(): Loose {
    const bundle = read('rekor2-happy-path')
    bundle.verificationMaterial.timestampVerificationData = read('rekor2-dsse-happy-path').verificationMaterial.timestampVerificationData
    return bundle
  }

  const staging = profileOfText('trusted_root.json', readFileSync(`${SUITE}rekor2-happy-path/trusted_root.json`, 'utf8'))

  test.each(Object.entries(fails))('%s', (name, [bundle, code, word = '']) => {
    const profile = name.startsWith('rekor2-') ? staging : publicGood
    expect(refusal(() => verify(bundle, { profile }))).toMatchObject({ code, exit: 5, message: expect.stringContaining(word) })
  })

  test('wrong-material_fail, wrong-hashedrekord-artifact_fail: another artifact', () => {
    expect(refusal(() => verify(happy(), { artifact: Buffer.from('another') })).code).toBe('SIGNATURE_INVALID')
  })

  test('managed-key-and-trusted-root: a bare key, a root without anything, nothing logged', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    const key = publicKey.export({ type: 'spki', format: 'pem' }) as string
    const other = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey.export({ type: 'spki', format: 'pem' }) as string
    const signature = sign('sha256', A_TXT, privateKey).toString('base64')
    const messageDigest = { algorithm: 'SHA2_256', digest: createHash('sha256').update(A_TXT).digest('base64') }
    const bundle = bytesOf({ mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json', verificationMaterial: { publicKey: { hint: 'x' } }, messageSignature: { messageDigest, signature } })
    const empty = profileOfText('trusted_root.json', '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}')
    expect(verifyByHand({ artifact: A_TXT, bundle, profile: empty, key })).toMatchObject({ profile: 'trusted_root.json' })
    expect(refusal(() => verifyByHand({ artifact: A_TXT, bundle, profile: empty, key: other })).code).toBe('SIGNATURE_INVALID') // managed-key-wrong-key_fail
    expect(refusal(() => verifyByHand({ artifact: Buffer.from('x'), bundle, profile: empty, key })).code).toBe('SIGNATURE_INVALID')
    // Against a root with a log, the log must have seen it.
    expect(refusal(() => verifyByHand({ artifact: A_TXT, bundle, profile: publicGood, key })).message).toContain('expected 1 tlog entries, got 0')
  })

  test('managed-key-and-client-identity_fail: a key and an identity', () => {
    const key = readFileSync(`${SUITE}intoto-canonical-log-entry/key.pub`, 'utf8')
    const profile = profileOfText('trusted_root.json', readFileSync(`${SUITE}intoto-canonical-log-entry/trusted_root.json`, 'utf8'))
    const bundle = bytesOf(read('intoto-canonical-log-entry'))
    expect(verifyByHand({ artifact: A_TXT, bundle, profile, key })).toMatchObject({ predicateType: 'https://example.com/test' })
    expect(refusal(() => verifyByHand({ artifact: A_TXT, bundle, profile, key, identity: IDENTITY, issuer: ISSUER })).code).toBe('IDENTITY_MISMATCH')
  })
})
