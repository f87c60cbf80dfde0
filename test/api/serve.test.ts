import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync, linkSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type IndexServer, serveIndex } from '../../api/serve-index.ts'
import { publishIndex } from '../../catalog/publish.ts'
import { hexOf, sha256 } from '../../schemas/digest.ts'
import { eventually } from '../builders/eventually.ts'
import { entry, REGISTRY, release } from '../catalog/sample-index.ts'

let dir: string
let root: string
let server: IndexServer

/** 3 MB: more than what is read at once. */
const LARGE = randomBytes(3_000_000)
const LARGE_NAME = `${hexOf(sha256(LARGE))}.tgz`

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'api-'))
  root = join(dir, 'index')
  await publishIndex(root, { registry: REGISTRY, entries: [entry('sms')], releases: [release('sms', '1.0.0')] }, { names: 'release' })
  writeFileSync(join(root, 'artifacts', LARGE_NAME), LARGE)
  writeFileSync(join(dir, 'secret.tgz'), 'secret')
  server = await serveIndex({ root })
})
afterEach(async () => {
  await server.close(0)
  rmSync(dir, { recursive: true, force: true })
})

const get = (path: string, headers: Record<string, string> = {}, method = 'GET') => fetch(server.url + path, { headers, method })
const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer())

/** A request as it is: fetch would tidy the path before it is sent. */
function raw(path: string, method = 'GET'): Promise<{ status: number; body: string; type: string }> {
  const { hostname, port } = new URL(server.url)
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method }, (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, type: String(response.headers['content-type']) }))
    })
    sent.on('error', reject)
    sent.end()
  })
}

describe('files of the index', () => {
  test.each([
    ['/registry.yaml', 'application/yaml; charset=utf-8'],
    ['/entries/sms.yaml', 'application/yaml; charset=utf-8'],
    ['/index/3/s/sms', 'application/x-ndjson; charset=utf-8'],
    ['/artifacts/sms-1.0.0.tgz', 'application/gzip'],
    ['/bundles/sms-1.0.0.tgz.sigstore.json', 'application/json'],
    [`/artifacts/${LARGE_NAME}`, 'application/gzip'],
  ])('%s: the bytes, their digest as ETag, their type', async (path, type) => {
    const response = await get(path)
    const bytes = await bytesOf(response)
    expect([response.status, response.headers.get('content-type'), response.headers.get('etag')]).toEqual([200, type, `"${hexOf(sha256(bytes))}"`])
    expect(response.headers.get('content-length')).toBe(String(bytes.length))
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'")
  })

  test('a large file is the very one', async () => expect((await bytesOf(await get(`/artifacts/${LARGE_NAME}`))).equals(LARGE)).toBe(true))

  test('HEAD tells the same as GET, without the bytes', async () => {
    for (const path of ['/index/3/s/sms', `/artifacts/${LARGE_NAME}`]) {
      const [head, whole] = [await get(path, {}, 'HEAD'), await get(path)]
      expect((await bytesOf(head)).length).toBe(0)
      await bytesOf(whole)
      for (const name of ['etag', 'content-length', 'content-type', 'cache-control', 'accept-ranges']) expect(head.headers.get(name), name).toBe(whole.headers.get(name))
    }
  })

  test('an empty file', async () => {
    writeFileSync(join(root, 'artifacts/empty.tgz'), '')
    const response = await get('/artifacts/empty.tgz')
    expect([response.status, await response.text(), response.headers.get('content-length')]).toEqual([200, '', '0'])
  })
})

