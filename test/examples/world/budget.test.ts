import { Octokit } from 'octokit'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startWorld } from '../../../examples/world/world.ts'
import type { World } from '../../../examples/world/world.ts'

describe('budgets and conditional requests', () => {
  let world: World
  let now = Date.parse('2026-03-01T00:00:00Z')
  let path: string
  const get = (headers: Record<string, string> = {}): Promise<Response> => fetch(`${world.apiUrl}${path}`, { headers })
  const left = (response: Response): number => Number(response.headers.get('x-ratelimit-remaining'))

  beforeAll(async () => {
    world = await startWorld({ now: () => now })
    await world.publish({ id: 'ga', version: '1.0.0' })
    path = '/repos/acme/ga/releases'
  })
  afterAll(() => world.close())
  afterEach(() => world.rateLimit.reset())

  test('60 an hour without a token, 5,000 with one, each token by itself', async () => {
    const [a, b] = [world.github.createToken(), world.github.createToken()]
    expect(left(await get())).toBe(59)
    expect(left(await get({ authorization: `token ${a}` }))).toBe(4999)
    expect(left(await get({ authorization: `token ${a}` }))).toBe(4998)
    expect(left(await get({ authorization: `token ${b}` }))).toBe(4999)
  })

  test('an empty budget is 403 with the time of the next hour, which then comes', async () => {
    world.rateLimit.limits = { anonymous: 2, authenticated: 5000 }
    await get()
    await get()
    const refused = await get()
    expect(refused.status).toBe(403)
    expect(left(refused)).toBe(0)
    expect(await refused.json()).toMatchObject({ message: expect.stringContaining('API rate limit exceeded') as string })
    expect(Number(refused.headers.get('x-ratelimit-reset')) * 1000).toBe(now + 3_600_000)
    await expect(new Octokit({ baseUrl: world.apiUrl, throttle: { enabled: false }, retry: { enabled: false } }).rest.repos.get({ owner: 'acme', repo: 'ga' })).rejects.toMatchObject({ status: 403 })
    now += 3_600_000
    expect((await get()).status).toBe(200)
    world.rateLimit.limits = { anonymous: 60, authenticated: 5000 }
  })

  test('asking for the budget, downloads and git cost nothing', async () => {
    await get()
    await fetch(`${world.apiUrl}/rate_limit`)
    await fetch(`${world.url}/acme/ga/releases/download/v1.0.0/ga-1.0.0.tgz`)
    await fetch(`${world.url}/acme/ga.git/info/refs?service=git-upload-pack`)
    const { rate } = (await (await fetch(`${world.apiUrl}/rate_limit`)).json()) as { rate: { used: number } }
    expect(rate.used).toBe(1)
  })

  test('a 304 is free with a token, counted without, and has no body', async () => {
    const authorization = `token ${world.github.createToken()}`
    const first = await get({ authorization })
    const etag = first.headers.get('etag') ?? ''
    const again = await get({ authorization, 'if-none-match': etag })
    expect([again.status, left(first), left(again), await again.text()]).toEqual([304, 4999, 4999, ''])
    expect(left(await get())).toBe(59)
    expect(left(await get({ 'if-none-match': etag }))).toBe(58)
  })

  test('after a change the old ETag does not hold; octokit throws its 304', async () => {
    const octokit = new Octokit({ baseUrl: world.apiUrl })
    const { headers } = await octokit.rest.repos.listReleases({ owner: 'acme', repo: 'ga' })
    const conditional = { owner: 'acme', repo: 'ga', headers: { 'if-none-match': headers.etag ?? '' } }
    await expect(octokit.rest.repos.listReleases(conditional)).rejects.toMatchObject({ status: 304 })
    await world.publish({ id: 'ga', version: '1.1.0' })
    expect((await octokit.rest.repos.listReleases(conditional)).data).toHaveLength(2)
  })

  test('lists come in pages that link to each other', async () => {
    for (let patch = 0; patch < 7; patch++) await world.publish({ id: 'many', version: `1.0.${patch}` })
    const octokit = new Octokit({ baseUrl: world.apiUrl })
    const page = await octokit.rest.repos.listReleases({ owner: 'acme', repo: 'many', per_page: 3, page: 2 })
    const links = Object.fromEntries([...(page.headers.link ?? '').matchAll(/page=(\d+)>; rel="(\w+)"/g)].map(([, number, rel]) => [rel, number]))
    expect(links).toEqual({ prev: '1', next: '3', last: '3', first: '1' })
    const all = await octokit.paginate(octokit.rest.repos.listReleases, { owner: 'acme', repo: 'many', per_page: 3 })
    expect(all.map(({ tag_name }) => tag_name)).toEqual(['v1.0.6', 'v1.0.5', 'v1.0.4', 'v1.0.3', 'v1.0.2', 'v1.0.1', 'v1.0.0'])
  })
})
