import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newToken } from '../../api/auth/tokens.ts'
import type { Scope } from '../../api/auth/scopes.ts'
import { type RunningService, type ServiceOptions, startService } from '../../api/service.ts'
import { openCatalog } from '../../catalog/db/store.ts'
import type { CatalogStore, Verdict } from '../../catalog/ports.ts'
import { publishIndex } from '../../catalog/publish.ts'
import { sha256 } from '../../schemas/digest.ts'
import type { RegistryEntry } from '../../schemas/registry-entry.ts'
import type { TokenRow } from '../../schemas/tokens.ts'
import { entry, lineFor } from '../builders/catalog.ts'
import * as sample from '../catalog/sample-index.ts'

/* A whole service on loopback: a published folder, a catalog in SQLite, tokens, a secret of webhooks; every line of its log kept. */

export const NOW = '2026-11-30T12:00:00.000Z'
export const SECRET = 'a secret of webhooks, long enough'

export interface Ground {
  readonly service: RunningService
  readonly store: CatalogStore
  readonly root: string
  readonly dir: string
  /** What the log has so far. */
  lines(): readonly Record<string, unknown>[]
  /** A token with these scopes, as an Authorization header. */
  token(name: string, scopes: readonly Scope[], expires?: string): Record<string, string>
  get(path: string, headers?: Record<string, string>): Promise<Response>
  send(method: string, path: string, body: unknown, headers?: Record<string, string>): Promise<Response>
  close(): Promise<void>
}

export async function ground(odd: Omit<Partial<ServiceOptions>, 'catalog'> & { readonly catalog?: Partial<NonNullable<ServiceOptions['catalog']>> } = {}): Promise<Ground> {
  const dir = mkdtempSync(join(tmpdir(), 'service-'))
  const root = join(dir, 'index')
  await publishIndex(root, { registry: sample.REGISTRY, entries: [sample.entry('sms')], releases: [sample.release('sms', '1.0.0')] }, { names: 'release' })
  const store = await openCatalog(`sqlite:${join(dir, 'catalog.db')}`)
  const written: string[] = []
  const rows: TokenRow[] = []
  const { catalog, ...rest } = odd
  const service = await startService({
    root, listen: { host: '127.0.0.1', port: 0 }, version: '9.9.9', log: { write: (line) => void written.push(line) }, now: () => NOW, remembering: { freshMs: 0 },
    catalog: { service: store, tokens: async () => rows, webhookSecrets: [SECRET], ...catalog },
    ...rest,
  })
  const get = (path: string, headers: Record<string, string> = {}) => fetch(service.url + path, { headers })
  return {
    service, store, root, dir, get,
    lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>),
    token(name, scopes, expires = '2027-01-01T00:00:00Z') {
      const { token, sha256 } = newToken()
      rows.push({ name, sha256, scopes: [...scopes], expires })
      return { authorization: `Bearer ${token}` }
    },
    send: (method, path, body, headers = {}) => fetch(service.url + path, { method, headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers }, ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }) }),
    async close() {
      await service.stop({ graceMs: 0 })
      await store.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** Puts entries into the catalog: all that there are. */
export async function project(store: CatalogStore, entries: readonly RegistryEntry[]): Promise<void> {
  await store.projectEntries(entries.map((one) => ({ entry: one, digest: sha256(one.id) })), [], NOW)
}

/** A verdict on a version that the entry's repository published. */
export function verdict(id: string, version: string, odd: Partial<Verdict> = {}): Verdict {
  const line = lineFor(entry(id), version)
  const { repository, tag, commit, artifact, bundle, publishedAt } = line
  return { id, version, verdict: 'listed', decidedAt: NOW, release: { repository, tag, commit, artifact, bundle, publishedAt }, line, evidence: { problems: [], differences: [], proposal: undefined, proof: undefined, entryDigest: undefined, by: undefined }, ...odd }
}

/** Sends bytes as they are, and tells what came back until the connection ended. */
export function rawTcp(url: string, bytes: string, options: { readonly keepOpen?: boolean } = {}): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(bytes, 'latin1')
      if (!options.keepOpen) socket.end()
    })
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    socket.on('close', () => resolve(text))
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' || error.code === 'EPIPE' ? resolve(text) : reject(error)))
  })
}

/** A request as it is: fetch would tidy path and headers before they are sent. */
export function rawRequest(url: string, path: string, { method = 'GET', headers = {}, body }: { readonly method?: string; readonly headers?: Record<string, string | string[]>; readonly body?: Uint8Array | string } = {}): Promise<{ readonly status: number; readonly headers: NodeJS.Dict<string | string[]>; readonly body: Buffer }> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ hostname, port, path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }))
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

