import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { digestOf, hexOf } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { LIMITS } from '../../schemas/limits.ts'
import type { LockBlock } from '../../schemas/lock.ts'
import type { Manifest } from '../../schemas/manifest.ts'
import type { Authorization } from '../lock/authority.ts'
import type { ArtifactSource, Packages, Progress, Proof, Verifier } from '../ports.ts'
import { doubtfulTrees, hasTree, placeTree, quarantineTree, removeWhole, treeParts } from '../state/trees.ts'
import type { StorePaths } from '../state/paths.ts'
import { mkdirIfMissing, trying } from '../state/disk.ts'

export interface StageDeps {
  readonly artifacts: ArtifactSource
  readonly verifier: Verifier
  readonly packages: Packages
  readonly paths: StorePaths
  /** The authority outside the lock for a block (law 11). @throws CatalystError AUTHORITY_* */
  readonly authorize: (id: string, block: LockBlock) => Promise<Authorization>
  /** Where a URL of a lock block is on this machine. */
  readonly locate: (registry: string | undefined, url: string) => string
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
  if (there && altered.length === 0) return { id, block, dir: paths.tree(block.tree), altered }
  const verified = await verify(id, await fetched(id, block, deps, options.signal), deps)
  const dir = there ? join(paths.tmp, hexOf(block.tree)) : paths.tree(block.tree)
  await unpack(verified, dir, deps)
  assertSelf(id, block, dir)
  return { id, block, dir, altered }
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
  const request = { url: locate(registry, artifact.url), sha256: artifact.sha256, size: artifact.size, maxBytes: LIMITS.artifactMaxBytes }
  const bundleRequest = bundle && { url: locate(registry, bundle.url), sha256: bundle.sha256, maxBytes: LIMITS.bundleMaxBytes }
  const [archive, bundleBytes] = await Promise.all([artifacts.fetch(request, { signal }), bundleRequest && artifacts.fetch(bundleRequest, { signal })])
  progress({ stage: 'fetch', id, bytes: archive.byteLength })
  return { block, archive, bundle: bundleBytes }
}

async function verify(id: string, { block, archive, bundle }: Fetched, { authorize, verifier, progress }: StageDeps): Promise<Verified> {
  const authorization = await authorize(id, block)
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

/** A publisher may sign many plugins: what was unpacked must call itself what the lock calls it. Else it goes at once. */
function assertSelf(id: string, block: LockBlock, dir: string): void {
  const { id: ownId, version, type, main } = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8')) as Partial<Manifest>
  if (ownId === id && version === block.version && type === block.type && main === block.main) return
  removeParts(dirname(dir), block)
  throw new CatalystError('MANIFEST_MISMATCH', `the lock says ${id} ${block.version} (${block.type}, ${block.main}), the package calls itself ${ownId} ${version} (${type}, ${main})`)
}

function removeParts(folder: string, block: LockBlock): void {
  for (const part of treeParts(folder, hexOf(block.tree))) removeWhole(part)
}
