import pLimit from 'p-limit'
import { CatalystError, type Problem } from '../../schemas/errors.ts'
import type { BotRepository } from '../../registry/git-bot.ts'
import type { GitHubApi } from '../../registry/github-api.ts'
import type { Look, Watched } from '../../registry/github-watch.ts'
import type { Alarm, CatalogStore, KnownRepository, Verdict, VerdictKind } from '../ports.ts'
import { adoptLines } from './adopt.ts'
import { LOOKED_FOR } from './alarms.ts'
import { examinePlugin, type Examined, repositoryNews, standing, stillValid } from './examine.ts'
import { type Published, publishLines } from './publish-lines.ts'
import { type GitEntry, registryAt, type RegistryAtCommit } from './registry-git.ts'
import type { IngestDeps } from './release.ts'

/** What a pass needs of the outside. */
export interface PassDeps {
  readonly store: CatalogStore
  readonly repository: BotRepository
  readonly look: (watched: Watched, signal?: AbortSignal) => Promise<Look>
  readonly api: Pick<GitHubApi, 'budget' | 'askBudget' | 'spent'>
  readonly ingest: IngestDeps
  readonly now: () => string
  /** Requests of the hour's budget that are left for others. */
  readonly reserve: number
  readonly signal?: AbortSignal | undefined
  readonly pushBackoffMs?: number
  /** Plugins to look at now, whoever wants them. */
  readonly ids?: readonly string[]
}

/** What a pass has done. */
export interface PassReport {
  readonly looked: number
  readonly unchanged: number
  readonly verdicts: Readonly<Record<VerdictKind, readonly string[]>>
  readonly alarms: readonly Alarm[]
  /** What could not be read or checked: looked at again by the next pass. */
  readonly troubles: readonly Problem[]
  readonly published: Published
  /** Why it ended before everything was looked at; undefined when it did not. */
  readonly stopped: { readonly reason: string; readonly until: string | undefined } | undefined
  readonly requests: number
  /** Of them, those that GitHub took from the hour's budget. */
  readonly counted: number
}

const AT_ONCE = 8
/** What a repository costs at most while nobody asks whether it may. */
const REQUESTS_EACH = 20
const BATCH = 64
const SWEEP = 'sweep-began'

/**
 * One pass: entries from git into the database, a look at each repository that is due, verdicts, and the lines into git.
 * `wanted` looks at those only that somebody wants (webhooks, people, new entries); `sweep` at all, and goes on where an
 * earlier sweep stopped. A pass that is killed loses nothing: what was not done is due again.
 * @throws CatalystError SOURCE_UNREACHABLE, PUSH_REJECTED, INDEX_INVALID, STATE_UNAVAILABLE: of the registry's own git and database
 */
export async function runPass(kind: 'wanted' | 'sweep', deps: PassDeps): Promise<PassReport> {
  return new Pass(kind, deps).run()
}

class Pass {
  readonly #kind: 'wanted' | 'sweep'
  readonly #deps: PassDeps
  readonly #verdicts: Record<VerdictKind, string[]> = { listed: [], 'in-review': [], rejected: [], withdrawn: [] }
  readonly #alarms: Alarm[] = []
  readonly #troubles: Problem[] = []
  readonly #done = new Set<number>()
  readonly #limit = pLimit(AT_ONCE)
  /** Unchanged, and not yet written down. */
  #calm: KnownRepository[] = []
  #looked = 0
  #unchanged = 0
  #stopped: PassReport['stopped']

  constructor(kind: 'wanted' | 'sweep', deps: PassDeps) {
    this.#kind = kind
    this.#deps = deps
  }

