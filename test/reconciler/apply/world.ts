import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DEFAULT_UNINSTALL } from '../../../schemas/common.ts'
import { canonicalJson, digestOf, sha256, type Digest } from '../../../schemas/digest.ts'
import { CatalystError } from '../../../schemas/errors.ts'
import { releaseDigest, type Lock, type LockBlock } from '../../../schemas/lock.ts'
import { migrationChecksum, migrationHead } from '../../../schemas/migrations.ts'
import type { ApprovalKind, PluginEntry, PluginSet } from '../../../schemas/plugin-set.ts'
import type { Plan } from '../../../schemas/plan.ts'
import { authorityOfBlock } from '../../../reconciler/lock/candidates.ts'
import { apply, type ApplyDeps, type ApplyResult } from '../../../reconciler/apply/apply.ts'
import type { ApplyInput } from '../../../reconciler/apply/steps.ts'
import type { RollbackDeps } from '../../../reconciler/apply/rollback.ts'
import { plan } from '../../../reconciler/plan/decide.ts'
import type { ObservedState, PlanInput } from '../../../reconciler/plan/observed.ts'
import type { ArtifactSource, FetchRequest, InspectedPackage, Packages, Probe, ProofRequest, StoreState, Verifier } from '../../../reconciler/ports.ts'
import { liveTrees } from '../../../reconciler/state/generations.ts'
import { storePaths, type StorePaths } from '../../../reconciler/state/paths.ts'
import type { PluginData } from '../../../reconciler/data-ports.ts'
import { memoryData } from '../../builders/memory-data.ts'
import { block, desired, lockOf } from '../../builders/store.ts'

/*
 * A small working world for apply: releases that follow from id and version alone (so that another process sees the
 * same ones), packages that are unpacked to real read-only folders, proofs that bind artifact, repository and signer.
 */

type Files = Readonly<Record<string, string>>

/** What a store wants of one plugin: a version of the catalogue, and how. */
export interface Want extends PluginEntry {
  readonly version: string
}
export type Wish = Readonly<Record<string, Want>>

/** A migration as its package holds it, in one file for the database of the test. */
export interface MigrationText {
  readonly id: string
  readonly up: string
  readonly down?: string
}

/** What is odd about a release; by default it is whole and needs nobody. */
export interface ReleaseOdds {
  readonly needs?: Readonly<Record<string, string>>
  readonly broken?: boolean
  readonly files?: Files
  readonly block?: Partial<LockBlock>
  readonly migrations?: readonly MigrationText[]
}
export type Catalogue = Readonly<Record<string, ReleaseOdds>>

export function filesOf(id: string, version: string, odds: ReleaseOdds = {}): Files {
  const migrations = odds.migrations ? { migrations: odds.migrations.map((m) => m.id) } : {}
  const manifest = JSON.stringify({ id, version, type: 'generic', main: 'index.js', dependencies: odds.block?.dependencies ?? { ...odds.needs }, conflicts: odds.block?.conflicts ?? {}, ...migrations })
  return { 'manifest.json': manifest, 'index.js': odds.broken ? 'BROKEN' : `// ${id} ${version}`, 'lib/a.js': 'a', ...Object.assign({}, ...(odds.migrations ?? []).map(sqlFiles)), ...odds.files }
}

function sqlFiles({ id, up, down }: MigrationText): Files {
  return { [`migrations/${id}.sql`]: up, ...(down === undefined ? {} : { [`migrations/${id}.down.sql`]: down }) }
}

const refOf = ({ id, up, down }: MigrationText): LockBlock['migrations'][number] => ({ id, checksum: migrationChecksum([{ dialect: undefined, bytes: Buffer.from(up) }]), kind: migrationHead(up).kind, down: down !== undefined })

export const archiveOf = (files: Files): Buffer => Buffer.from(canonicalJson(files))
export const treeOf = (files: Files): Digest => digestOf(files)

/** The lock block of a release of the catalogue. */
export function releaseBlock(id: string, version: string, odds: ReleaseOdds = {}): LockBlock {
  const files = filesOf(id, version, odds)
  const archive = archiveOf(files)
  const artifact = { url: `https://releases.test/${id}-${version}.tgz`, size: archive.length, sha256: sha256(archive) }
  const bare = block(id, version, { artifact, tree: treeOf(files), manifest: sha256(files['manifest.json'] ?? ''), dependencies: { ...odds.needs }, requested: version, migrations: (odds.migrations ?? []).map(refOf), ...odds.block })
  return block(id, version, { ...withoutDigest(bare), bundle: { url: `${artifact.url}.sigstore.json`, sha256: sha256(bundleOf(bare)) }, ...odds.block })
}

