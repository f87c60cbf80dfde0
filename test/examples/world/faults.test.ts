import { Octokit } from 'octokit'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Published } from '../../../examples/world/publish.ts'
import { startWorld } from '../../../examples/world/world.ts'
import type { World } from '../../../examples/world/world.ts'
import { sha256 } from '../../../schemas/digest.ts'

describe('faults', () => {
  let world: World
  let published: Published
  let octokit: Octokit
  const asset = '/release-assets/'
  const download = (): Promise<Response> => fetch(published.artifact.url)
  const bytes = async (): Promise<Buffer> => Buffer.from(await (await download()).arrayBuffer())

  beforeAll(async () => {
    world = await startWorld()
    octokit = new Octokit({ baseUrl: world.apiUrl, retry: { enabled: false }, throttle: { enabled: false } })
    published = await world.publish({ id: 'ga', version: '1.0.0', files: { 'big.bin': Buffer.alloc(200_000, 'catalyst') } })
  })
  afterAll(() => world.close())
  afterEach(() => {
    world.faults.clear()
    world.log.clear()
  })
  const releases = (): Promise<unknown> => octokit.rest.repos.listReleases({ owner: 'acme', repo: 'ga' })

  test('rate-limit: 403 or 429 as GitHub sends it, as often as asked', async () => {
    world.faults.add({ path: '/releases', times: 2 }, { kind: 'rate-limit', resetS: 90 })
    for (let i = 0; i < 2; i++) await expect(releases()).rejects.toMatchObject({ status: 403, response: { headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': expect.stringMatching(/^\d{10}$/) as string } } })
    await releases()
    world.faults.add({ path: '/releases' }, { kind: 'rate-limit', status: 429 })
    await expect(releases()).rejects.toMatchObject({ status: 429 })
  })

  test('secondary-rate-limit: with and without retry-after; octokit waits as told', async () => {
    world.faults.add({ path: '/releases' }, { kind: 'secondary-rate-limit', retryAfterS: 7 })
    await expect(releases()).rejects.toMatchObject({ status: 403, message: expect.stringContaining('secondary rate limit') as string, response: { headers: { 'retry-after': '7' } } })
    world.faults.add({ path: '/releases' }, { kind: 'secondary-rate-limit', retryAfterS: null })
    await expect(releases()).rejects.toMatchObject({ response: { headers: expect.not.objectContaining({ 'retry-after': expect.anything() as unknown }) as object } })
    let told = 0
    const patient = new Octokit({ baseUrl: world.apiUrl, throttle: { retryAfterBaseValue: 1, onRateLimit: () => false, onSecondaryRateLimit: (after: number) => ((told = after), true) } })
    world.faults.add({ path: '/releases' }, { kind: 'secondary-rate-limit', retryAfterS: 5 })
    expect((await patient.rest.repos.listReleases({ owner: 'acme', repo: 'ga' })).data).toHaveLength(1)
    expect(told).toBe(5)
  })

  test('status: a page instead of an answer', async () => {
    world.faults.add({ path: asset, times: 2 }, { kind: 'status', status: 502 })
    expect((await download()).status).toBe(502)
    world.faults.clear()
    world.faults.add({ path: asset }, { kind: 'status', status: 500, body: 'Oops', headers: { 'x-odd': 'yes' } })
    const response = await download()
    expect([response.status, response.headers.get('x-odd'), await response.text()]).toEqual([500, 'yes', 'Oops'])
  })

  test('truncate: the length promises all, the connection ends before', async () => {
    world.faults.add({ path: asset }, { kind: 'truncate', afterBytes: 50 })
    const response = await download()
    expect(Number(response.headers.get('content-length'))).toBe(published.artifact.size)
    await expect(response.arrayBuffer()).rejects.toThrow()
  })

  test('shorten: fewer bytes, and the length agrees', async () => {
    world.faults.add({ path: asset }, { kind: 'shorten', toBytes: 50 })
    expect((await bytes()).length).toBe(50)
  })

  test('alter: as many bytes, another digest; or what a test makes of them', async () => {
    world.faults.add({ path: asset }, { kind: 'alter' })
    const altered = await bytes()
    expect([altered.length, sha256(altered) === published.artifact.sha256]).toEqual([published.artifact.size, false])
    world.faults.add({ path: asset }, { kind: 'alter', change: () => Buffer.from('swapped') })
    expect((await bytes()).toString()).toBe('swapped')
    world.faults.add({ path: '/releases' }, { kind: 'alter', change: (json) => Buffer.from(json.toString().replaceAll('"v1.0.0"', '"v9.9.9"')) })
    expect(await releases()).toMatchObject({ data: [{ tag_name: 'v9.9.9' }] })
  })

  test('slow: pieces with pauses, whole in the end', async () => {
    world.faults.add({ path: asset }, { kind: 'slow', pieceBytes: Math.ceil(published.artifact.size / 8), everyMs: 5, maxMs: 600_000 })
    const pieces: Uint8Array[] = []
    for await (const piece of (await download()).body ?? []) pieces.push(piece)
    expect(pieces.length).toBeGreaterThan(2)
    expect(sha256(Buffer.concat(pieces))).toBe(published.artifact.sha256)
  })

  test('slow, and never longer than told: all that is left comes when the time is up', async () => {
    world.faults.add({ path: asset }, { kind: 'slow', pieceBytes: 1, everyMs: 50, maxMs: 1 })
    expect(published.artifact.size * 50).toBeGreaterThan(20_000)
    expect(sha256(await bytes())).toBe(published.artifact.sha256)
  })

  test('stall: headers, then nothing until the client gives up', async () => {
    world.faults.add({ path: asset }, { kind: 'stall' })
    const client = new AbortController()
    const response = await fetch(published.artifact.url, { signal: client.signal })
    expect(response.status).toBe(200)
    const first = response.body?.getReader().read()
    await releases()
    client.abort()
    await expect(first).rejects.toThrow(/aborted/i)
  })

  test('drop: no answer', async () => {
    world.faults.add({ path: asset }, { kind: 'drop' })
    await expect(download()).rejects.toThrow('fetch failed')
    world.faults.add({ path: '/releases' }, { kind: 'drop' })
    await expect(releases()).rejects.toThrow()
    await releases()
    expect(world.log.find({ part: 'api' }).map(({ status }) => status)).toEqual([0, 200])
  })

  test('redirect: elsewhere, which the log sees', async () => {
    world.faults.add({ path: '/releases/download/' }, { kind: 'redirect', to: `${world.objectsUrl}/elsewhere` })
    expect((await download()).status).toBe(404)
    expect(world.log.find({ part: 'objects' }).map(({ path }) => path)).toEqual(['/elsewhere'])
  })

  test('a rule can name a method, let some through first, and be switched off', async () => {
    const off = world.faults.add({ path: /ga-1\.0\.0\.tgz$/, method: 'GET', after: 1, times: Infinity }, { kind: 'status', status: 503 })
    expect([(await download()).status, (await download()).status, (await download()).status]).toEqual([200, 503, 503])
    off()
    expect((await download()).status).toBe(200)
    world.faults.add({ path: asset, method: 'POST' }, { kind: 'drop' })
    expect((await download()).status).toBe(200)
  })

  test('the log tells part, host, status, bytes and whether a token came along', async () => {
    await bytes()
    await new Octokit({ baseUrl: world.apiUrl, auth: world.github.createToken() }).rest.repos.get({ owner: 'acme', repo: 'ga' })
    expect(world.log.records.map(({ part, host, status, authorized }) => [part, `http://${host}`, status, authorized])).toEqual([
      ['web', world.url, 302, false],
      ['objects', world.objectsUrl, 200, false],
      ['api', world.url, 200, true],
    ])
    expect(world.log.find({ part: 'objects' })[0]?.bytes).toBe(published.artifact.size)
    expect(world.log.count({ path: '/repos/', status: 200, method: 'GET' })).toBe(1)
  })
})
