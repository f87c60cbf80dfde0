import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { artifactCache } from '../../registry/artifact-cache.ts'
import { tokenFor } from '../../registry/credentials.ts'
import { downloads, type DownloadSettings } from '../../registry/downloads.ts'
import { allowedUrl, createHttp, type Http, type HttpSettings } from '../../registry/http.ts'
import { cachePaths } from '../../registry/paths.ts'
import { hexOf, sha256 } from '../../schemas/digest.ts'
import { refusal } from './refusal.ts'
import { serve, startServer, type TestServer } from './server.ts'

const BYTES = Buffer.alloc(120_000, 'catalyst ')
const DIGEST = sha256(BYTES)
const LARGE = Buffer.alloc(3 * 1024 * 1024, 'large ')

let dir: string
let server: TestServer
let answers: ((response: ServerResponse, path: string) => void)[]
let waits: number[]
const open: Http[] = []

/** Answers in the order given; the last one stands for good. */
function answerWith(...list: typeof answers): void {
  answers = list
}

/** Compared by digest: a diff of two such files takes minutes to print. */
function isWhole(bytes: Uint8Array): void {
  expect(sha256(bytes)).toBe(DIGEST)
}

const whole = (response: ServerResponse): void => serve(response, BYTES)
const status = (code: number, headers: Record<string, string> = {}) => (response: ServerResponse): void => void response.writeHead(code, headers).end('no')

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'downloads-'))
  waits = []
  answerWith(whole)
  server = await startServer((request, response) => {
    const answer = answers.length > 1 ? answers.shift() : answers[0]
    answer?.(response, request.url ?? '')
  })
})
afterEach(async () => {
  for (const http of open.splice(0)) http.close()
  await server.close()
  rmSync(dir, { recursive: true, force: true })
})

function source(settings: Partial<DownloadSettings> & { http?: never; net?: HttpSettings } = {}) {
  const { net, ...rest } = settings
  const http = createHttp({ idleMs: 60_000, ...net })
  open.push(http)
  const sleep = async (ms: number): Promise<void> => void waits.push(ms)
  return downloads({ cacheDir: join(dir, 'cache'), http, retries: { backoffMs: 0, sleep }, ...rest })
}

const request = (extra: Record<string, unknown> = {}) => ({ url: `${server.url}/a.tgz`, sha256: DIGEST, size: BYTES.length, maxBytes: 1_000_000, ...extra })
const cached = (digest = DIGEST): string => join(dir, 'cache', 'artifacts', hexOf(digest))

describe('a download', () => {
  test('comes back whole, is kept under its digest for this user alone, and is asked for once', async () => {
    const files = source()
    isWhole(await files.fetch(request(), {}))
    isWhole(await files.fetch(request(), {}))
    expect(server.asked).toHaveLength(1)
    expect(statSync(cached()).mode & 0o777).toBe(0o600)
    expect(statSync(join(dir, 'cache', 'artifacts')).mode & 0o777).toBe(0o700)
    expect(readdirSync(join(dir, 'cache', 'artifacts'))).toEqual([hexOf(DIGEST)])
  })

  test('whose digest is not known yet is kept under the one it has', async () => {
    await source().fetch({ url: `${server.url}/b`, maxBytes: 1_000_000 }, {})
    isWhole(readFileSync(cached()))
  })

  test('without a declared length is taken up to its size', async () => {
    answerWith((response) => void response.writeHead(200).end(BYTES))
    isWhole(await source().fetch(request(), {}))
  })

  test('of many files uses few connections and never more at once than allowed', async () => {
    let [now, most] = [0, 0]
    answerWith((response) => {
      most = Math.max(most, ++now)
      setImmediate(() => {
        now--
        whole(response)
      })
    })
    const files = source({ concurrency: 4 })
    await Promise.all(Array.from({ length: 40 }, (_, n) => files.fetch({ url: `${server.url}/${n}`, maxBytes: 1_000_000 }, {})))
    expect(server.asked).toHaveLength(40)
    expect(most).toBeLessThanOrEqual(4)
    expect(server.connections()).toBeLessThanOrEqual(4)
  })

  test('of a large file goes through the disk and leaves nothing else there', async () => {
    answerWith((response) => serve(response, LARGE))
    const bytes = await source().fetch({ url: `${server.url}/large`, sha256: sha256(LARGE), size: LARGE.length, maxBytes: 8_000_000 }, {})
    expect(Buffer.compare(bytes as Buffer, LARGE)).toBe(0)
    expect(readdirSync(join(dir, 'cache', 'artifacts'))).toEqual([hexOf(sha256(LARGE))])
  })

  test('offline comes from the cache or not at all', async () => {
    const files = source()
    const error = await refusal(() => files.fetch(request(), { offline: true }), 'SOURCE_UNREACHABLE')
    expect(error.message).toContain('offline')
    await files.fetch(request(), {})
    isWhole(await files.fetch(request(), { offline: true }))
    expect(server.asked).toHaveLength(1)
  })
})

