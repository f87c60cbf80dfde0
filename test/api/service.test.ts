import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { gunzipSync, brotliDecompressSync } from 'node:zlib'
import { API_ROUTES } from '../../api/app.ts'
import { entry } from '../builders/catalog.ts'
import { eventually } from '../builders/eventually.ts'
import { type Ground, ground, project, rawRequest, verdict } from './ground.ts'

let g: Ground
beforeAll(async () => {
  g = await ground({ metrics: { host: '127.0.0.1', port: 0 } })
  await project(g.store, [
    entry('sms', { tier: 'official', categories: ['messages'], description: 'Sends messages' }),
    ...Array.from({ length: 24 }, (_, i) => entry(`plugin-${String(i).padStart(2, '0')}`, { tier: i % 2 ? 'community' : 'generated' })),
  ])
  await g.store.judge('sms', 'ingest', () => [
    verdict('sms', '1.0.0'),
    verdict('sms', '1.1.0', { verdict: 'in-review', evidence: { problems: [], differences: [{ kind: 'host', allowed: undefined, found: 'evil.example' }], proposal: '+ api: [evil.example]', proof: undefined, entryDigest: undefined, by: undefined } }),
    verdict('sms', '1.2.0', { verdict: 'rejected', line: undefined, evidence: { problems: [{ code: 'RULE_FAILED', message: 'it says \u001b[31mred', hint: 'no' }], differences: [], proposal: undefined, proof: undefined, entryDigest: undefined, by: undefined } }),
  ])
})
afterAll(() => g.close())

const json = async (path: string) => (await g.get(path)).json() as Promise<Record<string, never>>

describe('reading the catalog', () => {
  test('a plugin as its entry says, and where its newest version is', async () => {
    const response = await g.get('/api/v1/plugins/sms')
    expect([response.status, response.headers.get('content-type'), response.headers.get('cache-control')]).toEqual([200, 'application/json', 'public, max-age=30'])
    expect(await response.json()).toMatchObject({ id: 'sms', tier: 'official', categories: ['messages'], latest: '1.0.0', status: 'active', repositories: [{ url: 'https://github.com/acme/sms' }] })
  })

  test('pages follow their Link to the end, every plugin once, with the same filters', async () => {
    const seen: string[] = []
    let next: string | undefined = '/api/v1/plugins?tier=generated&limit=5'
    while (next) {
      const response: Response = await g.get(next)
      const page = (await response.json()) as { items: { id: string; tier: string }[]; next?: string }
      expect(page.items.every(({ tier }) => tier === 'generated')).toBe(true)
      seen.push(...page.items.map(({ id }) => id))
      next = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1]
      expect(next === undefined).toBe(page.next === undefined)
    }
    expect(seen).toEqual(Array.from({ length: 12 }, (_, i) => `plugin-${String(2 * i).padStart(2, '0')}`))
  })

  test('filters by category', async () => expect((await json('/api/v1/plugins?category=messages')).items).toHaveLength(1))

  test('the verdicts on versions, each with its evidence', async () => {
    expect((await json('/api/v1/plugins/sms/versions')).items).toHaveLength(3)
    expect((await json('/api/v1/plugins/sms/versions?verdict=in-review')).items).toMatchObject([{ version: '1.1.0' }])
    expect(await json('/api/v1/plugins/sms/versions/1.1.0')).toMatchObject({ verdict: 'in-review', evidence: { differences: [{ kind: 'host', found: 'evil.example' }], proposal: '+ api: [evil.example]' } })
    expect((await json('/api/v1/plugins/sms/versions/1.2.0')).evidence).toMatchObject({ problems: [{ code: 'RULE_FAILED', message: 'it says \\u{1b}[31mred', severity: 'error' }] })
    expect((await json('/api/v1/plugins/sms/versions/1.0.0/history')).items).toMatchObject([{ sequence: 1, verdict: 'listed' }])
    expect((await json('/api/v1/verdicts?verdict=rejected')).items).toMatchObject([{ id: 'sms', version: '1.2.0' }])
    expect(await json('/api/v1/stats')).toMatchObject({ plugins: { official: 1, community: 12, generated: 12 }, versions: { listed: 1, 'in-review': 1, rejected: 1 } })
  })

  test.each<[string, number, string]>([
    ['/api/v1/plugins/none', 404, 'UNKNOWN_PLUGIN'],
    ['/api/v1/plugins/none/versions', 404, 'UNKNOWN_PLUGIN'],
    ['/api/v1/plugins/sms/versions/9.9.9', 404, 'NO_VERSION'],
    ['/api/v1/plugins/sms/versions/not-a-version', 400, 'REQUEST_INVALID'],
    ['/api/v1/plugins/SMS', 400, 'REQUEST_INVALID'],
    ['/api/v1/plugins?limit=0', 400, 'REQUEST_INVALID'],
    ['/api/v1/plugins?limit=101', 400, 'REQUEST_INVALID'],
    ['/api/v1/plugins?limit=ten', 400, 'REQUEST_INVALID'],
    ['/api/v1/plugins?limit=5&limit=6', 400, 'REQUEST_INVALID'],
    ['/api/v1/plugins?teir=official', 400, 'REQUEST_INVALID'],
    ['/api/v1/plugins?tier=best', 400, 'REQUEST_INVALID'],
    ['/api/v1/plugins?cursor=AAAA', 400, 'CURSOR_INVALID'],
    ['/api/v1/plugins?__proto__=x', 400, 'REQUEST_INVALID'],
    ['/api/v1/nothing', 404, 'NOT_FOUND'],
    ['/api/v2/plugins', 404, 'NOT_FOUND'],
  ])('%s is %i %s', async (path, status, code) => {
    const response = await g.get(path)
    const body = (await response.json()) as Record<string, string>
    expect([response.status, response.headers.get('content-type'), body['code']]).toEqual([status, 'application/problem+json', code])
    expect(body['requestId']).toBe(response.headers.get('x-request-id'))
    expect(body['hint']).not.toBe('')
  })

  test('a misspelt filter says what was meant', async () => expect((await json('/api/v1/plugins?teir=official')).errors?.[0]).toMatchObject({ code: 'UNKNOWN_KEY', hint: expect.stringContaining('tier') }))

  test.each(['PUT', 'DELETE', 'POST'])('%s on what is only read is 405', async (method) => {
    const response = await g.send(method, '/api/v1/plugins', undefined)
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })

  test('who has the answer already gets none: 304 by its ETag, also compressed', async () => {
    for (const encoding of ['identity', 'gzip', 'br']) {
      const first = await rawRequest(g.service.url, '/api/v1/plugins?limit=20', { headers: { 'accept-encoding': encoding } })
      const again = await rawRequest(g.service.url, '/api/v1/plugins?limit=20', { headers: { 'accept-encoding': encoding, 'if-none-match': String(first.headers.etag) } })
      expect([first.status, first.headers.vary, again.status, again.body.length]).toEqual([200, 'accept-encoding', 304, 0])
    }
  })
})

