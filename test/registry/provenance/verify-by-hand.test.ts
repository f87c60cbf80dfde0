import { describe, expect, test } from 'vitest'
import { Sigstore } from '../../../examples/world/sigstore/sigstore.ts'
import { verifyByHand, type HandVerification } from '../../../registry/provenance/verify-by-hand.ts'
import { sha256 } from '../../../schemas/digest.ts'
import { ARTIFACT, attest, bytesOf, profile, refusal, RUN, SIGNED_AT, sigstore } from './release.ts'

const IDENTITY = 'https://github.com/acme/stripe-payments/.github/workflows/release.yml@refs/tags/v1.2.3'
const ISSUER = 'https://token.actions.githubusercontent.com'

function byHand(bundle: unknown, odd: Partial<HandVerification> = {}): HandVerification {
  return { artifact: ARTIFACT, bundle: bytesOf(bundle), profile, identity: IDENTITY, issuer: ISSUER, ...odd }
}
const message = sigstore.signArtifact(ARTIFACT, RUN, { at: SIGNED_AT })
const provenance = attest()

describe('verify by hand', () => {
  test('a message signature', () => {
    expect(verifyByHand(byHand(message))).toEqual({
      artifactDigest: sha256(ARTIFACT),
      profile: './trust/own.json',
      signedAt: '2026-03-01T12:00:00Z',
      identity: IDENTITY,
      issuer: ISSUER,
      sourceRepository: 'https://github.com/acme/stripe-payments',
    })
  })

  test('any statement about the artifact, by its bytes or its digest', () => {
    const statement = { _type: 'https://in-toto.io/Statement/v1', subject: [{ name: 'a', digest: { sha256: sha256(ARTIFACT).slice(7) } }], predicateType: 'https://example.com/tested/v1', predicate: {} }
    const tested = attest({}, { statement })
    expect(verifyByHand(byHand(tested)).predicateType).toBe('https://example.com/tested/v1')
    expect(verifyByHand(byHand(tested, { artifact: sha256(ARTIFACT) })).artifactDigest).toBe(sha256(ARTIFACT))
  })

  test('a plain signature needs the file, not its digest', () => {
    expect(refusal(() => verifyByHand(byHand(message, { artifact: sha256(ARTIFACT) })))).toMatchObject({ code: 'SIGNATURE_INVALID', hint: 'Give the file instead of its digest.' })
  })

  test.each<[string, unknown]>([['message signature', message], ['provenance', provenance]])('another artifact: %s', (_, bundle) => {
    const { code } = refusal(() => verifyByHand(byHand(bundle, { artifact: Buffer.from('another') })))
    expect(['SIGNATURE_INVALID', 'SUBJECT_MISMATCH']).toContain(code)
  })

  test('another root', () => {
    expect(refusal(() => verifyByHand(byHand(new Sigstore().signArtifact(ARTIFACT, RUN)))).code).toBe('SIGNATURE_INVALID')
  })
})

describe('the identity', () => {
  test.each<[string, Partial<HandVerification>]>([
    ['empty identity', { identity: '' }],
    ['no identity', { identity: undefined }],
    ['empty issuer', { issuer: '' }],
    ['no issuer', { issuer: undefined }],
    ['neither', { identity: undefined, issuer: undefined }],
  ])('%s is IDENTITY_EMPTY, exit 5', (_, odd) => {
    expect(refusal(() => verifyByHand(byHand(message, odd)))).toMatchObject({ code: 'IDENTITY_EMPTY', exit: 5 })
  })

  test.each<[string, Partial<HandVerification>]>([
    ['a prefix', { identity: IDENTITY.slice(0, -1) }],
    ['a suffix', { identity: `${IDENTITY}4` }],
    ['only the end', { identity: IDENTITY.slice(8) }],
    ['a wildcard', { identity: 'https://github.com/acme/.*' }],
    ['everything', { identity: '.*' }],
    ['dots for any character', { identity: IDENTITY.replace('github.com', 'github.comm').replace('comm', 'com').replace('/', '.') }],
    ['another case', { identity: IDENTITY.toUpperCase() }],
    ['an issuer prefix', { issuer: ISSUER.slice(0, -1) }],
    ['an issuer suffix', { issuer: `${ISSUER}/` }],
    ['an issuer pattern', { issuer: '.*' }],
  ])('%s does not match', (_, odd) => {
    expect(refusal(() => verifyByHand(byHand(message, odd)))).toMatchObject({ code: 'IDENTITY_MISMATCH', exit: 5 })
  })

  test('a key and an identity contradict each other', () => {
    expect(refusal(() => verifyByHand(byHand(message, { key: 'x' }))).code).toBe('IDENTITY_MISMATCH')
  })

  test('a key for a bundle with a certificate proves nothing', () => {
    expect(refusal(() => verifyByHand(byHand(message, { key: 'x', identity: undefined, issuer: undefined })))).toMatchObject({ code: 'IDENTITY_MISMATCH', hint: 'Name --identity and --issuer instead of --key.' })
  })

  test('a key that is none', () => {
    const bundle = { ...message, verificationMaterial: { ...message.verificationMaterial, certificate: undefined, publicKey: { hint: 'x' } } }
    expect(refusal(() => verifyByHand(byHand(bundle, { key: 'x', identity: undefined, issuer: undefined }))).code).toBe('TRUST_ROOT_INVALID')
  })
})

