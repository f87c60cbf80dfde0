import { createAdaptorServer } from '@hono/node-server'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CatalystError } from '../schemas/errors.ts'
import { createApi } from './app.ts'

/** Where and what to serve. */
export interface ServeOptions {
  /** The folder that `publishIndex` writes. */
  readonly root: string
  /** Default 127.0.0.1: to be heard outside, a program must say so. */
  readonly host?: string
  /** Default 0: any free port. */
  readonly port?: number
}

/** A running server. */
export interface IndexServer {
  /** `http://127.0.0.1:8080`, without a slash at its end. */
  readonly url: string
  /** Takes no new requests, lets those under way finish, and after `graceMs` (default 10 s) cuts them off. */
  close(graceMs?: number): Promise<void>
}

/** Starts to serve an index folder. @throws CatalystError USAGE when the address cannot be listened on */
export async function serveIndex({ root, host = '127.0.0.1', port = 0 }: ServeOptions): Promise<IndexServer> {
  const server = createAdaptorServer({ fetch: createApi({ root }).fetch, serverOptions: { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 5_000 } }) as Server
  await listening(server, host, port)
  const address = server.address() as AddressInfo
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  let closing: Promise<void> | undefined
  return { url: `http://${name}:${address.port}`, close: (graceMs = 10_000) => (closing ??= closed(server, graceMs)) }
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new CatalystError('USAGE', `${host}:${port} cannot be listened on (${error.code})`, { cause: error, hint: 'Choose another port or address.' })))
    server.listen(port, host, resolve)
  })
}

function closed(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs)
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
  })
}
