import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request as a provider sees it. Header names are in lower case. */
export interface ProviderRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}
export interface ProviderResponse {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string
}

/** A provider is its protocol: a request becomes an answer. The network is added by `serveProvider`. */
export type Provider = (request: ProviderRequest) => ProviderResponse

/**
 * What goes wrong with the next request: an answer instead of the provider's own, or a connection that breaks
 * before (`drop`) or after (`drop-after`) the provider has done the work.
 */
export type Fault = 'drop' | 'drop-after' | ProviderResponse

export interface ServedProvider {
  /** Such as `http://127.0.0.1:41234`. */
  readonly origin: string
  /** Every request so far, oldest first. */
  readonly requests: readonly ProviderRequest[]
  /** Each entry hits one request, in turn. */
  readonly faults: Fault[]
  close(): Promise<void>
}

/** Puts a provider on a free port of the loopback interface. */
export async function serveProvider(provider: Provider): Promise<ServedProvider> {
  const requests: ProviderRequest[] = []
  const faults: Fault[] = []
  const respond = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const request = await readRequest(incoming)
    requests.push(request)
    answer(outgoing, request, { provider, fault: faults.shift() })
  }
  const server = createServer((incoming, outgoing) => void respond(incoming, outgoing))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    faults,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** An answer with a JSON body. */
export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): ProviderResponse {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) }
}

async function readRequest(incoming: IncomingMessage): Promise<ProviderRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const url = new URL(incoming.url ?? '/', 'http://provider')
  const headers = Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]))
  return { method: incoming.method ?? 'GET', path: url.pathname, query: url.searchParams, headers, body: Buffer.concat(chunks).toString('utf8') }
}

function answer(outgoing: ServerResponse, request: ProviderRequest, { provider, fault }: { provider: Provider; fault: Fault | undefined }): void {
  if (fault === 'drop') return void outgoing.destroy()
  const response = typeof fault === 'object' ? fault : provider(request)
  if (fault === 'drop-after') return void outgoing.destroy()
  outgoing.writeHead(response.status, response.headers).end(response.body)
}
