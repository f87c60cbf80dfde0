import { isDeepStrictEqual } from 'node:util'
import type { Path } from './document.ts'
import { parseYaml, rewriteYaml, type Span, type YamlDocument } from './yaml.ts'
import { blockLines, isLeaf, isScalar, oneLine } from './yaml-style.ts'

/*
 * Edits of a YAML text that touch only the lines they must, so that comments, order, spacing and quotes of everything
 * else stay byte for byte. Each edit is proven by reading it back; where the text is laid out in a way that we cannot
 * splice, the library rewrites the file (comments and order survive that too).
 */

/** The text with the value at `path` set. Mappings and lists are merged member by member, so that comments in them survive. */
export function setInYaml(text: string, path: Path, value: unknown): string {
  return withLineFeeds(text, (lines) => setIn(lines, path, value))
}

/** The text without what stands at `path`. Comments inside it go with it; those above it stay. */
export function deleteInYaml(text: string, path: Path): string {
  return withLineFeeds(text, (lines) => deleteIn(lines, path))
}

/** Edits a file with Windows line ends as one without, and gives them back. */
function withLineFeeds(text: string, edit: (text: string) => string): string {
  const windows = text.includes('\r\n') && !/(^|[^\r])\n/.test(text)
  return windows ? edit(text.replaceAll('\r\n', '\n')).replaceAll('\n', '\r\n') : edit(text)
}

function setIn(text: string, path: Path, value: unknown): string {
  const document = parseYaml(text, 'edited text')
  const before = valueAt(document.value, path)
  if (isDeepStrictEqual(before, value)) return text
  if (isMapping(before) && isMapping(value) && Object.keys(before).length > 0 && Object.keys(value).length > 0) return mergeMapping(text, path, before, value)
  if (Array.isArray(before) && Array.isArray(value) && onlyGrowsOrShrinks(before, value)) return mergeList(text, path, before, value)
  return proven(text, path, value, document.spanOf(path) ? replaced(document, path, value) : inserted(document, path, value))
}

function deleteIn(text: string, path: Path): string {
  const document = parseYaml(text, 'edited text')
  if (!document.spanOf(path)) return text
  return proven(text, path, undefined, removed(document, path))
}

function proven(text: string, path: Path, value: unknown, spliced: string | undefined): string {
  const wanted = changed(parseYaml(text, 'edited text').value, path, value)
  return spliced !== undefined && says(spliced, wanted) ? spliced : rewriteYaml(text, path, value)
}

function says(text: string, value: unknown): boolean {
  try {
    return isDeepStrictEqual(parseYaml(text, 'edited text').value, value)
  } catch {
    return false
  }
}

// ---- merging -------------------------------------------------------------------------------------------------

function mergeMapping(text: string, path: Path, before: Mapping, value: Mapping): string {
  const gone = Object.keys(before).filter((key) => value[key] === undefined)
  const set = Object.entries(value).filter(([, item]) => item !== undefined)
  const added = set.reduce((edited, [key, item]) => setIn(edited, [...path, key], item), text)
  return gone.reduce((edited, key) => deleteIn(edited, [...path, key]), added)
}

function mergeList(text: string, path: Path, before: readonly unknown[], value: readonly unknown[]): string {
  const kept = before.filter((item) => includes(value, item))
  const added = value.filter((item) => !includes(before, item)).reduce<string>((edited, item, i) => setIn(edited, [...path, before.length + i], item), text)
  const gone = [...before.keys()].filter((i) => !includes(kept, before[i])).reverse()
  return gone.reduce((edited, i) => deleteIn(edited, [...path, i]), added)
}

/** True when the list can be reached by taking items away and adding others behind. */
function onlyGrowsOrShrinks(before: readonly unknown[], value: readonly unknown[]): boolean {
  const kept = before.filter((item) => includes(value, item))
  const added = value.filter((item) => !includes(before, item))
  return kept.length > 0 && isDeepStrictEqual([...kept, ...added], value)
}

function includes(list: readonly unknown[], item: unknown): boolean {
  return list.some((other) => isDeepStrictEqual(other, item))
}

// ---- splicing ------------------------------------------------------------------------------------------------

function replaced(document: YamlDocument, path: Path, value: unknown): string | undefined {
  const span = document.spanOf(path)
  if (!span) return undefined
  const { text } = document
  if (span.kind !== 'scalar' && !span.flow) return undefined
  const filled = span.flow && span.children.length > 0
  if (filled || isScalar(value) || isLeaf(value) || insideFlow(document, path)) {
    const one = oneLine(value, text.slice(span.start, span.end))
    return splice(text, span.start, span.end, span.start === span.end ? ` ${one}` : one)
  }
  if (!span.key) return undefined
  const end = lineEnd(text, span.end)
  const lines = `\n${indented(value, indentOf(text, span.key.start) + stepOf(document), document)}`
  return splice(splice(text, end, end, lines), beforeSpaces(text, span.start), span.end, '')
}

/** What has lost its last member says so on the line of its key; comments that stood inside stay below. */
function emptied(text: string, keyEnd: number, kind: Span['kind']): string {
  const colon = text.indexOf(':', keyEnd) + 1
  return splice(text, colon, colon, kind === 'list' ? ' []' : ' {}')
}

