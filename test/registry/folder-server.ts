import { existsSync, readFileSync, statSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

/** Answers one request in the server's stead. */
export type Answer = (response: ServerResponse) => void

/** A web server of somebody else's: serves a folder, keeps count, and does what a test makes it do. */
export class FolderServer {
  readonly url: string
  root: string
  /** Every request since it was last emptied. */
  readonly asked: { readonly path: string; readonly status: number; readonly bytes: number }[] = []
  /** What is done in place of serving a path. */
  readonly instead = new Map<string, Answer>()
  readonly #close: () => Promise<void>

  private constructor(url: string, root: string, close: () => Promise<void>) {
    this.url = url
    this.root = root
    this.#close = close
  }

  static async open(root: string): Promise<FolderServer> {
    const answer: { by?: FolderServer } = {}
    const server = createServer((request, response) => answer.by?.serve(request.url ?? '', response))
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const close = (): Promise<void> => new Promise((done) => {
      server.closeAllConnections()
      server.close(() => done())
    })
    answer.by = new FolderServer(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, root, close)
    return answer.by
  }

  serve(path: string, response: ServerResponse): void {
    const odd = this.instead.get(path)
    if (odd) {
      this.asked.push({ path, status: 0, bytes: 0 })
      return odd(response)
    }
    const file = join(this.root, decodeURIComponent(path))
    const there = existsSync(file) && statSync(file).isFile()
    const bytes = there ? readFileSync(file) : Buffer.from('no such file\n')
    this.asked.push({ path, status: there ? 200 : 404, bytes: bytes.length })
    response.writeHead(there ? 200 : 404, { 'content-length': bytes.length }).end(bytes)
  }

  /** What was asked since, in order. */
  taken(): readonly { readonly path: string; readonly status: number; readonly bytes: number }[] {
    return this.asked.splice(0)
  }

  close(): Promise<void> {
    return this.#close()
  }
}