describe('a file that is another one', () => {
  test('is refused by its digest, with both, and not asked for again', async () => {
    answerWith((response) => serve(response, Buffer.alloc(BYTES.length, 'x')))
    const error = await refusal(() => source().fetch(request(), {}), 'DIGEST_MISMATCH')
    expect(error.message).toContain(DIGEST)
    expect(error.message).toContain(sha256(Buffer.alloc(BYTES.length, 'x')))
    expect(server.asked).toHaveLength(1)
    expect(existsSync(cached())).toBe(false)
  })

  test('of another length is refused before its body is read', async () => {
    answerWith((response) => serve(response, BYTES.subarray(1)))
    const error = await refusal(() => source().fetch(request(), {}), 'SIZE_MISMATCH')
    expect(error.message).toContain('119999')
    expect(error.message).toContain('120000')
    expect(server.asked).toHaveLength(1)
  })

  test('that is announced as longer than we take is not read at all', async () => {
    answerWith((response) => void response.writeHead(200, { 'content-length': 2_000_000_000 }).write(BYTES))
    const error = await refusal(() => source().fetch({ url: `${server.url}/huge`, maxBytes: 1_000_000 }, {}), 'SIZE_MISMATCH')
    expect(error.message).toContain('2000000000')
    expect(server.asked).toHaveLength(1)
  })

  test('that never ends is stopped at the limit', async () => {
    answerWith((response) => {
      const more = (): boolean => !response.destroyed && response.write(Buffer.alloc(65_536)) && more()
      response.on('drain', more)
      response.writeHead(200)
      more()
    })
    await refusal(() => source().fetch({ url: `${server.url}/endless`, maxBytes: 1_000_000 }, {}), 'SIZE_MISMATCH')
    expect(server.asked).toHaveLength(1)
  })

  test('that is large is refused and leaves nothing on the disk', async () => {
    answerWith((response) => serve(response, LARGE))
    await refusal(() => source().fetch({ url: `${server.url}/large`, sha256: DIGEST, size: LARGE.length, maxBytes: 8_000_000 }, {}), 'DIGEST_MISMATCH')
    expect(readdirSync(join(dir, 'cache', 'artifacts'))).toEqual([])
  })
})

