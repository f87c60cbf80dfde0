import type { Path } from './document.ts'
import { pathText } from './document.ts'
import { entryDigest, type LockBlock } from './lock.ts'

/** A field that was changed after the block was written, and how we know. */
export interface SuspectField {
  readonly path: Path
  readonly text: string
}

/**
 * Which field of an edited block was changed. A digest tells only that something was; but one changed field can be
 * proven: put back what it was, and the digest holds again. Tried are the additions, flags, words and versions that a
 * hand or a half-finished merge changes. Empty when no single change explains it.
 */
export function suspectFields(block: LockBlock): readonly SuspectField[] {
  const proven = guesses(block).filter(({ before }) => entryDigest(before as LockBlock) === block.entryDigest)
  return [...new Map(proven.map(({ path, text }) => [text, { path, text }])).values()].slice(0, 3)
}

/** A block of a plugin with many permissions and migrations has two hundred. */
const MOST_LEAVES = 500

interface Guess extends SuspectField {
  readonly before: unknown
}

function guesses(block: LockBlock): readonly Guess[] {
  const { entryDigest: _digest, snapshot: _snapshot, ...fields } = block
  const leaves = leavesOf(fields, [])
  // Each guess digests the whole block: with ten thousand leaves that would take hours.
  if (leaves.length > MOST_LEAVES) return []
  return [...leaves.flatMap(({ path, value }) => [...removal(fields, path), ...replacements(fields, path, value)]), ...versionGuesses(fields)]
}

function leavesOf(value: unknown, path: Path): readonly { path: Path; value: unknown }[] {
  if (typeof value !== 'object' || value === null) return [{ path, value }]
  const inside = (Array.isArray(value) ? [...value.entries()] : Object.entries(value)).flatMap(([key, item]) => leavesOf(item, [...path, key]))
  return path.length === 0 ? inside : [{ path, value }, ...inside]
}

function removal(fields: object, path: Path): readonly Guess[] {
  return [{ path, text: `${pathText(path)} was added`, before: changed(fields, path, undefined) }]
}

const OTHER_WORDS: Readonly<Record<string, readonly string[]>> = {
  read: ['write'], write: ['read'], r: ['rw'], rw: ['r'],
  keep: ['ask', 'remove'], ask: ['keep', 'remove'], remove: ['keep', 'ask'],
  expand: ['contract', 'breaking'], contract: ['expand', 'breaking'], breaking: ['expand', 'contract'],
}

function replacements(fields: object, path: Path, value: unknown): readonly Guess[] {
  const others = typeof value === 'boolean' ? [!value] : typeof value === 'string' && Object.hasOwn(OTHER_WORDS, value) ? (OTHER_WORDS[value] ?? []) : []
  return others.map((other) => ({ path, text: `${pathText(path)} was ${String(other)}`, before: changed(fields, path, other) }))
}

/** Version, tag, ref and file names repeat each other: the ones left alone tell what the changed one was. */
function versionGuesses(fields: Omit<LockBlock, 'entryDigest' | 'snapshot'>): readonly Guess[] {
  const told = new Set([fields.tag, fields.artifact.url, fields.signer.kind === 'provenance' ? fields.signer.ref : ''].flatMap((text) => [...text.matchAll(/\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+?)?(?=\.tgz|$)/g)].map((m) => m[0])))
  const versions = [...told].filter((version) => version !== fields.version)
  const inVersion = versions.map((version) => ({ path: ['version'], text: `version was ${version}`, before: { ...fields, version } }))
  const inTag = [...told, fields.version].map((version) => fields.tag.replace(/\d+\.\d+\.\d+.*$/, version)).filter((tag) => tag !== fields.tag)
  return [...inVersion, ...inTag.map((tag) => ({ path: ['tag'], text: `tag was ${tag}`, before: { ...fields, tag } }))]
}

/** A copy with one place changed; `undefined` takes it away. */
function changed(value: unknown, path: Path, to: unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined) return to
  if (Array.isArray(value)) return value.flatMap((item, i) => (i !== step ? [item] : [changed(item, rest, to)].filter((v) => v !== undefined)))
  const entries = Object.entries(value as object).map(([key, item]) => [key, key === step ? changed(item, rest, to) : item] as const)
  return Object.fromEntries(entries.filter(([, item]) => item !== undefined))
}
