import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startWorld, type World } from '../../examples/world/world.ts'
import { tokenFor } from '../../registry/credentials.ts'
import { downloads } from '../../registry/downloads.ts'
import { githubReleases, type GitHubSettings } from '../../registry/github.ts'
import { createHttp } from '../../registry/http.ts'
import { sha256 } from '../../schemas/digest.ts'
import { refusal } from './refusal.ts'
import { serve, startServer } from './server.ts'

let world: World
let dir: string
let count = 0
let id: string
let waits: number[]
const http = createHttp({ idleMs: 60_000 })

beforeAll(async () => void (world = await startWorld()))
afterAll(async () => {
  http.close()
  await world.close()
})
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'github-'))
  id = `erp-${++count}`
  waits = []
})
afterEach(() => {
  world.faults.clear()
  world.log.clear()
  world.rateLimit.reset()
  rmSync(dir, { recursive: true, force: true })
})

const settings = (odd: Partial<GitHubSettings> = {}): GitHubSettings => ({
  apiUrl: world.apiUrl, webUrl: world.url, http, cacheDir: dir, retries: { backoffMs: 0, sleep: async (ms) => void waits.push(ms) }, ...odd,
})
const find = (odd: Partial<GitHubSettings> = {}, source = `github:acme/${id}`) => githubReleases(settings(odd)).releases(source, id, {})
const day = (n: number): Date => new Date(Date.UTC(2026, 0, n))
const publish = (version: string, odd: object = {}) => world.publish({ id, version, ...odd })

