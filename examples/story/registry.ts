import { join } from 'node:path'
import { serveIndex, type IndexServer } from '../../api/serve-index.ts'
import { ingestReleases, type IngestedRelease } from '../../catalog/ingest/release.ts'
import { publishIndex } from '../../catalog/publish.ts'
import { openProofs } from '../../cli/proofs.ts'
import { downloads } from '../../registry/downloads.ts'
import { githubReleases } from '../../registry/github.ts'
import { createHttp } from '../../registry/http.ts'
import type { RegistryEntry, RegistryFile } from '../../schemas/registry-entry.ts'
import { entryOf, type IndexRepository } from '../world/index-repository.ts'
import type { Published } from '../world/publish.ts'
import type { World } from '../world/world.ts'

/** The registry of the story: entries that people reviewed, lines that a machine wrote after proving each release. */
export interface StoryRegistry {
  readonly index: IndexRepository
  /** How many releases were proven and listed. */
  readonly listed: number
  /** Serves the same index with copies of all artifacts, for stores that shall not depend on GitHub. */
  mirror(folder: string): Promise<IndexServer>
}

/** Writes the entries, ingests what their repositories have released, and commits the index. */
export async function startRegistry(world: World, published: readonly Published[], dir: string): Promise<StoryRegistry> {
  const entries = [...new Map(published.map((p) => [p.id, reviewedEntry(published.filter((other) => other.id === p.id))])).values()]
  const releases = await ingestAll(world, entries, dir)
  const index = await world.createIndex()
  const lines = Object.fromEntries(entries.map(({ id }) => [id, releases.filter((r) => r.line.id === id).map((r) => r.line)]))
  await index.commit({ entries: Object.fromEntries(entries.map((e) => [e.id, e])), lines, message: 'List the first releases' })
  return { index, listed: releases.length, mirror: (folder) => mirror(folder, entries, releases) }
}

/** What a reviewer caps a plugin at: all that its own releases ask for today. What a store grants is the store's own decision. */
function reviewedEntry(releases: readonly Published[]): RegistryEntry {
  const [first] = releases
  if (!first) throw new Error('an entry needs a release')
  const entry = { ...entryOf(first), tier: 'official' as const }
  return first.id === 'stripe-payments' ? { ...entry, permissions: STRIPE_AT_MOST } : entry
}

const STRIPE_AT_MOST: NonNullable<RegistryEntry['permissions']> = {
  database: { orders: 'read', customers: 'read' },
  api: ['api.stripe.com:443', 'files.stripe.com:443'],
  hooks: ['order.placed', 'order.cancelled'],
}

/** GitHub -> fetched -> verified -> inspected -> lines: the same code that `catalyst lock` proves with. */
async function ingestAll(world: World, entries: readonly RegistryEntry[], dir: string): Promise<readonly IngestedRelease[]> {
  const http = createHttp({})
  const cacheDir = join(dir, 'registry-cache')
  const proofs = openProofs({ baseDir: dir, verdictsDir: join(dir, 'registry-verdicts'), clockOffsetMs: 0 })
  const source = githubReleases({ apiUrl: world.apiUrl, webUrl: world.url, token: world.github.createToken(), http, cacheDir })
  const deps = { artifacts: downloads({ cacheDir, http }), verifier: proofs.verifier, packages: proofs.packages, profile: './sigstore.root.json' }
  try {
    const all = await Promise.all(entries.map((entry) => ingestReleases(entry, [], source, deps)))
    return all.flatMap((one) => one.releases)
  } finally {
    await proofs.close()
    http.close()
  }
}

async function mirror(folder: string, entries: readonly RegistryEntry[], releases: readonly IngestedRelease[]): Promise<IndexServer> {
  const server = await serveIndex({ root: folder })
  const registry: RegistryFile = { apiVersion: 'catalyst.dev/v1', kind: 'Registry', name: 'mirror', artifactHosts: [server.url] }
  await publishIndex(folder, { registry, entries, releases }, { names: 'release', baseUrl: `${server.url}/` })
  return server
}
