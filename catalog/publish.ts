import { join } from 'node:path'
import { artifactUrlAllowed } from '../schemas/artifact-urls.ts'
import { byCodeUnit, canonicalJson, hexOf, sha256 } from '../schemas/digest.ts'
import { CatalystError, throwProblems } from '../schemas/errors.ts'
import type { IndexLine } from '../schemas/index-line.ts'
import { artifactName, indexPath } from '../schemas/names.ts'
import { writeYaml } from '../schemas/plain-yaml.ts'
import type { RegistryEntry, RegistryFile } from '../schemas/registry-entry.ts'
import { lineProblems, readEntry, readIndexLines, readRegistryFile, writeIndexLine } from '../schemas/registry-files.ts'
import { compareVersions } from '../schemas/versions.ts'
import { bytesOf, writeWhole } from './write-file.ts'

/** A release to list. Its bytes are needed only where the folder shall carry copies. */
export interface ListedRelease {
  readonly line: IndexLine
  readonly artifact?: Uint8Array
  readonly bundle?: Uint8Array
}

/** What an index folder shall say. Entries and lines that it has already and that are not named here stay. */
export interface IndexContent {
  readonly registry: RegistryFile
  readonly entries: readonly RegistryEntry[]
  readonly releases: readonly ListedRelease[]
}

/** Copies of artifacts and bundles within the folder, and how lines call them. */
export interface Copies {
  /** File names: by content (`<sha256>.tgz`), or for people (`<id>-<version>.tgz`). */
  readonly names: 'digest' | 'release'
  /** Where the folder is served, with a slash at its end; absent: lines say `file:artifacts/…`, relative to the folder. */
  readonly baseUrl?: string
}

/** Paths in the folder that were written, sorted; the others had the right bytes already. */
export interface PublishReport {
  readonly written: readonly string[]
  readonly unchanged: number
}

/**
 * Publishes an index folder: `registry.yaml`, `entries/<id>.yaml`, `index/<prefix>/<id>`, and with `copies` also
 * `artifacts/` and `bundles/`. The same content gives the same bytes in any order. Everything is checked before anything
 * is written; what a line names is written before the line; each file is replaced whole. A version that is listed stays
 * as it is: only `yanked` and `advisories` of its line may change.
 * @throws CatalystError INDEX_LINE_WIDER, INDEX_INVALID (no entry, or not what our own readers read), INDEX_REWRITTEN,
 * FOREIGN_URL, DIGEST_MISMATCH, DISK_FULL, READ_ONLY
 */
export async function publishIndex(folder: string, content: IndexContent, copies?: Copies): Promise<PublishReport> {
  const releases = content.releases.map((release) => placed(release, copies))
  const entries = new Map(content.entries.map((entry) => [entry.id, entry]))
  const files: (readonly [string, Uint8Array])[] = releases.flatMap(({ files }) => files)
  for (const entry of content.entries) files.push([`entries/${entry.id}.yaml`, await entryBytes(folder, entry)])
  for (const [id, lines] of linesById(releases)) {
    checkLines(lines, entries.get(id) ?? (await entryIn(folder, id)), content.registry)
    files.push([`index/${indexPath(id)}`, await indexBytes(folder, id, lines)])
  }
  files.push(['registry.yaml', yamlBytes(content.registry, REGISTRY_KEYS, (bytes) => readRegistryFile(bytes, 'registry.yaml'))])
  return writeAll(folder, files)
}

const ENTRY_KEYS = ['v', 'id', 'publisher', 'description', 'tier', 'categories', 'repositories', 'path', 'signer', 'permissions', 'killed'] as const satisfies readonly (keyof RegistryEntry)[]
const REGISTRY_KEYS = ['apiVersion', 'kind', 'name', 'title', 'artifactHosts', 'maxAge'] as const satisfies readonly (keyof RegistryFile)[]

interface Placed {
  readonly line: IndexLine
  readonly files: readonly (readonly [string, Uint8Array])[]
}

/** The line as it stands in this folder, with the copies that it names. @throws CatalystError DIGEST_MISMATCH */
function placed({ line, artifact, bundle }: ListedRelease, copies: Copies | undefined): Placed {
  if (!copies) return { line, files: [] }
  const name = copies.names === 'digest' ? undefined : artifactName(line.id, line.version)
  const copied = (bytes: Uint8Array | undefined, what: 'artifact' | 'bundle', path: string): Placed['files'][number] => {
    const digest = bytes && sha256(bytes)
    if (!bytes || digest !== line[what].sha256) throw new CatalystError('DIGEST_MISMATCH', `${line.id} ${line.version}: the ${what} to copy is ${digest ?? 'not given'}, the line says ${line[what].sha256}`)
    return [path, bytes]
  }
  const artifactPath = `artifacts/${name ?? `${hexOf(line.artifact.sha256)}.tgz`}`
  const bundlePath = `bundles/${name ? `${name}.sigstore.json` : `${hexOf(line.bundle.sha256)}.sigstore.json`}`
  const url = (path: string): string => (copies.baseUrl === undefined ? `file:${path}` : new URL(path, copies.baseUrl).href)
  return {
    line: { ...line, artifact: { ...line.artifact, url: url(artifactPath) }, bundle: { ...line.bundle, url: url(bundlePath) } },
    files: [copied(artifact, 'artifact', artifactPath), copied(bundle, 'bundle', bundlePath)],
  }
}

