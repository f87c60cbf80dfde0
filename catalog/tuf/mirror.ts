import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pLimit from 'p-limit'
import { openTuf, tufIndex, type OpenedTuf, type TufIndexSettings } from '../../registry/tuf-index.ts'
import type { ArtifactSource, IndexSnapshot } from '../../reconciler/ports.ts'
import { artifactUrlAllowed } from '../../schemas/artifact-urls.ts'
import { hexOf } from '../../schemas/digest.ts'
import { CatalystError, type Problem } from '../../schemas/errors.ts'
import type { IndexLine } from '../../schemas/index-line.ts'
import { LIMITS } from '../../schemas/limits.ts'
import { bytesOf, writeWhole } from '../write-file.ts'
import { ENTRIES, INDEX, PUBLISHED } from './layout.ts'
import { binFinder, readMetadata, type Envelope, type RootSigned, type Signer, type SnapshotSigned, type TargetsSigned } from './metadata.ts'
import { mirrorRoot } from './mirror-root.ts'
import { binsOf } from './people.ts'
import type { Written } from './publish-files.ts'
import { isThere, readPublished, writeState } from './published.ts'
import { seal } from './seal.ts'
import { sweep } from './sweep.ts'

/** What is mirrored, and how. */
export interface MirrorOptions {
  readonly source: TufIndexSettings
  readonly artifacts: ArtifactSource
  /** The folder that will be served, or carried to where there is no network. */
  readonly folder: string
  /** Artifacts and bundles of these plugins only. The index is always whole. */
  readonly only?: readonly string[] | undefined
  /** The mirror owner's key. Without one the registry's own snapshot and timestamp are copied, and expire when those do. */
  readonly signer?: Signer | undefined
  /** How long what the mirror owner signs lasts, in days. */
  readonly days: number
  readonly now: string
}

export interface MirrorReport {
  /** The root that stores pin, as a path in the folder. */
  readonly root: string
  readonly plugins: number
  readonly written: number
  readonly bytes: number
  readonly expires: string
  /** Releases that could not be fetched or may not be. All others are there. */
  readonly problems: readonly Problem[]
}

/**
 * Copies a signed index with its artifacts and bundles, proven on the way, and seals it: only what is new is fetched. The
 * registry's signatures on delegations, entries and lines stay as they are, so that who owns the mirror can freeze or
 * hide, and never forge. A mirror only grows; the timestamp is written last.
 * @throws CatalystError as opening the index; DISK_FULL, READ_ONLY; KEY_INVALID for another key than the folder's root has
 */
export async function mirror(options: MirrorOptions): Promise<MirrorReport> {
  const { folder, signer } = options
  const opened = await openTuf(options.source)
  const snapshot = await opened.snapshot()
  const roles = await copyRoles(opened, folder)
  const files = await copyFiles(opened, roles.paths, folder)
  const releases = await copyReleases(options, snapshot, roles.paths)
  const { root, expires, written } = signer ? await resealed(options, signer, opened, roles.written) : await asItIs(opened, folder)
  const all = [...files, ...releases.written, ...written]
  return { root, plugins: releases.plugins, written: all.length, bytes: releases.bytes, expires, problems: releases.problems }
}

interface Roles {
  readonly written: readonly Written[]
  /** Every path that the index names. */
  readonly paths: readonly string[]
}

/** Delegations and all bins, byte for byte. */
async function copyRoles(opened: OpenedTuf, folder: string): Promise<Roles> {
  const written: Written[] = []
  const paths: string[] = []
  const copy = async (role: string, parent: string): Promise<Envelope<TargetsSigned>> => {
    const names = await opened.client.paths(role, parent).catch((error: unknown) => {
      throw opened.problem(error)
    })
    paths.push(...names)
    const bytes = await readFile(join(opened.dir, `${role}.json`))
    const data = readMetadata<TargetsSigned>('targets', bytes, role)
    written.push(...(await copied(folder, role, data.signed.version, bytes)))
    return data
  }
  await copy('targets', 'root')
  for (const name of [ENTRIES, INDEX] as const) {
    const { who } = binsOf((await copy(name, 'targets')).signed, name)
    for (const bin of binFinder(who).bins) await copy(bin, name)
  }
  return { written, paths }
}

/** Metadata as it was signed: not one byte is ours. Named to the snapshot even where the file was there. */
async function copied(folder: string, role: string, version: number, bytes: Uint8Array): Promise<readonly Written[]> {
  const path = PUBLISHED.metadata(role, version)
  await writeWhole(join(folder, path), bytes)
  return [{ path, meta: [`${role}.json`, { version }] }]
}

const parallel = pLimit(16)

/** What an index is made of: nothing else that a role may name becomes a path of ours. */
const FILE_OF_INDEX = /^(registry\.yaml|entries\/[a-z0-9-]+\.yaml|index(\/[a-z0-9-]+){2,3})$/

async function copyFiles({ client, file, problem }: OpenedTuf, paths: readonly string[], folder: string): Promise<readonly string[]> {
  const written = await parallel.map(paths.filter((path) => FILE_OF_INDEX.test(path)), async (path) => {
    const target = await client.find(path).catch((error: unknown) => {
      throw problem(error)
    })
    const digest = target?.hashes['sha256'] ?? ''
    const at = PUBLISHED.target(path, digest)
    if (target && (await isThere(join(folder, at)))) return []
    const bytes = await file(path)
    if (!bytes) return []
    await writeWhole(join(folder, at), bytes)
    return [at]
  })
  return written.flat()
}