describe('a direct source', () => {
  test('tells its releases, newest first, with everything needed to fetch them', async () => {
    const old = await publish('1.0.0', { at: day(1) })
    const next = await publish('1.1.0', { at: day(2) })
    const found = await find()
    expect(found.map((r) => r.version)).toEqual(['1.1.0', '1.0.0'])
    expect(found[1]).toEqual({
      version: '1.0.0', tag: 'v1.0.0', commit: old.commit, publishedAt: '2026-01-01T00:00:00Z',
      repository: { url: `https://github.com/acme/${id}`, id: old.repository.id, ownerId: old.repository.owner.id },
      artifact: { url: old.artifact.url, size: old.artifact.size, sha256: old.artifact.sha256 },
      bundle: { url: old.bundle?.url, sha256: old.bundle?.sha256 },
    })
    expect(found[0]?.commit).toBe(next.commit)
  })

  test('costs two requests of the budget and two of git, and nothing when nothing changed', async () => {
    await publish('1.0.0')
    await publish('1.1.0')
    await find()
    expect(world.log.records.map((r) => `${r.part} ${r.method}`).sort()).toEqual(['api GET', 'api GET', 'web GET', 'web POST'])
    world.log.clear()
    expect(await find()).toHaveLength(2)
    expect(world.log.find({ part: 'api' }).map((r) => r.status)).toEqual([304, 304])
    await publish('1.2.0', { at: day(9) })
    expect((await find()).map((r) => r.version)).toContain('1.2.0')
  })

  test('with many plugins is asked once for all of them', async () => {
    const repository = `acme/many-${count}`
    for (const plugin of ['one', 'two', 'three']) await world.publish({ id: plugin, version: '1.0.0', repository, path: `plugins/${plugin}` })
    const source = githubReleases(settings())
    const found = await Promise.all(['one', 'two', 'three'].map((plugin) => source.releases(`github:${repository}#plugins/${plugin}`, plugin, {})))
    expect(found.map((releases) => releases.map((r) => r.tag))).toEqual([['one@1.0.0'], ['two@1.0.0'], ['three@1.0.0']])
    expect(world.log.count({ part: 'api' })).toBe(2)
  })

  test('with more releases than five gives the newest five and reads one page', async () => {
    for (let n = 1; n <= 8; n++) await publish(`1.${n}.0`, { at: day(n) })
    world.log.clear()
    expect((await find()).map((r) => r.version)).toEqual(['1.8.0', '1.7.0', '1.6.0', '1.5.0', '1.4.0'])
    expect(world.log.count({ part: 'api' })).toBe(2)
  })

  test('reads on where the first page is full of others', async () => {
    const repository = world.github.createRepository(`acme/busy-${count}`)
    const commit = await repository.git.commit({ files: { a: 'a' } })
    for (let n = 0; n < 35; n++) world.github.createRelease(repository, { tag: `other@1.${n}.0`, commit, at: day(n + 40) })
    await world.publish({ id, version: '1.0.0', repository: `acme/busy-${count}`, path: 'x', at: day(1) })
    world.log.clear()
    expect((await find({}, `github:acme/busy-${count}`)).map((r) => r.version)).toEqual(['1.0.0'])
    expect(world.log.count({ part: 'api', path: 'releases' })).toBe(2)
  })

  test('follows annotated tags to their commit', async () => {
    const release = await publish('1.0.0')
    const commit = await release.repository.git.commit({ files: { x: 'x' }, tag: { name: 'v1.1.0', message: 'signed off' } })
    world.github.createRelease(release.repository, { tag: 'v1.1.0', commit, at: day(5), assets: [{ name: `${id}-1.1.0.tgz`, bytes: Buffer.from('x') }] })
    expect((await find())[0]).toMatchObject({ version: '1.1.0', commit })
  })

  test.each(['release-1.0.0', '1.0.0', 'vfoo', 'v1.0', 'other@1.0.0', 'v01.0.0', 'erpx-v1.0.0'])('takes no release with the tag %s', async (tag) => {
    await publish('9.0.0')
    const release = await publish('1.0.0', { tag })
    expect(release.tag).toBe(tag)
    expect((await find()).map((r) => r.version)).toEqual(['9.0.0'])
  })

  test('takes no draft, and no release whose tag is gone', async () => {
    const { repository, commit } = await publish('1.0.0')
    const assets = (version: string) => [{ name: `${id}-${version}.tgz`, bytes: Buffer.from('x') }]
    world.github.createRelease(repository, { tag: 'v2.0.0', commit, draft: true, assets: assets('2.0.0') })
    world.github.createRelease(repository, { tag: 'v3.0.0', commit, at: day(9), assets: assets('3.0.0') })
    expect((await find()).map((r) => r.version)).toEqual(['1.0.0'])
  })

  test('without any release has none', async () => {
    world.github.createRepository(`acme/${id}`)
    expect(await find()).toEqual([])
  })

  test('whose only release lacks the artifact says which asset', async () => {
    await publish('1.0.0', { withoutArtifact: true })
    const error = await refusal(() => find(), 'ASSET_MISSING')
    expect(error.message).toContain(`${id}-1.0.0.tgz`)
    await publish('0.9.0')
    expect((await find()).map((r) => r.version)).toEqual(['0.9.0'])
  })

  test('that was renamed is followed, and reported with its present name and true ids', async () => {
    const { repository } = await publish('1.0.0')
    world.github.rename(repository, `acme/renamed-${count}`)
    const [release] = await find()
    expect(release?.repository).toEqual({ url: `https://github.com/acme/renamed-${count}`, id: repository.id, ownerId: repository.owner.id })
    expect(release?.artifact.url).toContain(`/acme/renamed-${count}/`)
  })

  test('is refused where it is no GitHub repository', async () => {
    for (const source of ['github:acme', 'github:../../etc/passwd', 'npm:x', 'github:a/b/c']) await refusal(() => find({}, source), 'INVALID_VALUE')
  })
})

describe('a bundle', () => {
  test.each(['api', 'api-url'] as const)('that only the attestations API has (%s) comes with the release', async (bundleIn) => {
    const release = await publish('1.0.0', { bundleIn })
    const [found] = await find()
    expect(JSON.parse(Buffer.from(found?.bundle?.bytes ?? []).toString())).toEqual(JSON.parse(release.bundle?.bytes.toString() ?? ''))
    expect(found?.bundle?.sha256).toBe(sha256(found?.bundle?.bytes ?? ''))
    expect(world.log.count({ part: 'api' })).toBe(3)
    expect(world.log.find({ part: 'objects' }).every((r) => !r.authorized)).toBe(true)
  })

  test('that is nowhere is absent', async () => {
    await publish('1.0.0', { bundleIn: 'nowhere' })
    expect((await find())[0]).not.toHaveProperty('bundle')
  })

  test('is the one of this tag where there are several', async () => {
    const first = await publish('1.0.0', { bundleIn: 'api' })
    const attestations = first.repository.attestations
    const forged = attestations.map((a) => ({ ...a, bundle: withRef(a.bundle, 'refs/tags/v0.0.1') }))
    first.repository.attestations = [...forged, ...attestations]
    const [found] = await find()
    expect(JSON.parse(Buffer.from(found?.bundle?.bytes ?? []).toString())).toEqual(attestations[0]?.bundle)
  })

  test('behind an address that sends rubbish or too much is absent, and nothing hangs', async () => {
    await publish('1.0.0', { bundleIn: 'api-url' })
    for (const bytes of [Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0xfc]), Buffer.alloc(2_000_000), Buffer.alloc(0)]) {
      world.faults.add({ path: '/attestations/', after: 1 }, { kind: 'alter', change: () => bytes })
      expect((await find({ cacheDir: mkdtempSync(join(dir, 'c-')) }))[0]).not.toHaveProperty('bundle')
    }
  })

  test('whose address cannot be asked is an error: absence would be another thing', async () => {
    await publish('1.0.0', { bundleIn: 'api-url' })
    world.faults.add({ path: /attestations\/\d/, times: Infinity }, { kind: 'drop' })
    await refusal(() => find(), 'SOURCE_UNREACHABLE')
  })
})

