import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createVerifier } from '../../../registry/provenance/verifier.ts'
import { openVerdicts, type VerdictQuestion } from '../../../registry/provenance/verdicts.ts'
import { verifyRelease } from '../../../registry/provenance/verify-release.ts'
import { sha256 } from '../../../schemas/digest.ts'
import { ARTIFACT, attest, AUTHORITY, bytesOf, COMMIT, expected, profile, release, SIGNED_AT, sigstore } from './release.ts'

let dir: string
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'verdicts-'))))
afterEach(() => rmSync(dir, { recursive: true }))

const bundle = attest()
const question: VerdictQuestion = { artifactDigest: sha256(ARTIFACT), bundleDigest: sha256(bytesOf(bundle)), expected: expected(), profileDigest: profile.digest }
const verdict = verifyRelease(release(bundle), expected())
const onlyFile = (folder: string): string => join(folder, readdirSync(folder)[0] ?? '')

describe('remembered verdicts', () => {
  test('are recalled, from another process too', () => {
    const folder = join(dir, 'a', 'b')
    const verdicts = openVerdicts(folder)
    expect(verdicts.unfit).toBeUndefined()
    expect(verdicts.recall(question)).toBeUndefined()
    verdicts.remember(question, verdict)
    expect(openVerdicts(folder).recall(question)).toEqual(verdict)
    expect(readdirSync(folder)).toHaveLength(1)
    expect([lstatSync(folder).mode & 0o777, lstatSync(onlyFile(folder)).mode & 0o777]).toEqual([0o700, 0o600])
  })

  test.each<[string, Partial<VerdictQuestion>]>([
    ['artifact', { artifactDigest: sha256('x') }],
    ['bundle', { bundleDigest: sha256('x') }],
    ['root', { profileDigest: sha256('x') }],
    ['tag', { expected: expected({}, { tag: 'v2' }) }],
    ['commit', { expected: expected({}, { commit: 'd'.repeat(40) }) }],
    ['workflow', { expected: expected({ workflow: '.github/workflows/x.yml' }) }],
    ['repositories', { expected: expected({ repositories: [{ url: 'https://github.com/acme/stripe-payments', id: 112, ownerId: 222 }] }) }],
    ['refs', { expected: expected({ refs: ['refs/heads/main'] }) }],
  ])('are not recalled for another %s', (_, odd) => {
    const verdicts = openVerdicts(dir)
    verdicts.remember(question, verdict)
    expect(verdicts.recall({ ...question, ...odd })).toBeUndefined()
  })

  test.each<[string, (text: string) => string]>([
    ['cut off', (text) => text.slice(0, 40)],
    ['empty', () => ''],
    ['null', () => 'null'],
    ['of another question', (text) => text.replace(/"question":"sha256:[0-9a-f]{8}/, '"question":"sha256:00000000')],
    ['of something observed', (text) => text.replace('"verified"', '"observed"')],
    ['of another commit', (text) => text.replaceAll(COMMIT, 'e'.repeat(40))],
    ['of another repository', (text) => text.replace('"id":111', '"id":666')],
    ['of another issuer', (text) => text.replace('githubusercontent.com', 'evil.example')],
    ['of another workflow', (text) => text.replace('"workflow":".github/workflows/release.yml"', '"workflow":".github/workflows/evil.yml"')],
    ['of another ref', (text) => text.replace('"ref":"refs/tags/v1.2.3"', '"ref":"refs/heads/evil"')],
    ['without a time', (text) => text.replace('2026-03-01T12:00:00Z', 'never')],
    ['larger than any', (text) => text + ' '.repeat(70_000)],
  ])('that are %s are forgotten', (_, change) => {
    const verdicts = openVerdicts(dir)
    verdicts.remember(question, verdict)
    const before = readFileSync(onlyFile(dir), 'utf8')
    expect(change(before)).not.toBe(before)
    writeFileSync(onlyFile(dir), change(before))
    expect(verdicts.recall(question)).toBeUndefined()
  })

  test('that others may write, or that are links, are forgotten', () => {
    const verdicts = openVerdicts(dir)
    verdicts.remember(question, verdict)
    const file = onlyFile(dir)
    chmodSync(file, 0o622)
    expect(verdicts.recall(question)).toBeUndefined()
    const text = readFileSync(file)
    rmSync(file)
    const outside = mkdtempSync(join(tmpdir(), 'outside-'))
    writeFileSync(join(outside, 'x.json'), text)
    symlinkSync(join(outside, 'x.json'), file)
    expect(verdicts.recall(question)).toBeUndefined()
    rmSync(outside, { recursive: true })
  })

  test.each<[string, () => string]>([
    ['others may write in', () => (chmodSync(dir, 0o777), dir)],
    ['the group may write in', () => (chmodSync(dir, 0o770), dir)],
    ['is a file', () => (writeFileSync(join(dir, 'f'), ''), join(dir, 'f'))],
    ['is a link', () => (mkdirSync(join(dir, 'real')), symlinkSync(join(dir, 'real'), join(dir, 'link')), join(dir, 'link'))],
  ])('need a folder of their own: one that %s is not used', (_, make) => {
    const folder = make()
    const verdicts = openVerdicts(folder)
    expect(verdicts.unfit).toContain(folder)
    verdicts.remember(question, verdict)
    expect(verdicts.recall(question)).toBeUndefined()
  })

  test('a folder that is gone later costs nothing but time', () => {
    const folder = join(dir, 'x')
    const verdicts = openVerdicts(folder)
    rmSync(folder, { recursive: true })
    verdicts.remember(question, verdict)
    expect(verdicts.recall(question)).toBeUndefined()
  })
})

describe('the verifier', () => {
  const root = JSON.stringify(sigstore.trustedRoot)
  const setUp = (now = SIGNED_AT.getTime()): ReturnType<typeof createVerifier> => {
    mkdirSync(join(dir, 'trust'), { recursive: true })
    writeFileSync(join(dir, 'trust', 'own.json'), root)
    return createVerifier({ baseDir: dir, verdicts: openVerdicts(join(dir, 'memory')), now: () => now })
  }
  const request = { artifactDigest: sha256(ARTIFACT), bundle: bytesOf(bundle), authority: AUTHORITY, tag: 'v1.2.3', commit: COMMIT }

  test('proves, then remembers', async () => {
    const verifier = setUp()
    const proof = await verifier.verify(request)
    expect(proof).toEqual({ signer: verdict.signer, repository: verdict.repository, commit: COMMIT, publishedAt: '2026-03-01T12:00:00Z' })
    // What is remembered answers: an altered memory shows.
    const file = onlyFile(join(dir, 'memory'))
    writeFileSync(file, readFileSync(file, 'utf8').replace('12:00:00Z', '11:00:00Z'))
    expect((await verifier.verify(request)).publishedAt).toBe('2026-03-01T11:00:00Z')
  })

  test('forgets when the trusted root changes', async () => {
    await setUp().verify(request)
    writeFileSync(join(dir, 'trust', 'own.json'), root.replaceAll('2020-01-01', '2026-12-01'))
    const verifier = createVerifier({ baseDir: dir, verdicts: openVerdicts(join(dir, 'memory')), now: () => SIGNED_AT.getTime() })
    await expect(verifier.verify(request)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' })
  })

  test('remembers no refusal', async () => {
    const verifier = setUp()
    await expect(verifier.verify({ ...request, tag: 'v9' })).rejects.toMatchObject({ code: 'IDENTITY_MISMATCH' })
    expect(readdirSync(join(dir, 'memory'))).toEqual([])
  })

  test('says CLOCK_SKEW for what it remembers too', async () => {
    await setUp().verify(request)
    await expect(setUp(SIGNED_AT.getTime() - 86_400_000).verify(request)).rejects.toMatchObject({ code: 'CLOCK_SKEW' })
  })

  test('observes without remembering', async () => {
    const verifier = setUp()
    const seen = await verifier.observe({ artifactDigest: request.artifactDigest, bundle: request.bundle, profile: './trust/own.json', tag: 'v1.2.3', commit: COMMIT })
    expect(seen.repository.id).toBe(111)
    expect(readdirSync(join(dir, 'memory'))).toEqual([])
  })

  test('names the file of a bad root', async () => {
    const verifier = setUp()
    await expect(verifier.verify({ ...request, authority: { ...AUTHORITY, profile: './trust/gone.json' } })).rejects.toMatchObject({ code: 'TRUST_ROOT_INVALID' })
  })
})