describe('conditional requests', () => {
  test('a client that has the content gets 304 and no bytes; when it changes, it gets the new one', async () => {
    const first = await get('/index/3/s/sms')
    const etag = first.headers.get('etag') ?? ''
    await first.text()
    for (const header of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const again = await get('/index/3/s/sms', { 'if-none-match': header })
      expect([again.status, await again.text(), again.headers.get('etag'), again.headers.get('cache-control')]).toEqual([304, '', etag, 'public, max-age=60'])
    }
    await publishIndex(root, { registry: REGISTRY, entries: [], releases: [release('sms', '1.1.0')] }, { names: 'release' })
    const changed = await get('/index/3/s/sms', { 'if-none-match': etag })
    expect([changed.status, (await changed.text()).split('\n').length]).toEqual([200, 3])
  })

  test('the same content under the same name has the same ETag after it was written anew', async () => {
    const path = join(root, 'artifacts', LARGE_NAME)
    const before = (await get(`/artifacts/${LARGE_NAME}`, {}, 'HEAD')).headers.get('etag')
    writeFileSync(`${path}.new`, LARGE)
    renameSync(`${path}.new`, path)
    expect((await get(`/artifacts/${LARGE_NAME}`, {}, 'HEAD')).headers.get('etag')).toBe(before)
  })
})

describe('ranges of artifacts', () => {
  test.each<[string, number, number]>([
    ['bytes=0-99', 0, 99],
    ['bytes=1000000-2000000', 1_000_000, 2_000_000],
    ['bytes=2999990-', 2_999_990, 2_999_999],
    ['bytes=-10', 2_999_990, 2_999_999],
  ])('%s', async (range, start, end) => {
    const response = await get(`/artifacts/${LARGE_NAME}`, { range })
    expect([response.status, response.headers.get('content-range')]).toEqual([206, `bytes ${start}-${end}/3000000`])
    expect((await bytesOf(response)).equals(LARGE.subarray(start, end + 1))).toBe(true)
  })

  test('past the end is 416 with the size; several ranges are the whole; index files have none', async () => {
    const past = await get(`/artifacts/${LARGE_NAME}`, { range: 'bytes=3000000-' })
    expect([past.status, past.headers.get('content-range'), past.headers.get('content-type')]).toEqual([416, 'bytes */3000000', 'application/problem+json'])
    await past.text()
    const several = await get(`/artifacts/${LARGE_NAME}`, { range: 'bytes=0-1,5-6' })
    expect([several.status, (await bytesOf(several)).length]).toEqual([200, 3_000_000])
    const index = await get('/index/3/s/sms', { range: 'bytes=0-1' })
    expect([index.status, index.headers.get('accept-ranges')]).toEqual([200, null])
    await index.text()
  })

  test('a download goes on only with the same content', async () => {
    const { headers } = await get(`/artifacts/${LARGE_NAME}`, {}, 'HEAD')
    const same = await get(`/artifacts/${LARGE_NAME}`, { range: 'bytes=10-19', 'if-range': headers.get('etag') ?? '' })
    expect([same.status, (await bytesOf(same)).equals(LARGE.subarray(10, 20))]).toEqual([206, true])
    const other = await get(`/artifacts/${LARGE_NAME}`, { range: 'bytes=10-19', 'if-range': '"another"' })
    expect([other.status, (await bytesOf(other)).length]).toEqual([200, 3_000_000])
  })
})

