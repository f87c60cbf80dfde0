import { describe, expect, test } from 'vitest'
import type { WorkflowRun } from '../../../examples/world/sigstore/identity.ts'
import { Sigstore } from '../../../examples/world/sigstore/sigstore.ts'
import { profileOfText } from '../../../registry/provenance/trust-profile.ts'
import { observeSigner, signerRule, verifyRelease } from '../../../registry/provenance/verify-release.ts'
import type { Authority } from '../../../reconciler/ports.ts'
import { sha256 } from '../../../schemas/digest.ts'
import { ARTIFACT, AUTHORITY, COMMIT, RUN, SIGNED_AT, attest, codeOf, expected, profile, refusal, release, sigstore } from './release.ts'

const good = attest()

describe('a good release', () => {
  test('is verified, with signer, repository, commit and the proven time', () => {
    expect(verifyRelease(release(good), expected())).toEqual({
      verdict: 'verified',
      signer: {
        kind: 'provenance',
        profile: './trust/own.json',
        predicateType: 'https://slsa.dev/provenance/v1',
        issuer: 'https://token.actions.githubusercontent.com',
        workflow: '.github/workflows/release.yml',
        ref: 'refs/tags/v1.2.3',
      },
      repository: { url: 'https://github.com/acme/stripe-payments', id: 111, ownerId: 222 },
      commit: COMMIT,
      publishedAt: '2026-03-01T12:00:00Z',
      subject: 'https://github.com/acme/stripe-payments/.github/workflows/release.yml@refs/tags/v1.2.3',
    })
  })

  test('seen by log and timestamp authority', () => {
    expect(verifyRelease(release(attest({}, { witness: 'both' })), expected()).publishedAt).toBe('2026-03-01T12:00:00Z')
  })

  test('whose names are longer than 127 bytes, where DER lengths take two bytes', () => {
    const name = `acme/${'long-'.repeat(18)}name`
    const url = `https://github.com/${name}`
    const bundle = attest({ repository: name, workflow: `.github/workflows/${'w'.repeat(60)}.yml` })
    const authority = { repositories: [{ url, id: 111, ownerId: 222 }], workflow: `.github/workflows/${'w'.repeat(60)}.yml` }
    expect(verifyRelease(release(bundle), expected(authority)).subject.length).toBeGreaterThan(150)
  })

  test('from a branch that the entry lists, at the commit of the tag', () => {
    const bundle = attest({ ref: 'refs/heads/main' })
    expect(verifyRelease(release(bundle), expected({ refs: ['refs/heads/main'] })).signer.ref).toBe('refs/heads/main')
  })

  test('by a reusable workflow that the entry names', () => {
    const reusable = { repository: 'https://github.com/acme/workflows', path: '.github/workflows/publish.yml', ref: 'refs/tags/v1' }
    const bundle = attest({ reusable: 'acme/workflows/.github/workflows/publish.yml@refs/tags/v1' })
    expect(verifyRelease(release(bundle), expected({ reusable })).signer).toMatchObject({ reusable, workflow: '.github/workflows/release.yml' })
  })

  test('from the one of several repositories with its numeric ids', () => {
    const repositories = [{ url: 'https://github.com/old/name', id: 7, ownerId: 8, until: '2026-01-01T00:00:00Z' }, ...AUTHORITY.repositories]
    expect(verifyRelease(release(good), expected({ repositories })).repository.id).toBe(111)
  })

  test('verifies years later and with a clock that is a day ahead', () => {
    expect(verifyRelease(release(good, { now: SIGNED_AT.getTime() + 86_400_000 }), expected()).verdict).toBe('verified')
    expect(verifyRelease(release(good, { now: Date.parse('2036-01-01') }), expected()).verdict).toBe('verified')
  })
})

