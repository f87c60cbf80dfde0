import { exampleReleases, type ExampleRelease } from '../plugins/releases.ts'
import type { Published, ReleasePlan } from '../world/publish.ts'
import { startWorld, type World } from '../world/world.ts'

/** A world in which the example plugins are published as their authors did, release by release. */
export interface ExampleWorld extends World {
  /** Publishes one release of an example plugin, signed; `odd` states what is special about it. */
  release(id: string, version: string, odd?: Partial<ReleasePlan>): Promise<Published>
}

/** Starts the world and makes the repositories of the example plugins with their numeric ids. */
export async function startExampleWorld(): Promise<ExampleWorld> {
  const world = await startWorld()
  const releases = exampleReleases()
  for (const { owner, ownerId, repo, repositoryId } of releases) {
    const name = `${owner}/${repo}`
    if (!world.github.find(name)) world.github.createRepository(name, { id: repositoryId, ownerId })
  }
  const release: ExampleWorld['release'] = (id, version, odd = {}) => {
    const found = releases.find((r) => r.id === id && r.version === version)
    if (!found) throw new Error(`there is no example release ${id} ${version}`)
    return world.publish({ ...planOf(found), ...odd })
  }
  return { ...world, release }
}

function planOf(release: ExampleRelease): ReleasePlan {
  const { id, version, owner, repo, path, tag, files, publishedAt } = release
  return { id, version, repository: `${owner}/${repo}`, ...(path ? { path } : {}), tag, files: Object.fromEntries(files), at: new Date(publishedAt) }
}