describe('what is not there, or not allowed', () => {
  test('404 as a problem document that echoes nothing dangerous', async () => {
    const { status, type, body } = await raw('/no/such/%1b[31mthing')
    expect([status, type]).toEqual([404, 'application/problem+json'])
    expect(JSON.parse(body)).toMatchObject({ type: 'https://catalyst.dev/problems/not-found', title: 'Not Found', status: 404, code: 'NOT_FOUND', detail: 'there is nothing at /no/such/%1b[31mthing' })
  })

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s is 405 with what is allowed', async (method) => {
    const response = await get('/registry.yaml', {}, method)
    expect([response.status, response.headers.get('allow'), response.headers.get('content-type')]).toEqual([405, 'GET, HEAD', 'application/problem+json'])
    await response.text()
  })

  test.each([
    '/../secret.tgz', '/artifacts/../../secret.tgz', '/artifacts/..%2f..%2fsecret.tgz', '/artifacts/%2e%2e/%2e%2e/secret.tgz', '/artifacts/..%252f..%252fsecret.tgz', '/artifacts/..\\..\\secret.tgz',
    '/artifacts/..%5c..%5csecret.tgz', '//secret.tgz', '/artifacts//../../secret.tgz', '/artifacts/%00/../../secret.tgz', '/artifacts/....//....//secret.tgz', '/artifacts/%c0%ae%c0%ae/secret.tgz',
    '/index/../../secret.tgz', '/entries/../../secret.tgz', '/./artifacts/../../secret.tgz', '/artifacts/sms-1.0.0.tgz/../../../secret.tgz', 'http://x/../secret.tgz', '/file:///etc/passwd', '/%2fetc%2fpasswd',
  ])('no way out: %s', async (path) => {
    const { status, body } = await raw(path)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(500)
    expect(body).not.toBe('secret')
  })

  test('links are not followed, whether they are the file or a folder on the way', async () => {
    symlinkSync(join(dir, 'secret.tgz'), join(root, 'artifacts/link.tgz'))
    symlinkSync(join(root, 'artifacts/sms-1.0.0.tgz'), join(root, 'artifacts/inside.tgz'))
    mkdirSync(join(dir, 'elsewhere/zz'), { recursive: true })
    writeFileSync(join(dir, 'elsewhere/zz/zzzz'), 'secret')
    symlinkSync(join(dir, 'elsewhere'), join(root, 'index/zz'))
    expect((await raw('/artifacts/link.tgz')).status).toBe(404)
    expect((await raw('/artifacts/inside.tgz')).status).toBe(404)
    expect((await raw('/index/zz/zz/zzzz')).status).toBe(404)
  })

  test('folders, pipes and files that may not be read are nothing', async () => {
    mkdirSync(join(root, 'artifacts/folder.tgz'))
    execFileSync('mkfifo', [join(root, 'artifacts/pipe.tgz')])
    linkSync(join(root, 'registry.yaml'), join(root, 'artifacts/hard.tgz'))
    expect((await raw('/artifacts/folder.tgz')).status).toBe(404)
    expect((await raw('/artifacts/pipe.tgz')).status).toBe(404)
    expect((await raw('/artifacts/hard.tgz')).status).toBe(200)
  })

  test('other files of the folder are not served', async () => {
    writeFileSync(join(root, 'trusted-root.json'), '{}')
    writeFileSync(join(root, 'artifacts/.sms.tgz'), 'x')
    expect((await raw('/trusted-root.json')).status).toBe(404)
    expect((await raw('/artifacts/.sms.tgz')).status).toBe(404)
  })
})

