import { readFileSync } from 'node:fs'
import { sha256 } from '../schemas/digest.ts'
import { CatalystError } from '../schemas/errors.ts'
import { LIMITS } from '../schemas/limits.ts'
import { writeAtomically } from './atomic-write.ts'
import type { Credentials } from './credentials.ts'
import { shownUrl } from './http-answer.ts'
import { readBody } from './http-body.ts'
import type { Http, HttpAnswer } from './http.ts'
import { cachePaths } from './paths.ts'
import { DEFAULT_RETRIES, withRetries, type RetryPolicy } from './retry.ts'

/** What reading an API needs. */
export interface ApiSettings {
  /** `https://api.github.com`; nothing outside of it is asked. */
  readonly apiUrl: string
  readonly http: Http
  readonly credentials: Credentials
  readonly cacheDir: string
  readonly retries?: Partial<RetryPolicy> | undefined
}

/** The part of `fetch` that octokit uses to read. */
export type ApiFetch = (url: string, init: { headers: Readonly<Record<string, string>>; signal?: AbortSignal }) => Promise<Response>

/** An answer as it is kept for the next conditional request. */
interface Kept {
  readonly etag: string
  readonly type: string
  readonly link: string
  readonly body: string
}

/**
 * A `fetch` for octokit over our own HTTP: answers are kept with their ETag and asked for again conditionally (RFC 9110
 * 13.1.2; with a token GitHub counts no 304), and a 304 comes back as the 200 that was kept, so that octokit does not
 * throw it. Redirects of renamed repositories are followed within the API only.
 */
export function conditionalFetch(settings: ApiSettings): ApiFetch {
  const policy = { ...DEFAULT_RETRIES, ...settings.retries }
  const base = new URL(`${settings.apiUrl}/`)
  return (url, { headers, signal }) => {
    const target = new URL(url)
    if (target.origin !== base.origin || !target.pathname.startsWith(base.pathname)) throw new CatalystError('FOREIGN_URL', `GitHub's API sends us to ${shownUrl(target)}`)
    const path = cachePaths(settings.cacheDir).answer(`${url} ${headers.accept} ${sha256(settings.credentials(target) ?? '')}`)
    const kept = readKept(path)
    return withRetries(async () => {
      const limits = { maxBytes: LIMITS.apiAnswerMaxBytes, signal }
      const sent = kept ? { ...headers, 'if-none-match': kept.etag } : headers
      const answer = await settings.http.send({ url, headers: sent, credentials: settings.credentials, sameOrigin: true, ...limits })
      const body = await readBody(answer, limits)
      if (answer.status === 304 && kept) return responseOf(kept)
      refusePage(answer)
      const fresh = { etag: answer.headers.etag ?? '', type: answer.headers['content-type'] ?? '', link: linkOf(answer), body: body.toString() }
      if (fresh.etag !== '') keep(path, fresh)
      return responseOf(fresh)
    }, policy, signal)
  }
}

/** A page for people (a hotel's login, a proxy's excuse) is no answer of GitHub. */
function refusePage(answer: HttpAnswer): void {
  const type = answer.headers['content-type'] ?? 'no type'
  if (!/^application\/(.+\+)?json\b/.test(type)) throw new CatalystError('SOURCE_UNREACHABLE', `${shownUrl(answer.url)} answers ${type} where JSON is expected`)
}

function responseOf({ type, link, body }: Kept): Response {
  return new Response(body, { status: 200, headers: { 'content-type': type, ...(link ? { link } : {}) } })
}

function linkOf(answer: HttpAnswer): string {
  const { link } = answer.headers
  return Array.isArray(link) ? link.join(', ') : (link ?? '')
}

function readKept(path: string): Kept | undefined {
  try {
    const kept = JSON.parse(readFileSync(path, 'utf8')) as Partial<Record<keyof Kept, unknown>>
    const whole = [kept.etag, kept.type, kept.link, kept.body].every((member) => typeof member === 'string')
    return whole ? (kept as unknown as Kept) : undefined
  } catch {
    return undefined
  }
}

/** A cache that cannot be written costs a request more next time, and nothing else. */
function keep(path: string, kept: Kept): void {
  try {
    writeAtomically(path, JSON.stringify(kept))
  } catch {
    // See above.
  }
}