describe('compression', () => {
  const asked = (encoding: string) => rawRequest(g.service.url, '/api/v1/plugins', { headers: { 'accept-encoding': encoding } })

  test('gives the same bytes in every encoding, each with an ETag of its own', async () => {
    const [plain, gzip, br] = await Promise.all([asked('identity'), asked('gzip;q=1, br;q=0.5'), asked('gzip, br')])
    expect([plain.headers['content-encoding'], gzip.headers['content-encoding'], br.headers['content-encoding']]).toEqual([undefined, 'gzip', 'br'])
    expect(gunzipSync(gzip.body).equals(plain.body)).toBe(true)
    expect(brotliDecompressSync(br.body).equals(plain.body)).toBe(true)
    expect(new Set([plain.headers.etag, gzip.headers.etag, br.headers.etag]).size).toBe(3)
    expect(gzip.body.length).toBeLessThan(plain.body.length / 2)
    expect(Number(gzip.headers['content-length'])).toBe(gzip.body.length)
  })

  test('archives are sent as they are', async () => {
    const artifact = await rawRequest(g.service.url, '/artifacts/sms-1.0.0.tgz', { headers: { 'accept-encoding': 'gzip' } })
    expect([artifact.status, artifact.headers['content-encoding'], artifact.headers.vary]).toEqual([200, undefined, undefined])
  })
})

