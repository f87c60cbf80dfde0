import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { canonicalJson, digestOf, hexOf, sha256 } from '../../schemas/digest.ts'
import { CatalystError, redact } from '../../schemas/errors.ts'
import { LIMITS } from '../../schemas/limits.ts'
import type { LockBlock } from '../../schemas/lock.ts'
import type { Manifest } from '../../schemas/manifest.ts'
import type { Authorization } from '../lock/authority.ts'
import { manifestFacts } from '../lock/blocks.ts'
import type { ArtifactSource, Locate, Packages, Progress, Proof, Verifier } from '../ports.ts'
import { doubtfulTrees, hasTree, placeTree, quarantineTree, removeWhole, treeParts } from '../state/trees.ts'
import type { StorePaths } from '../state/paths.ts'
import { DIFF_FILE, treeDiff } from '../state/tree-diff.ts'
import { mkdirIfMissing, trying } from '../state/disk.ts'

export interface StageDeps {
  readonly artifacts: ArtifactSource
  readonly verifier: Verifier
  readonly packages: Packages
  readonly paths: StorePaths
  /** The authority outside the lock for a block (law 11). @throws CatalystError AUTHORITY_* */
  readonly authorize: (id: string, block: LockBlock) => Promise<Authorization>
  /** Where a URL of a lock block is on this machine. */
  readonly locate: Locate
  readonly progress: Progress
}

/** A release whose tree lies on this machine, whole and proven. Nothing live was touched. */
export interface Staged {
  readonly id: string
  readonly block: LockBlock
  /** Where the tree is now: its place, or beside it while an altered one is still there. */
  readonly dir: string
  /** The tree that is in its place differs from the release in these files. */
  readonly altered: readonly string[]
}

/** A release in memory that was proven to come from whom the authority names: the only thing that may be unpacked. */
interface Verified {
  readonly block: LockBlock
  readonly archive: Uint8Array
}

/**
 * fetch -> verify -> unpack, unless the tree is here and whole. A tree that was neither written nor read since the
 * machine started, and every tree of a repair (`suspect`), is read first.
 * @throws CatalystError of the step that refused; nothing is left behind then
 */
export async function stage(id: string, block: LockBlock, deps: StageDeps, options: { readonly suspect: boolean; readonly signal: AbortSignal }): Promise<Staged> {
  const { paths, packages } = deps
  options.signal.throwIfAborted()
  const there = hasTree(paths, block.tree)
  const doubt = there && (options.suspect || doubtfulTrees(paths, [block.tree]).length > 0)
  const altered = doubt ? await packages.damage(paths.tree(block.tree), block.tree) : []
  const authorization = await deps.authorize(id, block)
  const whole = there && altered.length === 0
  // A block that says anything new about a release is proven again, even when its files are here already.
  if (whole && authorization.applied) return { id, block, dir: paths.tree(block.tree), altered }
  const verified = await verify(id, await fetched(id, block, deps, options.signal), authorization, deps)
  const dir = there ? join(paths.tmp, hexOf(block.tree)) : paths.tree(block.tree)
  await unpack(verified, dir, deps)
  assertAsPackaged(id, block, dir)
  if (!whole) return { id, block, dir, altered }
  // Only now it is sure that the tree which is here is the one in the archive that was proven.
  removeParts(paths.tmp, block)
  return { id, block, dir: paths.tree(block.tree), altered }
}

/** True when the tree was unpacked beside an altered one, which must make room first. */
export function isBeside(staged: Staged, paths: StorePaths): boolean {
  return staged.dir !== paths.tree(staged.block.tree)
}

/** Puts a tree that was unpacked beside an altered one in its place; the altered one goes to the folder `aside`. Undo: the next pass, which finds the tree missing and brings it again. */
export function place(staged: Staged, paths: StorePaths, aside: string): void {
  trying(`replace the altered tree ${paths.tree(staged.block.tree)}`, () => {
    quarantineTree(paths, staged.block.tree, aside)
    placeTree(paths, staged.block.tree, staged.dir)
  })
  describe(staged, paths, aside)
}

/** What was altered, beside it. For people alone: a repair does not fail because it cannot be described. */
function describe({ block }: Staged, paths: StorePaths, aside: string): void {
  try {
    writeFileSync(join(aside, DIFF_FILE), `${redact(treeDiff(paths.tree(block.tree), join(aside, hexOf(block.tree))))}\n`)
  } catch {
    // The altered tree is there to be compared by hand.
  }
}

/** Undo of staging: what lies beside its place goes. A tree in its place stays for the next pass; nothing names it, so `gc` may take it. */
export function unstage(staged: Staged, paths: StorePaths): void {
  if (isBeside(staged, paths)) removeParts(paths.tmp, staged.block)
}