describe('a server in trouble', () => {
  const half = (response: ServerResponse): void => {
    response.writeHead(200, { 'content-length': BYTES.length })
    response.write(BYTES.subarray(0, 60_000), () => response.destroy())
  }
  const dropped = (response: ServerResponse): void => void response.socket?.destroy()

  test.each([
    ['500', status(500)],
    ['503 with a short retry-after', status(503, { 'retry-after': '2' })],
    ['429 with a short retry-after', status(429, { 'retry-after': '2' })],
    ['a truncated body', half],
    ['a dropped connection', dropped],
  ])('is asked again after %s', async (_, trouble) => {
    answerWith(trouble, trouble, whole)
    isWhole(await source().fetch(request(), {}))
    expect(server.asked).toHaveLength(3)
  })

  test.each([
    ['500', status(500), 'SOURCE_UNREACHABLE'],
    ['a truncated body', half, 'SOURCE_UNREACHABLE'],
    ['a dropped connection', dropped, 'SOURCE_UNREACHABLE'],
    ['429', status(429), 'RATE_LIMITED'],
  ] as const)('is given up after four times %s', async (_, trouble, code) => {
    answerWith(trouble)
    await refusal(() => source().fetch(request(), {}), code)
    expect(server.asked).toHaveLength(4)
  })

  test.each([
    [401, 'UNAUTHORIZED'],
    [403, 'UNAUTHORIZED'],
    [404, 'NOT_FOUND'],
    [418, 'SOURCE_UNREACHABLE'],
  ] as const)('is not asked again after %i', async (code, expected) => {
    answerWith(status(code))
    await refusal(() => source().fetch(request(), {}), expected)
    expect(server.asked).toHaveLength(1)
  })

  test('that asks to wait is waited for as long as it asks', async () => {
    answerWith(status(429, { 'retry-after': '7' }), whole)
    await source().fetch(request(), {})
    expect(waits).toEqual([7000])
  })

  test('that asks to wait longer than we do is left with the time when it ends', async () => {
    const nowMs = (): number => Date.parse('2026-11-22T12:00:00Z')
    answerWith(status(403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(nowMs() / 1000 + 1800) }))
    const error = await refusal(() => source({ net: { nowMs } }).fetch(request(), {}), 'RATE_LIMITED')
    expect(error.message).toContain('2026-11-22T12:30:00Z')
    expect(server.asked).toHaveLength(1)
    expect(waits).toEqual([])
  })

  test('that falls silent is given up', async () => {
    answerWith((response) => void response.writeHead(200, { 'content-length': BYTES.length }).flushHeaders())
    const error = await refusal(() => source({ net: { idleMs: 30 }, retries: { retries: 0 } }).fetch(request(), {}), 'SOURCE_UNREACHABLE')
    expect(error.message).toContain('silent for 30 ms')
  })

  test('that never answers is given up', async () => {
    answerWith(() => undefined)
    await refusal(() => source({ net: { idleMs: 30 }, retries: { retries: 0 } }).fetch(request(), {}), 'SOURCE_UNREACHABLE')
  })

  test('that drips is given up, though it is never silent', async () => {
    answerWith((response) => {
      response.writeHead(200, { 'content-length': BYTES.length })
      const timer = setInterval(() => response.write('x'), 2)
      response.on('close', () => clearInterval(timer))
    })
    const net = { idleMs: 500, minBytesPerSecond: 12_000_000 }
    const error = await refusal(() => source({ net, retries: { retries: 0 } }).fetch(request(), {}), 'SOURCE_UNREACHABLE')
    expect(error.message).toContain('slower than')
  })

  test('that is not there at all is an error with its address', async () => {
    const url = `${server.url}/a.tgz`
    await server.close()
    const error = await refusal(() => source().fetch({ url, maxBytes: 10 }, {}), 'SOURCE_UNREACHABLE')
    expect(error.message).toContain(url)
  })

  test('stops when the caller does', async () => {
    const stop = new AbortController()
    answerWith(() => stop.abort(new Error('enough')))
    await expect(source().fetch(request(), { signal: stop.signal })).rejects.toThrow('enough')
    expect(server.asked).toHaveLength(1)
  })

  test('cannot move the cursor of a terminal', async () => {
    const error = await refusal(() => source().fetch({ url: `ht\u001b[2Jtp://x`, maxBytes: 1 }, {}), 'FOREIGN_URL')
    expect(error.message).not.toContain('\u001b')
  })
})

describe('a proxy', () => {
  test('is used where the machine names one, but not for hosts that it exempts', async () => {
    const proxy = await startServer((_, response) => whole(response))
    const files = source({ net: { proxyEnv: { HTTP_PROXY: proxy.url, NO_PROXY: '127.0.0.1' } } })
    isWhole(await files.fetch({ url: 'http://files.example/a.tgz', maxBytes: 1_000_000 }, {}))
    expect(proxy.asked.map((a) => a.path)).toEqual(['http://files.example/a.tgz'])
    await files.fetch({ url: `${server.url}/b`, maxBytes: 1_000_000 }, {})
    expect(proxy.asked).toHaveLength(1)
    await proxy.close()
  })
})

