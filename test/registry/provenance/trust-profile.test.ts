import { readFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import githubRoot from '../../../registry/provenance/github.trusted-root.json' with { type: 'json' }
import { loadProfile, profileOfText } from '../../../registry/provenance/trust-profile.ts'
import { observeSigner, verifyRelease } from '../../../registry/provenance/verify-release.ts'
import { verifyByHand } from '../../../registry/provenance/verify-by-hand.ts'
import { CatalystError } from '../../../schemas/errors.ts'
import { ARTIFACT, attest, codeOf, expected, profile, refusal, release, sigstore, type Loose } from './release.ts'

const own = (): Loose => structuredClone(sigstore.trustedRoot) as Loose
const load = (root: unknown): unknown => profileOfText('./own.json', typeof root === 'string' ? root : JSON.stringify(root))
const edited = (change: (root: Loose) => void): Loose => {
  const root = own()
  change(root)
  return root
}

describe('the profiles that we bring', () => {
  test('public good demands both logs and a time', async () => {
    const { thresholds, root, name } = await loadProfile('public-good')
    expect(name).toBe('public-good')
    expect(thresholds).toEqual({ log: 1, certificateLog: 1, time: 1 })
    expect(root.certificateAuthorities.map((ca) => ca.uri)).toContain('https://fulcio.sigstore.dev')
  })

  test('github has no logs, and a timestamp authority', async () => {
    const { thresholds, root } = await loadProfile('github')
    expect(thresholds).toEqual({ log: 0, certificateLog: 0, time: 1 })
    expect(root.tlogs).toEqual([])
    expect(new Set([...root.certificateAuthorities, ...root.timestampAuthorities].map((a) => a.uri))).toEqual(new Set(['fulcio.githubapp.com', 'timestamp.githubapp.com']))
  })

  test('every certificate of the github root is signed by the next one, up to one root', () => {
    const chains = [...githubRoot.certificateAuthorities, ...githubRoot.timestampAuthorities].map((a) => a.certChain.certificates.map((c) => new X509Certificate(Buffer.from(c.rawBytes, 'base64'))))
    for (const chain of chains) chain.forEach((certificate, i) => expect(certificate.verify((chain[i + 1] ?? certificate).publicKey)).toBe(true))
    expect(new Set(chains.map((chain) => chain.at(-1)?.fingerprint256)).size).toBe(1)
  })

  test('are kept apart: each proves its own signatures and no others', async () => {
    const fixtures = new URL('../../fixtures/', import.meta.url).pathname
    const [github, publicGood] = [await loadProfile('github'), await loadProfile('public-good')]
    const bundle = readFileSync(`${fixtures}sigstore-github/private-provenance.sigstore.json`)
    const artifactDigest = 'sha256:caa015ef69e9bc31a41322d6c71563ed9600c75bb988e4d639b1edc578580551' as const
    const seen = observeSigner({ artifactDigest, bundle, profile: github })
    expect(seen).toMatchObject({ publishedAt: '2026-07-24T15:30:27Z', repository: { url: 'https://github.com/neverendingsupport/nes-java-test-lib-a', id: 1296428417, ownerId: 113394396 }, signer: { profile: 'github', workflow: '.github/workflows/nes-release.yml', ref: 'refs/tags/nes-v1.0.12' } })
    expect(seen.signer.reusable).toEqual({ repository: 'https://github.com/neverendingsupport/slsa-attestations', path: '.github/workflows/attest.yml', ref: '9f6d9dc1bfc02986955721eb15f89ad618f1cedb' })

    const { issuer, workflow, reusable } = seen.signer
    const authority = { profile: 'github', issuer, workflow, refs: [], repositories: [seen.repository], reusable }
    expect(verifyRelease({ artifactDigest, bundle, profile: github }, { authority, tag: 'nes-v1.0.12', commit: seen.commit }).verdict).toBe('verified')
    expect(codeOf(() => observeSigner({ artifactDigest, bundle, profile: publicGood }))).toBe('SIGNATURE_INVALID')
    expect(codeOf(() => observeSigner({ artifactDigest, bundle, profile }))).toBe('SIGNATURE_INVALID')

    const happy = { artifact: readFileSync(`${fixtures}sigstore-conformance/a.txt`), bundle: readFileSync(`${fixtures}sigstore-conformance/happy-path-v0.3/bundle.sigstore.json`) }
    const identity = 'https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main'
    expect(codeOf(() => verifyByHand({ ...happy, identity, issuer, profile: github }))).toBe('SIGNATURE_INVALID')
  })
})

describe('private roots', () => {
  test('demand what they have', () => {
    expect(profileOfText('own', JSON.stringify(own())).thresholds).toEqual({ log: 1, certificateLog: 1, time: 1 })
    const { thresholds } = profileOfText('own', JSON.stringify(edited((root) => void (root.tlogs = [], root.ctlogs = []))))
    expect(thresholds).toEqual({ log: 0, certificateLog: 0, time: 1 })
  })

  test('a root without a log takes a timestamp for it, a root with one does not', () => {
    const bundle = attest({}, { witness: 'authority' })
    const without = profileOfText('own', JSON.stringify(edited((root) => void (root.tlogs = []))))
    expect(verifyRelease(release(bundle, { profile: without }), expected()).publishedAt).toBe('2026-03-01T12:00:00Z')
    expect(codeOf(() => verifyRelease(release(bundle), expected()))).toBe('SIGNATURE_INVALID')
  })

  test('have the same digest whatever the order of their keys, another one for any other content', () => {
    const root = own()
    const reversed = Object.fromEntries(Object.entries(root).reverse())
    const digest = (json: unknown): string => profileOfText('x', JSON.stringify(json)).digest
    expect(digest(reversed)).toBe(digest(root))
    expect(digest(edited((r) => void (r.tlogs = [])))).not.toBe(digest(root))
    expect(profile.digest).toBe(digest(root))
  })

  test('are read from a file beside plugins.yaml', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'root-'))
    try {
      writeFileSync(join(dir, 'own.json'), JSON.stringify(own()))
      expect((await loadProfile('./own.json', dir)).name).toBe('./own.json')
      writeFileSync(join(dir, 'big.json'), ' '.repeat(1024 * 1024 + 1))
      await expect(loadProfile('./big.json', dir)).rejects.toMatchObject({ code: 'TRUST_ROOT_INVALID', message: expect.stringContaining('limit') })
      await expect(loadProfile('./gone.json', dir)).rejects.toMatchObject({ code: 'TRUST_ROOT_INVALID', place: { file: join(dir, 'gone.json') } })
      await expect(loadProfile('.', dir)).rejects.toBeInstanceOf(CatalystError)
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  test.each<[string, unknown, string]>([
    ['not JSON', '{', 'not JSON'],
    ['null', 'null', 'cannot be used'],
    ['a number', '1', 'mediaType'],
    ['a list', '[]', 'mediaType'],
    ['an empty object', {}, 'mediaType'],
    ['a bundle', attest(), 'mediaType'],
    ['a log without start', edited((r) => void (r.tlogs[0].publicKey.validFor = { end: '2030-01-01T00:00:00Z' })), 'tlogs[0].publicKey.validFor has no start'],
    ['a log without validity', edited((r) => void delete r.tlogs[0].publicKey.validFor), 'tlogs[0].publicKey.validFor has no start'],
    ['a log with an empty validity', edited((r) => void (r.tlogs[0].publicKey.validFor = {})), 'has no start'],
    ['a certificate log without start', edited((r) => void delete r.ctlogs[0].publicKey.validFor.start), 'ctlogs[0].publicKey.validFor has no start'],
    ['a certificate authority without start', edited((r) => void delete r.certificateAuthorities[0].validFor.start), 'certificateAuthorities[0].validFor has no start'],
    ['a timestamp authority without start', edited((r) => void delete r.timestampAuthorities[0].validFor), 'timestampAuthorities[0].validFor has no start'],
    ['a start that is no time', edited((r) => void (r.tlogs[0].publicKey.validFor.start = 'yesterday')), 'not a time'],
    ['an end before the start', edited((r) => void (r.tlogs[0].publicKey.validFor.end = '2001-01-01T00:00:00Z')), 'ends before it starts'],
    ['a log without key', edited((r) => void delete r.tlogs[0].publicKey.rawBytes), 'no public key'],
    ['a log without id', edited((r) => void delete r.tlogs[0].logId), 'no log id'],
    ['a key that is none', edited((r) => void (r.tlogs[0].publicKey.rawBytes = 'AAAA')), 'cannot be used'],
    ['an authority without certificates', edited((r) => void (r.certificateAuthorities[0].certChain.certificates = [])), 'no certificates'],
    ['an authority whose certificate is none', edited((r) => void (r.certificateAuthorities[0].certChain.certificates[0].rawBytes = 'AAAA')), 'cannot be used'],
    ['a list that is none', edited((r) => void (r.tlogs = 'all')), 'tlogs is not a list'],
    ['a list that is null', edited((r) => void (r.tlogs = null)), 'tlogs is not a list'],
    ['a list under another name', edited((r) => void (r.tlog = r.tlogs, delete r.tlogs)), '"tlog" is not a member'],
  ])('%s is refused', (_, root, word) => {
    expect(refusal(() => load(root))).toMatchObject({ code: 'TRUST_ROOT_INVALID', exit: 5, message: expect.stringContaining(word) })
  })

  test('all that is missing is told at once', () => {
    const { message } = refusal(() => load(edited((r) => void (delete r.tlogs[0].publicKey.validFor, delete r.ctlogs[0].publicKey.validFor))))
    expect(message).toContain('tlogs[0]')
    expect(message).toContain('ctlogs[0]')
  })

  test('a root without certificate authorities proves no release', () => {
    const without = profileOfText('own', JSON.stringify(edited((r) => void (r.certificateAuthorities = []))))
    expect(codeOf(() => verifyRelease(release(attest(), { profile: without }), expected()))).toBe('TRUST_ROOT_INVALID')
    expect(ARTIFACT.length).toBeGreaterThan(0)
  })
})