describe('the description', () => {
  test('is OpenAPI 3.1 by a validator that is not ours, and answers are what it says', async () => {
    const description = (await json('/api/v1/openapi.json')) as unknown as Description
    const { valid, errors } = await new Validator().validate(structuredClone(description) as never)
    expect({ valid, errors }).toMatchObject({ valid: true })
    const paths: [string, string][] = [
      ['/api/v1/plugins', '/api/v1/plugins?limit=3'], ['/api/v1/plugins/{id}', '/api/v1/plugins/sms'], ['/api/v1/plugins/{id}/versions', '/api/v1/plugins/sms/versions'],
      ['/api/v1/plugins/{id}/versions/{version}', '/api/v1/plugins/sms/versions/1.0.0'], ['/api/v1/plugins/{id}/versions/{version}', '/api/v1/plugins/sms/versions/1.2.0'],
      ['/api/v1/plugins/{id}/versions/{version}/history', '/api/v1/plugins/sms/versions/1.0.0/history'], ['/api/v1/verdicts', '/api/v1/verdicts'], ['/api/v1/stats', '/api/v1/stats'],
    ]
    for (const [path, asked] of paths) expect(objections(description, path, 'get', 200, await json(asked)), asked).toEqual([])
    expect(objections(description, '/api/v1/plugins/{id}', 'get', 404, await json('/api/v1/plugins/none'))).toEqual([])
    const broken = { ...(await json('/api/v1/plugins/sms')), tier: 'best', secret: 1 }
    expect(objections(description, '/api/v1/plugins/{id}', 'get', 200, broken)).not.toEqual([])
  })
})

test('what is asked with a token, done and refused, is answered as the description says; no such route is left out', async () => {
  const one = await ground()
  try {
    await project(one.store, [entry('sms')])
    await one.store.judge('sms', 'ingest', () => [verdict('sms', '1.0.0'), verdict('sms', '1.1.0', { verdict: 'in-review' })])
    await one.store.raise([{ kind: 'release-edited', id: 'sms', version: '1.0.0', message: 'gone' }], '2026-11-30T12:00:00.000Z')
    const description = (await (await one.get('/api/v1/openapi.json')).json()) as Description
    const all = one.token('ana', ['ingest', 'yank', 'advise', 'decide', 'audit'])
    const none = one.token('bo', [])
    const asked: readonly (readonly [operation: string, method: string, path: string, template: string, body?: object])[] = [
      ['requestIngest', 'POST', '/api/v1/plugins/sms/ingest', '/api/v1/plugins/{id}/ingest'],
      ['yank', 'POST', '/api/v1/plugins/sms/versions/1.0.0/yank', '/api/v1/plugins/{id}/versions/{version}/yank', { reason: 'it loses messages' }],
      ['unyank', 'DELETE', '/api/v1/plugins/sms/versions/1.0.0/yank', '/api/v1/plugins/{id}/versions/{version}/yank'],
      ['advise', 'POST', '/api/v1/plugins/sms/advisories', '/api/v1/plugins/{id}/advisories', { versions: '^1.0.0', advisory: { level: 'notice', title: 'slow' } }],
      ['decide', 'POST', '/api/v1/plugins/sms/versions/1.1.0/decision', '/api/v1/plugins/{id}/versions/{version}/decision', { verdict: 'rejected', reason: 'not wanted' }],
      ['listAlarms', 'GET', '/api/v1/alarms', '/api/v1/alarms'],
      ['closeAlarm', 'POST', '/api/v1/alarms/1/close', '/api/v1/alarms/{number}/close'],
      ['listAudit', 'GET', '/api/v1/audit', '/api/v1/audit'],
      ['listProposals', 'GET', '/api/v1/proposals', '/api/v1/proposals'],
    ]
    expect(asked.map(([operation]) => operation).toSorted()).toEqual(API_ROUTES.filter(({ scope }) => scope !== undefined).map(({ name }) => name).toSorted())
    for (const [operation, method, path, template, body] of asked) {
      const verb = method.toLowerCase()
      for (const [who, headers] of [['a stranger', {}], ['one without the scope', none], ['a maintainer', all]] as const) {
        const response = await one.send(method, path, body, headers)
        const answer = (await response.json()) as object
        expect([operation, who, response.status, objections(description, template, verb, response.status, answer)]).toEqual([operation, who, who === 'a maintainer' ? expect.toSatisfy((status: number) => status === 200 || status === 202) : who === 'a stranger' ? 401 : 403, []])
      }
      if (body) expect([operation, objections(description, template, verb, 400, await (await one.send(method, path, { ...body, odd: 1 }, all)).json())]).toEqual([operation, []])
    }
  } finally {
    await one.close()
  }
})

test('what anybody may ask: these routes, and all of them only read', () => {
  const open = API_ROUTES.filter(({ scope }) => scope === undefined)
  expect(open.map(({ method, name }) => `${method} ${name}`)).toEqual(['GET listPlugins', 'GET getPlugin', 'GET listVersions', 'GET getVersion', 'GET getHistory', 'GET listVerdicts', 'GET getStats'])
})

