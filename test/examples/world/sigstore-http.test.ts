import { DSSEBundleBuilder, FulcioSigner, MessageSignatureBundleBuilder, RekorWitness, TSAWitness } from '@sigstore/sign'
import { bundleToJSON } from '@sigstore/bundle'
import { attest } from 'sigstore'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { claimsOfRun, tokenOf } from '../../../examples/world/sigstore/identity.ts'
import { IN_TOTO, provenance } from '../../../examples/world/sigstore/provenance.ts'
import { startWorld } from '../../../examples/world/world.ts'
import type { World } from '../../../examples/world/world.ts'
import { sha256 } from '../../../schemas/digest.ts'
import { oidOf, verified } from './verified.ts'

const RUN = { repository: 'acme/plugins', repositoryId: 111, ownerId: 222, ref: 'refs/tags/v1.2.3', sha: 'a'.repeat(40) }
const ARTIFACT = Buffer.from('signed by a real client')

describe('real signers use the private Sigstore over HTTP', () => {
  let world: World
  const statement = Buffer.from(JSON.stringify(provenance({ name: 'a.tgz', sha256: sha256(ARTIFACT).slice(7) }, RUN)))
  const token = tokenOf(claimsOfRun(RUN))
  beforeAll(async () => void (world = await startWorld()))
  afterAll(() => world.close())

  const parts = (): { signer: FulcioSigner; witnesses: (RekorWitness | TSAWitness)[] } => ({
    signer: new FulcioSigner({ fulcioBaseURL: world.sigstoreUrl, identityProvider: { getToken: () => Promise.resolve(token) }, retry: 0 }),
    witnesses: [new RekorWitness({ rekorBaseURL: world.sigstoreUrl, retry: 0 }), new TSAWitness({ tsaBaseURL: `${world.sigstoreUrl}/api/v1/timestamp`, retry: 0 })],
  })

  test('@sigstore/sign makes a DSSE bundle with log entry and timestamp', async () => {
    const bundle = await new DSSEBundleBuilder(parts()).create({ data: statement, type: IN_TOTO })
    const signer = verified(bundleToJSON(bundle), world.sigstore.trustedRoot, { thresholds: { timestampThreshold: 2 } })
    expect([oidOf(signer, 12), oidOf(signer, 14), oidOf(signer, 15)]).toEqual(['https://github.com/acme/plugins', 'refs/tags/v1.2.3', '111'])
    // Same claims, same certificate contents: what is signed in this process says no less than what is signed over HTTP.
    const inProcess = verified(world.sigstore.attest(ARTIFACT, RUN), world.sigstore.trustedRoot)
    expect(inProcess.identity?.subjectAlternativeName).toBe(signer.identity?.subjectAlternativeName)
    expect(inProcess.identity?.oids?.map(({ oid }) => oid?.id.join('.'))).toEqual(signer.identity?.oids?.map(({ oid }) => oid?.id.join('.')))
  })

  test('@sigstore/sign makes a bundle of a plain signature', async () => {
    const bundle = await new MessageSignatureBundleBuilder(parts()).create({ data: ARTIFACT })
    expect(() => verified(bundleToJSON(bundle), world.sigstore.trustedRoot, { artifact: ARTIFACT })).not.toThrow()
  })

  test('the sigstore package attests', async () => {
    const bundle = await attest(statement, IN_TOTO, { identityToken: token, fulcioURL: world.sigstoreUrl, rekorURL: world.sigstoreUrl, retry: 0 })
    expect(() => verified(bundle, world.sigstore.trustedRoot)).not.toThrow()
    expect(world.log.count({ part: 'sigstore', status: 201 })).toBeGreaterThan(3)
  })

  test('a certificate is not given to who does not hold the key', async () => {
    const { publicKey } = (await import('node:crypto')).generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    const request = { credentials: { oidcIdentityToken: token }, publicKeyRequest: { publicKey: { content: publicKey.export({ format: 'pem', type: 'spki' }) }, proofOfPossession: Buffer.from('none').toString('base64') } }
    const response = await fetch(`${world.sigstoreUrl}/api/v2/signingCert`, { method: 'POST', body: JSON.stringify(request) })
    expect([response.status, await response.text()]).toEqual([400, 'proof of possession does not hold'])
  })
})