describe('attacks: the certificate is another one', () => {
  test.each<[string, Partial<WorkflowRun>, string]>([
    ['another repository', { repository: 'evil/stripe-payments', repositoryId: 666, ownerId: 667 }, 'source repository must be'],
    ['a repository that took over the name', { repositoryId: 666 }, 'source repository id must be 111, the certificate says 666'],
    ['an owner that took over the name', { ownerId: 667 }, 'source owner id must be 222, the certificate says 667'],
    ['the right ids under another name', { repository: 'acme/renamed' }, 'source repository must be'],
    ['another workflow', { workflow: '.github/workflows/test.yml' }, 'workflow must be'],
    ['another tag', { ref: 'refs/tags/v9.9.9' }, 'ref must be refs/tags/v1.2.3, the certificate says refs/tags/v9.9.9'],
    ['a branch that is not listed', { ref: 'refs/heads/main' }, 'ref must be'],
    ['a branch with the name of the tag', { ref: 'refs/heads/v1.2.3' }, 'ref must be'],
    ['a pull request', { ref: 'refs/pull/1/merge' }, 'ref must be'],
    ['another commit', { sha: 'd'.repeat(40) }, `commit must be ${COMMIT}`],
    ['an unnamed reusable workflow', { reusable: 'acme/workflows/.github/workflows/publish.yml@refs/heads/main' }, 'signing workflow must be'],
    ['a reusable workflow of the repository itself', { reusable: 'acme/stripe-payments/.github/workflows/other.yml@refs/tags/v1.2.3' }, 'signing workflow must be'],
    ['an issuer with a suffix', { issuer: 'https://token.actions.githubusercontent.com.evil.example' }, 'issuer must be'],
    ['an issuer with a path', { issuer: 'https://token.actions.githubusercontent.com/enterprise' }, 'issuer must be'],
    ['a repository with a suffix', { repository: 'acme/stripe-payments-evil' }, 'source repository must be'],
    ['a repository with a prefix', { repository: 'evil-acme/stripe-payments' }, 'source repository must be'],
    ['a workflow with a suffix', { workflow: '.github/workflows/release.yml.yml' }, 'workflow must be'],
    ['a subject that is not the signing workflow', { claims: { sub: 'https://github.com/evil/x/.github/workflows/release.yml@refs/tags/v1.2.3' } }, 'subject must be'],
    ['a certificate without source repository', { claims: { repository: '' } }, 'the certificate says nothing'],
    ['a certificate without repository id', { claims: { repository_id: '' } }, 'source repository id must be 111, the certificate says nothing'],
    ['a certificate without owner id', { claims: { repository_owner_id: '' } }, 'the certificate says nothing'],
    ['a certificate without ref', { claims: { ref: '' } }, 'the certificate says nothing'],
    ['a certificate without commit', { claims: { sha: '' } }, 'the certificate says nothing'],
    ['a certificate without build signer', { claims: { job_workflow_ref: '' } }, 'the certificate says nothing'],
    ['a certificate without build config', { claims: { workflow_ref: '' } }, 'the certificate says nothing'],
  ])('%s', (_, run, message) => {
    const error = refusal(() => verifyRelease(release(attest(run)), expected()))
    expect(error).toMatchObject({ code: 'IDENTITY_MISMATCH', exit: 5, message: expect.stringContaining(message) })
  })

  test('a named reusable workflow at another ref, or not used at all', () => {
    const reusable = { repository: 'https://github.com/acme/workflows', path: '.github/workflows/publish.yml', ref: 'refs/tags/v1' }
    const other = attest({ reusable: 'acme/workflows/.github/workflows/publish.yml@refs/heads/main' })
    expect(codeOf(() => verifyRelease(release(other), expected({ reusable })))).toBe('IDENTITY_MISMATCH')
    expect(codeOf(() => verifyRelease(release(good), expected({ reusable })))).toBe('IDENTITY_MISMATCH')
  })

  test('a listed branch at another commit than the tag', () => {
    const bundle = attest({ ref: 'refs/heads/main', sha: 'd'.repeat(40) })
    expect(codeOf(() => verifyRelease(release(bundle), expected({ refs: ['refs/heads/main'] })))).toBe('IDENTITY_MISMATCH')
  })

  test('a repository after its `until`', () => {
    const until = (time: string): Authority['repositories'] => [{ url: 'https://github.com/acme/stripe-payments', id: 111, ownerId: 222, until: time }]
    expect(codeOf(() => verifyRelease(release(good), expected({ repositories: until('2026-03-01T12:00:00Z') })))).toBe('IDENTITY_MISMATCH')
    expect(verifyRelease(release(good), expected({ repositories: until('2026-03-01T12:00:01Z') })).verdict).toBe('verified')
  })

  test('every difference is told at once', () => {
    const { message } = refusal(() => verifyRelease(release(attest({ sha: 'd'.repeat(40), ownerId: 5 })), expected()))
    expect(message).toContain('source owner id')
    expect(message).toContain('commit')
  })
})