describe('the source repository', () => {
  // The workflow of another repository signs: the subject names that one, the certificate's source is acme's.
  const reusable = attest({ reusable: 'evil/workflows/.github/workflows/publish.yml@refs/tags/v1' })
  const EVIL = 'https://github.com/evil/workflows/.github/workflows/publish.yml@refs/tags/v1'

  test('must be the one of the subject when none is named', () => {
    expect(refusal(() => verifyByHand(byHand(reusable, { identity: EVIL }))).message).toContain('source repository must be https://github.com/evil/workflows, the certificate says https://github.com/acme/stripe-payments')
  })

  test('must be the named one', () => {
    const sourceRepository = 'https://github.com/acme/stripe-payments'
    expect(verifyByHand(byHand(reusable, { identity: EVIL, sourceRepository })).sourceRepository).toBe(sourceRepository)
    expect(verifyByHand(byHand(provenance, { sourceRepository })).sourceRepository).toBe(sourceRepository)
    for (const other of ['https://github.com/acme/stripe', 'https://github.com/acme/stripe-payments/', 'https://github.com/acme/.*', 'acme/stripe-payments']) {
      expect(refusal(() => verifyByHand(byHand(provenance, { sourceRepository: other }))).code).toBe('IDENTITY_MISMATCH')
    }
  })

  const person = (extensions: Record<number, string>, subject = 'https://example.com/people/me'): unknown =>
    sigstore.signStatement(JSON.parse(Buffer.from(provenance.dsseEnvelope?.payload ?? '', 'base64').toString()), { subject, extensions: { 8: 'https://accounts.example', ...extensions } }, { at: SIGNED_AT })
  const me = { identity: 'https://example.com/people/me', issuer: 'https://accounts.example' }

  test('is not asked of a certificate that has none, unless it is named', () => {
    expect(verifyByHand(byHand(person({}), me))).not.toHaveProperty('sourceRepository')
    expect(refusal(() => verifyByHand(byHand(person({}), { ...me, sourceRepository: 'https://github.com/a/b' }))).message).toContain('the certificate says nothing')
  })

  test('must be named when the subject does not tell it', () => {
    const bundle = person({ 12: 'https://github.com/a/b' })
    expect(refusal(() => verifyByHand(byHand(bundle, me))).message).toContain('source repository must be named, the certificate says https://github.com/a/b')
    expect(verifyByHand(byHand(bundle, { ...me, sourceRepository: 'https://github.com/a/b' })).sourceRepository).toBe('https://github.com/a/b')
  })

  test('of GitLab is what stands before the double slash', () => {
    const identity = 'https://gitlab.com/group/sub/project//.gitlab-ci.yml@refs/heads/main'
    expect(verifyByHand(byHand(person({ 12: 'https://gitlab.com/group/sub/project' }, identity), { ...me, identity })).sourceRepository).toBe('https://gitlab.com/group/sub/project')
  })

  test('issuers of old certificates are raw text', () => {
    const old = sigstore.signStatement(JSON.parse(Buffer.from(provenance.dsseEnvelope?.payload ?? '', 'base64').toString()), { subject: me.identity, extensions: { 1: 'https://accounts.example' } }, { at: SIGNED_AT })
    expect(verifyByHand(byHand(old, me)).issuer).toBe('https://accounts.example')
  })
})
