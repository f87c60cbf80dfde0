import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Sigstore } from '../../examples/world/sigstore/sigstore.ts'
import type { ReleasePlan } from '../../examples/world/publish.ts'
import type { IndexLine } from '../../schemas/index-line.ts'
import { Shop } from './shop.ts'

/*
 * Every way in which a release can be bad: each is refused with a code, a place and a hint; its plugin stays as it
 * was, the other plugin moves on, and nothing is removed.
 */

let shop: Shop
let next = 1
beforeAll(async () => {
  shop = await Shop.open()
  await shop.release('good', '1.0.0')
  await shop.release('bad', '1.0.0')
  shop.want({ good: { version: '^1.0.0' }, bad: { version: '^1.0.0' } })
  await shop.settle()
})
afterAll(() => shop.close())
beforeEach(() => void next++)

type Odd = Partial<ReleasePlan>
const stranger = new Sigstore()

const cases: readonly (readonly [what: string, code: string, odd: Odd, line?: Partial<IndexLine>])[] = [
  ['the artifact is missing from the release', 'NOT_FOUND', { withoutArtifact: true }],
  ['the bundle is missing from the release', 'NOT_FOUND', { bundleIn: 'nowhere' }],
  ['the bytes differ from the index', 'SIZE_MISMATCH', {}, { artifact: { url: '', size: 7, sha256: `sha256:${'0'.repeat(64)}` } }],
  ['the artifact was altered after signing', 'SUBJECT_MISMATCH', { alter: (bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.of(bytes.at(-1)! ^ 1)]) }],
  ['the bundle is of another artifact', 'SUBJECT_MISMATCH', { bundle: ({ run, sigstore, at }) => sigstore.attest(Buffer.from('another'), run, { at }) }],
  ['it was built in another repository', 'IDENTITY_MISMATCH', { run: { repository: 'mallory/bad', repositoryId: 666, ownerId: 667 } }],
  ['it was built in a repository of the same name with another id', 'IDENTITY_MISMATCH', { run: { repositoryId: 666 } }],
  ['the owner of the repository is another', 'IDENTITY_MISMATCH', { run: { ownerId: 666 } }],
  ['another workflow built it', 'IDENTITY_MISMATCH', { run: { workflow: '.github/workflows/test.yml' } }],
  ['it was built for another tag', 'IDENTITY_MISMATCH', { run: { ref: 'refs/tags/v0.0.1' } }],
  ['it was built on a branch', 'IDENTITY_MISMATCH', { run: { ref: 'refs/heads/main' } }],
  ['it was built from another commit', 'IDENTITY_MISMATCH', { run: { sha: 'd'.repeat(40) } }],
  ['a reusable workflow signed that no entry names', 'IDENTITY_MISMATCH', { run: { reusable: 'mallory/workflows/.github/workflows/build.yml@refs/heads/main' } }],
  ['another issuer vouched', 'IDENTITY_MISMATCH', { run: { issuer: 'https://token.actions.githubusercontent.com.evil.example' } }],
  ['a stranger signed it', 'SIGNATURE_INVALID', { signer: stranger }],
  ['it is not signed, and its artifact stands for the bundle', 'BUNDLE_INVALID', { signed: 'no' }],
  ['only its bytes are signed, nothing says how it was built', 'PROVENANCE_MISSING', { signed: 'artifact' }],
  ['the statement is no provenance', 'PROVENANCE_MISSING', { signed: 'statement' }],
  ['the bundle is not JSON', 'BUNDLE_INVALID', { bundle: () => 'not a bundle' }],
  ['the package is no archive', 'ARCHIVE_INVALID', { artifact: Buffer.from('hello') }],
  ['the package calls itself something else', 'MANIFEST_MISMATCH', { manifest: { id: 'other' } }],
  ['the package has another version inside', 'MANIFEST_MISMATCH', { manifest: { version: '9.9.9' } }],
  ['the manifest asks for more than the index says', 'INDEX_MANIFEST_MISMATCH', { manifest: { permissions: { hooks: ['order.placed'] } } }, { permissions: { database: {}, api: [], filesystem: {}, hooks: [], admin: false } }],
  ['the index claims it is older than it is', 'INDEX_MANIFEST_MISMATCH', { at: new Date('2026-06-01T00:00:00Z') }, { publishedAt: '2026-01-01T00:00:00Z' }],
  ['a script would run when it is installed', 'RULE_FAILED', { files: { 'package.json': JSON.stringify({ name: 'bad', version: '0.0.0', scripts: { postinstall: 'node x.js' } }) } }],
  ['it reaches for the disk', 'RULE_FAILED', { files: { 'index.js': "import fs from 'node:fs'\nexport const createPlugin = () => ({ type: 'generic', health: async () => ({ ok: fs.existsSync('/') }) })\n" } }],
]

describe('a bad release', () => {
  test.each(cases.map(([what, code, odd, line]) => ({ what, code, odd, line })))('$what', async ({ code, odd, line }) => {
    const version = `1.${next}.0`
    await shop.release('good', version)
    const published = await shop.world.publish({ id: 'bad', version, ...odd })
    await shop.index.list([published], line ? { line: line.artifact ? { ...line, artifact: { ...line.artifact, url: published.artifact.url } } : line } : {})

    const lock = await shop.json('update')
    expect(lock.problems.map((p) => p.code)).toContain(code)
    expect(lock.exit).toBe(5)
    const problem = lock.problems.find((p) => p.code === code)
    expect(problem?.message).toContain(`bad ${version}`)
    expect(problem?.place?.file).toMatch(/plugins\.yaml$/)
    expect(problem?.hint).not.toBe('')

    expect((await shop.json('apply')).exit).toBe(0)
    expect(await shop.installed()).toEqual({ bad: '1.0.0', good: version })
    // Out of the way of the next case.
    await shop.index.amend('bad', (l) => (l.version === version ? { ...l, yanked: { reason: 'test' } } : l))
  })
})

test('code that does not start never goes live; what was live stays', async () => {
  await shop.release('good', '2.0.0', { files: { 'index.js': 'throw new Error("no")\n' } })
  shop.want({ good: { version: '2.0.0' }, bad: { version: '^1.0.0' } })
  const lock = await shop.json('lock')
  expect(lock.exit).toBe(0)
  const entryDigest = lock.result.changes[0].entryDigest as `sha256:${string}`
  shop.want({ good: { version: '2.0.0' }, bad: { version: '^1.0.0' } }, { approvals: [{ plugin: 'good', to: entryDigest, accept: ['major'] }] })
  const before = await shop.installed()
  const { exit, problems } = await shop.json('apply')
  expect({ exit, codes: problems.map((p) => p.code) }).toEqual({ exit: 1, codes: ['PROBE_FAILED'] })
  expect(await shop.installed()).toEqual(before)
})

test('what a rule only warns of is told by lock, with its place, and the release is taken', async () => {
  await shop.release('odd', '1.0.0', { files: { 'index.js.map': '{}' } })
  shop.want({ odd: { version: '^1.0.0' } })
  const { exit, out } = await shop.run('lock')
  expect(exit).toBe(0)
  expect(out).toMatch(/^\+ odd 1\.0\.0 /m)
  expect(out).toMatch(/^· odd package\/index\.js\.map:1 index\.js\.map is a source map$/m)
})
