import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Published } from '../../../examples/world/publish.ts'
import { startWorld } from '../../../examples/world/world.ts'
import type { World } from '../../../examples/world/world.ts'
import { DESCRIBED, objections } from './openapi.ts'

const REPOSITORY = '/repos/{owner}/{repo}'

describe("answers agree with GitHub's published OpenAPI description", () => {
  let world: World
  let published: Published
  let token: string
  let tagObject: string

  beforeAll(async () => {
    world = await startWorld()
    token = world.github.createToken()
    world.github.createRepository('acme/found-by-topic', { topics: ['catalyst-plugin'] })
    published = await world.publish({ id: 'stripe-payments', version: '1.2.3', bundleIn: 'both', files: { 'lib/deep/file.js': 'export {}\n' } })
    await published.repository.git.commit({ files: { 'a.txt': 'a' }, tag: { name: 'signed-by-hand', message: 'An annotated tag' } })
    tagObject = published.repository.git.resolve('refs/tags/signed-by-hand') ?? ''
  })
  afterAll(() => world.close())

  const get = async (path: string, headers: Record<string, string> = {}): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(`${world.apiUrl}${path}`, { headers: { authorization: `token ${token}`, ...headers } })
    return { status: response.status, body: await response.json() }
  }

  // Every endpoint that is described, and the addresses that ask it. `$x` stands for what only the published release knows.
  const CASES: readonly (readonly [string, string])[] = [
    ['/rate_limit', '/rate_limit'],
    ['/search/repositories', '/search/repositories?q=topic:catalyst-plugin&per_page=100'],
    [REPOSITORY, '/repos/acme/stripe-payments'],
    [`${REPOSITORY}/releases`, '/repos/acme/stripe-payments/releases?per_page=5'],
    [`${REPOSITORY}/releases/latest`, '/repos/acme/stripe-payments/releases/latest'],
    [`${REPOSITORY}/releases/tags/{tag}`, '/repos/acme/stripe-payments/releases/tags/v1.2.3'],
    [`${REPOSITORY}/releases/{release_id}`, '/repos/acme/stripe-payments/releases/$release'],
    [`${REPOSITORY}/releases/{release_id}/assets`, '/repos/acme/stripe-payments/releases/$release/assets'],
    [`${REPOSITORY}/releases/assets/{asset_id}`, '/repos/acme/stripe-payments/releases/assets/$asset'],
    [`${REPOSITORY}/attestations/{subject_digest}`, '/repos/acme/stripe-payments/attestations/$digest'],
    [`${REPOSITORY}/contents/{path}`, '/repos/acme/stripe-payments/contents/manifest.json?ref=v1.2.3'],
    [`${REPOSITORY}/contents/{path}`, '/repos/acme/stripe-payments/contents/lib'],
    [`${REPOSITORY}/contents/{path}`, '/repos/acme/stripe-payments/contents/'],
    [`${REPOSITORY}/git/ref/{ref}`, '/repos/acme/stripe-payments/git/ref/tags/v1.2.3'],
    [`${REPOSITORY}/git/matching-refs/{ref}`, '/repos/acme/stripe-payments/git/matching-refs/tags/v1'],
    [`${REPOSITORY}/git/tags/{tag_sha}`, '/repos/acme/stripe-payments/git/tags/$tag'],
    [`${REPOSITORY}/git/commits/{commit_sha}`, '/repos/acme/stripe-payments/git/commits/$commit'],
    [`${REPOSITORY}/git/trees/{tree_sha}`, '/repos/acme/stripe-payments/git/trees/main?recursive=1'],
    [`${REPOSITORY}/git/blobs/{file_sha}`, '/repos/acme/stripe-payments/git/blobs/2e65efe2a145dda7ee51d1741299f848e5bf752e'],
    [`${REPOSITORY}/tags`, '/repos/acme/stripe-payments/tags'],
    [`${REPOSITORY}/commits/{ref}`, '/repos/acme/stripe-payments/commits/v1.2.3'],
  ]
  const addressed = (path: string): string =>
    path.replace('$release', String(published.release.id)).replace('$asset', String(published.release.assets[0]?.id)).replace('$digest', published.artifact.sha256).replace('$tag', tagObject).replace('$commit', published.commit)

  test('all of it is asked below', () => {
    expect(new Set(CASES.map(([endpoint]) => endpoint))).toEqual(new Set(DESCRIBED))
  })

  test.each(CASES)('%s by %s', async (endpoint, path) => {
    const { status, body } = await get(addressed(path))
    expect(status).toBe(200)
    expect(objections(endpoint, 200, body)).toEqual([])
  })

  test.each([
    [REPOSITORY, '/repos/acme/none'],
    [`${REPOSITORY}/releases`, '/repos/acme/none/releases'],
    [`${REPOSITORY}/releases/tags/{tag}`, '/repos/acme/stripe-payments/releases/tags/v9'],
    [`${REPOSITORY}/contents/{path}`, '/repos/acme/stripe-payments/contents/none'],
    [`${REPOSITORY}/git/ref/{ref}`, '/repos/acme/stripe-payments/git/ref/tags/none'],
  ])('%s is 404 for %s', async (endpoint, path) => {
    const { status, body } = await get(path)
    expect(status).toBe(404)
    expect(objections(endpoint, 404, body)).toEqual([])
  })

  test('a moved repository is a 301 that says where', async () => {
    const old = await world.publish({ id: 'old-name', version: '1.0.0' })
    world.github.rename(old.repository, 'other/new-name')
    const response = await fetch(`${world.apiUrl}/repos/acme/old-name`, { redirect: 'manual' })
    expect(response.status).toBe(301)
    expect(objections(REPOSITORY, 301, await response.json())).toEqual([])
  })

  test('the check can fail', async () => {
    const { body } = await get('/repos/acme/stripe-payments')
    expect(objections(REPOSITORY, 200, { ...(body as object), id: 'text', owner: null })).toEqual(['/id must be integer', '/owner must be object'])
  })
})
