import { describe, expect, test } from 'vitest'
import { bundleOf, dsseEntry, preAuthEncoding, type BundleJson } from '../../../examples/world/sigstore/bundle.ts'
import { authorityKeyId, certificateAuthority, CODE_SIGNING, distinguishedName, extendedKeyUsage, extension, fulcioExtension, keyUsage, newSerial, rootCertificate, signCertificate, subjectKeyId, TIME_STAMPING, uriAltName } from '../../../examples/world/sigstore/certificate.ts'
import { implicit, sequence } from '../../../examples/world/sigstore/der.ts'
import { claimsOfRun, identityOfClaims } from '../../../examples/world/sigstore/identity.ts'
import { IN_TOTO, provenance } from '../../../examples/world/sigstore/provenance.ts'
import { SigningKey } from '../../../examples/world/sigstore/signing-key.ts'
import { profileOfText } from '../../../registry/provenance/trust-profile.ts'
import { verifyByHand } from '../../../registry/provenance/verify-by-hand.ts'
import { verifyRelease } from '../../../registry/provenance/verify-release.ts'
import { sha256 } from '../../../schemas/digest.ts'
import { ARTIFACT, attest, bytesOf, expected, refusal, release, RUN, SIGNED_AT, sigstore } from './release.ts'

/* Certificates that a careless authority could issue. The authority is trusted here, so that only our own checks stand in the way. */

const authority = new SigningKey()
const name = distinguishedName({ organization: 'careless', commonName: 'authority' })
const validity = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2040-01-01T00:00:00Z') }
const root = rootCertificate(name, authority, validity)
const careless = profileOfText('careless', JSON.stringify({
  ...sigstore.trustedRoot,
  ctlogs: [],
  certificateAuthorities: [{ subject: { organization: 'careless', commonName: 'authority' }, uri: 'https://careless.example', certChain: { certificates: [{ rawBytes: root.toString('base64') }] }, validFor: { start: '2020-01-01T00:00:00Z' } }],
}))

const identity = identityOfClaims(claimsOfRun(RUN))
const stated = Object.entries(identity.extensions).map(([arc, value]) => fulcioExtension(Number(arc), value))
const usual = [keyUsage('sign'), extendedKeyUsage(CODE_SIGNING), uriAltName(identity.subject), ...stated]

/** A bundle that is right in every way but its certificate's extensions, or what is logged. */
function signed(extensions: readonly Buffer[], logged?: Buffer): BundleJson {
  const key = new SigningKey()
  const payload = Buffer.from(JSON.stringify(provenance({ name: 'artifact', sha256: sha256(ARTIFACT).slice(7) }, RUN)))
  const certificate = signCertificate({ subject: distinguishedName(), issuer: name, notBefore: SIGNED_AT, notAfter: new Date(SIGNED_AT.getTime() + 600_000), spki: key.spki, serial: newSerial(), extensions: [...extensions, subjectKeyId(key.spki), authorityKeyId(authority.spki)] }, authority)
  const dsseEnvelope = { payload: payload.toString('base64'), payloadType: IN_TOTO, signatures: [{ sig: key.sign(preAuthEncoding(IN_TOTO, payload)).toString('base64') }] }
  const entry = sigstore.rekor.log(dsseEntry(dsseEnvelope, logged ?? certificate), SIGNED_AT)
  return bundleOf({ dsseEnvelope }, { certificate, logEntry: { kind: 'dsse', entry } })
}

const attempt = (bundle: BundleJson): unknown => verifyRelease(release(bundle, { profile: careless }), expected())

describe('odd certificates', () => {
  test('the usual one is taken', () => {
    expect(attempt(signed(usual))).toMatchObject({ verdict: 'verified' })
  })

  const without = (part: Buffer): Buffer[] => usual.filter((one) => one !== part)
  const [, purpose, subject] = usual as [Buffer, Buffer, Buffer]
  const twoNames = extension('2.5.29.17', sequence(implicit(6, Buffer.from(identity.subject)), implicit(6, Buffer.from('https://evil.example'))), true)
  const nameAndHost = extension('2.5.29.17', sequence(implicit(6, Buffer.from(identity.subject)), implicit(2, Buffer.from('evil.example'))), true)

  test.each<[string, readonly Buffer[], string]>([
    ['for nothing in particular', without(purpose), 'SIGNATURE_INVALID'],
    ['for timestamps', [...without(purpose), extendedKeyUsage(TIME_STAMPING)], 'SIGNATURE_INVALID'],
    ['of an authority', [certificateAuthority(), ...usual], 'SIGNATURE_INVALID'],
    ['without a name', without(subject), 'IDENTITY_MISMATCH'],
    ['with two names', [...without(subject), twoNames], 'IDENTITY_MISMATCH'],
    ['with a name and a host', [...without(subject), nameAndHost], 'IDENTITY_MISMATCH'],
    ['that states the repository twice', [fulcioExtension(12, 'https://github.com/evil/x'), ...usual], 'IDENTITY_MISMATCH'],
    ['that states the repository id twice, the right one last', [fulcioExtension(15, '666'), ...usual], 'IDENTITY_MISMATCH'],
    ['whose repository is raw text', [...usual.filter((one) => !one.equals(fulcioExtension(12, identity.extensions[12] ?? ''))), extension('1.3.6.1.4.1.57264.1.12', Buffer.from(identity.extensions[12] ?? ''))], 'IDENTITY_MISMATCH'],
    ['whose issuer is only in the old place, other than in the new', [...usual.filter((one) => !one.equals(fulcioExtension(8, identity.extensions[8] ?? ''))), fulcioExtension(8, 'https://evil.example')], 'IDENTITY_MISMATCH'],
  ])('one %s is refused', (_, extensions, code) => {
    expect(refusal(() => attempt(signed(extensions)))).toMatchObject({ code, exit: 5 })
  })

  test('a log entry that names another certificate over the same signature is refused (CVE-2022-36056)', () => {
    const other = Buffer.from((attest().verificationMaterial.certificate as { rawBytes: string }).rawBytes, 'base64')
    expect(refusal(() => attempt(signed(usual, other)))).toMatchObject({ code: 'SIGNATURE_INVALID', message: expect.stringContaining('another certificate') })
  })

  test('a message signature that states another digest is refused even where no log compares it', () => {
    const unlogged = profileOfText('unlogged', JSON.stringify({ ...sigstore.trustedRoot, tlogs: [] }))
    const bundle = sigstore.signArtifact(ARTIFACT, RUN, { at: SIGNED_AT, witness: 'authority' })
    const lying = { ...bundle, messageSignature: { ...bundle.messageSignature, messageDigest: { algorithm: 'SHA2_256', digest: Buffer.alloc(32).toString('base64') } } }
    const asked = { artifact: ARTIFACT, profile: unlogged, identity: identity.subject, issuer: RUN.issuer ?? 'https://token.actions.githubusercontent.com' }
    expect(verifyByHand({ ...asked, bundle: bytesOf(bundle) }).identity).toBe(identity.subject)
    expect(refusal(() => verifyByHand({ ...asked, bundle: bytesOf(lying) })).code).toBe('SUBJECT_MISMATCH')
  })
})