/** The same bundle with another ref in its (now unsigned) statement. */
function withRef(bundle: unknown, ref: string): unknown {
  const copy = structuredClone(bundle) as { dsseEnvelope: { payload: string } }
  const statement = JSON.parse(Buffer.from(copy.dsseEnvelope.payload, 'base64').toString()) as { predicate: { buildDefinition: { externalParameters: { workflow: { ref: string } } } } }
  statement.predicate.buildDefinition.externalParameters.workflow.ref = ref
  copy.dsseEnvelope.payload = Buffer.from(JSON.stringify(statement)).toString('base64')
  return copy
}

describe('an asset from before GitHub kept digests', () => {
  test('is downloaded to learn it, and is in the cache then', async () => {
    const release = await publish('1.0.0')
    world.faults.add({ path: '/releases?', times: 1 }, { kind: 'alter', change: (bytes) => Buffer.from(bytes.toString().replaceAll(/"digest":"sha256:[0-9a-f]{64}"/g, '"digest":null')) })
    const [found] = await find()
    expect(found?.artifact.sha256).toBe(release.artifact.sha256)
    expect(found?.bundle).toEqual({ url: release.bundle?.url })
    const files = downloads({ cacheDir: dir, http })
    expect(await files.fetch({ ...release.artifact, maxBytes: 1_000_000 }, { offline: true })).toHaveLength(release.artifact.size)
  })
})

describe('a private repository', () => {
  test('does not exist without a token, and is whole with one', async () => {
    const release = await publish('1.0.0', { private: true })
    const error = await refusal(() => find(), 'NOT_FOUND')
    expect(error.hint).toContain('GITHUB_TOKEN')
    const token = world.github.createToken()
    const [found] = await find({ token })
    expect(found?.artifact.url).toBe(release.artifact.apiUrl)
    const files = downloads({ cacheDir: dir, http, credentials: tokenFor(token, { apiUrl: world.apiUrl, webUrl: world.url }) })
    expect(sha256(await files.fetch({ ...found!.artifact, maxBytes: 1_000_000 }, {}))).toBe(release.artifact.sha256)
    expect(world.log.find({ part: 'objects' }).map((r) => r.authorized)).toEqual([false])
  })

  test('is not shown to another caller from the answers that were kept', async () => {
    await publish('1.0.0', { private: true })
    await find({ token: world.github.createToken() })
    await refusal(() => find(), 'NOT_FOUND')
    const kept = readdirSync(join(dir, 'answers'))
    expect(kept.length).toBeGreaterThan(0)
    expect(kept.map((name) => statSync(join(dir, 'answers', name)).mode & 0o777)).toEqual(kept.map(() => 0o600))
    expect(kept.map((name) => readFileSync(join(dir, 'answers', name), 'utf8')).join('')).not.toContain('ghp_')
  })

  test('with a token that is not known says so', async () => {
    await publish('1.0.0')
    await refusal(() => find({ token: 'ghp_0000000000000000' }), 'UNAUTHORIZED')
  })
})

