import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Sigstore } from '../../../examples/world/sigstore/sigstore.ts'
import type { WorkflowRun } from '../../../examples/world/sigstore/identity.ts'
import { statement } from '../../../examples/world/sigstore/provenance.ts'
import { oidOf, verified } from './verified.ts'

const ARTIFACT = Buffer.from('the bytes of a release')
const RUN: WorkflowRun = { repository: 'acme/plugins', repositoryId: 111, ownerId: 222, ref: 'refs/tags/v1.2.3', sha: 'a'.repeat(40) }
const AUTHORITY_ONLY = { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 1 }

describe('a signature of the private Sigstore, judged by @sigstore/verify', () => {
  const sigstore = new Sigstore()

  test('holds, and carries every claim of a workflow run', () => {
    const signer = verified(sigstore.attest(ARTIFACT, RUN), sigstore.trustedRoot)
    expect(signer.identity?.subjectAlternativeName).toBe('https://github.com/acme/plugins/.github/workflows/release.yml@refs/tags/v1.2.3')
    expect(signer.identity?.extensions?.issuer).toBe('https://token.actions.githubusercontent.com')
    const oids = Object.fromEntries([1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22].map((arc) => [arc, oidOf(signer, arc)]))
    expect(oids).toMatchInlineSnapshot(`
      {
        "1": "https://token.actions.githubusercontent.com",
        "10": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "11": "github-hosted",
        "12": "https://github.com/acme/plugins",
        "13": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "14": "refs/tags/v1.2.3",
        "15": "111",
        "16": "https://github.com/acme",
        "17": "222",
        "18": "https://github.com/acme/plugins/.github/workflows/release.yml@refs/tags/v1.2.3",
        "19": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "2": "push",
        "20": "push",
        "21": "https://github.com/acme/plugins/actions/runs/7001/attempts/1",
        "22": "public",
        "3": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "4": "release",
        "5": "acme/plugins",
        "6": "refs/tags/v1.2.3",
        "8": "https://token.actions.githubusercontent.com",
        "9": "https://github.com/acme/plugins/.github/workflows/release.yml@refs/tags/v1.2.3",
      }
    `)
  })

  test.each(['log', 'authority', 'both'] as const)('is seen by: %s', (witness) => {
    const bundle = sigstore.attest(ARTIFACT, RUN, { witness })
    expect(() => verified(bundle, sigstore.trustedRoot, { thresholds: AUTHORITY_ONLY })).not.toThrow()
    const needsLog = (): unknown => verified(bundle, sigstore.trustedRoot)
    if (witness === 'authority') expect(needsLog).toThrow(/tlog|transparency/i)
    else expect(needsLog).not.toThrow()
  })

  test('can be made at any time since 2020, and says when', () => {
    for (const at of ['2020-02-03T04:05:06Z', '2024-12-31T23:59:59Z', '2031-01-01T00:00:00Z']) {
      const bundle = sigstore.attest(ARTIFACT, RUN, { at: new Date(at), witness: 'both' })
      verified(bundle, sigstore.trustedRoot)
      const [entry] = bundle.verificationMaterial.tlogEntries as { integratedTime: string }[]
      expect(Number(entry?.integratedTime)).toBe(Date.parse(at) / 1000)
    }
  })

  test('proves its place in the tree at every size of the log', () => {
    const small = new Sigstore()
    for (let size = 1; size <= 70; size++) verified(small.attest(ARTIFACT, RUN), small.trustedRoot)
  })

  test('is refused after any change, and under the root of another instance', () => {
    const bundle = sigstore.attest(ARTIFACT, RUN)
    const other = sigstore.attest(randomBytes(8), RUN)
    expect(() => verified(bundle, new Sigstore().trustedRoot)).toThrow()
    expect(() => verified({ ...bundle, dsseEnvelope: other.dsseEnvelope }, sigstore.trustedRoot)).toThrow()
    expect(() => verified({ ...bundle, verificationMaterial: other.verificationMaterial }, sigstore.trustedRoot)).toThrow()
  })

  test('over an artifact without a statement holds for these bytes only', () => {
    const bundle = sigstore.signArtifact(ARTIFACT, RUN)
    expect(() => verified(bundle, sigstore.trustedRoot, { artifact: ARTIFACT })).not.toThrow()
    expect(() => verified(bundle, sigstore.trustedRoot, { artifact: Buffer.from('other') })).toThrow()
  })
})

describe('the wrong ones that tests need', () => {
  const sigstore = new Sigstore()
  const signerOf = (run: Partial<WorkflowRun>): ReturnType<typeof verified> => verified(sigstore.attest(ARTIFACT, { ...RUN, ...run }), sigstore.trustedRoot)

  test('a reusable workflow signs in its own name for the source repository', () => {
    const reusable = 'builders/shared/.github/workflows/build.yml@refs/tags/v4'
    const signer = signerOf({ reusable })
    expect(signer.identity?.subjectAlternativeName).toBe(`https://github.com/${reusable}`)
    expect(oidOf(signer, 9)).toBe(`https://github.com/${reusable}`)
    expect(oidOf(signer, 12)).toBe('https://github.com/acme/plugins')
    expect(oidOf(signer, 18)).toBe('https://github.com/acme/plugins/.github/workflows/release.yml@refs/tags/v1.2.3')
  })

  test('another issuer, workflow, repository, tag; a claim left out', () => {
    expect(signerOf({ issuer: 'https://token.actions.githubusercontent.com.evil.example' }).identity?.extensions?.issuer).toMatch(/evil\.example$/)
    expect(signerOf({ workflow: '.github/workflows/other.yml' }).identity?.subjectAlternativeName).toContain('/other.yml@')
    expect(oidOf(signerOf({ repository: 'evil/plugins' }), 12)).toBe('https://github.com/evil/plugins')
    expect(oidOf(signerOf({ ref: 'refs/heads/main' }), 14)).toBe('refs/heads/main')
    expect(oidOf(signerOf({ claims: { repository_id: '' } }), 15)).toBeUndefined()
    expect(oidOf(signerOf({ claims: { workflow: 'x'.repeat(200), repository_visibility: 'y'.repeat(150) } }), 22)).toBe('y'.repeat(150))
  })

  test('a statement of another type', () => {
    const sbom = statement({ name: 'x', sha256: 'b'.repeat(64) }, 'https://spdx.dev/Document', {})
    const bundle = sigstore.attest(ARTIFACT, RUN, { statement: sbom })
    verified(bundle, sigstore.trustedRoot)
    expect(JSON.parse(Buffer.from(bundle.dsseEnvelope?.payload ?? '', 'base64').toString())).toEqual(sbom)
  })
})
