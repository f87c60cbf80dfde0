import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CatalystError } from '../schemas/errors.ts'
import { LIMITS } from '../schemas/limits.ts'
import type { LockBlock } from '../schemas/lock.ts'
import type { LockDeps } from '../reconciler/lock/lock.ts'
import type { AuthoritySources, ReleaseHosts } from '../reconciler/lock/authority.ts'
import type { OpenRegistries } from '../reconciler/lock/registries.ts'
import type { ApplyDeps } from '../reconciler/apply/apply.ts'
import { holderName } from '../reconciler/apply/holder.ts'
import { holdLease, type LeaseDeps } from '../reconciler/apply/lease.ts'
import type { RestoreDeps } from '../reconciler/apply/restore.ts'
import type { RollbackDeps } from '../reconciler/apply/rollback.ts'
import type { DesiredState } from '../reconciler/plan/desired.ts'
import type { PluginData } from '../reconciler/data-ports.ts'
import type { ObservedState } from '../reconciler/plan/observed.ts'
import { configReferences, referenceDigests } from '../reconciler/plan/reference-digests.ts'
import type { ConfigSchema } from '../reconciler/plan/config.ts'
import type { ArtifactSource, Hold, IndexSource, InstallRecord, Locate, Packages, Probe, Progress, StoreSnapshot, StoreState, Verifier } from '../reconciler/ports.ts'
import { bytesIfThere } from '../reconciler/state/disk.ts'
import { stampValues, type StampedValues } from '../reconciler/state/stamped-values.ts'
import { quickReferenceKey } from '../reconciler/store-db/serial.ts'
import { storePaths, type StorePaths } from '../reconciler/state/paths.ts'
import type { Http } from '../registry/http.ts'
import type { HandVerification, HandVerified } from '../registry/provenance/verify-by-hand.ts'
import type { Said } from './config-checks.ts'
import { databaseAddress, openDatabase } from './database.ts'
import { observeStore, type ObserveOptions } from './observe.ts'
import { progressTo } from './progress.ts'
import type { OpenedData } from './plugin-data.ts'
import type { Proofs } from './proofs.ts'
import { rememberedDatabase } from './remembered-database.ts'
import { secretsOf } from './secrets.ts'
import { settingsFrom, type Settings } from './settings.ts'
import type { Snapshot } from './snapshot.ts'
import { StoreFiles } from './store-files.ts'
import type { Terminal } from './terminal.ts'

/* The only place that joins the reconciler to the real world. Everything is loaded and opened when it is first needed: a rollback starts without YAML, schemas and the network. */

export interface HouseOptions {
  readonly terminal: Terminal
  /** True: no progress is shown. */
  readonly quiet: boolean
  readonly env?: NodeJS.ProcessEnv
  /** The clock, as the harness of a test sets it. */
  readonly now?: () => string
  /** Told each boundary between two effects of an apply; a test stops the process there. */
  readonly onBoundary?: (name: string) => void
}

/** One store repository with everything around it. */
export function openHouse(dir: string, options: HouseOptions): House {
  return new House(dir, options)
}

export class House {
  readonly files: StoreFiles
  readonly paths: StorePaths
  readonly settings: Settings
  readonly #options: HouseOptions
  readonly #env: NodeJS.ProcessEnv
  readonly #progress: Progress & { end(): void }
  #proofs: Promise<Proofs> | undefined
  #data: Promise<OpenedData> | undefined

  constructor(dir: string, options: HouseOptions) {
    this.files = new StoreFiles(dir)
    this.paths = storePaths(this.files.dir)
    this.#options = options
    this.#env = options.env ?? process.env
    this.settings = settingsFrom(this.#env)
    this.#progress = progressTo(options.terminal, options.quiet)
  }

  now(): string {
    return this.#options.now?.() ?? new Date().toISOString()
  }

  who(): string {
    return this.settings.who
  }

  /** The commit that the desired state came from, when CI or git says so. */
  async revision(): Promise<string | undefined> {
    if (this.settings.revision) return this.settings.revision
    const { headOf } = await import('../registry/git-worktree.ts')
    return headOf(this.files.dir)
  }

  // ---- the store ------------------------------------------------------------------------------------------------

  withState<T>(desired: DesiredState, options: { readonly readOnly: boolean }, work: (state: StoreState) => Promise<T>): Promise<T> {
    return this.#withDatabase(this.databaseAddress(desired), options, work)
  }

  async #withDatabase<T>(address: string, options: { readonly readOnly: boolean }, work: (state: StoreState) => Promise<T>): Promise<T> {
    const state = await openDatabase(address, options)
    try {
      return await work(state)
    } finally {
      await state.close()
    }
  }

