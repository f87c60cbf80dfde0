import { startService } from './service.ts'

/** A server of an index folder and nothing else. */
export interface IndexServer {
  /** `http://127.0.0.1:8080`, without a slash at its end. */
  readonly url: string
  /** Takes no new requests, lets those under way finish, and after `graceMs` (default 10 s) cuts them off. */
  close(graceMs?: number): Promise<void>
}

/** Serves a published folder on loopback, without a log and without limits: for a story on one machine, and for tests. @throws CatalystError USAGE when the port cannot be listened on */
export async function serveIndex({ root, port = 0, freshMs = 0 }: { readonly root: string; readonly port?: number; readonly freshMs?: number }): Promise<IndexServer> {
  const service = await startService({ root, listen: { host: '127.0.0.1', port }, version: '0', perMinute: Number.MAX_SAFE_INTEGER, log: { write: () => undefined }, remembering: { freshMs } })
  return { url: service.url, close: (graceMs = 10_000) => service.stop({ graceMs }) }
}