describe('attacks: the expectation is a pattern, or empty', () => {
  test.each<[string, Partial<Authority>]>([
    ['a wildcard issuer', { issuer: '.*' }],
    ['an issuer prefix', { issuer: 'https://token.actions' }],
    ['a wildcard workflow', { workflow: '.*' }],
    ['a workflow where every character matches', { workflow: '.github.workflows.release.yml' }],
    ['a wildcard repository', { repositories: [{ url: 'https://github.com/acme/.*', id: 111, ownerId: 222 }] }],
  ])('%s is only text', (_, odd) => {
    expect(codeOf(() => verifyRelease(release(good), expected(odd)))).toBe('IDENTITY_MISMATCH')
  })

  test.each<[string, Partial<Authority>, { tag?: string; commit?: string }]>([
    ['no issuer', { issuer: '' }, {}],
    ['no workflow', { workflow: '' }, {}],
    ['no repository', { repositories: [] }, {}],
    ['a repository without id', { repositories: [{ url: 'https://github.com/acme/stripe-payments', id: 0, ownerId: 222 }] }, {}],
    ['a reusable workflow without ref', { reusable: { repository: 'https://github.com/a/b', path: '.github/workflows/x.yml', ref: '' } }, {}],
    ['no tag', {}, { tag: '' }],
    ['no commit', {}, { commit: '' }],
  ])('%s', (_, odd, more) => {
    expect(codeOf(() => verifyRelease(release(good), expected(odd, more)))).toBe('IDENTITY_EMPTY')
  })
})

describe('attacks: the bundle is another one', () => {
  test('of another artifact', () => {
    const error = refusal(() => verifyRelease(release(attest({}, {}, Buffer.from('another archive'))), expected()))
    expect(error).toMatchObject({ code: 'SUBJECT_MISMATCH', message: expect.stringContaining(sha256('another archive')) })
  })

  test('of another root', () => {
    const evil = new Sigstore().attest(ARTIFACT, RUN, { at: SIGNED_AT })
    expect(codeOf(() => verifyRelease(release(evil), expected()))).toBe('SIGNATURE_INVALID')
  })

  test('of another root that calls itself the same', () => {
    const evil = new Sigstore({ organization: 'world.localhost' })
    expect(codeOf(() => verifyRelease(release(evil.attest(ARTIFACT, RUN, { at: SIGNED_AT })), expected()))).toBe('SIGNATURE_INVALID')
  })

  test('a plain signature over the artifact', () => {
    expect(codeOf(() => verifyRelease(release(sigstore.signArtifact(ARTIFACT, RUN, { at: SIGNED_AT })), expected()))).toBe('PROVENANCE_MISSING')
  })

  const statement = (odd: Record<string, unknown>): unknown => {
    const subject = [{ name: 'artifact', digest: { sha256: sha256(ARTIFACT).slice(7) } }]
    return { _type: 'https://in-toto.io/Statement/v1', subject, predicateType: 'https://slsa.dev/provenance/v1', predicate: {}, ...odd }
  }
  const signed = (payload: unknown, payloadType?: string): unknown =>
    sigstore.signStatement(payload, identity, { at: SIGNED_AT, ...(payloadType ? { payloadType } : {}) })
  const identity = { subject: `https://github.com/acme/stripe-payments/.github/workflows/release.yml@refs/tags/v1.2.3`, extensions: {} }

  test.each<[string, unknown, string | undefined, string]>([
    ['an attestation that is not provenance', statement({ predicateType: 'https://in-toto.io/attestation/release/v0.1' }), undefined, 'PROVENANCE_MISSING'],
    ['provenance of an older SLSA', statement({ predicateType: 'https://slsa.dev/provenance/v0.2' }), undefined, 'PROVENANCE_MISSING'],
    ['a predicate type with a suffix', statement({ predicateType: 'https://slsa.dev/provenance/v1.evil' }), undefined, 'PROVENANCE_MISSING'],
    ['a statement of an older in-toto', statement({ _type: 'https://in-toto.io/Statement/v0.1' }), undefined, 'PROVENANCE_MISSING'],
    ['a statement of no type', statement({ _type: undefined }), undefined, 'BUNDLE_INVALID'],
    ['a statement without predicate type', statement({ predicateType: undefined }), undefined, 'BUNDLE_INVALID'],
    ['a statement about nothing', statement({ subject: [] }), undefined, 'SUBJECT_MISMATCH'],
    ['a statement without subject', statement({ subject: undefined }), undefined, 'BUNDLE_INVALID'],
    ['a subject without sha256', statement({ subject: [{ name: 'a', digest: { sha1: 'x' } }] }), undefined, 'SUBJECT_MISMATCH'],
    ['a subject that is a list', statement({ subject: [[]] }), undefined, 'BUNDLE_INVALID'],
    ['a digest that is not text', statement({ subject: [{ digest: { sha256: [sha256(ARTIFACT).slice(7)] } }] }), undefined, 'BUNDLE_INVALID'],
    ['a digest in capitals', statement({ subject: [{ digest: { sha256: sha256(ARTIFACT).slice(7).toUpperCase() } }] }), undefined, 'SUBJECT_MISMATCH'],
    ['a payload of another type', statement({}), 'application/json', 'BUNDLE_INVALID'],
    ['a payload that is a list', [], undefined, 'BUNDLE_INVALID'],
    ['a payload that is null', null, undefined, 'BUNDLE_INVALID'],
  ])('%s', (_, payload, payloadType, code) => {
    expect(codeOf(() => verifyRelease(release(signed(payload, payloadType)), expected()))).toBe(code)
  })

  test('with a payload swapped under the signature', () => {
    const evil = structuredClone(good) as { dsseEnvelope: { payload: string } }
    evil.dsseEnvelope.payload = Buffer.from(JSON.stringify(statement({}))).toString('base64')
    expect(codeOf(() => verifyRelease(release(evil), expected()))).toBe('SIGNATURE_INVALID')
  })

  test('with the log entry of another signing of the same bytes', () => {
    const other = attest()
    const material = { ...good.verificationMaterial, tlogEntries: other.verificationMaterial.tlogEntries }
    expect(codeOf(() => verifyRelease(release({ ...good, verificationMaterial: material }), expected()))).toBe('SIGNATURE_INVALID')
  })

  test('with the certificate of another signing', () => {
    const other = attest()
    const material = { ...good.verificationMaterial, certificate: other.verificationMaterial.certificate }
    expect(codeOf(() => verifyRelease(release({ ...good, verificationMaterial: material }), expected()))).toBe('SIGNATURE_INVALID')
  })

  test.each<[string, Record<string, unknown>]>([
    ['no log entry', { tlogEntries: [] }],
    ['no log entry but a time', { ...attest({}, { witness: 'authority' }).verificationMaterial }],
    ['no certificate', { certificate: undefined }],
    ['a key instead of a certificate', { certificate: undefined, publicKey: { hint: 'x' } }],
  ])('%s', (_, odd) => {
    const code = codeOf(() => verifyRelease(release({ ...good, verificationMaterial: { ...good.verificationMaterial, ...odd } }), expected()))
    expect(['SIGNATURE_INVALID', 'BUNDLE_INVALID']).toContain(code)
  })
})