interface Fetched extends Verified {
  readonly bundle: Uint8Array | undefined
}

async function fetched(id: string, block: LockBlock, { artifacts, locate, progress }: StageDeps, signal: AbortSignal): Promise<Fetched> {
  const { artifact, bundle, registry } = block
  const request = { url: locate(registry, artifact.url, { kind: 'artifact', sha256: artifact.sha256 }), sha256: artifact.sha256, size: artifact.size, maxBytes: LIMITS.artifactMaxBytes }
  const bundleRequest = bundle && { url: locate(registry, bundle.url, { kind: 'bundle', sha256: bundle.sha256 }), sha256: bundle.sha256, maxBytes: LIMITS.bundleMaxBytes }
  const [archive, bundleBytes] = await Promise.all([artifacts.fetch(request, { signal }), bundleRequest && artifacts.fetch(bundleRequest, { signal })])
  progress({ stage: 'fetch', id, bytes: archive.byteLength })
  return { block, archive, bundle: bundleBytes }
}

async function verify(id: string, { block, archive, bundle }: Fetched, authorization: Authorization, { verifier, progress }: StageDeps): Promise<Verified> {
  if (authorization.kind === 'unsigned') {
    if (block.signer.kind !== 'unsigned') throw new CatalystError('AUTHORITY_MISMATCH', `${id}: the lock says that it is signed, its authority says unsigned`)
    return { block, archive }
  }
  if (!bundle) throw new CatalystError('BUNDLE_MISSING', `${id} ${block.version}: the lock names no bundle, and it must be signed`)
  const { authority } = authorization
  const proof = await verifier.verify({ artifactDigest: block.artifact.sha256, bundle, authority, tag: block.tag, commit: block.commit })
  assertAsLocked(id, block, proof)
  progress({ stage: 'verify', id })
  return { block, archive }
}

/** The lock was reviewed with a signer and a repository in it: the proof must name the same. */
function assertAsLocked(id: string, block: LockBlock, proof: Proof): void {
  if (proof.repository.id !== block.repository.id || proof.repository.ownerId !== block.repository.ownerId) {
    throw new CatalystError('IDENTITY_MISMATCH', `${id} ${block.version}: the lock names repository ${block.repository.id}, it was built in ${proof.repository.id}`)
  }
  if (digestOf(proof.signer) !== digestOf(block.signer)) {
    throw new CatalystError('IDENTITY_MISMATCH', `${id} ${block.version}: the lock names signer ${JSON.stringify(block.signer)}, the proof ${JSON.stringify(proof.signer)}`)
  }
}

async function unpack({ block, archive }: Verified, dir: string, { packages, paths }: StageDeps): Promise<void> {
  trying(`make folders in ${paths.root}`, () => {
    mkdirIfMissing(paths.trees)
    mkdirIfMissing(paths.tmp)
    if (dir !== paths.tree(block.tree)) removeParts(paths.tmp, block)
  })
  await packages.unpack(archive, block.tree, dir)
}

/**
 * A publisher may sign many plugins, and a lock may be edited: what was unpacked must call itself what the lock calls
 * it, and ask for what the lock says that it asks for. Else it goes at once.
 */
function assertAsPackaged(id: string, block: LockBlock, dir: string): void {
  const bytes = readFileSync(join(dir, 'manifest.json'))
  const manifest = JSON.parse(bytes.toString('utf8')) as Manifest
  const said = factsOf(id, block)
  const real = { id: manifest.id, version: manifest.version, manifest: sha256(bytes), migrations: manifest.migrations ?? [], ...manifestFacts(manifest) }
  const other = Object.keys(real).filter((key) => canonicalJson(real[key as keyof typeof real]) !== canonicalJson(said[key as keyof typeof said] ?? null))
  if (other.length === 0) return
  removeParts(dirname(dir), block)
  const [first = 'id'] = other
  throw new CatalystError('MANIFEST_MISMATCH', `${id} ${block.version}: the lock and the package differ in ${other.join(', ')}: the lock says ${canonicalJson(said[first as keyof typeof said] ?? null)}, the package ${canonicalJson(real[first as keyof typeof real])}`)
}

function factsOf(id: string, block: LockBlock): Record<string, unknown> {
  const { version, manifest, migrations, type, main, dependencies, conflicts, platform, provides, permissions, tables } = block
  return { id, version, manifest, migrations: migrations.map((m) => m.id), type, main, dependencies, conflicts, platform: platform ?? null, provides, permissions, tables }
}

function removeParts(folder: string, block: LockBlock): void {
  for (const part of treeParts(folder, hexOf(block.tree))) removeWhole(part)
}