function inserted(document: YamlDocument, path: Path, value: unknown): string | undefined {
  const parentPath = path.slice(0, -1)
  const key = path.at(-1)
  const parent = document.spanOf(parentPath)
  const member = typeof key === 'number' ? [value] : { [String(key)]: value }
  if (!parent || parent.children.length === 0) return path.length === 0 ? undefined : setIn(document.text, parentPath, member)
  if (!parent.flow) return insertedLines(document, parent, member)
  const last = document.spanOf([...parentPath, parent.children.at(-1) ?? 0])
  const item = typeof key === 'number' ? oneLine(value) : `${oneLine(key)}: ${oneLine(value)}`
  return last && splice(document.text, last.end, last.end, `, ${item}`)
}

function insertedLines(document: YamlDocument, parent: Span, member: unknown): string {
  const { text } = document
  const column = indentOf(text, parent.start)
  if (column === 0) return appendedSection(document, member)
  const at = afterInnerComments(text, lineEnd(text, parent.end), column + 1)
  return splice(text, at, at, `\n${indented(member, column, document)}`)
}

/** A new section goes behind everything, with a blank line before it where the file has such lines. */
function appendedSection(document: YamlDocument, member: unknown): string {
  const { text } = document
  const at = text.trimEnd().length
  const blank = text.slice(0, at).includes('\n\n') ? '\n' : ''
  return `${text.slice(0, at)}${blank}\n${indented(member, 0, document)}${text.slice(at) || '\n'}`
}

function removed(document: YamlDocument, path: Path): string | undefined {
  const parentPath = path.slice(0, -1)
  const parent = document.spanOf(parentPath)
  const span = document.spanOf(path)
  if (!parent || !span) return undefined
  if (parent.children.length === 1 && parent.flow) return replaced(document, parentPath, parent.kind === 'list' ? [] : {})
  if (parent.flow) return removedFromFlow(document, parentPath, parent, path)
  const without = removedLines(document.text, span, parent.kind)
  if (parent.children.length > 1 || without === undefined) return without
  return parent.key && emptied(without, parent.key.end, parent.kind)
}

function removedFromFlow(document: YamlDocument, parentPath: Path, parent: Span, path: Path): string | undefined {
  const spans = parent.children.map((child) => document.spanOf([...parentPath, child]))
  const at = parent.children.indexOf(path.at(-1) ?? '')
  const [before, here, next] = [spans[at - 1], spans[at], spans[at + 1]]
  if (!here) return undefined
  if (next) return splice(document.text, here.key?.start ?? here.start, next.key?.start ?? next.start, '')
  return before && splice(document.text, before.end, here.end, '')
}

function removedLines(text: string, span: Span, kind: Span['kind']): string | undefined {
  const own = kind === 'list' ? text.lastIndexOf('-', span.start) : (span.key?.start ?? span.start)
  const first = lineStart(text, own)
  if (text.slice(first, own).trim() !== '') return undefined
  const column = own - first
  const last = afterInnerComments(text, lineEnd(text, span.end), column + 1)
  return splice(text, first, Math.min(last + 1, text.length), '')
}

// ---- lines ---------------------------------------------------------------------------------------------------

/** Behind the comment lines that follow `end` and are indented at least `column`: they belong to what ends there. */
function afterInnerComments(text: string, end: number, column: number): number {
  let at = end
  for (let next = end; next < text.length; ) {
    const feed = text.indexOf('\n', next + 1)
    const stop = feed < 0 ? text.length : feed
    const line = text.slice(next + 1, stop)
    if (/^\s*#/.test(line) && line.search(/#/) >= column) at = stop
    else if (line.trim() !== '') break
    next = stop
  }
  return at
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1
}

/** The end of the line, before its line end; an offset just behind a line feed belongs to the line before. */
function lineEnd(text: string, offset: number): number {
  const from = offset > 0 && text[offset - 1] === '\n' ? offset - 1 : offset
  const end = text.indexOf('\n', from)
  return end < 0 ? text.length : end
}

function indentOf(text: string, offset: number): number {
  return offset - lineStart(text, offset)
}

function beforeSpaces(text: string, offset: number): number {
  return offset - (/[ \t]*$/.exec(text.slice(lineStart(text, offset), offset))?.[0].length ?? 0)
}

function splice(text: string, start: number, end: number, by: string): string {
  return text.slice(0, start) + by + text.slice(end)
}

// ---- rendering -----------------------------------------------------------------------------------------------

/** How far this file indents: as far as its first nested key. */
function stepOf(document: YamlDocument): number {
  const tops = document.spanOf([])?.children.map((key) => document.spanOf([key])) ?? []
  const nested = tops.find((span) => span && span.kind !== 'scalar' && !span.flow && indentOf(document.text, span.start) > 0)
  return nested ? Math.min(indentOf(document.text, nested.start), 8) : 2
}

function indented(value: unknown, column: number, document: YamlDocument): string {
  return blockLines(value, stepOf(document)).map((line) => ' '.repeat(column) + line).join('\n')
}

// ---- values --------------------------------------------------------------------------------------------------

type Mapping = Readonly<Record<string, unknown>>

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function insideFlow(document: YamlDocument, path: Path): boolean {
  return path.some((_, i) => document.spanOf(path.slice(0, i))?.flow === true)
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, step) => (at as Record<string | number, unknown> | null | undefined)?.[step], value)
}

/** A copy with one value set, or taken away. */
function changed(value: unknown, path: Path, to: unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined) return to
  if (typeof step === 'number') {
    const list = Array.isArray(value) ? value : []
    const item = changed(list[step], rest, to)
    return item === undefined ? list.toSpliced(step, 1) : list.toSpliced(step, 1, item)
  }
  const { [step]: old, ...others } = (value ?? {}) as Record<string, unknown>
  const item = changed(old, rest, to)
  return item === undefined ? others : { ...others, [step]: item }
}