describe('a redirect', () => {
  test('is followed to another host, but the token is not shown there', async () => {
    const other = await startServer((_, response) => whole(response))
    answerWith((response) => void response.writeHead(302, { location: `${other.url}/bytes?sig=secret` }).end())
    const credentials = tokenFor('ghp_0123456789abcdef', { apiUrl: server.url, webUrl: 'http://127.0.0.1:1' })
    isWhole(await source({ credentials }).fetch(request(), {}))
    expect(server.asked[0]?.authorization).toBe('Bearer ghp_0123456789abcdef')
    expect(other.asked[0]?.authorization).toBeUndefined()
    await other.close()
  })

  test.each(['file:///etc/passwd', 'ftp://127.0.0.1/x', 'data:text/plain,x', 'http://user:pw@127.0.0.1/x', 'gopher://x'])('to %s is refused', async (location) => {
    answerWith((response) => void response.writeHead(302, { location }).end())
    const error = await refusal(() => source().fetch(request(), {}), 'FOREIGN_URL')
    expect(error.message).not.toContain('pw')
    expect(server.asked).toHaveLength(1)
  })

  test.each([
    ['https://a.example/x', 'http://a.example/x'],
    ['https://a.example/x', '//user@b.example/x'],
    ['https://a.example/x', 'javascript:alert(1)'],
    ['https://a.example/x', 'http://169.254.169.254/latest/meta-data'],
  ])('from %s to %s is refused', async (from, to) => {
    await refusal(() => allowedUrl(to, new URL(from)), 'FOREIGN_URL')
  })

  test('from http: to https:, and to another path, is followed', () => {
    expect(allowedUrl('https://b.example/y', new URL('http://a.example/x')).href).toBe('https://b.example/y')
    expect(allowedUrl('../y', new URL('https://a.example/x/z')).href).toBe('https://a.example/y')
  })

  test('in a circle ends', async () => {
    answerWith((response, path) => void response.writeHead(301, { location: path }).end())
    await refusal(() => source().fetch(request(), {}), 'SOURCE_UNREACHABLE')
    expect(server.asked).toHaveLength(6)
  })

  test('does not put the secret query of a signed address into an error', async () => {
    const other = await startServer((_, response) => status(404)(response))
    answerWith((response) => void response.writeHead(302, { location: `${other.url}/bytes?sig=secret` }).end())
    const error = await refusal(() => source().fetch(request(), {}), 'NOT_FOUND')
    expect(error.message).not.toContain('secret')
    await other.close()
  })
})

