import { CatalystError } from '../schemas/errors.ts'
import type { GitHubApi } from './github-api.ts'
import { IDENTITY_SERVER } from './github.ts'
import { repositoryIn } from './github-watch.ts'

/** What GitHub says of a repository by its name. */
export interface NamedRepository {
  readonly id: number
  readonly ownerId: number
  readonly url: string
  readonly archived: boolean
  readonly description: string | undefined
}

/** The repository that a URL leads to now; undefined when there is none that we can see. @throws CatalystError SOURCE_UNREACHABLE, RATE_LIMITED, UNAUTHORIZED */
export async function repositoryAt(api: GitHubApi, url: string): Promise<NamedRepository | undefined> {
  const name = new URL(url).pathname.slice(1)
  const json = await unlessMissing(async () => (await api.get(`/repos/${name}`)).json)
  return json === undefined ? undefined : named(json, name)
}

/** Whether a file stands on the default branch. */
export async function hasFile(api: GitHubApi, url: string, path: string): Promise<boolean> {
  const name = new URL(url).pathname.slice(1)
  return (await unlessMissing(() => api.get(`/repos/${name}/contents/${path}`))) !== undefined
}

/** Repositories with a topic, in GitHub's order; at most 1,000, which is all that its search shows. */
export async function withTopic(api: GitHubApi, topic: string, etag: string | undefined): Promise<{ readonly unchanged: boolean; readonly etag: string | undefined; readonly found: readonly NamedRepository[] }> {
  const path = `/search/repositories?q=${encodeURIComponent(`topic:${topic} archived:false`)}&sort=updated&per_page=100`
  const first = await api.get(`${path}&page=1`, { etag })
  if (first.unchanged) return { unchanged: true, etag, found: [] }
  const found = [...itemsOf(first.json)]
  for (let [page, more] = [2, first.more]; more && page <= 10; page++) {
    const next = await api.get(`${path}&page=${page}`)
    found.push(...itemsOf(next.json))
    more = next.more
  }
  return { unchanged: false, etag: first.etag, found }
}

function itemsOf(json: unknown): readonly NamedRepository[] {
  const items = (json as { items?: unknown } | null)?.items
  if (!Array.isArray(items)) throw new CatalystError('SOURCE_UNREACHABLE', 'GitHub’s search answers with what is no list')
  return items.map((item) => named(item, 'search'))
}

function named(json: unknown, asked: string): NamedRepository {
  const { id, owner, full_name: name, archived } = repositoryIn(json, asked)
  const { description } = json as { description?: unknown }
  return { id, ownerId: owner.id, url: `${IDENTITY_SERVER}/${name}`, archived, description: typeof description === 'string' ? description : undefined }
}

async function unlessMissing<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof CatalystError && error.code === 'NOT_FOUND') return undefined
    throw error
  }
}