interface Releases {
  readonly plugins: number
  readonly written: readonly string[]
  readonly bytes: number
  readonly problems: readonly Problem[]
}

async function copyReleases(options: MirrorOptions, snapshot: IndexSnapshot, paths: readonly string[]): Promise<Releases> {
  const ids = paths.flatMap((path) => /^entries\/([a-z0-9-]+)\.yaml$/.exec(path)?.[1] ?? []).filter((id) => !options.only || options.only.includes(id)).sort()
  const problems: Problem[] = []
  const written: string[] = []
  let bytes = 0
  const keep = async (line: IndexLine, kind: 'artifact' | 'bundle'): Promise<void> => {
    const at = kind === 'artifact' ? `artifacts/${hexOf(line.artifact.sha256)}.tgz` : `bundles/${hexOf(line.bundle.sha256)}.sigstore.json`
    if (await isThere(join(options.folder, at))) return
    const content = await fetched(options, line, kind)
    await writeWhole(join(options.folder, at), content)
    written.push(at)
    bytes += content.byteLength
  }
  await parallel.map(ids, async (id) => {
    const entry = await snapshot.entry(id)
    for (const line of await snapshot.lines(id)) {
      try {
        for (const { url } of [line.artifact, line.bundle]) {
          if (!entry || !artifactUrlAllowed(url, entry, snapshot.file)) throw new CatalystError('FOREIGN_URL', `${id} ${line.version}: ${url} is no release of its repositories`)
        }
        await keep(line, 'artifact')
        await keep(line, 'bundle')
      } catch (error) {
        if (!(error instanceof CatalystError) || error.code === 'DISK_FULL' || error.code === 'READ_ONLY') throw error
        problems.push({ code: error.code, message: `${id} ${line.version}: ${error.message}`, hint: error.hint })
      }
    }
  })
  return { plugins: ids.length, written, bytes, problems }
}

function fetched({ source, artifacts }: MirrorOptions, line: IndexLine, kind: 'artifact' | 'bundle'): Promise<Uint8Array> {
  const { url, sha256, size } = line[kind]
  const maxBytes = kind === 'artifact' ? LIMITS.artifactMaxBytes : LIMITS.bundleMaxBytes
  return artifacts.fetch({ url: tufIndex(source).locate(url, { kind, sha256 }), sha256, size, maxBytes }, {})
}

interface Top {
  readonly root: string
  readonly expires: string
  readonly written: readonly string[]
}

/** Snapshot and timestamp of the mirror owner's, under a root of theirs that names the registry's keys for everything else. */
async function resealed({ folder, now, days }: MirrorOptions, signer: Signer, opened: OpenedTuf, roles: readonly Written[]): Promise<Top> {
  const before = await readPublished(folder)
  const upstream = readMetadata<RootSigned>('root', await readFile(join(opened.dir, 'root.json')), 'root.json').signed
  const copies: string[] = []
  await copyRoots(opened, PUBLISHED.upstreamRoot, async (path, bytes) => void ((await writeWhole(join(folder, path), bytes)) && copies.push(path)))
  const { root, written: roots } = await mirrorRoot({ folder, upstream, signer, now })
  const known = before?.snapshot.signed.meta ?? {}
  const changed = roles.filter(({ meta }) => meta !== undefined && known[meta[0]]?.version !== meta[1].version)
  const sealed = await seal({ folder, signers: [signer], now, before, root, lasts: { snapshot: { days, renewBelow: days / 2 }, timestamp: { days, renewBelow: days / 2 } }, written: changed })
  const retired = changed.flatMap(({ meta }) => (meta && known[meta[0]] ? [{ path: PUBLISHED.metadata(meta[0].replace('.json', ''), known[meta[0]]?.version ?? 0), at: now }] : []))
  await writeState(folder, { retired: await sweep(folder, [...(before?.state.retired ?? []), ...retired], now) })
  return { root: PUBLISHED.metadata('root', root.version), expires: sealed.timestamp.signed.expires, written: [...copies, ...roots, ...sealed.written.map(({ path }) => path)] }
}

/** The registry's roots from the pinned one on; all that stores may have pinned since. @returns the newest version */
async function copyRoots({ dir, pinned }: OpenedTuf, pathOf: (version: number) => string, put: (path: string, bytes: Uint8Array) => Promise<void>): Promise<number> {
  let { version } = readMetadata<RootSigned>('root', pinned, 'the pinned root').signed
  await put(pathOf(version), pinned)
  for (let bytes; (bytes = await bytesOf(join(dir, 'roots', `${version + 1}.root.json`))); version++) await put(pathOf(version + 1), bytes)
  return version
}

/** The registry's own, byte for byte: stores keep the root that they have pinned. */
async function asItIs(opened: OpenedTuf, folder: string): Promise<Top> {
  const { dir } = opened
  const written: string[] = []
  const put = async (path: string, bytes: Uint8Array): Promise<void> => {
    if (await writeWhole(join(folder, path), bytes)) written.push(path)
  }
  const version = await copyRoots(opened, (n) => PUBLISHED.metadata('root', n), put)
  const snapshot = await readFile(join(dir, 'snapshot.json'))
  const timestamp = await readFile(join(dir, 'timestamp.json'))
  await put(PUBLISHED.metadata('snapshot', readMetadata<SnapshotSigned>('snapshot', snapshot, 'snapshot.json').signed.version), snapshot)
  await put(PUBLISHED.timestamp, timestamp)
  return { root: PUBLISHED.metadata('root', version), expires: (JSON.parse(timestamp.toString()) as { signed: { expires: string } }).signed.expires, written }
}
