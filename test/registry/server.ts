import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
}

/** A small server on 127.0.0.1 that answers as told and remembers what it was asked. */
export interface TestServer {
  readonly url: string
  readonly asked: Asked[]
  readonly connections: () => number
  close(): Promise<void>
}

export async function startServer(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<TestServer> {
  const asked: Asked[] = []
  let connections = 0
  const server = createServer((request, response) => {
    asked.push({ method: request.method ?? '', path: request.url ?? '', authorization: request.headers.authorization })
    answer(request, response)
  })
  server.on('connection', () => void connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, connections: () => connections, close }
}

/** Answers a file whole, its length declared. */
export function serve(response: ServerResponse, bytes: Uint8Array, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-length': bytes.length, ...headers }).end(bytes)
}