function withoutDigest({ entryDigest: _digest, ...rest }: LockBlock): Omit<LockBlock, 'entryDigest'> {
  return rest
}

/** A bundle as our verifier reads it: which artifact, built where, signed by whom. */
export function bundleOf({ artifact, repository, signer, commit, tag }: LockBlock): Buffer {
  return Buffer.from(canonicalJson({ artifact: artifact.sha256, repository, signer, commit, tag }))
}

/** What plugins.yaml, the lock and the person say besides the wish. */
export interface Said {
  readonly removed?: PluginSet['removed']
  readonly moved?: PluginSet['moved']
  readonly answers?: PlanInput['answers']
  /** What is consented to of every change; by default everything that this world asks. */
  readonly accept?: readonly ApprovalKind[]
}

export interface World {
  readonly paths: StorePaths
  readonly catalogue: Catalogue
  readonly state: StoreState
  readonly deps: ApplyDeps
  readonly rollbackDeps: RollbackDeps
  /** URLs that were fetched, in order. */
  readonly fetched: string[]
  /** `id version` of what was probed. */
  readonly probed: string[]
  lock(wish: Wish): Lock
  plan(wish: Wish, said?: Said): Promise<Plan>
  apply(wish: Wish, odd?: Partial<ApplyDeps>, said?: Said): Promise<ApplyResult>
  /** All that a pass starts from, to be applied later. */
  input(wish: Wish, said?: Said): Promise<ApplyInput>
}

export interface WorldOptions {
  /** Tables, backups and data folders; by default kept in memory, for plugins that have none. */
  readonly data?: PluginData
  readonly catalogue?: Catalogue
  readonly holder?: string
  /** Looks at what outlives code, as `plan` does where there is some; by default nobody looks. */
  readonly look?: (wish: Wish) => Promise<Partial<ObservedState>>
  readonly clock?: () => string
}

/** The world of one store folder. `state` is opened by the caller. */
export function worldAt(folder: string, state: StoreState, { catalogue = {}, holder = 'tester', data = memoryData(), look, clock = tickingClock() }: WorldOptions = {}): World {
  const paths = storePaths(folder)
  const fetched: string[] = []
  const probed: string[] = []
  const rollbackDeps: RollbackDeps = { state, paths, clock, holder, by: 'tester', progress: () => undefined, data: async () => data, consent: async () => ({ storeId: 'acme-eu', approvals: [] }) }
  const deps: ApplyDeps = {
    ...rollbackDeps,
    artifacts: artifactsOf(catalogue, fetched),
    verifier,
    packages,
    probe: probeInto(probed),
    authorize: async (_id, of) => {
      const { installs, generations } = await state.read()
      const records = [...installs, ...generations.flatMap((g) => Object.values(g.plugins).map((p) => p.record))]
      const applied = records.some((r) => releaseDigest(r.block) === releaseDigest(of))
      const authority = authorityOfBlock(of)
      return authority ? { kind: 'provenance', authority, applied } : { kind: 'unsigned', applied }
    },
    locate: (_registry, url) => url,
    progress: () => undefined,
    data: async () => data,
  }
  const lock = (wish: Wish): Lock => {
    return lockOf(Object.fromEntries(Object.entries(wish).map(([id, want]) => [id, lockedBlock(id, want, catalogue)])))
  }
  const inputOf = async (wish: Wish, { removed = {}, moved = [], answers, accept = look ? EVERYTHING : ['major'] }: Said = {}): Promise<ApplyInput> => {
    const want = desired(wish, { policy: { maxRemovals: '100%' }, approvals: [{ removals: ['a', 'b', 'c', 'd', 'e', 'f', 'g'] }], removed, moved })
    const locked = lock(wish)
    const approvals = Object.entries(locked.plugins).map(([plugin, of]) => ({ plugin, to: of.entryDigest, accept: [...accept] }))
    const approved = { ...want, approvals: [...want.approvals, ...approvals] }
    const observed = { store: await state.read(), live: liveTrees(paths), damaged: new Map(), ...(await look?.(wish)) }
    const time = look ? { now: clock(), answers } : {}
    return { plan: plan({ desired: approved, lock: locked, observed, ...time }), desired: approved, lock: locked }
  }
  return {
    paths,
    catalogue,
    state,
    deps,
    rollbackDeps,
    fetched,
    probed,
    lock,
    plan: async (wish, said) => (await inputOf(wish, said)).plan,
    apply: async (wish, odd = {}, said = {}) => apply(await inputOf(wish, said), { ...deps, ...odd }),
    input: inputOf,
  }
}

