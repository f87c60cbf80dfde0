import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { canonicalJson, digestOf, sha256, type Digest } from '../../../schemas/digest.ts'
import { CatalystError } from '../../../schemas/errors.ts'
import { releaseDigest, type Lock, type LockBlock } from '../../../schemas/lock.ts'
import type { PluginEntry } from '../../../schemas/plugin-set.ts'
import type { Plan } from '../../../schemas/plan.ts'
import { authorityOfBlock } from '../../../reconciler/lock/candidates.ts'
import { apply, type ApplyDeps, type ApplyResult } from '../../../reconciler/apply/apply.ts'
import type { RollbackDeps } from '../../../reconciler/apply/rollback.ts'
import { plan } from '../../../reconciler/plan/decide.ts'
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

/** What is odd about a release; by default it is whole and needs nobody. */
export interface ReleaseOdds {
  readonly needs?: Readonly<Record<string, string>>
  readonly broken?: boolean
  readonly files?: Files
  readonly block?: Partial<LockBlock>
}
export type Catalogue = Readonly<Record<string, ReleaseOdds>>

export function filesOf(id: string, version: string, odds: ReleaseOdds = {}): Files {
  const manifest = JSON.stringify({ id, version, type: 'generic', main: 'index.js', dependencies: odds.block?.dependencies ?? { ...odds.needs }, conflicts: odds.block?.conflicts ?? {} })
  return { 'manifest.json': manifest, 'index.js': odds.broken ? 'BROKEN' : `// ${id} ${version}`, 'lib/a.js': 'a', ...odds.files }
}

export const archiveOf = (files: Files): Buffer => Buffer.from(canonicalJson(files))
export const treeOf = (files: Files): Digest => digestOf(files)

/** The lock block of a release of the catalogue. */
export function releaseBlock(id: string, version: string, odds: ReleaseOdds = {}): LockBlock {
  const files = filesOf(id, version, odds)
  const archive = archiveOf(files)
  const artifact = { url: `https://releases.test/${id}-${version}.tgz`, size: archive.length, sha256: sha256(archive) }
  const bare = block(id, version, { artifact, tree: treeOf(files), manifest: sha256(files['manifest.json'] ?? ''), dependencies: { ...odds.needs }, requested: version, ...odds.block })
  return block(id, version, { ...withoutDigest(bare), bundle: { url: `${artifact.url}.sigstore.json`, sha256: sha256(bundleOf(bare)) }, ...odds.block })
}

function withoutDigest({ entryDigest: _digest, ...rest }: LockBlock): Omit<LockBlock, 'entryDigest'> {
  return rest
}

/** A bundle as our verifier reads it: which artifact, built where, signed by whom. */
export function bundleOf({ artifact, repository, signer, commit, tag }: LockBlock): Buffer {
  return Buffer.from(canonicalJson({ artifact: artifact.sha256, repository, signer, commit, tag }))
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
  plan(wish: Wish): Promise<Plan>
  apply(wish: Wish, odd?: Partial<ApplyDeps>): Promise<ApplyResult>
}

export interface WorldOptions {
  /** Tables, backups and data folders; by default kept in memory, for plugins that have none. */
  readonly data?: PluginData
  readonly catalogue?: Catalogue
  readonly holder?: string
}

/** The world of one store folder. `state` is opened by the caller. */
export function worldAt(folder: string, state: StoreState, { catalogue = {}, holder = 'tester', data = memoryData() }: WorldOptions = {}): World {
  const paths = storePaths(folder)
  const fetched: string[] = []
  const probed: string[] = []
  let ticks = 0
  const clock = (): string => new Date(Date.parse('2026-11-22T12:00:00Z') + ticks++ * 1000).toISOString()
  const rollbackDeps: RollbackDeps = { state, paths, clock, holder, by: 'tester', progress: () => undefined, data: async () => data, consent: async () => ({ storeId: 'shop', approvals: [] }) }
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
    const versions = Object.entries(wish)
    return lockOf(Object.fromEntries(versions.map(([id, { version }]) => [id, releaseBlock(id, version, catalogue[`${id}@${version}`])])))
  }
  const inputOf = async (wish: Wish): Promise<{ plan: Plan; desired: ReturnType<typeof desired>; lock: Lock }> => {
    const want = desired(wish, { policy: { maxRemovals: '100%' }, approvals: [{ removals: ['a', 'b', 'c', 'd'] }] })
    const locked = lock(wish)
    const approvals = Object.entries(locked.plugins).map(([plugin, of]) => ({ plugin, to: of.entryDigest, accept: ['major' as const] }))
    const approved = { ...want, approvals: [...want.approvals, ...approvals] }
    const observed = { store: await state.read(), live: liveTrees(paths), damaged: new Map() }
    return { plan: plan({ desired: approved, lock: locked, observed }), desired: approved, lock: locked }
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
    plan: async (wish) => (await inputOf(wish)).plan,
    apply: async (wish, odd = {}) => apply(await inputOf(wish), { ...deps, ...odd }),
  }
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
