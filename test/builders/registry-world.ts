import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openCatalog } from '../../catalog/db/store.ts'
import { type PassDeps, type PassReport, runPass } from '../../catalog/ingest/pass.ts'
import type { CatalogStore } from '../../catalog/ports.ts'
import { openProofs } from '../../cli/proofs.ts'
import { entryOf, type IndexRepository } from '../../examples/world/index-repository.ts'
import type { Published, ReleasePlan } from '../../examples/world/publish.ts'
import { startWorld, type World } from '../../examples/world/world.ts'
import { downloads } from '../../registry/downloads.ts'
import { openBotRepository } from '../../registry/git-bot.ts'
import { githubApi } from '../../registry/github-api.ts'
import { lookAt } from '../../registry/github-watch.ts'
import { createHttp } from '../../registry/http.ts'
import { indexPath } from '../../schemas/names.ts'
import { readIndexLines } from '../../schemas/registry-files.ts'

/** A registry in a world: its git repository, its bot with a database of its own, and a clock that a test moves. */
export interface RegistryWorld {
  readonly world: World
  readonly index: IndexRepository
  readonly store: CatalogStore
  /** ISO 8601; every pass begins a minute later than the one before. */
  now(): string
  /** One pass of the bot with the real parts. */
  pass(kind?: 'wanted' | 'sweep', odd?: Partial<PassDeps> | ((deps: PassDeps) => PassDeps)): Promise<PassReport>
  /** Publishes a release, and the entry that a maintainer would have merged for it, unless one stands there. */
  publish(plan: ReleasePlan, entry?: object): Promise<Published>
  /** `id version` of the lines that stand in git. */
  lines(id: string): readonly string[]
  /** The contents of a file of the registry, as it stands in git. */
  file(path: string): string | undefined
  readonly dir: string
  readonly token: string
  close(): Promise<void>
}

const QUICK = { retries: 0, backoffMs: 0, maxBackoffMs: 0 }

/** Starts a world with an empty registry. `database` names where the catalog is kept; default a new SQLite file. */
export async function startRegistry(options: { readonly database?: string } = {}): Promise<RegistryWorld> {
  const world = await startWorld()
  const dir = mkdtempSync(join(tmpdir(), 'catalyst-registry-'))
  writeFileSync(join(dir, 'root.json'), JSON.stringify(world.sigstore.trustedRoot))
  const http = createHttp({ idleMs: 60_000 })
  const proofs = openProofs({ baseDir: dir, verdictsDir: join(dir, 'verdicts'), clockOffsetMs: 0 })
  const store = await openCatalog(options.database ?? `sqlite:${join(dir, 'catalog.db')}`)
  const index = await world.createIndex()
  const token = world.github.createToken({ login: 'registry-bot', write: true })
  const entered = new Set<string>()
  let minute = 0
  const now = (): string => new Date(Date.parse('2026-11-30T12:00:00Z') + minute * 60_000).toISOString()
  const settings = { apiUrl: world.apiUrl, webUrl: world.url, token, http, cacheDir: join(dir, 'cache'), retries: QUICK }

  const pass: RegistryWorld['pass'] = async (kind = 'wanted', odd = {}) => {
    minute += 1
    const api = githubApi(settings)
    const repository = await openBotRepository({ address: index.url, cacheDir: join(dir, 'cache'), env: process.env, token, webUrl: world.url })
    const ingest = { artifacts: downloads({ cacheDir: join(dir, 'cache'), http, retries: QUICK }), verifier: proofs.verifier, packages: proofs.packages, profile: './root.json' }
    const deps: PassDeps = { store, repository, look: (watched, signal) => lookAt(watched, api, settings, signal), api, ingest, now, reserve: 0, pushBackoffMs: 1 }
    return runPass(kind, typeof odd === 'function' ? odd(deps) : { ...deps, ...odd })
  }
  const file = (path: string): string | undefined => {
    const { status, stdout } = spawnSync('git', ['--git-dir', index.repository.git.dir, 'cat-file', 'blob', `refs/heads/main:${path}`])
    return status === 0 ? stdout.toString() : undefined
  }
  return {
    world, index, store, now, pass, dir, token, file,
    publish: async (plan, entry = {}) => {
      const published = await world.publish(plan)
      if (!entered.has(plan.id)) await index.commit({ entries: { [plan.id]: { ...entryOf(published), ...entry } }, message: `Enter ${plan.id}` })
      entered.add(plan.id)
      return published
    },
    lines: (id) => {
      const bytes = file(`index/${indexPath(id)}`)
      return bytes === undefined ? [] : readIndexLines(bytes, id, id).map(({ version }) => version)
    },
    close: async () => {
      await store.close()
      await proofs.close()
      http.close()
      await world.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