describe('GitHub in trouble', () => {
  test('with an empty budget: RATE_LIMITED, with the time, and without asking on', async () => {
    await publish('1.0.0')
    world.faults.add({ path: '/api/', times: Infinity }, { kind: 'rate-limit', resetS: 1800 })
    const error = await refusal(() => find(), 'RATE_LIMITED')
    expect(error.message).toMatch(/until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/)
    expect(error.hint).toContain('GITHUB_TOKEN')
    expect(world.log.count({ part: 'api' })).toBe(1)
  })

  test.each([403, 429] as const)('with too much at once (%i) and a short wait: waits as asked', async (status) => {
    await publish('1.0.0')
    world.faults.add({ path: '/api/' }, { kind: 'secondary-rate-limit', retryAfterS: 2, status })
    expect(await find()).toHaveLength(1)
    expect(waits).toEqual([2000])
  })

  test.each([60, null])('with too much at once and a wait of %s seconds: RATE_LIMITED', async (retryAfterS) => {
    await publish('1.0.0')
    world.faults.add({ path: '/api/', times: Infinity }, { kind: 'secondary-rate-limit', retryAfterS })
    await refusal(() => find(), 'RATE_LIMITED')
    expect(waits).toEqual([])
  })

  test('that refuses for another reason is not taken for a limit', async () => {
    await publish('1.0.0')
    world.faults.add({ path: '/api/' }, { kind: 'status', status: 403, body: '{"message":"Resource protected by organization SAML enforcement."}' })
    await refusal(() => find(), 'UNAUTHORIZED')
  })

  test.each([
    ['500', { kind: 'status', status: 500 }],
    ['502', { kind: 'status', status: 502 }],
    ['a dropped connection', { kind: 'drop' }],
    ['a truncated answer', { kind: 'truncate' }],
  ] as const)('once (%s) is asked again', async (_, fault) => {
    await publish('1.0.0')
    world.faults.add({ path: '/api/' }, fault)
    expect(await find()).toHaveLength(1)
  })

  test('for good is SOURCE_UNREACHABLE', async () => {
    await publish('1.0.0')
    world.faults.add({ path: '/', times: Infinity }, { kind: 'drop' })
    await refusal(() => find(), 'SOURCE_UNREACHABLE')
  })

  test('that answers something else than JSON is SOURCE_UNREACHABLE', async () => {
    await publish('1.0.0')
    world.faults.add({ path: '/api/', times: Infinity }, { kind: 'status', status: 200, body: '<html>hotel</html>' })
    await refusal(() => find(), 'SOURCE_UNREACHABLE')
  })

  test.each(['[]', '{}', 'null', '{"id":"1","owner":{}}', '{"id":1,"owner":{"id":2},"html_url":7}', '[{"tag_name":"v1.0.0","published_at":"x"}]'])('that answers %s is an error of ours, not a crash', async (body) => {
    await publish('1.0.0')
    world.faults.add({ path: '/api/', times: Infinity }, { kind: 'status', status: 200, body, headers: { 'content-type': 'application/json' } })
    await expect(find()).rejects.toMatchObject({ code: expect.stringMatching(/^(SOURCE_UNREACHABLE|FOREIGN_URL)$/) })
  })

  test('that was damaged in our cache is asked anew', async () => {
    await publish('1.0.0')
    await find()
    for (const name of readdirSync(join(dir, 'answers'))) writeFileSync(join(dir, 'answers', name), '{"etag":')
    expect(await find()).toHaveLength(1)
  })

  test('stops when the caller does', async () => {
    await publish('1.0.0')
    await expect(githubReleases(settings()).releases(`github:acme/${id}`, id, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
  })
})

describe('an API that lies', () => {
  test('and sends us elsewhere is not followed, and learns no token', async () => {
    await publish('1.0.0')
    const other = await startServer((_, response) => serve(response, Buffer.from('{}')))
    world.faults.add({ path: '/api/repos' }, { kind: 'redirect', to: `${other.url}/repos`, status: 301 })
    await refusal(() => find({ token: world.github.createToken() }), 'FOREIGN_URL')
    expect(other.asked).toEqual([])
    await other.close()
  })

  test.each([
    ['where files are', /"browser_download_url":"[^"]*/g, '"browser_download_url":"https://evil.example/a'],
    ['its own address', /"html_url":"[^"]*/g, '"html_url":"https://evil.example/acme/x'],
  ])('about %s is refused', async (_, what, lie) => {
    await publish('1.0.0')
    world.faults.add({ path: '/api/', times: Infinity }, { kind: 'alter', change: (bytes) => Buffer.from(bytes.toString().replaceAll(what, lie)) })
    await refusal(() => find(), 'FOREIGN_URL')
  })
})
