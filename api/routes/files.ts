import { acceptedEncoding } from '../accepted-encoding.ts'
import { answer, type Exchange } from '../exchange.ts'
import type { ServedFolder } from '../folder-file.ts'
import { HeldFile } from '../held-file.ts'
import { byteRange, noneMatchHits, rangeCounts } from '../http-range.ts'
import { ApiError, problem, problemOf } from '../problem.ts'
import { servedPath, type ServedPath } from '../served-path.ts'
import { ChangingFile, type StreamedFile } from '../streamed-file.ts'

/**
 * Answers for a file of the published folder: strong ETags that are digests of the content, one byte range for artifacts
 * and bundles, text compressed for those who take it. What was looked at a moment ago is answered without waiting for anything.
 */
export function fileAnswer(exchange: Exchange, folder: ServedFolder): Response | Promise<Response> {
  const { method = '' } = exchange.incoming
  const wanted = servedPath(exchange.path)
  exchange.route = wanted?.kind ?? 'none'
  if (method !== 'GET' && method !== 'HEAD') return problem(exchange, 'METHOD_NOT_ALLOWED', `${method} is not taken here`, { allow: 'GET, HEAD' })
  if (!wanted) return nothingAt(exchange)
  const file = folder.fresh(wanted.path)
  return file ? heldAnswer(exchange, wanted, file) : lookedUp(exchange, wanted, folder)
}

async function lookedUp(exchange: Exchange, wanted: ServedPath, folder: ServedFolder): Promise<Response> {
  try {
    const file = await folder.open(wanted.path)
    if (!file) return nothingAt(exchange)
    return file instanceof HeldFile ? heldAnswer(exchange, wanted, file) : await streamed(exchange, wanted, file)
  } catch (error) {
    return problemOf(exchange, error instanceof ChangingFile ? changing(error) : error)
  }
}

function nothingAt(exchange: Exchange): Response {
  return problem(exchange, 'NOT_FOUND', `there is nothing at ${exchange.path}`)
}

function changing(error: ChangingFile): ApiError {
  return new ApiError('FILE_CHANGING', 'the file is being changed; ask again', { headers: { 'retry-after': '1' }, cause: error })
}

// ---- small files ---------------------------------------------------------------------------------------------

/** What is sent, and how: a file, or an answer made in memory. */
export type Sending = Pick<ServedPath, 'contentType' | 'cacheControl' | 'ranges' | 'text'>

/** A content in memory: conditional, compressed for those who take it. */
export function heldAnswer(exchange: Exchange, wanted: Sending, file: HeldFile): Response | Promise<Response> {
  const { headers } = exchange.incoming
  const mayCompress = wanted.text && file.worthCompressing
  const encoding = mayCompress ? acceptedEncoding(headers['accept-encoding'] as string | undefined) : undefined
  const etag = encoding ? `"${file.digest}-${encoding}"` : `"${file.digest}"`
  const shared: Record<string, string> = { etag, 'cache-control': wanted.cacheControl }
  if (mayCompress) shared['vary'] = 'accept-encoding'
  if (noneMatchHits(headers['if-none-match'], etag)) return answer(exchange, 304, null, shared)
  shared['content-type'] = wanted.contentType
  if (encoding === undefined) return part(exchange, wanted, file, shared, (start, end) => (wanted.text && file.text !== undefined ? file.text : file.bytes.subarray(start, end + 1)))
  shared['content-encoding'] = encoding
  const bytes = file.in(encoding)
  return bytes instanceof Promise ? bytes.then((made) => whole(exchange, made, shared)) : whole(exchange, bytes, shared)
}

function whole(exchange: Exchange, bytes: Uint8Array, headers: Record<string, string>): Response {
  headers['content-length'] = String(bytes.length)
  return answer(exchange, 200, exchange.incoming.method === 'HEAD' ? null : bytes, headers)
}

// ---- large files ---------------------------------------------------------------------------------------------

async function streamed(exchange: Exchange, wanted: Sending, file: StreamedFile): Promise<Response> {
  let used = false
  const failed = (error: unknown): void => {
    exchange.fault = error
    exchange.outgoing.destroy()
  }
  try {
    const etag = `"${file.digest}"`
    const shared: Record<string, string> = { etag, 'cache-control': wanted.cacheControl }
    if (noneMatchHits(exchange.incoming.headers['if-none-match'], etag)) return answer(exchange, 304, null, shared)
    shared['content-type'] = wanted.contentType
    return part(exchange, wanted, file, shared, (start, end) => {
      used = true
      return file.stream(start, end, failed)
    })
  } finally {
    if (!used) await file.close()
  }
}

// ---- both ----------------------------------------------------------------------------------------------------

/** The file, or the one part of it that a `Range` asks for. */
function part(exchange: Exchange, wanted: Sending, { size, digest }: { readonly size: number; readonly digest: string }, headers: Record<string, string>, bytes: (start: number, end: number) => string | Uint8Array | ReadableStream<Uint8Array>): Response {
  const { method, headers: asked } = exchange.incoming
  if (wanted.ranges) headers['accept-ranges'] = 'bytes'
  const counts = method === 'GET' && wanted.ranges && rangeCounts(asked['if-range'] as string | undefined, `"${digest}"`)
  const range = counts ? byteRange(asked.range, size) : undefined
  if (range === 'unsatisfiable') return problem(exchange, 'RANGE_NOT_SATISFIABLE', `the file has ${size} bytes`, { 'content-range': `bytes */${size}` })
  const { start, end } = range ?? { start: 0, end: size - 1 }
  headers['content-length'] = String(end + 1 - start)
  if (range) headers['content-range'] = `bytes ${start}-${end}/${size}`
  return answer(exchange, range ? 206 : 200, method === 'HEAD' || size === 0 ? null : bytes(start, end), headers)
}