  /** The path of a SQLite file or the URL of a PostgreSQL database, which may hold a password. */
  databaseAddress(desired: DesiredState): string {
    return databaseAddress(desired.store.database, this.files.dir, this.#env)
  }

  /** The database of the store, from memory when plugins.yaml is still the one that named it. */
  async databaseOfStore(): Promise<string> {
    const known = rememberedDatabase(this.paths.root, this.files.pluginsPath)
    if (known !== undefined) return known
    const { desired } = await this.files.readDesired()
    return this.databaseAddress(desired)
  }

  async installs(desired: DesiredState): Promise<readonly InstallRecord[]> {
    return this.withState(desired, { readOnly: true }, async (state) => (await state.read()).installs)
  }

  async holds(desired: DesiredState): Promise<readonly Hold[]> {
    return this.withState(desired, { readOnly: true }, async (state) => (await state.read()).holds)
  }

  /** What is recorded and live: see `observeStore`. */
  async observe(desired: DesiredState, options: ObserveOptions): Promise<ObservedState> {
    const packages = async (): Promise<Packages> => (await this.#proving()).packages
    const read = (): Promise<StoreSnapshot> => this.withState(desired, { readOnly: true }, (state) => state.read())
    return observeStore(desired, options, { paths: this.paths, now: () => this.now(), read, data: () => this.#pluginData(desired), packages })
  }

  /** The state of the store as a signed snapshot tells it. @throws CatalystError SIGNATURE_INVALID, IDENTITY_MISMATCH */
  async observedFrom(file: string, keyFile: string | undefined, desired: DesiredState): Promise<Snapshot> {
    const { readSnapshot } = await import('./snapshot.ts')
    if (!keyFile) throw new CatalystError('USAGE', '--observed needs --observed-key: an unsigned snapshot proves nothing')
    const [text, key] = await Promise.all([this.files.readText(file), this.files.readText(keyFile)])
    return readSnapshot(text, desired.store.id, key)
  }

  /** A store that has applied the lock of a git revision of this repository. */
  async observedAt(revision: string): Promise<ObservedState> {
    const { filesAt } = await import('../registry/git-worktree.ts')
    const { observedByLock } = await import('./observed-at.ts')
    return observedByLock(await filesAt(this.files.dir, revision, ['plugins.yaml', 'plugins.lock.yaml']), revision)
  }

  async snapshot(observed: ObservedState, store: string, keyFile: string | undefined): Promise<unknown> {
    const { signedSnapshot } = await import('./snapshot.ts')
    if (!keyFile) throw new CatalystError('USAGE', '--snapshot needs --snapshot-key: an unsigned snapshot proves nothing')
    return signedSnapshot(observed, { store, takenAt: this.now() }, await this.files.readText(keyFile))
  }

  // ---- configs --------------------------------------------------------------------------------------------------

  /** The config schemas of locked releases: from their trees here, else from their archives in the cache, and with `offline: false` from where those were published. */
  async configSchemas(desired: DesiredState, blocks: ReadonlyMap<string, LockBlock>, { offline }: { readonly offline: boolean }): Promise<ReadonlyMap<string, ConfigSchema>> {
    const { configSchemas } = await import('./config-schemas.ts')
    const opened: { world?: Promise<World> } = {}
    const inArchive = async (block: LockBlock): Promise<Uint8Array | undefined> => {
      const [{ readPackage }, { artifacts, locate }] = await Promise.all([import('../registry/archive/package-tree.ts'), (opened.world ??= this.#world(desired))])
      const { url, sha256, size } = block.artifact
      return readPackage(await artifacts.fetch({ url: locate(block.registry, url, { kind: 'artifact', sha256 }), sha256, size, maxBytes: LIMITS.artifactMaxBytes }, { offline })).read('manifest.json')
    }
    try {
      return await configSchemas(blocks, { inTree: (block) => bytesIfThere(join(this.paths.tree(block.tree), 'manifest.json')), inArchive })
    } finally {
      await opened.world?.then((world) => world.http.close())
    }
  }

  /**
   * Keyed digests of the values that configs refer to. With `readOnly` a store without tables has no key, and nothing is
   * known of it. Asks the database only when some config refers to a value.
   */
  async referenceDigests(desired: DesiredState, options: { readonly readOnly: boolean }): Promise<ReadonlyMap<string, string>> {
    if (configReferences(desired).size === 0) return new Map()
    const key = await this.withState(desired, options, (state) => state.referenceKey())
    return key === undefined ? new Map() : referenceDigests(desired, key, secretsOf(this.files.dir, this.#env).valueOf)
  }

  /** The same for the stamp: `unknown` where the key cannot be had quickly. */
  stampValues(desired: DesiredState, database: string): StampedValues | 'unknown' | undefined {
    const references = [...configReferences(desired).values()].flat()
    if (references.length === 0) return undefined
    const key = quickReferenceKey(database)
    return key === undefined ? 'unknown' : stampValues(key, references, secretsOf(this.files.dir, this.#env).valueOf)
  }

  /** What apply asks before code goes live; values are looked up in this process. */
  admission(said: Said): NonNullable<ApplyDeps['admit']> {
    const secrets = secretsOf(this.files.dir, this.#env)
    return async (id, block, dir) => (await import('./admission.ts')).admission(said, secrets)(id, block, dir)
  }

  // ---- locking --------------------------------------------------------------------------------------------------

  async withLockDeps<T>(desired: DesiredState, work: (deps: LockDeps) => Promise<T>): Promise<T> {
    const [world, proofs, { githubReleases }] = await Promise.all([this.#world(desired), this.#proving(), import('../registry/github.ts')])
    try {
      return await work({
        ...world,
        releases: githubReleases({ apiUrl: this.settings.githubApiUrl, webUrl: this.settings.githubUrl, token: this.settings.githubToken, http: world.http, cacheDir: this.settings.cacheDir }),
        hosts: this.#hosts(),
        keepBundle: (digest, bytes) => this.files.keepBundle(digest, bytes),
        expect: (releases) => proofs.expect(releases, ['verify', 'inspect']),
      })
    } finally {
      this.#progress.end()
      world.http.close()
    }
  }

  // ---- applying -------------------------------------------------------------------------------------------------

  /** `known` is what authority is drawn from besides the registries, and the blocks in which snapshots of them were seen. */
  async withApplyDeps<T>(desired: DesiredState, known: Pick<AuthoritySources, 'lock' | 'origins' | 'applied'> & { readonly seen: readonly LockBlock[] }, work: (deps: ApplyDeps) => Promise<T>): Promise<T> {
    const [world, probe, { authorize }, { openRegistries }] = await Promise.all([this.#world(desired, 'any'), this.#probe(), import('../reconciler/lock/authority.ts'), import('../reconciler/lock/registries.ts')])
    let registries: Promise<OpenRegistries> | undefined
    const snapshot = async (name: string) => {
      registries ??= openRegistries(desired, known.seen, { registries: world.registries })
      return (await registries).snapshot(name)
    }
    try {
      return await this.withState(desired, { readOnly: false }, (state) =>
        work({ ...this.#leaseDeps(state), ...world, paths: this.paths, probe, authorize: (id, block) => authorize(id, block, { ...known, desired, hosts: this.#hosts(), snapshot }), data: () => this.#pluginData(desired), onBoundary: this.#options.onBoundary }),
      )
    } finally {
      this.#progress.end()
      await registries?.then((r) => r.close(), () => undefined)
      world.http.close()
    }
  }

  /** Tables, backups and data folders of the store. Closed with the house. */
  #pluginData(desired: DesiredState): Promise<PluginData> {
    return (this.#data ??= import('./plugin-data.ts').then(({ openPluginData }) => openPluginData(this.databaseAddress(desired), resolve(this.files.dir, desired.store.dataDir))))
  }

  async #probe(): Promise<Probe> {
    const [{ createProbe, childDigest }, { rememberingProbe }, { codeOf }] = await Promise.all([import('../sandbox/probe.ts'), import('./remembering-probe.ts'), import('./inspections.ts')])
    const code = codeOf(import.meta.url)
    return rememberingProbe(createProbe(), join(this.settings.verdictsDir, 'probes'), code && `${code} ${childDigest()}`)
  }

  async expect(releases: number): Promise<void> {
    const proofs = await this.#proving()
    proofs.expect(releases, ['verify'])
  }

  async withRollbackDeps<T>(database: string, work: (deps: RollbackDeps) => Promise<T>): Promise<T> {
    let read: Promise<DesiredState> | undefined
    const desired = (): Promise<DesiredState> => (read ??= this.files.readDesired().then((said) => said.desired))
    const data = async (): Promise<PluginData> => this.#pluginData(await desired())
    const consent: RollbackDeps['consent'] = async () => ({ storeId: (await desired()).store.id, approvals: (await desired()).approvals })
    return this.#withDatabase(database, { readOnly: false }, (state) => work({ ...this.#leaseDeps(state), paths: this.paths, progress: this.#progress, data, consent, onBoundary: this.#options.onBoundary }))
  }

  /** Backups of the store, read only. */
  async backups(desired: DesiredState): Promise<PluginData['backups']> {
    return (await this.#pluginData(desired)).backups
  }

  async withRestoreDeps<T>(desired: DesiredState, work: (deps: RestoreDeps) => Promise<T>): Promise<T> {
    return this.withState(desired, { readOnly: false }, (state) => work({ ...this.#leaseDeps(state), paths: this.paths, progress: this.#progress, data: () => this.#pluginData(desired), onBoundary: this.#options.onBoundary }))
  }

  /** Works on the store alone: nobody applies meanwhile. @throws CatalystError BUSY */
  async withLease<T>(desired: DesiredState, work: (state: StoreState) => Promise<T>): Promise<T> {
    return this.withState(desired, { readOnly: false }, async (state) => {
      const lease = await holdLease(this.#leaseDeps(state))
      try {
        return await work(state)
      } finally {
        await lease.release()
      }
    })
  }

  /** Proves an artifact under one trust profile: the public good's, or the given root's. @throws CatalystError when it is not proven */
  async verifyByHand(asked: Omit<HandVerification, 'profile'> & { readonly trustedRoot?: string }): Promise<HandVerified> {
    const [{ verifyByHand }, { loadProfile }] = await Promise.all([import('../registry/provenance/verify-by-hand.ts'), import('../registry/provenance/trust-profile.ts')])
    return verifyByHand({ ...asked, profile: await loadProfile(asked.trustedRoot ?? 'public-good', process.cwd()), now: Date.parse(this.now()) })
  }

  // ---- proving by hand, asking ------------------------------------------------------------------------------------

  /** Yes or no, of a person; no where nobody can be asked. */
  async confirm(question: string): Promise<boolean> {
    const said = (await this.#options.terminal.ask?.(`${question} [y/N] `)) ?? ''
    return /^y(es)?$/i.test(said.trim())
  }

  async close(): Promise<void> {
    this.#progress.end()
    await this.#proofs?.then((proofs) => proofs.close(), () => undefined)
    await this.#data?.then((data) => data.close(), () => undefined)
  }

  #hosts(): ReleaseHosts {
    return { webUrl: this.settings.githubUrl, apiUrl: this.settings.githubApiUrl }
  }

  #leaseDeps(state: StoreState): LeaseDeps {
    return { state, clock: () => this.now(), holder: holderName(), by: this.settings.who }
  }

  #proving(): Promise<Proofs> {
    return (this.#proofs ??= import('./proofs.ts').then(({ openProofs }) => {
      const clockOffsetMs = this.#options.now ? Date.parse(this.#options.now()) - Date.now() : 0
      return openProofs({ baseDir: this.files.dir, verdictsDir: this.settings.verdictsDir, clockOffsetMs })
    }))
  }

  async #world(desired: DesiredState, age: 'fresh' | 'any' = 'fresh'): Promise<World> {
    const [{ createHttp }, { downloads }, { tokenFor }, indexes, { verifier, packages }] = await Promise.all([import('../registry/http.ts'), import('../registry/downloads.ts'), import('../registry/credentials.ts'), import('./registries.ts'), this.#proving()])
    const http = createHttp({ proxyEnv: this.#env })
    const credentials = tokenFor(this.settings.githubToken, { apiUrl: this.settings.githubApiUrl, webUrl: this.settings.githubUrl })
    const around = { storeDir: this.files.dir, cacheDir: this.settings.cacheDir, http, credentials, mirrors: indexes.mirrorsFrom(this.settings.mirror), age }
    const registries: readonly IndexSource[] = desired.registries.map((registry) => indexes.indexSource(registry, around))
    const artifacts = downloads({ cacheDir: this.settings.cacheDir, http, credentials, fileRoots: [...indexes.folderRoots(desired, this.files.dir), this.files.bundlesDir], warn: (message) => this.#options.terminal.err(message) })
    const locate: Locate = (registry, url, copy) => {
      if (registry === undefined) return url.startsWith('plugins.bundles/') ? pathToFileURL(join(this.files.dir, url)).href : url
      const source = registries.find((r) => r.registry === registry)
      if (!source) throw new CatalystError('UNKNOWN_REGISTRY', `plugins.yaml has no registry ${registry}`)
      return source.locate(url, copy)
    }
    return { http, registries, artifacts, verifier, packages, locate, progress: this.#progress }
  }
}

/** The outside world, opened for one command. */
interface World {
  readonly http: Http
  readonly registries: readonly IndexSource[]
  readonly artifacts: ArtifactSource
  readonly verifier: Verifier
  readonly packages: Packages
  readonly locate: Locate
  readonly progress: Progress
}
