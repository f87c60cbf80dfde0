import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type IngestDeps, ingestReleases, sourceOf } from '../../../catalog/ingest/release.ts'
import { publishIndex } from '../../../catalog/publish.ts'
import { openProofs, type Proofs } from '../../../cli/proofs.ts'
import { entryOf, lineOf } from '../../../examples/world/index-repository.ts'
import type { ReleasePlan } from '../../../examples/world/publish.ts'
import { startWorld, type World } from '../../../examples/world/world.ts'
import { downloads } from '../../../registry/downloads.ts'
import { folderIndex } from '../../../registry/folder-index.ts'
import { githubReleases } from '../../../registry/github.ts'
import { createHttp } from '../../../registry/http.ts'
import type { ReleaseSource } from '../../../reconciler/ports.ts'
import type { RegistryEntry } from '../../../schemas/registry-entry.ts'
import { entry, REGISTRY } from '../sample-index.ts'

/* The real parts, against a GitHub and a Sigstore on loopback. */

let world: World
let dir: string
let proofs: Proofs
let deps: IngestDeps
let source: ReleaseSource
let id: string
let count = 0
const http = createHttp({ idleMs: 60_000 })

beforeAll(async () => {
  world = await startWorld()
  dir = mkdtempSync(join(tmpdir(), 'ingest-'))
  writeFileSync(join(dir, 'root.json'), JSON.stringify(world.sigstore.trustedRoot))
  proofs = openProofs({ baseDir: dir, verdictsDir: join(dir, 'verdicts'), clockOffsetMs: 0 })
  deps = { artifacts: downloads({ cacheDir: join(dir, 'cache'), http }), verifier: proofs.verifier, packages: proofs.packages, profile: './root.json' }
  source = githubReleases({ apiUrl: world.apiUrl, webUrl: world.url, http, cacheDir: join(dir, 'cache') })
})
afterAll(async () => {
  await proofs.close()
  http.close()
  await world.close()
  rmSync(dir, { recursive: true, force: true })
})
beforeEach(() => void (id = `erp-${++count}`))

const publish = (version: string, odd: Partial<ReleasePlan> = {}) => world.publish({ id, version, ...odd })

test('a release becomes the line that its package and its proof tell, and a store reads it', async () => {
  const published = await publish('1.0.0', { manifest: { permissions: { api: ['api.acme.com'] }, dependencies: { templates: '^1.0.0' } } })
  const [release] = (await ingestReleases(entryOf(published), [], source, deps)).releases
  expect(release?.line).toEqual(lineOf(published))
  expect(release?.artifact).toEqual(published.artifact.bytes)
  expect(release?.evidence.proof.signer.workflow).toBe('.github/workflows/release.yml')

  const folder = join(dir, `index-${id}`)
  await publishIndex(folder, { registry: REGISTRY, entries: [entryOf(published)], releases: release ? [release] : [] }, { names: 'release' })
  const snapshot = await folderIndex({ name: 'official', url: `file://${folder}`, baseDir: '/' }).open({})
  expect((await snapshot.lines(id)).map((line) => [line.version, line.artifact.url])).toEqual([['1.0.0', `file:artifacts/${id}-1.0.0.tgz`]])
  expect(readFileSync(join(folder, `artifacts/${id}-1.0.0.tgz`))).toEqual(published.artifact.bytes)
})

test('what is known is not fetched again; what is refused holds nothing else up', async () => {
  const published = await publish('1.0.0')
  await publish('1.1.0', { signed: 'no' })
  await publish('1.2.0')
  world.log.clear()
  const { releases, refused } = await ingestReleases(entryOf(published), ['1.0.0'], source, deps)
  expect(releases.map(({ line }) => line.version)).toEqual(['1.2.0'])
  expect(refused.map(({ version, error }) => [version, error.code])).toEqual([['1.1.0', 'BUNDLE_MISSING']])
  expect(world.log.records.some((r) => JSON.stringify(r).includes('1.0.0.tgz'))).toBe(false)
})

test('the bundle of a release that has it in the attestations API alone is ingested too', async () => {
  const published = await publish('1.0.0', { bundleIn: 'api' })
  const { releases } = await ingestReleases(entryOf(published), [], source, deps)
  expect(releases[0]?.line.bundle.size).toBe(releases[0]?.bundle.byteLength)
})

