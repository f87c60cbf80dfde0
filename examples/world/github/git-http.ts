import type { Context } from 'hono'
import { spawn } from 'node:child_process'
import { basename, dirname } from 'node:path'
import type { Env } from './http.ts'

/** Lets git's own `git http-backend` (a CGI program) answer a request for a bare repository. */
export async function gitHttp(c: Context<Env>, dir: string, login: string | undefined): Promise<Response> {
  const request = Buffer.from(await c.req.arrayBuffer())
  const child = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      PATH: process.env.PATH, GIT_PROJECT_ROOT: dirname(dir), GIT_HTTP_EXPORT_ALL: '1', PATH_INFO: `/${basename(dir)}/${c.req.param('service')}`,
      REQUEST_METHOD: c.req.method, QUERY_STRING: new URL(c.req.url).search.slice(1), CONTENT_TYPE: c.req.header('content-type') ?? '',
      CONTENT_LENGTH: String(request.length), HTTP_CONTENT_ENCODING: c.req.header('content-encoding') ?? '', GIT_PROTOCOL: c.req.header('git-protocol') ?? '',
      // With a user http-backend lets receive-pack run; who may push was decided before.
      ...(login === undefined ? {} : { REMOTE_USER: login }),
    },
  })
  child.stdin.on('error', () => undefined)
  child.stdin.end(request)
  const chunks: Buffer[] = []
  for await (const chunk of child.stdout) chunks.push(chunk as Buffer)
  return fromCgi(Buffer.concat(chunks))
}

/** RFC 3875 6: header lines, an empty line, the body. */
function fromCgi(output: Buffer): Response {
  const end = output.indexOf('\r\n\r\n')
  const lines = output.subarray(0, end).toString().split('\r\n')
  const headers = new Headers(lines.map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]))
  const status = Number.parseInt(headers.get('status') ?? '200', 10)
  headers.delete('status')
  return new Response(Uint8Array.from(output.subarray(end + 4)), { status, headers })
}