describe('while files change', () => {
  test('a reader gets one whole content, the old or the new, and its own ETag', async () => {
    const path = join(root, 'artifacts/moving.tgz')
    const contents = Array.from({ length: 6 }, (_, i) => Buffer.alloc(i % 2 ? 2_000_000 : 50_000, i))
    const known = new Set(contents.map((bytes) => hexOf(sha256(bytes))))
    writeFileSync(path, contents[0] ?? '')
    const stop = new AbortController()
    const writer = (async () => {
      for (let i = 0; !stop.signal.aborted; i++) {
        writeFileSync(`${path}.new`, contents[i % contents.length] ?? '')
        renameSync(`${path}.new`, path)
        await new Promise(setImmediate)
      }
    })()
    const readers = Array.from({ length: 4 }, async () => {
      for (let i = 0; i < 15; i++) {
        const response = await get('/artifacts/moving.tgz')
        const digest = hexOf(sha256(await bytesOf(response)))
        expect(known.has(digest)).toBe(true)
        expect(response.headers.get('etag')).toBe(`"${digest}"`)
      }
    })
    await Promise.all(readers)
    stop.abort()
    await writer
  })

  test.each<[string, (path: string) => void]>([
    ['made shorter', (path) => truncateSync(path, 40_000_000)],
    ['made longer', (path) => appendFileSync(path, 'more')],
    ['filled with other bytes', (path) => writeFileSync(path, Buffer.alloc(1_000_000, 7), { flag: 'r+' })],
  ])('a file that is %s in place while it is sent is cut off, never completed with other bytes', async (_, change) => {
    const path = join(root, 'artifacts/huge.tgz')
    writeFileSync(path, '')
    truncateSync(path, 60_000_000)
    const response = await get('/artifacts/huge.tgz')
    const reader = response.body?.getReader()
    await reader?.read()
    change(path)
    const rest = (async () => {
      while (!(await reader?.read())?.done);
    })()
    await expect(rest).rejects.toThrow()
    const again = await get('/artifacts/huge.tgz')
    expect(again.headers.get('etag')).toBe(`"${hexOf(sha256(await bytesOf(again)))}"`)
  })

  test('the whole folder may be a link that is switched', async () => {
    const other = join(dir, 'other')
    await publishIndex(other, { registry: { ...REGISTRY, title: 'The next one' }, entries: [], releases: [] })
    symlinkSync(root, join(dir, 'current'))
    const linked = await serveIndex({ root: join(dir, 'current') })
    expect(await (await fetch(`${linked.url}/registry.yaml`)).text()).toContain('Official')
    symlinkSync(other, join(dir, 'next'))
    renameSync(join(dir, 'next'), join(dir, 'current'))
    expect(await (await fetch(`${linked.url}/registry.yaml`)).text()).toContain('The next one')
    await linked.close(0)
  })

  test('no file stays open, however requests end', async () => {
    if (process.platform !== 'linux') return
    const open = () => execFileSync('ls', [`/proc/${process.pid}/fd`]).toString().split('\n').length
    await bytesOf(await get(`/artifacts/${LARGE_NAME}`))
    const before = open()
    for (let i = 0; i < 20; i++) {
      await (await get(`/artifacts/${LARGE_NAME}`)).body?.cancel()
      await (await get(`/artifacts/${LARGE_NAME}`, {}, 'HEAD')).text()
      await (await get(`/artifacts/${LARGE_NAME}`, { range: 'bytes=3000000-' })).text()
      await (await get(`/artifacts/${LARGE_NAME}`, { 'if-none-match': '*' })).text()
    }
    await server.close(0)
    await eventually(() => expect(open()).toBeLessThanOrEqual(before))
  })
})

describe('the server', () => {
  test('is ready as long as it has an index to serve, and alive in any case', async () => {
    expect(await (await get('/readyz')).json()).toEqual({ status: 'ready' })
    rmSync(join(root, 'registry.yaml'))
    const ill = await get('/readyz')
    expect([ill.status, ill.headers.get('content-type'), ((await ill.json()) as { detail: string }).detail]).toEqual([503, 'application/problem+json', 'there is no index to serve: registry.yaml is missing'])
    expect(await (await get('/healthz')).json()).toEqual({ status: 'ok' })
  })

  test('lets a download finish when it is asked to stop, and then is gone', async () => {
    const response = await get(`/artifacts/${LARGE_NAME}`)
    const stopped = server.close()
    expect((await bytesOf(response)).length).toBe(3_000_000)
    await stopped
    await expect(get('/registry.yaml')).rejects.toThrow()
  })

  test('cuts off what does not end in time', async () => {
    writeFileSync(join(root, 'artifacts/huge.tgz'), '')
    truncateSync(join(root, 'artifacts/huge.tgz'), 60_000_000)
    const response = await get('/artifacts/huge.tgz')
    await server.close(50)
    await expect(bytesOf(response)).rejects.toThrow()
  })

  test('an address that is taken is told', async () => {
    const { port } = new URL(server.url)
    await expect(serveIndex({ root, port: Number(port) })).rejects.toMatchObject({ code: 'USAGE' })
  })
})
