import type { MiddlewareHandler } from 'hono'
import type { Env } from './github/http.ts'

/** One request that reached the world. `status` and `bytes` (of the body) are 0 until the answer begins. */
export interface RequestRecord {
  readonly method: string
  /** With the query. */
  readonly path: string
  /** Which part of the world: API, github.com, the store of bytes, or Sigstore. */
  readonly part: 'api' | 'web' | 'objects' | 'sigstore'
  /** The Host header. */
  readonly host: string
  /** Was there an Authorization header? Its value is never kept. */
  readonly authorized: boolean
  status: number
  bytes: number
}

/** What may be asked of the log; everything given must agree. */
export interface RequestFilter {
  readonly method?: string
  readonly path?: string | RegExp
  readonly part?: RequestRecord['part']
  readonly status?: number
}

/** Every request in the order of its arrival. */
export class RequestLog {
  #records: RequestRecord[] = []

  get records(): readonly RequestRecord[] {
    return this.#records
  }

  /** The requests that agree with a filter; a path given as text must be contained. */
  find(filter: RequestFilter = {}): readonly RequestRecord[] {
    return this.#records.filter((r) => {
      const path = filter.path === undefined || (typeof filter.path === 'string' ? r.path.includes(filter.path) : filter.path.test(r.path))
      return path && (filter.method ?? r.method) === r.method && (filter.part ?? r.part) === r.part && (filter.status ?? r.status) === r.status
    })
  }

  count(filter: RequestFilter = {}): number {
    return this.find(filter).length
  }

  clear(): void {
    this.#records = []
  }

  add(record: RequestRecord): RequestRecord {
    this.#records.push(record)
    return record
  }
}

/** Writes each request down as it comes, so that a test which has its answer finds it in the log. */
export function logged(log: RequestLog, partOf: (path: string) => RequestRecord['part']): MiddlewareHandler<Env> {
  return async (c, next) => {
    const { pathname, search } = new URL(c.req.url)
    const authorized = c.req.header('authorization') !== undefined
    const record = log.add({ method: c.req.method, path: pathname + search, part: partOf(pathname), host: c.req.header('host') ?? '', authorized, status: 0, bytes: 0 })
    await next()
    // A fault that answers by hand leaves node's response as the only witness; a dropped connection stays 0.
    const byHand = c.res.headers.has('x-hono-already-sent')
    record.status = !byHand ? c.res.status : c.env.outgoing.headersSent ? c.env.outgoing.statusCode : 0
    record.bytes = Number(c.res.headers.get('content-length') ?? 0)
  }
}
