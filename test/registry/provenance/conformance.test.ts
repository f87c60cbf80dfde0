import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadProfile, profileOfFile } from '../../../registry/provenance/trust-profile.ts'
import { verifyByHand, type HandVerification } from '../../../registry/provenance/verify-by-hand.ts'
import type { ErrorCode } from '../../../schemas/errors.ts'
import { refusal } from './release.ts'

/*
 * The bundle cases of the Sigstore conformance suite, run as its own runner does (test/client.py, BundleMaterials.from_dir): a
 * folder is a case; its name ends in `_fail` when verification must fail; what it does not bring has the suite's default.
 */
const SUITE = new URL('../../fixtures/sigstore-conformance/', import.meta.url).pathname
const IDENTITY = 'https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main'
const ISSUER = 'https://token.actions.githubusercontent.com'
const publicGood = await loadProfile('public-good')

function materials(name: string): HandVerification {
  const path = (file: string): string => join(SUITE, name, file)
  const text = (file: string): string | undefined => (existsSync(path(file)) ? readFileSync(path(file), 'utf8').trim() : undefined)
  const key = existsSync(path('key.pub')) ? readFileSync(path('key.pub'), 'utf8') : undefined
  return {
    artifact: readFileSync(existsSync(path('artifact')) ? path('artifact') : join(SUITE, 'a.txt')),
    bundle: readFileSync(path('bundle.sigstore.json')),
    profile: existsSync(path('trusted_root.json')) ? profileOfFile('trusted_root.json', path('trusted_root.json')) : publicGood,
    ...(key === undefined ? { identity: text('identity') ?? IDENTITY, issuer: text('issuer') ?? ISSUER } : { key }),
  }
}

/** The reason that each case was made for, as our code, with a word of the message: failing for another reason is no proof. */
const REASONS: Readonly<Record<string, [ErrorCode, string]>> = {
  'dsse-statement-missing-type_fail': ['BUNDLE_INVALID', 'says that it is nothing'],
  'dsse-statement-unknown-type_fail': ['BUNDLE_INVALID', 'https://in-toto.io/Statement/v2'],
  'dsse-with-hashedrekord-invalid-sig_fail': ['SIGNATURE_INVALID', 'signature mismatch'],
  'dsse-with-hashedrekord-mismatch-envelope_fail': ['SIGNATURE_INVALID', 'signature mismatch'],
  'dsse-with-hashedrekord-mismatch-sig_fail': ['SIGNATURE_INVALID', 'signature mismatch'],
  'rekor2-dsse-invalid-sig_fail': ['SIGNATURE_INVALID', 'certificate'],
  'rekor2-dsse-mismatch-sig_fail': ['SIGNATURE_INVALID', 'signature mismatch'],
  'rekor2-multiple-timestamps-one-outside-cert-validity_fail': ['SIGNATURE_INVALID', 'certificate'],
  'rekor2-no-timestamp_fail': ['SIGNATURE_INVALID', 'expected 1 timestamps, got 0'],
  'rekor2-timestamp-outside-trust-root-tsa-validity_fail': ['SIGNATURE_INVALID', 'timestamp could not be verified'],
  'rekor2-timestamp-with-incorrect-time_fail': ['SIGNATURE_INVALID', 'certificate'],
  'rekor2-timestamp-wrong-tsa-validity-borrow_fail': ['TRUST_ROOT_INVALID', 'timestampAuthorities[1] has no certificates'],
}

const cases = readdirSync(SUITE, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name)

describe('Sigstore conformance suite, bundle cases', () => {
  test('every failing case has its reason', () => {
    expect(cases.filter((name) => name.endsWith('_fail')).sort()).toEqual(Object.keys(REASONS).sort())
  })

  test.each(cases.filter((name) => !name.endsWith('_fail')))('%s', (name) => {
    const asked = materials(name)
    const digest = `sha256:${createHash('sha256').update(asked.artifact).digest('hex')}`
    expect(verifyByHand(asked)).toMatchObject({ artifactDigest: digest, ...(asked.identity === undefined ? {} : { identity: IDENTITY, issuer: ISSUER }) })
  })

  test.each(cases.filter((name) => name.endsWith('_fail')))('%s', (name) => {
    const error = refusal(() => verifyByHand(materials(name)))
    const [code, word] = REASONS[name] ?? []
    expect(error).toMatchObject({ code, exit: 5, message: expect.stringContaining(word ?? '?') })
  })
})
