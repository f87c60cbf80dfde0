import { canonicalJson } from './digest.ts'
import { nearestPlace, type SourceDocument } from './document.ts'
import { type Place, type Problem, throwProblems, withCode } from './errors.ts'
import { INDEX_LINE_VERSION, IndexLine } from './index-line.ts'
import { parseJsonLines } from './json-lines.ts'
import { LIMITS } from './limits.ts'
import { tagsFor } from './names.ts'
import { normalizePermissions, permissionExcess } from './permissions.ts'
import { readPlainYaml } from './plain-yaml.ts'
import { RegistryEntry, RegistryFile } from './registry-entry.ts'
import { readText } from './source-text.ts'
import { MAX_PROBLEMS, obeys, validate, validated } from './validate.ts'
import { parseYaml } from './yaml.ts'

const LINE_LIMITS = { maxBytes: LIMITS.indexFileMaxBytes, maxLineBytes: LIMITS.indexLineMaxBytes, maxLines: LIMITS.indexMaxLines } as const

/**
 * Reads `entries/<id>.yaml`. With `id`, the entry must be for it. Pure.
 * @throws CatalystError INDEX_INVALID; its `problems` have codes and places of their own
 */
export function readEntry(bytes: Uint8Array | string, file: string, id?: string): RegistryEntry {
  return withCode('INDEX_INVALID', () => {
    const text = readText(bytes, file, LIMITS.entryMaxBytes)
    const quick = readPlainYaml(text)
    if (quick !== undefined && obeys(RegistryEntry, quick) && (id === undefined || quick.id === id)) return quick
    const document = parseYaml(text, file, { maxBytes: LIMITS.entryMaxBytes })
    const entry = validated(RegistryEntry, document)
    throwProblems(entryProblems(entry, document, id))
    return entry
  })
}

/** Reads `registry.yaml`. Pure. @throws CatalystError INDEX_INVALID; its `problems` have codes and places of their own */
export function readRegistryFile(bytes: Uint8Array | string, file: string): RegistryFile {
  return withCode('INDEX_INVALID', () => validated(RegistryFile, parseYaml(bytes, file, { maxBytes: LIMITS.entryMaxBytes })))
}

/**
 * Reads `index/<prefix>/<id>`: one JSON line per version, in file order. Lines of an unknown `v` are left out, so that a
 * newer registry does not stop an older store. With `id`, every line must be for it. Pure.
 * @throws CatalystError INDEX_INVALID naming each bad line
 */
export function readIndexLines(bytes: Uint8Array | string, file: string, id?: string): readonly IndexLine[] {
  return withCode('INDEX_INVALID', () => {
    const documents = parseJsonLines(bytes, file, LINE_LIMITS)
    const ours = documents.filter((document) => !isOtherVersion(document.value))
    throwProblems(lineShapeProblems(ours))
    throwProblems(fileProblems(ours, id))
    return ours.map((document) => document.value as IndexLine)
  })
}

/**
 * The lines of an index file that `readIndexLines` leaves out, as they stand there: who writes the file anew carries them on. Pure.
 * @throws CatalystError INDEX_INVALID
 */
export function otherIndexLines(bytes: Uint8Array | string, file: string): readonly string[] {
  return withCode('INDEX_INVALID', () => {
    const documents = parseJsonLines(bytes, file, LINE_LIMITS)
    const texts = readText(bytes, file, LIMITS.indexFileMaxBytes).split('\n').filter((line) => line.trim() !== '')
    return texts.filter((_text, n) => isOtherVersion(documents[n]?.value))
  })
}

function lineShapeProblems(documents: readonly SourceDocument[]): readonly Problem[] {
  const problems: Problem[] = []
  for (const document of documents) if (problems.length < MAX_PROBLEMS) problems.push(...validate(IndexLine, document))
  return problems
}

/** One line of an index file, without its line end: RFC 8785 JSON, so that equal lines have equal bytes. */
export function writeIndexLine(line: IndexLine): string {
  return canonicalJson(line)
}

/**
 * Where a line claims more than its reviewed entry allows: another id, a repository the entry does not list (or no
 * longer listed when the version came out), a tag that is not the version's, permissions over the entry's cap. An entry
 * without `permissions` allows none.
 */
export function lineProblems(line: IndexLine, entry: RegistryEntry, place?: Place): readonly Problem[] {
  const wider = (message: string): Problem => ({ code: 'INDEX_LINE_WIDER', message: `${line.id} ${line.version}: ${message}`, ...(place && { place }) })
  const excess = permissionExcess(normalizePermissions(line.permissions), normalizePermissions(entry.permissions))
  return [
    ...(line.id === entry.id ? [] : [wider(`the line is for ${line.id}, the entry for ${entry.id}`)]),
    ...repositoryProblems(line, entry).map(wider),
    ...(tagsFor(line.id, line.version).includes(line.tag) ? [] : [wider(`the tag ${line.tag} is not one of ${tagsFor(line.id, line.version).join(', ')}`)]),
    ...excess.map(({ kind, what }) => wider(`it asks for ${kind} ${what}, which the entry does not allow`)),
  ]
}

function repositoryProblems(line: IndexLine, entry: RegistryEntry): readonly string[] {
  const { url, id, ownerId } = line.repository
  const listed = entry.repositories.filter((r) => r.id === id && r.ownerId === ownerId && sameUrl(r.url, url))
  if (listed.length === 0) return [`the repository ${url} (id ${id}, owner ${ownerId}) is not one of the entry's`]
  if (listed.some((r) => r.until === undefined || Date.parse(line.publishedAt) <= Date.parse(r.until))) return []
  return [`it came out at ${line.publishedAt}, and the repository ${url} was listed only until ${listed.map((r) => r.until).join(', ')}`]
}

/** GitHub's names are case-insensitive. */
function sameUrl(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

function entryProblems(entry: RegistryEntry, document: SourceDocument, id: string | undefined): readonly Problem[] {
  const other = id !== undefined && entry.id !== id
  return other ? [{ code: 'INVALID_VALUE', message: `the entry of ${id} says that it is for ${entry.id}`, place: nearestPlace(document, ['id']) }] : []
}

function isOtherVersion(value: unknown): boolean {
  const v = (value as { v?: unknown } | null)?.v
  return typeof v === 'number' && v !== INDEX_LINE_VERSION
}

function fileProblems(documents: readonly SourceDocument[], id: string | undefined): readonly Problem[] {
  const seen = new Map<string, Place | undefined>()
  return documents.flatMap((document) => {
    const line = document.value as IndexLine
    const version = line.version.split('+')[0] ?? ''
    const first = seen.get(version)
    const twice = seen.has(version)
    seen.set(version, first ?? document.placeOf(['version']))
    return [
      ...(id !== undefined && line.id !== id ? [problem(document, 'id', `the file of ${id} has a line for ${line.id}`)] : []),
      ...(twice ? [problem(document, 'version', `${line.id} ${line.version} stands twice, first in line ${first?.line}`)] : []),
    ]
  })
}

function problem(document: SourceDocument, key: string, message: string): Problem {
  return { code: 'INVALID_VALUE', message, place: nearestPlace(document, [key]) }
}
