import { byCodeUnit } from './digest.ts'
import { nearestPlace, type SourceDocument } from './document.ts'
import { CatalystError, type Problem, throwProblems, withCode } from './errors.ts'
import { LIMITS } from './limits.ts'
import { entryDigest, Lock, LOCK_NEEDS, LOCK_VERSION, LockBlock, WaitingBlock } from './lock.ts'
import { conflictMarker } from './lock-conflicts.ts'
import { suspectFields } from './lock-edits.ts'
import { readPlainYaml, writeYaml } from './plain-yaml.ts'
import { readText } from './source-text.ts'
import { obeys, sortProblems, validated } from './validate.ts'
import { parseYaml } from './yaml.ts'

const HEADER = `# Written by \`catalyst lock\`: review it, do not edit it. After a merge conflict run \`catalyst lock --merge\`.
`

/**
 * Reads plugins.lock.yaml and checks that each block is what was written. Pure.
 * @throws CatalystError LOCK_CONFLICT, LOCK_TOO_NEW, LOCK_INVALID, LOCK_EDITED; all problems are in `problems`
 */
export function readLock(bytes: Uint8Array | string, file: string): Lock {
  const text = withCode('LOCK_INVALID', () => readText(bytes, file, LIMITS.lockMaxBytes))
  const quick = readPlainYaml(text)
  return isWholeLock(quick) ? withoutNeeds(quick) : readSlowly(text, file, quick)
}

/** A lock as `writeLock` left it needs no places: nothing is wrong with it. */
function isWholeLock(value: unknown): value is Lock {
  return value !== undefined && obeys(Lock, value) && [value.plugins, value.removed ?? {}].every((blocks) => Object.values(blocks).every(isWhole))
}

function isWhole(block: LockBlock): boolean {
  return entryDigest(block) === block.entryDigest
}

/** The same checks with the parser that knows where things stand, where the file is not too large for it. */
function readSlowly(text: string, file: string, quick: unknown): Lock {
  refuseConflicts(text, file)
  const isLarge = Buffer.byteLength(text) > LIMITS.yamlMaxBytes
  const document = isLarge ? withoutPlaces(quick, file) : withCode('LOCK_INVALID', () => parseYaml(text, file))
  refuseNewer(document)
  const lock = withCode('LOCK_INVALID', () => validated(Lock, document))
  throwProblems(sortProblems([...editedBlocks(lock, 'plugins', document), ...editedBlocks(lock, 'removed', document)]))
  return withoutNeeds(lock)
}

/** The general parser would take minutes and gigabytes; only our tools write locks of this size, and they write them plainly. */
function withoutPlaces(value: unknown, file: string): SourceDocument {
  if (value !== undefined) return { file, value, placeOf: () => undefined, sourceOf: () => undefined }
  throw new CatalystError('LOCK_INVALID', `${file} is larger than ${LIMITS.yamlMaxBytes} bytes and not written as our tools write it`, { place: { file } })
}

function withoutNeeds({ needs: _needs, ...lock }: Lock): Lock {
  return lock
}

/** The text of plugins.lock.yaml. Equal locks give equal bytes, whatever the order of their keys. */
export function writeLock(lock: Lock): string {
  const { plugins, removed, waiting } = lock
  return HEADER + writeYaml({
    lockVersion: LOCK_VERSION,
    needs: LOCK_NEEDS,
    plugins: section(plugins, LockBlock),
    ...(removed && { removed: section(removed, LockBlock) }),
    ...(waiting && { waiting: section(waiting, WaitingBlock) }),
  })
}

function refuseConflicts(text: string, file: string): void {
  const marker = conflictMarker(text)
  if (marker) throw new CatalystError('LOCK_CONFLICT', `${file} holds the merge conflict marker ${marker.text}`, { place: { file, line: marker.line, column: 1 } })
}

/** A newer file is told apart before its schema is looked at: what is in it is not ours to judge. */
function refuseNewer(document: SourceDocument): void {
  const { lockVersion, needs } = (document.value ?? {}) as { lockVersion?: unknown; needs?: unknown }
  if (typeof lockVersion !== 'number' || lockVersion <= LOCK_VERSION) return
  const install = typeof needs === 'string' && needs.length < 100 ? `@catalyst/plugins ${needs} or newer` : 'a newer @catalyst/plugins'
  throw new CatalystError('LOCK_TOO_NEW', `${document.file} has lockVersion ${lockVersion} and needs ${install}; this one reads up to ${LOCK_VERSION}`, {
    place: nearestPlace(document, ['lockVersion']),
    hint: `Update to ${install}. The file was not changed.`,
  })
}

function editedBlocks(lock: Lock, name: 'plugins' | 'removed', document: SourceDocument): readonly Problem[] {
  return Object.entries(lock[name] ?? {}).flatMap(([id, block]) => {
    if (isWhole(block)) return []
    const suspects = suspectFields(block)
    const path = [name, id, ...(suspects[0]?.path ?? ['entryDigest'])]
    const what = suspects.length > 0 ? `: ${suspects.map((s) => s.text).join(' or ')}` : ''
    return [{ code: 'LOCK_EDITED', message: `${id} was changed after it was locked${what}`, place: nearestPlace(document, path, 'key') }]
  })
}

/** One section with its ids sorted, each block's keys in the order of its schema, everything deeper sorted by key. */
function section<B extends object>(blocks: Readonly<Record<string, B>>, schema: { readonly properties: object }): Record<string, unknown> {
  const order = Object.keys(schema.properties)
  const ordered = (block: B) => order.filter((key) => block[key as keyof B] !== undefined).map((key) => [key, sorted(block[key as keyof B])])
  return Object.fromEntries(Object.keys(blocks).sort(byCodeUnit).map((id) => [id, Object.fromEntries(ordered(blocks[id] as B))]))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  return Object.fromEntries(entries.sort(([a], [b]) => byCodeUnit(a, b)).map(([key, item]) => [key, sorted(item)]))
}
