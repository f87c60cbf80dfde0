import { createHash } from 'node:crypto'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A package to offer: `name` and `version` as its package.json says them. */
export interface NpmPackage {
  readonly name: string
  readonly version: string
  readonly tarball: Buffer
}

/**
 * An npm registry on loopback with exactly these packages: packuments with `integrity`, and tarballs, all made before
 * the first request and sent without a redirect. @returns its address, without a slash at the end
 */
export async function npmRegistry(packages: readonly NpmPackage[]): Promise<{ readonly url: string; readonly server: Server }> {
  const answers = new Map<string, Answer>()
  const server = createServer((request, response) => send(response, answers.get(decodeURIComponent(request.url ?? ''))))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  for (const item of packages) {
    const path = `/${item.name}/-/${item.name}-${item.version}.tgz`
    answers.set(path, { type: 'application/octet-stream', body: item.tarball })
    answers.set(`/${item.name}`, { type: 'application/json', body: Buffer.from(JSON.stringify(packument(item, url + path))) })
  }
  return { url, server }
}

interface Answer {
  readonly type: string
  readonly body: Buffer
}

function send(response: ServerResponse, answer: Answer | undefined): void {
  if (!answer) response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not found"}')
  else response.writeHead(200, { 'content-type': answer.type, 'content-length': answer.body.length, 'cache-control': 'public, max-age=300' }).end(answer.body)
}

/** What a registry tells of a package with one version. `time` is years ago: pnpm does not take what is younger than a day. */
function packument({ name, version, tarball }: NpmPackage, url: string): object {
  const digest = (algorithm: string, encoding: 'hex' | 'base64'): string => createHash(algorithm).update(tarball).digest(encoding)
  const dist = { tarball: url, integrity: `sha512-${digest('sha512', 'base64')}`, shasum: digest('sha1', 'hex') }
  const at = '2026-01-02T03:04:05.000Z'
  return { name, 'dist-tags': { latest: version }, time: { created: at, modified: at, [version]: at }, versions: { [version]: { name, version, dist } } }
}