describe('is refused', () => {
  const code = async (odd: Partial<ReleasePlan>, entryOdd: (good: RegistryEntry) => Partial<RegistryEntry> = () => ({})): Promise<readonly string[]> => {
    const good = entryOf(await publish('1.0.0', odd))
    const { releases, refused } = await ingestReleases({ ...good, ...entryOdd(good) }, [], source, deps)
    return [...releases.map(({ line }) => line.version), ...refused.map(({ error }) => error.code)]
  }

  test.each<[string, Partial<ReleasePlan>, string]>([
    ['unsigned', { signed: 'no' }, 'BUNDLE_MISSING'],
    ['signed, but without provenance', { signed: 'artifact' }, 'PROVENANCE_MISSING'],
    ['another workflow', { run: { workflow: '.github/workflows/evil.yml' } }, 'IDENTITY_MISMATCH'],
    ['another repository', { run: { repositoryId: 4711 } }, 'IDENTITY_MISMATCH'],
    ['a package that breaks a rule', { files: { 'index.js': 'import "node:child_process"' } }, 'RULE_FAILED'],
  ])('%s', async (_, odd, expected) => expect(await code(odd)).toEqual([expected]))

  test('a package that asks more than its entry allows', async () => {
    expect(await code({ manifest: { permissions: { api: ['api.acme.com', 'evil.io'] } } }, () => ({ permissions: { api: ['api.acme.com'] } }))).toEqual(['INDEX_LINE_WIDER'])
  })
  test('a package that calls itself another version, or another plugin', async () => {
    const old = await publish('1.0.0')
    await publish('1.1.0', { artifact: old.artifact.bytes })
    const other = await world.publish({ id: `${id}-other`, version: '1.2.0' })
    await publish('1.2.0', { artifact: other.artifact.bytes })
    const { refused } = await ingestReleases(entryOf(old), ['1.0.0'], source, deps)
    expect(refused.map(({ version, error }) => [version, error.code]).sort()).toEqual([['1.1.0', 'MANIFEST_MISMATCH'], ['1.2.0', 'MANIFEST_MISMATCH']])
  })
  test('a release that lies in another of the entry’s repositories than the one it was built in', async () => {
    const [here, there] = [await publish('1.0.0'), await world.publish({ id: `${id}-there`, version: '1.0.0' })]
    const repositories = [...entryOf(here).repositories, ...entryOf(there).repositories]
    const { bundle, ...found } = (await source.releases(`github:acme/${id}`, id, {}))[0] ?? {}
    const elsewhere: ReleaseSource = { releases: async () => [{ ...found, bundle, repository: entryOf(there).repositories[0] } as never] }
    const { refused } = await ingestReleases({ ...entryOf(here), repositories }, [], elsewhere, deps)
    expect(refused.map(({ error }) => error.code)).toEqual(['IDENTITY_MISMATCH'])
  })
  test('an entry for another repository', async () => {
    expect(await code({}, (good) => ({ repositories: good.repositories.map((r) => ({ ...r, id: r.id + 1000 })) }))).toEqual(['IDENTITY_MISMATCH'])
  })
  test('a repository whose time is over', async () => {
    expect(await code({}, (good) => ({ repositories: good.repositories.map((r) => ({ ...r, until: '2020-01-01T00:00:00Z' })) }))).toHaveLength(1)
    expect(await code({}, (good) => ({ repositories: good.repositories.map((r) => ({ ...r, until: '2020-01-01T00:00:00Z' })) }))).not.toContain('1.0.0')
  })
})

test('releases are looked for in the repository of now, in the folder of the entry', () => {
  const moved = entry('erp', { path: 'plugins/erp', repositories: [{ url: 'https://github.com/old/erp', id: 1, ownerId: 1, until: '2026-01-01T00:00:00Z' }, { url: 'https://github.com/acme/many', id: 2, ownerId: 2 }] })
  expect(sourceOf(moved)).toBe('github:acme/many#plugins/erp')
  expect(sourceOf(entry('erp'))).toBe('github:acme/erp')
})