  async run(): Promise<PassReport> {
    const { store, repository, now, api } = this.#deps
    const registry = await registryAt(repository, await repository.refresh())
    await this.#project(registry)
    await store.requeueTroubled(now())
    await store.wantPlugins(this.#deps.ids ?? [], now())
    await this.#lookAtAll(registry)
    const published = await publishLines(store, repository, now(), this.#deps.pushBackoffMs)
    const { requests, counted } = api.spent()
    return { looked: this.#looked, unchanged: this.#unchanged, verdicts: this.#verdicts, alarms: this.#alarms, troubles: [...this.#troubles, ...published.held], published, stopped: this.#stopped, requests, counted }
  }

  /** Entries of git become plugins, where any has changed since the last pass. */
  async #project(registry: RegistryAtCommit): Promise<void> {
    const { store, now } = this.#deps
    if ((await store.note('entries')) === registry.entriesDigest) return
    const { entries, unreadable, problems } = await registry.entries()
    this.#troubles.push(...problems)
    await store.projectEntries(entries, entries.filter(({ entry }) => entry.killed).map(({ entry }) => entry.id), now(), unreadable)
    for (const entry of entries) if (entry.entry.killed) await this.#kill(entry, registry)
    // Also when it is put back as it was: while something cannot be read or withdrawn, every pass tries.
    await store.writeNote('entries', this.#troubles.length === 0 ? registry.entriesDigest : undefined)
  }

  /** The kill list waits for nobody: what is listed is withdrawn whether the repository can be asked or not. */
  async #kill(entry: GitEntry, registry: RegistryAtCommit): Promise<void> {
    const { store, now } = this.#deps
    const { id } = entry.entry
    await adoptLines(store, registry, entry, now()).catch((error: unknown) => this.#unreadable(error))
    const verdicts = await store.judge(id, 'bot', (present) => standing(present, now()))
    this.#verdicts.withdrawn.push(...verdicts.map(({ version }) => `${id} ${version}`))
  }

  /** An index file that cannot be read keeps nothing from being withdrawn, of this plugin or another, and no other plugin from being looked at. */
  #unreadable(error: unknown): undefined {
    if (!(error instanceof CatalystError) || error.code !== 'INDEX_INVALID') throw error
    this.#troubles.push({ code: error.code, message: error.message, hint: error.hint })
  }

  async #lookAtAll(registry: RegistryAtCommit): Promise<void> {
    const { store, now } = this.#deps
    const began = now()
    const sweepBegan = this.#kind === 'sweep' ? ((await store.note(SWEEP)) ?? began) : undefined
    if (sweepBegan !== undefined) await store.writeNote(SWEEP, sweepBegan)
    await this.#deps.api.askBudget(this.#deps.signal)
    while (this.#stopped === undefined) {
      const due = (await this.#next(began, sweepBegan)).filter(({ id }) => !this.#done.has(id))
      if (due.length === 0) break
      this.#heedBudget()
      await Promise.all(due.map((repository) => this.#limit(() => this.#lookUnlessStopped(repository, registry))))
      await store.saveUnchanged(this.#calm, now())
      this.#unchanged += this.#calm.length
      this.#calm = []
    }
    if (sweepBegan !== undefined && this.#stopped === undefined) {
      await store.writeNote(SWEEP, undefined)
      await store.writeNote('sweep-ended', now())
    }
  }

  /** Each repository has one turn in a pass, however often it is wanted again meanwhile: nobody can keep others from theirs. */
  async #next(began: string, sweepBegan: string | undefined): Promise<readonly KnownRepository[]> {
    const wanted = await this.#deps.store.wanted(BATCH, began)
    return wanted.length > 0 || sweepBegan === undefined ? wanted : this.#deps.store.due(BATCH, sweepBegan)
  }

  async #lookUnlessStopped(repository: KnownRepository, registry: RegistryAtCommit): Promise<void> {
    this.#deps.signal?.throwIfAborted()
    this.#heedBudget()
    if (this.#stopped !== undefined) return
    this.#done.add(repository.id)
    try {
      await this.#lookAt(repository, registry)
    } catch (error) {
      await this.#failed(repository, error)
    }
  }

  /** One at a time when the budget runs low, so that those under way cannot take what is left for others; none when it has. */
  #heedBudget(): void {
    const { api, reserve, now } = this.#deps
    const budget = api.budget()
    if (!budget || budget.resetMs <= Date.parse(now())) return
    this.#limit.concurrency = budget.remaining < reserve + AT_ONCE * REQUESTS_EACH ? 1 : AT_ONCE
    if (budget.remaining <= reserve) this.#stopped ??= { reason: `${budget.remaining} requests are left of the hour’s budget, ${reserve} of them for others`, until: new Date(budget.resetMs).toISOString() }
  }

  async #lookAt(known: KnownRepository, registry: RegistryAtCommit): Promise<void> {
    const { store, look, now, signal } = this.#deps
    const found = await look({ id: known.id, name: known.name, releasesEtag: known.wantedSince === undefined ? known.releasesEtag : undefined }, signal)
    this.#looked += 1
    if (found.kind === 'unchanged') {
      this.#calm.push(known)
      return
    }
    const plugins = await store.pluginsOf(known.id)
    let [state, again, trouble]: [KnownRepository['state'], boolean, string | undefined] = [known.state, false, undefined]
    for (const { id } of plugins) {
      const entry = await registry.entry(id).catch(() => undefined)
      if (!entry) continue
      const news = repositoryNews(known, entry, found)
      state = news.state
      const examined = await this.#examine(id, entry, found, registry).catch((error: unknown) => this.#unreadable(error))
      if (!examined) {
        trouble ??= 'INDEX_INVALID'
        continue
      }
      again ||= examined.postponed > 0 || examined.waiting > 0
      trouble ??= examined.postponed > 0 ? 'POSTPONED' : examined.unchecked[0]?.error.code
      await this.#raise(id, [...examined.alarms, ...(news.alarm ? [news.alarm] : [])])
    }
    const present = found.kind === 'present' ? found.repository : undefined
    const etag = again || trouble !== undefined ? undefined : present?.releasesEtag
    await store.saveRepository({ ...known, name: present?.name ?? known.name, ownerId: present?.ref.ownerId ?? known.ownerId, state, checkedAt: now(), releasesEtag: etag, trouble })
  }

  /** Looks at the releases of one plugin and saves what that comes to. */
  async #examine(id: string, entry: GitEntry, found: Exclude<Look, { kind: 'unchanged' }>, registry: RegistryAtCommit): Promise<Examined> {
    const { store, ingest, now } = this.#deps
    await adoptLines(store, registry, entry, now())
    const known = { entry, verdicts: await store.verdictsOf(id), notices: await store.noticesOf(id) }
    const examined = found.kind === 'present'
      ? await examinePlugin(known, found.repository, registry.registry, ingest, now())
      : { id, verdicts: [], alarms: [], unchecked: [], postponed: 0, waiting: 0 }
    let fresh: readonly Verdict[] = []
    await store.judge(id, 'bot', (present) => {
      fresh = stillValid(examined.verdicts, known, present)
      return [...standing(present, now()), ...fresh]
    })
    for (const { version, verdict } of fresh) this.#verdicts[verdict].push(`${id} ${version}`)
    for (const { version, error } of examined.unchecked) this.#troubles.push({ code: error.code, message: `${id} ${version}: ${error.message}`, hint: error.hint })
    return { ...examined, postponed: examined.postponed + examined.verdicts.length - fresh.length }
  }

  async #raise(id: string, alarms: readonly Pick<Alarm, 'kind' | 'id' | 'version' | 'message'>[]): Promise<void> {
    const { store, now } = this.#deps
    this.#alarms.push(...(await store.raise(alarms, now())))
    await store.settle(id, LOOKED_FOR, alarms, now())
  }

  /** A repository that cannot be asked is written down and holds up no other; an empty budget ends the pass. */
  async #failed(repository: KnownRepository, error: unknown): Promise<void> {
    const { store, now } = this.#deps
    if (!(error instanceof CatalystError) || error.exit !== 5) throw error
    if (error.code === 'RATE_LIMITED') {
      this.#stopped ??= { reason: error.message, until: undefined }
      this.#done.delete(repository.id)
      return
    }
    this.#troubles.push({ code: error.code, message: `${repository.name}: ${error.message}`, hint: error.hint })
    await store.saveRepository({ ...repository, checkedAt: now(), trouble: error.code })
  }
}