describe('every answer', () => {
  test('has an id: the client’s when it is sane, else a new one; and stands with it in the log, once', async () => {
    const given = await g.get('/registry.yaml', { 'x-request-id': 'deploy-2026.11.30' })
    expect(given.headers.get('x-request-id')).toBe('deploy-2026.11.30')
    for (const odd of ['x', 'with spaces in it', 'a'.repeat(100), '"><script>']) {
      const made = await g.get('/registry.yaml', { 'x-request-id': odd })
      expect(made.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    }
    await eventually(() => expect(g.lines().filter(({ id }) => id === 'deploy-2026.11.30')).toMatchObject([{ level: 'info', method: 'GET', path: '/registry.yaml', route: 'registry', status: 200, client: '127.0.0.1' }]))
  })

  test('says what is left of the quota', async () => {
    const { headers } = await g.get('/registry.yaml')
    expect(headers.get('ratelimit-policy')).toBe('"client";q=6000;w=60')
    expect(headers.get('ratelimit')).toMatch(/^"client";r=\d+;t=\d+$/)
  })

  test('has no cookie, and no name of a program', async () => {
    const { headers } = await g.get('/api/v1/stats')
    for (const name of ['set-cookie', 'server', 'x-powered-by']) expect(headers.has(name)).toBe(false)
  })
})

describe('figures', () => {
  test('are read at an address of their own, and nowhere else', async () => {
    await g.get('/api/v1/plugins/none')
    const text = await eventually(async () => {
      const found = await (await fetch(g.service.metricsUrl ?? '')).text()
      expect(found).toContain('catalyst_http_problems_total{code="UNKNOWN_PLUGIN"}')
      return found
    })
    expect(text).toMatch(/catalyst_http_request_seconds_count\{route="api \/api\/v1\/plugins\/\{id\}",status="4xx"\} \d+/)
    expect(text).toContain('catalyst_catalog_plugins{tier="official"} 1')
    expect(text).toContain('catalyst_catalog_versions{verdict="in-review"} 1')
    expect((await g.get('/metrics')).status).toBe(404)
  })

  test('have no label out of what a client sends', async () => {
    for (let i = 0; i < 20; i++) await rawRequest(g.service.url, `/made-up-${i}`, { method: i % 2 ? 'GET' : 'PURGE' })
    expect(await (await fetch(g.service.metricsUrl ?? '')).text()).not.toContain('made-up')
  })
})

describe('when the database is gone', () => {
  test('the API says so, readiness too, and the index is served all the same; the log says it once', async () => {
    const gone = await ground()
    await gone.store.close()
    const response = await gone.get('/api/v1/stats')
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([503, 'STATE_UNAVAILABLE'])
    expect((await gone.get('/readyz')).status).toBe(503)
    expect((await gone.get('/registry.yaml')).status).toBe(200)
    await eventually(() => expect(gone.lines().filter(({ path, fault }) => path === '/api/v1/stats' && fault !== undefined)).toHaveLength(1))
    await gone.service.stop({ graceMs: 0 })
  })
})

describe('stopping', () => {
  test('first it is not ready, and serves all the same; then requests under way finish; then it is gone', async () => {
    const one = await ground()
    const stopped = one.service.stop({ drainMs: 2_000 })
    const [ready, file] = await Promise.all([one.get('/readyz'), one.get('/registry.yaml')])
    expect([ready.status, ((await ready.json()) as { detail: string }).detail, file.status]).toEqual([503, 'the service is being stopped', 200])
    await stopped
    await expect(one.get('/registry.yaml')).rejects.toThrow()
    expect(one.lines().map(({ msg }) => msg)).toEqual(expect.arrayContaining(['listening', 'stopping', 'stopped']))
    await one.store.close()
  })
})

// ---- what the description says of an answer --------------------------------------------------------------------

interface Description {
  readonly paths: Record<string, Record<string, { responses: Record<string, { content: Record<string, { schema: object }> }> }>>
  readonly components: object
}

function objections(description: Description, path: string, method: string, status: number, body: unknown): readonly string[] {
  const content = description.paths[path]?.[method]?.responses[status]?.content
  const schema = Object.values(content ?? {})[0]?.schema
  if (!schema) throw new Error(`the description has no ${status} for ${method} ${path}`)
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false })
  const check = ajv.compile({ ...schema, components: description.components })
  return check(body) ? [] : (check.errors ?? []).map((e) => `${e.instancePath} ${e.message}`)
}