describe('the cache', () => {
  test.each([
    ['other bytes of the same length', () => writeFileSync(cached(), Buffer.alloc(BYTES.length, 'x'))],
    ['a shorter file', () => writeFileSync(cached(), 'x')],
    ['a longer file than is taken', () => writeFileSync(cached(), Buffer.alloc(2_000_000))],
    ['a folder', () => (rmSync(cached()), mkdirSync(cached()))],
    ['a link to somewhere else', () => (rmSync(cached()), symlinkSync('/etc/passwd', cached()))],
  ])('that somebody filled with %s is not believed, and mended', async (_, alter) => {
    const files = source()
    await files.fetch(request(), {})
    alter()
    isWhole(await files.fetch(request(), {}))
    expect(server.asked).toHaveLength(2)
    isWhole(readFileSync(cached()))
  })

  test('that cannot be written is done without, and said once', async () => {
    writeFileSync(join(dir, 'file'), '')
    const warnings: string[] = []
    const files = source({ cacheDir: join(dir, 'file', 'cache'), warn: (message) => warnings.push(message) })
    isWhole(await files.fetch(request(), {}))
    isWhole(await files.fetch(request(), {}))
    answerWith((response) => serve(response, LARGE))
    expect(await files.fetch({ url: `${server.url}/large`, maxBytes: 8_000_000 }, {})).toHaveLength(LARGE.length)
    expect(warnings).toHaveLength(1)
  })

  test.each([['ENOSPC'], ['EDQUOT']])('on a full disk (%s) is an error, because unpacking would fail next', async (code) => {
    const write = (): never => {
      throw Object.assign(new Error(code), { code })
    }
    const error = await refusal(() => artifactCache(cachePaths(dir), undefined, write).write(DIGEST, BYTES), 'DISK_FULL')
    expect(error.message).toContain(dir)
    expect(error.hint).toContain('catalyst gc')
  })

  // A real full disk needs the right to mount one; the case above runs everywhere.
  test.runIf(process.getuid?.() === 0)('on a real full disk leaves nothing half written', async () => {
    const disk = join(dir, 'disk')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk])
    try {
      await refusal(() => source({ cacheDir: disk }).fetch(request(), {}), 'DISK_FULL')
      answerWith((response) => serve(response, LARGE))
      await refusal(() => source({ cacheDir: disk }).fetch({ url: `${server.url}/large`, maxBytes: 8_000_000 }, {}), 'DISK_FULL')
      expect(readdirSync(join(disk, 'artifacts'))).toEqual([])
    } finally {
      execFileSync('umount', [disk])
    }
  })
})

describe('a file: URL', () => {
  const at = (path: string): string => pathToFileURL(join(dir, path)).href
  beforeEach(() => {
    mkdirSync(join(dir, 'mirror/artifacts'), { recursive: true })
    writeFileSync(join(dir, 'mirror/artifacts/a.tgz'), BYTES)
    writeFileSync(join(dir, 'secret'), BYTES)
  })
  const local = () => source({ fileRoots: [join(dir, 'mirror')] })

  test('is read where it is, without a copy', async () => {
    isWhole(await local().fetch(request({ url: at('mirror/artifacts/a.tgz') }), { offline: true }))
    expect(existsSync(join(dir, 'cache'))).toBe(false)
  })

  test.each([
    ['outside', () => at('secret')],
    ['outside by dots', () => `${at('mirror')}/../secret`],
    ['outside by encoded dots', () => `${at('mirror')}/%2e%2e/secret`],
    ['outside by a link', () => (symlinkSync(join(dir, 'secret'), join(dir, 'mirror/link')), at('mirror/link'))],
    ['in a folder of a similar name', () => (mkdirSync(join(dir, 'mirror2')), writeFileSync(join(dir, 'mirror2/a'), BYTES), at('mirror2/a'))],
    ['on another machine', () => 'file://server/share/a.tgz'],
  ])('%s of every registry folder is refused', async (_, url) => {
    await refusal(() => local().fetch(request({ url: url() }), {}), 'FOREIGN_URL')
  })

  test('of a missing file is NOT_FOUND', async () => {
    await refusal(() => local().fetch(request({ url: at('mirror/none') }), {}), 'NOT_FOUND')
  })

  test('of a pipe or folder does not hang', async () => {
    execFileSync('mkfifo', [join(dir, 'mirror/pipe')])
    await refusal(() => local().fetch(request({ url: at('mirror/pipe') }), {}), 'SOURCE_UNREACHABLE')
    await refusal(() => local().fetch(request({ url: at('mirror/artifacts') }), {}), 'SOURCE_UNREACHABLE')
  })

  test('of an altered, long or short file is refused', async () => {
    const url = at('mirror/artifacts/a.tgz')
    writeFileSync(join(dir, 'mirror/artifacts/a.tgz'), Buffer.alloc(BYTES.length, 'x'))
    await refusal(() => local().fetch(request({ url }), {}), 'DIGEST_MISMATCH')
    await refusal(() => local().fetch(request({ url, size: 5 }), {}), 'SIZE_MISMATCH')
    await refusal(() => local().fetch(request({ url, maxBytes: 5 }), {}), 'SIZE_MISMATCH')
  })
})