const EVERYTHING: readonly ApprovalKind[] = ['major', 'breaking', 'irreversible', 'restore']

/** A second passes whenever somebody looks. */
function tickingClock(): () => string {
  let ticks = 0
  return () => new Date(Date.parse('2026-11-22T12:00:00Z') + ticks++ * 1000).toISOString()
}

/** The block with the uninstall policy that plugins.yaml says of the plugin. */
function lockedBlock(id: string, { version, uninstall }: Want, catalogue: Catalogue): LockBlock {
  const odds = catalogue[`${id}@${version}`]
  if (uninstall === undefined) return releaseBlock(id, version, odds)
  return releaseBlock(id, version, { ...odds, block: { ...odds?.block, uninstall: { ...DEFAULT_UNINSTALL, ...uninstall } } })
}

function artifactsOf(catalogue: Catalogue, fetched: string[]): ArtifactSource {
  return {
    async fetch({ url, sha256: wanted }: FetchRequest): Promise<Uint8Array> {
      fetched.push(url)
      const [, id = '', version = '', isBundle] = /^https:\/\/releases\.test\/([a-z-]+)-(\d[^/]*?)\.tgz(\.sigstore\.json)?$/.exec(url) ?? []
      const odds = catalogue[`${id}@${version}`]
      const bytes = isBundle ? bundleOf(releaseBlock(id, version, odds)) : archiveOf(filesOf(id, version, odds))
      if (wanted && sha256(bytes) !== wanted) throw new CatalystError('DIGEST_MISMATCH', `${url} is ${sha256(bytes)}, wanted ${wanted}`)
      return bytes
    },
  }
}

const verifier: Verifier = {
  async verify({ artifactDigest, bundle, authority, tag, commit }: ProofRequest) {
    const said = JSON.parse(Buffer.from(bundle).toString()) as { artifact: string; repository: LockBlock['repository']; signer: LockBlock['signer']; commit: string; tag: string }
    if (said.artifact !== artifactDigest) throw new CatalystError('SUBJECT_MISMATCH', 'the bundle belongs to another artifact')
    const known = authority.repositories.some((r) => r.id === said.repository.id && r.ownerId === said.repository.ownerId)
    if (said.signer.kind !== 'provenance' || !known || said.signer.workflow !== authority.workflow || said.tag !== tag || said.commit !== commit) {
      throw new CatalystError('IDENTITY_MISMATCH', 'somebody else signed this')
    }
    return { signer: said.signer, repository: said.repository, commit, publishedAt: '2026-10-01T00:00:00Z' }
  },
  observe: () => Promise.reject(new Error('not used by apply')),
}

/** Real folders on disk: read-only, complete or not at all, with a listing beside, as the real ones. */
const packages: Packages = {
  inspect: (): Promise<InspectedPackage> => Promise.reject(new Error('not used by apply')),
  async unpack(archive, tree, target) {
    const files = JSON.parse(Buffer.from(archive).toString()) as Files
    if (treeOf(files) !== tree) throw new CatalystError('TREE_MISMATCH', `unpacked ${treeOf(files)}, wanted ${tree}`)
    const building = join(dirname(target), `.${target.slice(dirname(target).length + 1)}.unpack-0123456789ab`)
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(building, path)), { recursive: true })
      writeFileSync(join(building, path), text, { mode: 0o444 })
    }
    chmodSync(join(building, 'lib'), 0o555)
    chmodSync(building, 0o555)
    writeFileSync(`${target}.files`, Object.keys(files).join('\n'))
    renameSync(building, target)
  },
  async damage(target, tree) {
    const files = readAll(target)
    return treeOf(files) === tree ? [] : Object.keys(files)
  },
}

function readAll(folder: string, prefix = ''): Files {
  const entries = readdirSync(folder).flatMap((name): readonly (readonly [string, string])[] => {
    const path = join(folder, name)
    return statSync(path).isDirectory() ? Object.entries(readAll(path, `${prefix}${name}/`)) : [[prefix + name, readFileSync(path, 'utf8')]]
  })
  return Object.fromEntries(entries)
}

function probeInto(probed: string[]): Probe {
  return {
    async run({ id, version, dir, main }) {
      probed.push(`${id} ${version}`)
      if (readFileSync(join(dir, main), 'utf8').includes('BROKEN')) throw new CatalystError('PROBE_FAILED', `${id} ${version} did not start`)
    },
  }
}