function linesById(releases: readonly Placed[]): readonly (readonly [string, readonly IndexLine[]])[] {
  return [...Map.groupBy(releases.map(({ line }) => line), ({ id }) => id)].sort(([a], [b]) => byCodeUnit(a, b))
}

function checkLines(lines: readonly IndexLine[], entry: RegistryEntry | undefined, registry: RegistryFile): void {
  const id = lines[0]?.id ?? ''
  if (!entry) throw new CatalystError('INDEX_INVALID', `${id} has no entry: who may publish it is for people to say`, { hint: `Write entries/${id}.yaml and have it reviewed.` })
  throwProblems(lines.flatMap((line) => lineProblems(line, entry)))
  for (const { version, artifact, bundle } of lines) {
    for (const { url } of [artifact, bundle]) {
      if (!artifactUrlAllowed(url, entry, registry)) throw new CatalystError('FOREIGN_URL', `${id} ${version}: ${url} is no release of its repositories and under none of the registry's artifactHosts`)
    }
  }
}

/** Old lines and new ones, oldest version first. @throws CatalystError INDEX_REWRITTEN, INDEX_INVALID */
async function indexBytes(folder: string, id: string, lines: readonly IndexLine[]): Promise<Uint8Array> {
  const path = `index/${indexPath(id)}`
  const old = await bytesOf(join(folder, path))
  const byVersion = new Map((old ? readIndexLines(old, path, id) : []).map((line) => [line.version, line]))
  for (const line of lines) {
    const listed = byVersion.get(line.version)
    if (listed && lasting(listed) !== lasting(line)) {
      throw new CatalystError('INDEX_REWRITTEN', `${id} ${line.version} is listed already, and not as this: a version never changes`, { hint: 'Publish a new version; yank the old one if it must not be used.' })
    }
    byVersion.set(line.version, line)
  }
  const sorted = [...byVersion.values()].sort((a, b) => compareVersions(a.version, b.version))
  const bytes = Buffer.from(sorted.map((line) => `${writeIndexLine(line)}\n`).join(''))
  readIndexLines(bytes, path, id)
  return bytes
}

/** What of a line may never change. */
function lasting({ yanked: _yanked, advisories: _advisories, ...rest }: IndexLine): string {
  return canonicalJson(rest)
}

/** The entry as YAML; a file that says the same already keeps its bytes, and with them its reviewers' comments. */
async function entryBytes(folder: string, entry: RegistryEntry): Promise<Uint8Array> {
  const path = `entries/${entry.id}.yaml`
  const old = await bytesOf(join(folder, path))
  if (old && says(old, path, entry)) return old
  return yamlBytes(entry, ENTRY_KEYS, (bytes) => readEntry(bytes, path, entry.id))
}

function says(bytes: Uint8Array, path: string, entry: RegistryEntry): boolean {
  try {
    return canonicalJson(readEntry(bytes, path)) === canonicalJson(entry)
  } catch (error) {
    if (error instanceof CatalystError) return false
    throw error
  }
}

async function entryIn(folder: string, id: string): Promise<RegistryEntry | undefined> {
  const path = `entries/${id}.yaml`
  const bytes = await bytesOf(join(folder, path))
  return bytes && readEntry(bytes, path, id)
}

/** YAML with keys in a fixed order, read back by the reader of every store before it counts. */
function yamlBytes<T extends object>(value: T, keys: readonly (keyof T & string)[], read: (bytes: Uint8Array) => unknown): Uint8Array {
  const known = keys.filter((key) => value[key] !== undefined)
  const bytes = Buffer.from(writeYaml(Object.fromEntries(known.map((key) => [key, JSON.parse(canonicalJson(value[key])) as unknown]))))
  if (canonicalJson(read(bytes)) !== canonicalJson(value)) throw new CatalystError('INTERNAL', 'an index file does not say what it shall say')
  return bytes
}

async function writeAll(folder: string, files: readonly (readonly [string, Uint8Array])[]): Promise<PublishReport> {
  const written: string[] = []
  for (const [path, bytes] of files) if (await writeWhole(join(folder, path), bytes)) written.push(path)
  return { written: written.sort(byCodeUnit), unchanged: files.length - written.length }
}
