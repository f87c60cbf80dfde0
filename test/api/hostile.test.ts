import { createHmac, randomUUID } from 'node:crypto'
import { truncateSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DELIVERY_MAX_BYTES } from '../../api/routes/webhooks.ts'
import { entry, numberFor } from '../builders/catalog.ts'
import { eventually } from '../builders/eventually.ts'
import { type Ground, ground, project, rawRequest, rawTcp, SECRET, verdict } from './ground.ts'

/* Everything that a hostile client may send: each has a code, stands in the log once, and the service goes on. */

const QUICK = { headersMs: 300, requestMs: 600, lookMs: 100, keepAliveMs: 500 }

let g: Ground
beforeAll(async () => {
  g = await ground({ limits: QUICK, perMinute: 1_000_000 })
  await project(g.store, [entry('sms')])
})
afterAll(() => g.close())

const sign = (body: string | Buffer, secret = SECRET) => `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
const PAYLOAD = JSON.stringify({ action: 'published', repository: { id: numberFor('sms'), full_name: 'acme/sms' } })
/** What GitHub sends; each test states only what is odd. */
const delivery = (odd: { body?: string; id?: string; event?: string; headers?: Record<string, string> } = {}, to = g) => {
  const { body = PAYLOAD, id = randomUUID(), event = 'release', headers = {} } = odd
  return fetch(`${to.service.url}/webhooks/github`, { method: 'POST', body, headers: { 'content-type': 'application/json', 'x-hub-signature-256': sign(body), 'x-github-delivery': id, 'x-github-event': event, ...headers } })
}
const code = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code]
const alive = async () => expect((await g.get('/registry.yaml')).status).toBe(200)
const logged = (id: string) => eventually(() => expect(g.lines().filter((line) => line['id'] === id)).toHaveLength(1))

describe('webhooks', () => {
  test('a delivery is written down and answered at once; a second one of its id is told as such', async () => {
    const id = randomUUID()
    const first = await delivery({ id })
    expect([first.status, await first.json()]).toEqual([202, { status: 'queued' }])
    expect(await (await delivery({ id })).json()).toEqual({ status: 'duplicate' })
    expect(await (await delivery({ id: randomUUID(), event: 'star' })).json()).toEqual({ status: 'ignored' })
    expect((await g.store.wanted(10, '2027-01-01T00:00:00Z'))[0]).toMatchObject({ id: numberFor('sms'), wantedSince: '2026-11-30T12:00:00.000Z' })
  })

  test.each<[string, Record<string, string>, number, string]>([
    ['no signature', { 'x-hub-signature-256': '' }, 401, 'SIGNATURE_INVALID'],
    ['a signature with another secret', { 'x-hub-signature-256': sign(PAYLOAD, 'guess') }, 401, 'SIGNATURE_INVALID'],
    ['the signature of another body', { 'x-hub-signature-256': sign(`${PAYLOAD} `) }, 401, 'SIGNATURE_INVALID'],
    ['the old kind of signature', { 'x-hub-signature-256': `sha1=${createHmac('sha1', SECRET).update(PAYLOAD).digest('hex')}` }, 401, 'SIGNATURE_INVALID'],
    ['a signature in capitals', { 'x-hub-signature-256': sign(PAYLOAD).toUpperCase() }, 401, 'SIGNATURE_INVALID'],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a compressed body', { 'content-encoding': 'gzip' }, 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['another character set', { 'content-type': 'application/json; charset=utf-16' }, 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a delivery id with a path in it', { 'x-github-delivery': '../../etc' }, 400, 'DELIVERY_INVALID'],
    ['no event', { 'x-github-event': '' }, 400, 'DELIVERY_INVALID'],
  ])('%s is refused', async (_name, headers, status, expected) => {
    const response = await delivery({ headers })
    const id = response.headers.get('x-request-id') ?? ''
    expect(await code(response)).toEqual([status, expected])
    await logged(id)
  })

  test.each<[string, string]>([
    ['no JSON', '{'],
    ['nesting of 100,000 levels', '['.repeat(100_000)],
    ['a key that changes prototypes', '{"__proto__": {"admin": true}}'],
    ['no repository', '{}'],
    ['a repository number that is none', '{"repository": {"id": "7 OR 1=1"}}'],
  ])('a signed body with %s is refused', async (_name, body) => expect(await code(await delivery({ body }))).toEqual([400, 'DELIVERY_INVALID']))

  test('20 MB are refused by their length before they are sent, and when the length was a lie', async () => {
    const huge = Buffer.alloc(20_000_000, 0x20)
    const announced = await rawRequest(g.service.url, '/webhooks/github', { method: 'POST', headers: { 'content-type': 'application/json', 'x-hub-signature-256': sign('x'), 'content-length': String(huge.length) }, body: huge })
    expect([announced.status, JSON.parse(announced.body.toString()).code]).toEqual([413, 'BODY_TOO_LARGE'])
    const chunked = await rawRequest(g.service.url, '/webhooks/github', { method: 'POST', headers: { 'content-type': 'application/json', 'x-hub-signature-256': sign('x'), 'transfer-encoding': 'chunked' }, body: huge })
    expect([chunked.status, JSON.parse(chunked.body.toString()).code]).toEqual([413, 'BODY_TOO_LARGE'])
    await alive()
  })

  test('a body just within the limit is read', async () => {
    const body = JSON.stringify({ repository: { id: numberFor('sms') }, text: 'x'.repeat(DELIVERY_MAX_BYTES - 100) })
    expect((await delivery({ body })).status).toBe(202)
  })

  test('a replay with another id or event stays what it is: a wish to look at that repository', async () => {
    const body = PAYLOAD
    expect((await delivery({ body, id: randomUUID() })).status).toBe(202)
    expect((await g.store.wanted(10, '2027-01-01T00:00:00Z')).length).toBe(1)
  })

  test('while secrets are changed both count', async () => {
    const both = await ground({ catalog: { webhookSecrets: ['the new one', SECRET] } })
    await project(both.store, [entry('sms')])
    expect((await delivery({}, both)).status).toBe(202)
    expect((await delivery({ headers: { 'x-hub-signature-256': sign(PAYLOAD, 'the new one') } }, both)).status).toBe(202)
    await both.close()
  })

  test('without a secret there is no such address', async () => {
    const none = await ground({ catalog: { webhookSecrets: [] } })
    expect((await delivery({}, none)).status).toBeGreaterThanOrEqual(404)
    await none.close()
  })

  test('GET is 405', async () => expect(await code(await g.get('/webhooks/github'))).toEqual([405, 'METHOD_NOT_ALLOWED']))
})

describe('floods', () => {
  test('a client that asks too often is told when to come back; probes of health are not counted', async () => {
    const small = await ground({ perMinute: 5 })
    const answers: number[] = []
    for (let i = 0; i < 8; i++) answers.push((await small.get('/registry.yaml')).status)
    expect(answers).toEqual([200, 200, 200, 200, 200, 429, 429, 429])
    const refused = await small.get('/api/v1/plugins')
    expect([refused.headers.get('ratelimit'), Number(refused.headers.get('retry-after')) > 0]).toEqual([expect.stringMatching(/^"client";r=0;t=\d+$/), true])
    expect(await code(refused)).toEqual([429, 'RATE_LIMITED'])
    expect((await small.get('/healthz')).status).toBe(200)
    await small.close()
  })

  test('X-Forwarded-For counts only where a proxy of ours wrote it', async () => {
    const direct = await ground({ perMinute: 2 })
    for (let i = 0; i < 3; i++) await direct.get('/registry.yaml', { 'x-forwarded-for': `1.2.3.${i}` })
    expect((await direct.get('/registry.yaml', { 'x-forwarded-for': '9.9.9.9' })).status).toBe(429)
    await direct.close()
    const behind = await ground({ perMinute: 2, proxies: 1 })
    for (let i = 0; i < 3; i++) await behind.get('/registry.yaml', { 'x-forwarded-for': `8.8.8.${i}, 1.2.3.4` })
    expect((await behind.get('/registry.yaml', { 'x-forwarded-for': '8.8.8.9, 1.2.3.4' })).status).toBe(429)
    expect((await behind.get('/registry.yaml', { 'x-forwarded-for': '1.2.3.4, 5.6.7.8' })).status).toBe(200)
    await behind.close()
  })
})

describe('deliveries that nobody proved', () => {
  /** A delivery with a signature of the right form that never ends, of a client behind our proxy. */
  const unending = (to: Ground, client: string, bytes: number): { readonly socket: Socket; heard: string } => {
    const { hostname, port } = new URL(to.service.url)
    const socket = connect(Number(port), hostname, () => {
      socket.write(`POST /webhooks/github HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${client}\r\nContent-Type: application/json\r\nX-Hub-Signature-256: sha256=${'0'.repeat(64)}\r\nContent-Length: ${DELIVERY_MAX_BYTES}\r\n\r\n`)
      socket.write(Buffer.alloc(bytes, 0x20))
    })
    const one = { socket, heard: '' }
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => (one.heard += chunk.toString('latin1')))
    return one
  }
  const yank = (to: Ground, client: string) => to.send('POST', '/api/v1/plugins/sms/versions/1.0.0/yank', { reason: 'it loses messages' }, { 'x-forwarded-for': client, ...to.token('ana', ['yank']) })

  test.each<[string, (i: number) => string]>([
    ['one client', () => '1.2.3.4'],
    ['many clients', (i) => `1.2.3.${i}`],
  ])('of %s keep neither maintainers nor what GitHub sends out', async (_name, client) => {
    const open = await ground({ proxies: 1 })
    await project(open.store, [entry('sms')])
    await open.store.judge('sms', 'ingest', () => [verdict('sms', '1.0.0')])
    // Large ones until no more of them are taken, then small ones into what room they left.
    const attack = Array.from({ length: 14 }, (_, i) => unending(open, client(i), DELIVERY_MAX_BYTES - 1))
    const refused = () => attack.filter(({ heard }) => heard.includes(' 503 ')).length
    await eventually(() => expect(refused()).toBeGreaterThanOrEqual(4))
    attack.push(...Array.from({ length: 40 }, (_, i) => unending(open, client(i), 64 * 1024)))
    await eventually(() => expect(refused()).toBeGreaterThanOrEqual(5))
    expect((await yank(open, '5.6.7.8')).status).toBe(202)
    expect((await delivery({ headers: { 'x-forwarded-for': '5.6.7.8' } }, open)).status).toBe(202)
    for (const { socket } of attack) socket.destroy()
    await open.close()
  })
})

describe('bodies of the API', () => {
  const yank = (body: string | Uint8Array, headers: Record<string, string> = {}) => rawRequest(g.service.url, '/api/v1/plugins/sms/versions/1.0.0/yank', { method: 'POST', body, headers: { 'content-type': 'application/json', ...g.token('ana', ['yank']), ...headers } })

  test.each<[string, string | Uint8Array, Record<string, string>, number, string]>([
    ['nesting of 30,000 levels', '['.repeat(30_000), {}, 400, 'REQUEST_INVALID'],
    ['a number of 60,000 digits', `{"reason": ${'9'.repeat(60_000)}}`, {}, 400, 'REQUEST_INVALID'],
    ['20,000 keys', `{${Array.from({ length: 6_000 }, (_, i) => `"k${i}":1`).join(',')}}`, {}, 400, 'REQUEST_INVALID'],
    ['the same key twice', '{"reason": "a", "reason": "b"}', {}, 400, 'REQUEST_INVALID'],
    ['__proto__', '{"reason": "a", "__proto__": {}}', {}, 400, 'REQUEST_INVALID'],
    ['an unknown key', '{"reason": "a", "admin": true}', {}, 400, 'REQUEST_INVALID'],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), {}, 400, 'REQUEST_INVALID'],
    ['nothing', '', {}, 400, 'REQUEST_INVALID'],
    ['more than the limit', `{"reason": "${'a'.repeat(70_000)}"}`, {}, 413, 'BODY_TOO_LARGE'],
    ['text', 'reason=a', { 'content-type': 'text/plain' }, 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a content type within another', '{"reason":"a"}', { 'content-type': 'text/plain; application/json' }, 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a compressed bomb', Buffer.alloc(100), { 'content-encoding': 'gzip' }, 415, 'MEDIA_TYPE_UNSUPPORTED'],
  ])('%s is refused', async (_name, body, headers, status, expected) => {
    const response = await yank(body, headers)
    expect([response.status, JSON.parse(response.body.toString()).code]).toEqual([status, expected])
    await logged(String(response.headers['x-request-id']))
  })

  test('all that is wrong is told at once', async () => {
    const { body } = await yank('{"reson": 5, "admin": true}')
    expect(JSON.parse(body.toString()).errors.length).toBeGreaterThanOrEqual(2)
  })
})

describe('paths', () => {
  test.each([
    '/api/v1/plugins/..%2f..%2fsecret', '/api/v1/plugins/%2e%2e', '/api/v1/plugins/..%252f', '/api/v1/plugins/a%00b', '/api/v1/plugins/..%5c..', '/api/v1/../../registry.yaml', '/api//v1/plugins', '/api/v1/plugins/',
    '/api/v1/plugins/%ff', '/api/v1/plugins/%', '/index/3/s/..%2f..%2f..%2fregistry.yaml', '/webhooks/../registry.yaml', '/healthz/../api/v1/audit', '/metadata/..%2f..%2fcatalog.db', '/catalog.db', '/..%2fcatalog.db',
  ])('%s leads nowhere', async (path) => {
    const { status, headers } = await rawRequest(g.service.url, path)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(500)
    expect(headers['content-type']).toBe('application/problem+json')
  })

  test('an address of 5,000 characters is 414', async () => expect((await rawRequest(g.service.url, `/${'a'.repeat(5_000)}`)).status).toBe(414))
})

describe('headers and hosts', () => {
  test.each<[string, string, string]>([
    ['headers of 20 KB', `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`, '431'],
    ['a thousand headers', `GET / HTTP/1.1\r\nHost: x\r\n${Array.from({ length: 3_000 }, (_, i) => `X-${i}: a\r\n`).join('')}\r\n`, '431'],
    ['no host', 'GET /registry.yaml HTTP/1.1\r\nConnection: close\r\n\r\n', '400'],
    ['two hosts', 'GET /registry.yaml HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n', '400'],
    ['a host that is none', 'GET /registry.yaml HTTP/1.1\r\nHost: evil.example/path?\r\nConnection: close\r\n\r\n', '400'],
    ['a host with a user', 'GET /registry.yaml HTTP/1.1\r\nHost: a@evil.example\r\nConnection: close\r\n\r\n', '400'],
    ['two lengths', 'POST /webhooks/github HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx', '400'],
    ['a length and chunks (request smuggling)', 'POST /webhooks/github HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n', '400'],
    ['another transfer encoding', 'POST /webhooks/github HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n', '400'],
    ['a chunk size that is none', 'POST /webhooks/github HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nX-Hub-Signature-256: sha256=' + 'a'.repeat(64) + '\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', '400'],
    ['space before the colon', 'GET /registry.yaml HTTP/1.1\r\nHost : a\r\n\r\n', '400'],
    ['a folded header', 'GET /registry.yaml HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\nConnection: close\r\n\r\n', ''],
    ['a bare line feed', 'GET /registry.yaml HTTP/1.1\nHost: a\n\n', '400'],
    ['NUL in a header', 'GET /registry.yaml HTTP/1.1\r\nHost: a\r\nX-A: a\0b\r\n\r\n', '400'],
    ['NUL in the address', 'GET /registry\0.yaml HTTP/1.1\r\nHost: a\r\n\r\n', '400'],
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', '400'],
    ['a body on a GET', 'GET /registry.yaml HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello', '400'],
    ['an unknown method', 'PWN /registry.yaml HTTP/1.1\r\nHost: a\r\n\r\n', '400'],
    ['TRACE', 'TRACE /registry.yaml HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', '405'],
    ['an upgrade', 'GET /registry.yaml HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n', '200'],
  ])('%s', async (_name, bytes, status) => {
    const answer = await rawTcp(g.service.url, bytes, { keepOpen: true })
    if (status !== '') expect(answer.split('\r\n')[0]).toContain(` ${status} `)
    expect(answer.match(/HTTP\/1\.1 /g)?.length ?? 0).toBeLessThanOrEqual(1)
    if (status === '400') expect(answer).toContain('application/problem+json')
    await alive()
  })

  test('what a client says that our name is stands in no answer', async () => {
    const answer = await rawTcp(g.service.url, 'GET /api/v1/plugins?limit=1 HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\nConnection: close\r\n\r\n')
    expect(answer).toContain('200 OK')
    expect(answer).not.toContain('evil.example')
  })

  test('X-HTTP-Method-Override changes nothing', async () => {
    const { status } = await rawRequest(g.service.url, '/api/v1/plugins/sms/ingest', { method: 'GET', headers: { 'x-http-method-override': 'POST', ...g.token('ana', ['ingest']) } })
    expect(status).toBe(405)
  })

  test('an attack on the parser stands in the log, once', async () => {
    const before = g.lines().filter(({ msg }) => msg === 'refused').length
    await rawTcp(g.service.url, 'GARBAGE\r\n\r\n')
    await eventually(() => expect(g.lines().filter(({ msg }) => msg === 'refused')).toHaveLength(before + 1))
    expect(g.lines().findLast(({ msg }) => msg === 'refused')).toMatchObject({ level: 'warn', client: '127.0.0.1', code: 'REQUEST_INVALID' })
  })
})

describe('slow clients', () => {
  const open = (bytes: string): Promise<Socket> => {
    const { hostname, port } = new URL(g.service.url)
    return new Promise((resolve) => {
      const socket = connect(Number(port), hostname, () => socket.write(bytes, () => resolve(socket)))
    })
  }
  const closed = (socket: Socket): Promise<string> =>
    new Promise((resolve) => {
      let text = ''
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
      socket.on('error', () => undefined)
      socket.on('close', () => resolve(text))
    })

  test('headers that never end are cut off with 408', async () => {
    const socket = await open('GET /registry.yaml HTTP/1.1\r\nHost: a\r\n')
    const drip = setInterval(() => socket.write('X-A: b\r\n'), 50)
    expect(await closed(socket)).toContain(' 408 ')
    clearInterval(drip)
    await alive()
  })

  test('a body that never ends is cut off', async () => {
    const socket = await open(`POST /webhooks/github HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nX-Hub-Signature-256: ${sign('x')}\r\nContent-Length: 1000\r\n\r\n`)
    const drip = setInterval(() => socket.write('x'), 50)
    expect(await closed(socket)).toMatch(/ 408 |^$/)
    clearInterval(drip)
    await alive()
  })

  test('who does not read an answer is cut off, and the file is closed; who reads slowly but reads is not', async () => {
    writeFileSync(join(g.root, 'artifacts/huge.tgz'), '')
    truncateSync(join(g.root, 'artifacts/huge.tgz'), 60_000_000)
    const id = 'never-reads-anything'
    const socket = await open(`GET /artifacts/huge.tgz HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${id}\r\n\r\n`)
    socket.pause()
    await eventually(() => expect(g.lines().find((line) => line['id'] === id)).toMatchObject({ status: 200, aborted: true }))
    socket.destroy()
    await alive()
  })

  test('hundreds of open connections that say nothing do not keep others out', async () => {
    const sockets = await Promise.all(Array.from({ length: 300 }, () => open('')))
    await alive()
    for (const socket of sockets) socket.destroy()
  })
})
