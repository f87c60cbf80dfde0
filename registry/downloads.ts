import pLimit from 'p-limit'
import type { ArtifactSource, FetchRequest } from '../reconciler/ports.ts'
import { sha256, type Digest } from '../schemas/digest.ts'
import { CatalystError } from '../schemas/errors.ts'
import { artifactCache, type ArtifactCache, type Spool } from './artifact-cache.ts'
import type { Credentials } from './credentials.ts'
import { AnswerError, shownUrl } from './http-answer.ts'
import { readBody, readPieces } from './http-body.ts'
import type { Http, HttpAnswer } from './http.ts'
import { readLocalFile } from './local-file.ts'
import { cachePaths } from './paths.ts'
import { DEFAULT_RETRIES, withRetries, type RetryPolicy } from './retry.ts'

/** What downloads need; everything but `cacheDir` and `http` has a default. */
export interface DownloadSettings {
  readonly cacheDir: string
  readonly http: Http
  /** Folders that `file:` URLs may lie in: those of the folder registries. Default: none. */
  readonly fileRoots?: readonly string[]
  readonly credentials?: Credentials
  /** Files under way at once. */
  readonly concurrency?: number
  readonly retries?: Partial<RetryPolicy>
  /** Told once when the cache cannot be written; everything else goes on. */
  readonly warn?: (message: string) => void
}

// Past this a download goes to disk piece by piece, so that many at once do not fill the memory.
const HELD_IN_MEMORY = 2 * 1024 * 1024

type Options = Parameters<ArtifactSource['fetch']>[1]

/**
 * Artifacts and bundles from https:, http: and file: URLs, kept in the machine's cache by digest. Bytes come back only
 * when size and digest are those asked for. Files of folder registries are read where they are and not kept twice.
 */
export function downloads(settings: DownloadSettings): ArtifactSource {
  const cache = artifactCache(cachePaths(settings.cacheDir), settings.warn)
  const policy = { ...DEFAULT_RETRIES, ...settings.retries }
  const limit = pLimit(settings.concurrency ?? 16)
  return {
    async fetch(request, options) {
      if (request.url.startsWith('file:')) return checked(request, readLocalFile(request.url, settings.fileRoots ?? [], request.maxBytes))
      const kept = request.sha256 && cache.read(request.sha256, request.maxBytes)
      if (kept) return checked(request, kept, request.sha256)
      if (options.offline) throw new CatalystError('SOURCE_UNREACHABLE', `${shownUrl(request.url)} is not in the cache, and we are offline`, { hint: 'Run the same command once where the network can be reached.' })
      return limit(() => withRetries(() => download(settings, cache, request, options), policy, options.signal))
    },
  }
}

async function download(settings: DownloadSettings, cache: ArtifactCache, request: FetchRequest, { signal }: Options): Promise<Uint8Array> {
  const maxBytes = Math.min(request.size ?? request.maxBytes, request.maxBytes)
  const answer = await settings.http.send({
    url: request.url,
    headers: { accept: 'application/octet-stream' },
    maxBytes,
    signal,
    ...(settings.credentials ? { credentials: settings.credentials } : {}),
  })
  refuseOtherLength(request, answer)
  const expected = Number(answer.headers['content-length'] ?? maxBytes)
  const spool = expected > HELD_IN_MEMORY ? cache.spool() : undefined
  if (spool) return spooled(cache, spool, request, answer, { maxBytes, signal })
  const bytes = await readBody(answer, { maxBytes, signal })
  const digest = sha256(bytes)
  checked(request, bytes, digest)
  cache.write(digest, bytes)
  return bytes
}

async function spooled(cache: ArtifactCache, spool: Spool, request: FetchRequest, answer: HttpAnswer, limits: { maxBytes: number; signal: AbortSignal | undefined }): Promise<Uint8Array> {
  try {
    const size = await readPieces(answer, (piece) => spool.write(piece), limits)
    const digest = spool.digest()
    refuseOther(request, size, digest)
    spool.keep(digest)
    const bytes = cache.read(digest, limits.maxBytes)
    if (!bytes) throw new CatalystError('SOURCE_UNREACHABLE', `${shownUrl(request.url)}: the downloaded file was altered on this disk`)
    return bytes
  } finally {
    spool.discard()
  }
}

function checked(request: FetchRequest, bytes: Buffer, digest: Digest = sha256(bytes)): Buffer {
  refuseOther(request, bytes.length, digest)
  return bytes
}

/** @throws CatalystError SIZE_MISMATCH, DIGEST_MISMATCH with both values */
function refuseOther(request: FetchRequest, size: number, digest: Digest): void {
  if (request.size !== undefined && size !== request.size) throw new CatalystError('SIZE_MISMATCH', `${shownUrl(request.url)} has ${size} bytes, but ${request.size} are declared`)
  if (request.sha256 !== undefined && digest !== request.sha256) throw new CatalystError('DIGEST_MISMATCH', `${shownUrl(request.url)} is ${digest}, but ${request.sha256} is declared`)
}

/** A server that announces another length has another file: no need to read it, nor to ask again. */
function refuseOtherLength(request: FetchRequest, answer: HttpAnswer): void {
  const length = answer.headers['content-length']
  if (request.size === undefined || length === undefined || Number(length) === request.size) return
  answer.body.destroy()
  throw new CatalystError('SIZE_MISMATCH', `${shownUrl(request.url)} has ${length} bytes, but ${request.size} are declared`, { cause: new AnswerError(200, { again: false }) })
}
