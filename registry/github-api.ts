import { CatalystError } from '../schemas/errors.ts'
import { LIMITS } from '../schemas/limits.ts'
import { credentialsOf, type GitHubSettings } from './github.ts'
import { readBody } from './http-body.ts'
import { DEFAULT_RETRIES, withRetries } from './retry.ts'

/** What is left of the hour's budget, as the newest answer told; undefined before the first one. */
export interface Budget {
  readonly remaining: number
  /** Milliseconds since 1970. */
  readonly resetMs: number
}

/** An answer of the API. With `unchanged` there is no `json`: what was read under this ETag still holds. */
export interface ApiAnswer {
  readonly unchanged: boolean
  readonly json: unknown
  readonly etag: string | undefined
  /** True when the list goes on. */
  readonly more: boolean
}

/** GitHub's REST API for questions that are asked again and again: ETags are the caller's to keep, and the budget is told. */
export interface GitHubApi {
  /**
   * Asks for `/repos/…`, `/repositories/…`, `/search/…`. With a token GitHub counts no answer that says "unchanged".
   * @throws CatalystError SOURCE_UNREACHABLE (also half a body, and what is no JSON), RATE_LIMITED, UNAUTHORIZED, NOT_FOUND
   */
  get(path: string, options?: { readonly etag?: string | undefined; readonly signal?: AbortSignal | undefined }): Promise<ApiAnswer>
  budget(): Budget | undefined
  /** Asks for the budget, which costs nothing of it. A server that knows no budget, or cannot tell, leaves it undefined. */
  askBudget(signal?: AbortSignal): Promise<void>
  /** Questions asked so far, and those of them that GitHub counted. */
  spent(): { readonly requests: number; readonly counted: number }
}

/** Redirects of renamed repositories are followed within the API only. */
export function githubApi(settings: GitHubSettings): GitHubApi {
  const policy = { ...DEFAULT_RETRIES, ...settings.retries }
  const spent = { requests: 0, counted: 0 }
  let budget: Budget | undefined
  const api: GitHubApi = {
    budget: () => budget,
    spent: () => ({ ...spent }),
    askBudget: async (signal) => {
      await api.get('/rate_limit', { signal }).catch((error: unknown) => {
        if (!(error instanceof CatalystError)) throw error
      })
    },
    get: (path, { etag, signal } = {}) =>
      withRetries(async () => {
        const limits = { maxBytes: LIMITS.apiAnswerMaxBytes, signal }
        const headers = { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28', ...(etag === undefined ? {} : { 'if-none-match': etag }) }
        spent.requests += 1
        const answer = await settings.http.send({ url: `${settings.apiUrl}${path}`, headers, credentials: credentialsOf(settings), sameOrigin: true, ...limits })
        const body = await readBody(answer, limits)
        budget = budgetOf(answer.headers) ?? budget
        const unchanged = answer.status === 304
        if (path !== '/rate_limit' && (!unchanged || settings.token === undefined)) spent.counted += 1
        const { etag: fresh, link } = answer.headers
        return { unchanged, json: unchanged ? undefined : jsonOf(body, path), etag: unchanged ? etag : fresh, more: /rel="next"/.test(String(link ?? '')) }
      }, policy, signal),
  }
  return api
}

function budgetOf(headers: Readonly<Record<string, string | readonly string[] | undefined>>): Budget | undefined {
  const [remaining, reset] = [Number(headers['x-ratelimit-remaining'] ?? Number.NaN), Number(headers['x-ratelimit-reset'] ?? Number.NaN)]
  const core = headers['x-ratelimit-resource'] === undefined || headers['x-ratelimit-resource'] === 'core'
  return core && Number.isFinite(remaining) && Number.isFinite(reset) ? { remaining, resetMs: reset * 1000 } : undefined
}

function jsonOf(body: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8')) as unknown
  } catch (error) {
    throw new CatalystError('SOURCE_UNREACHABLE', `GitHub's API answers ${path.split('?')[0]} with what is no JSON`, { cause: error })
  }
}
