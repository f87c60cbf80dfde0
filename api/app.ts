import { type Context, Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import { ChangingFile, type OpenFile, ServedFolder } from './folder-file.ts'
import { type ByteRange, byteRange, noneMatchHits, rangeCounts } from './http-range.ts'
import { problem } from './problem.ts'
import { servedPath, type ServedPath } from './served-path.ts'

/** `root`: the folder that `publishIndex` writes. */
export interface ApiOptions {
  readonly root: string
}

/**
 * The index over HTTP: `/registry.yaml`, `/entries/<id>.yaml`, `/index/<prefix>/<id>`, `/artifacts/…`, `/bundles/…` and
 * `/healthz`. GET and HEAD; strong ETags that are digests of the content; one byte range for artifacts and bundles;
 * everything else is a problem document.
 */
export function createApi({ root }: ApiOptions): Hono {
  const folder = new ServedFolder(root)
  const app = new Hono({ getPath: (request) => pathOf(request.url) })
  app.use(secureHeaders({ contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] }, crossOriginResourcePolicy: 'cross-origin', strictTransportSecurity: false }))
  app.use(async (c, next) => {
    if (c.req.method !== 'GET' && c.req.method !== 'HEAD') return problem(405, `${c.req.method} is not taken here`, { allow: 'GET, HEAD' })
    return next()
  })
  app.get('/healthz', (c) => health(c, folder))
  app.get('*', (c) => serveFile(c, folder))
  app.onError((error) => failure(error))
  return app
}

/** The path as it was sent, neither decoded nor tidied: what is odd about it shall be seen. */
function pathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('://') + 3)
  const end = url.search(/[?#]/)
  return start < 0 ? '/' : url.slice(start, end < 0 ? undefined : end)
}

async function health(c: Context, folder: ServedFolder): Promise<Response> {
  const file = await folder.open('registry.yaml')
  await file?.close()
  return file ? c.json({ status: 'ok' }, 200, { 'cache-control': 'no-store' }) : problem(503, 'there is no index to serve: registry.yaml is missing')
}

async function serveFile(c: Context, folder: ServedFolder): Promise<Response> {
  const wanted = servedPath(c.req.path)
  const file = wanted && (await folder.open(wanted.path))
  if (!file) return problem(404, `there is nothing at ${c.req.path}`)
  try {
    return await answer(c, wanted, file)
  } catch (error) {
    await file.close()
    throw error
  }
}

async function answer(c: Context, wanted: ServedPath, file: OpenFile): Promise<Response> {
  const etag = `"${file.digest}"`
  const headers: Record<string, string> = { etag, 'cache-control': wanted.cacheControl }
  if (noneMatchHits(c.req.header('if-none-match'), etag)) return withoutBody(file, 304, headers)
  if (wanted.ranges) headers['accept-ranges'] = 'bytes'
  const range = c.req.method === 'GET' && wanted.ranges && rangeCounts(c.req.header('if-range'), etag) ? byteRange(c.req.header('range'), file.size) : undefined
  if (range === 'unsatisfiable') {
    await file.close()
    return problem(416, `the file has ${file.size} bytes`, { 'content-range': `bytes */${file.size}` })
  }
  headers['content-type'] = wanted.contentType
  return withBody(c, file, range, headers)
}

async function withBody(c: Context, file: OpenFile, range: ByteRange | undefined, headers: Record<string, string>): Promise<Response> {
  const { start, end } = range ?? { start: 0, end: file.size - 1 }
  headers['content-length'] = String(end + 1 - start)
  if (range) headers['content-range'] = `bytes ${start}-${end}/${file.size}`
  if (c.req.method === 'HEAD' || file.size === 0) return withoutBody(file, 200, headers)
  return new Response(file.stream(start, end), { status: range ? 206 : 200, headers })
}

async function withoutBody(file: OpenFile, status: number, headers: Readonly<Record<string, string>>): Promise<Response> {
  await file.close()
  return new Response(null, { status, headers })
}

/** Nothing of an unexpected error goes out. */
function failure(error: Error): Response {
  if (error instanceof ChangingFile) return problem(503, 'the file is being changed; ask again', { 'retry-after': '1' })
  if (['EMFILE', 'ENFILE'].includes((error as NodeJS.ErrnoException).code ?? '')) return problem(503, 'too many files are open; ask again', { 'retry-after': '1' })
  return problem(500, 'the file could not be read')
}
