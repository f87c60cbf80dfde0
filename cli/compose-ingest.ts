import { dirname, join } from 'node:path'
import { openCatalog } from '../catalog/db/store.ts'
import { discover, TOPIC } from '../catalog/ingest/discover.ts'
import { type PassDeps, type PassReport, runPass } from '../catalog/ingest/pass.ts'
import type { RepositoryFacts } from '../catalog/lint/rules.ts'
import type { CatalogStore } from '../catalog/ports.ts'
import { downloads } from '../registry/downloads.ts'
import { openBotRepository } from '../registry/git-bot.ts'
import { githubApi } from '../registry/github-api.ts'
import { hasFile, repositoryAt, withTopic } from '../registry/github-facts.ts'
import { lookAt } from '../registry/github-watch.ts'
import { tokenFor } from '../registry/credentials.ts'
import type { GitHubSettings } from '../registry/github.ts'
import { CatalystError, problemsOfError } from '../schemas/errors.ts'
import type { RegistryHouse } from './compose-registry.ts'
import { openProofs } from './proofs.ts'

/* Joins ingest to the real world: GitHub, git, Sigstore and the catalog's database. */

/** What the commands that run a pass are told. */
export interface PassOptions {
  /** A folder or a URL; the folder of `-C` when absent. */
  readonly registry?: string | undefined
  readonly database?: string | undefined
  readonly sigstore: string
  /** Requests of the hour's budget that are left for others. */
  readonly reserve: number
  /** Plugins to look at whether somebody wants them or not. */
  readonly ids: readonly string[]
  readonly topic: boolean
}

/** The catalog's database: `--database`, else `CATALYST_CATALOG`, else a SQLite file in this user's state folder. */
export function openCatalogOf({ env, settings }: RegistryHouse, database: string | undefined): Promise<CatalogStore> {
  return openCatalog(database ?? (env.CATALYST_CATALOG || `sqlite:${join(dirname(settings.verdictsDir), 'catalog.db')}`))
}

/** One pass of the bot, and with `topic` a search for candidates. */
export async function passOf(house: RegistryHouse, kind: 'wanted' | 'sweep', options: PassOptions): Promise<PassReport & { readonly proposed: number }> {
  const { settings, env } = house
  const github = await githubOf(house)
  const api = githubApi(github)
  const store = await openCatalogOf(house, options.database)
  const proofs = openProofs({ baseDir: house.dir, verdictsDir: settings.verdictsDir, clockOffsetMs: 0 })
  try {
    const repository = await openBotRepository({ address: options.registry ?? house.dir, cacheDir: settings.cacheDir, env, token: settings.githubToken, webUrl: settings.githubUrl })
    const artifacts = downloads({ cacheDir: settings.cacheDir, http: github.http, credentials: tokenFor(settings.githubToken, { apiUrl: settings.githubApiUrl, webUrl: settings.githubUrl }) })
    const ingest = { artifacts, verifier: proofs.verifier, packages: proofs.packages, profile: options.sigstore }
    const deps: PassDeps = { store, repository, look: (watched, signal) => lookAt(watched, api, github, signal), api, ingest, now: () => house.now(), reserve: options.reserve, ids: options.ids }
    const report = await runPass(kind, deps)
    const proposed = options.topic && report.stopped === undefined ? await discover(store, (etag) => withTopic(api, TOPIC, etag), await idsOf(store), house.now()) : 0
    return { ...report, proposed }
  } finally {
    await proofs.close()
    await store.close()
  }
}

/** What GitHub says of repositories, for lint. What cannot be asked is told as such. */
export async function factsFrom(house: RegistryHouse): Promise<(url: string, workflow: string) => Promise<RepositoryFacts>> {
  const api = githubApi(await githubOf(house))
  return async (url, workflow) => {
    try {
      const found = await repositoryAt(api, url)
      if (!found) return { kind: 'missing' }
      return { kind: 'present', id: found.id, ownerId: found.ownerId, url: found.url, archived: found.archived, workflow: await hasFile(api, found.url, workflow) }
    } catch (error) {
      if (!(error instanceof CatalystError)) throw error
      const [problem] = problemsOfError(error)
      return { kind: 'unknown', problem: problem ?? { code: error.code, message: error.message } }
    }
  }
}

/** The entry files of a registry's checkout at another revision, by path. @throws CatalystError NOT_FOUND */
export async function entriesAt({ env, settings }: RegistryHouse, dir: string, revision: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const repository = await openBotRepository({ address: dir, cacheDir: settings.cacheDir, env, webUrl: settings.githubUrl })
  const files = await repository.list(await repository.resolve(revision), 'entries')
  const contents = await repository.read(files.map(([, oid]) => oid))
  return new Map(files.map(([path], n) => [path, contents[n] ?? new Uint8Array()]))
}

async function githubOf(house: RegistryHouse): Promise<GitHubSettings> {
  const { githubApiUrl: apiUrl, githubUrl: webUrl, githubToken: token, cacheDir } = house.settings
  return { apiUrl, webUrl, token, http: await house.http(), cacheDir }
}

async function idsOf(store: CatalogStore): Promise<readonly string[]> {
  const ids: string[] = []
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await store.plugins({}, { limit: 100, cursor })
    ids.push(...page.items.map(({ id }) => id))
    cursor = page.next
  }
  return ids
}
