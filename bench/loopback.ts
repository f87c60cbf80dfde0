import type { Digest } from '../schemas/digest.ts'
import type { Published } from '../examples/world/publish.ts'
import { startWorld } from '../examples/world/world.ts'
import { npmRegistry } from './npm-registry.ts'
import { ownerPlan } from './owner-plugin.ts'
import { FULL_SIZE, pluginFiles } from './plugin-files.ts'

/*
 * The other side of every measurement, run as a process of its own (see world-process.ts), so that whoever is measured
 * shares the machine with the same server. It publishes the plugins once and then only serves.
 */

/**
 * How many plugins of `FULL_SIZE` to publish, how many of four files after them (for rows where only their number counts),
 * and how many whose migrations make tables.
 */
export interface WorldSize {
  readonly full: number
  readonly small: number
  readonly owners: { readonly plugins: number; readonly tables: number }
}

/** A published plugin as the peers see it. */
export interface OfferedPlugin {
  readonly id: string
  readonly version: string
  readonly url: string
  readonly size: number
  readonly sha256: Digest
  readonly bundleUrl: string
  readonly npmName: string
  readonly tag: string
  readonly commit: string
  readonly repository: { readonly url: string; readonly id: number; readonly ownerId: number }
}

/** Where everything is. */
export interface Loopback {
  readonly githubUrl: string
  readonly githubApiUrl: string
  readonly indexUrl: string
  readonly npmUrl: string
  /** The text of a Sigstore trusted root. */
  readonly trustedRoot: string
  readonly plugins: readonly OfferedPlugin[]
  /** Those that own tables; not among the others. */
  readonly owners: readonly OfferedPlugin[]
}

/** Publishes at most so many at once: each signs here and writes its repository with a git process. */
const AT_ONCE = 4

async function serve({ full, small, owners }: WorldSize): Promise<Loopback> {
  const world = await startWorld()
  const plans = [...numbered('bench', full + small).map((id, i) => ({ id, files: pluginFiles(id, i < full ? FULL_SIZE : 4) })), ...numbered('owner', owners.plugins).map((id) => ownerPlan(id, owners.tables))]
  const releases: Published[] = []
  const queue = plans.entries()
  const publish = async (): Promise<void> => {
    for (const [i, plan] of queue) releases[i] = await world.publish({ ...plan, version: '1.0.0' })
  }
  await Promise.all(Array.from({ length: AT_ONCE }, publish))
  const index = await world.createIndex()
  await index.list(releases)
  const npm = await npmRegistry(releases.map(({ id, version, artifact }) => ({ name: npmName(id), version, tarball: artifact.bytes })))
  process.once('disconnect', () => {
    npm.server.closeAllConnections()
    npm.server.close()
    void world.close()
  })
  return { githubUrl: world.url, githubApiUrl: world.apiUrl, indexUrl: `git+${index.url}`, npmUrl: npm.url, trustedRoot: JSON.stringify(world.sigstore.trustedRoot), plugins: releases.slice(0, full + small).map(offered), owners: releases.slice(full + small).map(offered) }
}

/** `bench-001` and so on. */
function numbered(word: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `${word}-${String(i + 1).padStart(3, '0')}`)
}

/** The name in the package.json that the world writes. */
function npmName(id: string): string {
  return `catalyst-plugin-${id}`
}

function offered({ id, version, artifact, bundle, tag, commit, repository }: Published): OfferedPlugin {
  const { url, size, sha256 } = artifact
  const from = { url: `https://github.com/${repository.owner.login}/${repository.name}`, id: repository.id, ownerId: repository.owner.id }
  return { id, version, url, size, sha256, bundleUrl: bundle?.url ?? '', npmName: npmName(id), tag, commit, repository: from }
}

process.once('message', async (size: WorldSize) => process.send?.(await serve(size)))