describe('attacks: the file is not a bundle', () => {
  const chain = { x509CertificateChain: { certificates: [good.verificationMaterial.certificate, { rawBytes: sigstore.fulcio.root.toString('base64') }] } }
  test.each<[string, unknown]>([
    ['empty', ''],
    ['not JSON', 'PK\u0003\u0004'],
    ['null', 'null'],
    ['a list', '[]'],
    ['a number', '1'],
    ['an empty object', {}],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['too large', Buffer.alloc(1024 * 1024 + 1, 0x20)],
    ['deeply nested', '['.repeat(100_000)],
    ['deeply nested inside', `{"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
    ['of an unknown version', { ...good, mediaType: 'application/vnd.dev.sigstore.bundle+json;version=99.9' }],
    ['of a version that looks like one', { ...good, mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json; charset=utf-8' }],
    ['of no version', { ...good, mediaType: undefined }],
    ['with both kinds of content', { ...good, messageSignature: { messageDigest: { algorithm: 'SHA2_256', digest: 'AA==' }, signature: 'AA==' } }],
    ['without content', { ...good, dsseEnvelope: undefined }],
    ['with two signatures', { ...good, dsseEnvelope: { ...good.dsseEnvelope, signatures: [{ sig: 'AA==' }, { sig: 'AA==' }] } }],
    ['with a certificate that is none', { ...good, verificationMaterial: { ...good.verificationMaterial, certificate: { rawBytes: 'AAAA' } } }],
    ['that brings its own root', { ...good, mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.2', verificationMaterial: { ...good.verificationMaterial, certificate: undefined, ...chain } }],
    ['with null for everything', { mediaType: null, verificationMaterial: null, dsseEnvelope: null }],
  ])('%s', (_, bundle) => {
    expect(codeOf(() => verifyRelease(release(bundle), expected()))).toBe('BUNDLE_INVALID')
  })
})

describe('attacks: time', () => {
  const day = 86_400_000
  test('a clock that is a day behind says so instead of believing a signature from the future', () => {
    const error = refusal(() => verifyRelease(release(good, { now: SIGNED_AT.getTime() - day }), expected()))
    expect(error).toMatchObject({ code: 'CLOCK_SKEW', message: expect.stringContaining('2026-02-28T12:00:00Z') })
  })

  test('clocks may differ by minutes', () => {
    expect(verifyRelease(release(good, { now: SIGNED_AT.getTime() - 4 * 60_000 }), expected()).verdict).toBe('verified')
  })

  test('a log entry of a time when the certificate was not valid', () => {
    const old = attest({}, { at: new Date('2026-02-01T00:00:00Z') })
    const entry = (old.verificationMaterial.tlogEntries as Record<string, unknown>[])[0]
    const material = { ...good.verificationMaterial, tlogEntries: [{ ...entry, integratedTime: String(SIGNED_AT.getTime() / 1000) }] }
    expect(codeOf(() => verifyRelease(release({ ...good, verificationMaterial: material }), expected()))).toBe('SIGNATURE_INVALID')
  })

  test('a root that was not valid yet, or no more', () => {
    const root = (start: string, end?: string): string => JSON.stringify(sigstore.trustedRoot).replaceAll(/"validFor":\{[^}]*\}/g, JSON.stringify({ validFor: { start, end } }).slice(1, -1))
    for (const text of [root('2026-04-01T00:00:00Z'), root('2020-01-01T00:00:00Z', '2026-02-01T00:00:00Z')]) {
      expect(codeOf(() => verifyRelease(release(good, { profile: profileOfText('own', text) }), expected()))).toBe('SIGNATURE_INVALID')
    }
  })
})

describe('observing a signer', () => {
  test('tells who it is, and never says verified', () => {
    const seen = observeSigner(release(good))
    expect(seen.verdict).toBe('observed')
    expect(seen.repository).toEqual(AUTHORITY.repositories[0])
    expect(signerRule(seen, 'v1.2.3')).toEqual({ workflow: '.github/workflows/release.yml' })
  })

  test('writes down what is special', () => {
    const bundle = attest({ ref: 'refs/heads/main', issuer: 'https://issuer.example', reusable: 'acme/workflows/.github/workflows/publish.yml@refs/tags/v1' })
    expect(signerRule(observeSigner(release(bundle)), 'v1.2.3')).toEqual({
      workflow: '.github/workflows/release.yml',
      refs: ['refs/heads/main'],
      issuer: 'https://issuer.example',
      reusable: { repository: 'https://github.com/acme/workflows', path: '.github/workflows/publish.yml', ref: 'refs/tags/v1' },
    })
  })

  test('what it tells verifies', () => {
    const seen = observeSigner(release(good))
    const authority = { ...AUTHORITY, ...signerRule(seen, 'v1.2.3'), refs: [], issuer: seen.signer.issuer, repositories: [seen.repository] }
    expect(verifyRelease(release(good), { authority, tag: 'v1.2.3', commit: seen.commit }).verdict).toBe('verified')
  })

  test.each<[string, () => unknown, string]>([
    ['another artifact', () => attest({}, {}, Buffer.from('other')), 'SUBJECT_MISMATCH'],
    ['another root', () => new Sigstore().attest(ARTIFACT, RUN), 'SIGNATURE_INVALID'],
    ['no provenance', () => sigstore.signArtifact(ARTIFACT, RUN), 'PROVENANCE_MISSING'],
    ['a person instead of a workflow', () => sigstore.signStatement(JSON.parse(Buffer.from(good.dsseEnvelope?.payload ?? '', 'base64').toString()), { subject: 'https://example.com/me', extensions: { 8: 'https://accounts.example' } }), 'IDENTITY_MISMATCH'],
    ['a certificate that contradicts itself', () => attest({ claims: { sub: 'https://github.com/evil/x/.github/workflows/release.yml@refs/tags/v1.2.3' } }), 'IDENTITY_MISMATCH'],
  ])('refuses %s', (_, bundle, code) => {
    expect(codeOf(() => observeSigner(release(bundle(), { profile })))).toBe(code)
  })
})
