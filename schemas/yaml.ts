import { Composer, type Document, isMap, isScalar, isSeq, Lexer, parseDocument, Parser, type CST, type ParsedNode } from 'yaml'
import type { Path, SourceDocument } from './document.ts'
import { type ErrorCode, type Place, type Problem, throwProblems } from './errors.ts'
import { LIMITS } from './limits.ts'
import { forbiddenKey } from './names.ts'
import { LineIndex, readText } from './source-text.ts'

/* The one door to reading with `yaml`. YAML 1.2 core schema without what makes YAML dangerous: no anchors, tags, merges, directives or second documents. */

/** A YAML file whose values know their places, and where in its text they begin and end. */
export interface YamlDocument extends SourceDocument {
  readonly text: string
  spanOf(path: Path): Span | undefined
}

/** Where a value stands in the text, in offsets. */
export interface Span {
  /** The key before it; undefined for list items and the root. */
  readonly key: { readonly start: number; readonly end: number } | undefined
  readonly start: number
  /** Behind its last character that is not space or comment. */
  readonly end: number
  readonly kind: 'map' | 'list' | 'scalar'
  /** True inside `{}` or `[]`. */
  readonly flow: boolean
  /** Keys or positions of what is in it, in the order of the text. */
  readonly children: readonly (string | number)[]
}

/** No file is worth reading further than this many problems. */
const MAX_PROBLEMS = 100

/**
 * Parses one YAML document into plain JSON data. An empty file is `null`. Every problem of the file is in the one error.
 * @throws CatalystError FILE_TOO_LARGE, NOT_UTF8, YAML_SYNTAX, YAML_TAB, YAML_ALIAS, YAML_DUPLICATE_KEY, FORBIDDEN_KEY, WRONG_TYPE (a key that is no text), INVALID_VALUE (a number that JSON has not)
 */
export function parseYaml(bytes: Uint8Array | string, file: string, options: { readonly maxBytes?: number } = {}): YamlDocument {
  const text = readText(bytes, file, options.maxBytes ?? LIMITS.yamlMaxBytes)
  const lines = new LineIndex(text, file)
  const { tokens, problems } = readTokens(text, lines)
  throwProblems(problems)
  const document = compose(tokens, text.length)
  for (const error of document?.errors ?? []) problems.push(syntaxProblem(error, lines))
  throwProblems(problems)
  const value = plainData(document?.contents ?? null, lines, problems)
  throwProblems(problems)
  return new PlacedDocument(file, text, value, document?.contents ?? null, lines)
}

/**
 * Lexes and groups tokens, and refuses on the way what could make composing them costly: it holds no data yet, so an
 * alias bomb or a tower of brackets ends here in linear time.
 */
function readTokens(text: string, lines: LineIndex): { tokens: CST.Token[]; problems: Problem[] } {
  const parser = new Parser()
  const tokens: CST.Token[] = []
  const problems: Problem[] = []
  let scalar = false
  for (const lexeme of new Lexer().lex(text)) {
    const refused = scalar ? undefined : refusedLexeme(lexeme)
    if (refused) problems.push({ ...refused, place: lines.placeAt(parser.offset) })
    scalar = lexeme === SCALAR
    if (parser.stack.length > 2 * LIMITS.yamlMaxDepth) {
      problems.push({ code: 'YAML_SYNTAX', message: `nested deeper than ${LIMITS.yamlMaxDepth} levels`, place: lines.placeAt(parser.offset) })
    }
    if (problems.length >= MAX_PROBLEMS || problems.at(-1)?.message.startsWith('nested')) return { tokens, problems }
    for (const token of parser.next(lexeme)) tokens.push(token)
  }
  for (const token of parser.end()) tokens.push(token)
  return { tokens, problems }
}

/** The lexer sends this mark before the text of a plain scalar. */
const SCALAR = '\u001f'

function refusedLexeme(lexeme: string): Pick<Problem, 'code' | 'message' | 'hint'> | undefined {
  switch (lexeme[0]) {
    case '&':
      return { code: 'YAML_ALIAS', message: `anchor ${lexeme}` }
    case '*':
      return { code: 'YAML_ALIAS', message: `alias ${lexeme}` }
    case '!':
      return { code: 'YAML_SYNTAX', message: `tag ${lexeme}`, hint: 'Remove the tag; put the value in quotes if it shall be text.' }
    case '%':
      return { code: 'YAML_SYNTAX', message: `directive ${lexeme.trimEnd()}`, hint: 'Remove the directive; the file is read as YAML 1.2.' }
    default:
      return undefined
  }
}

function compose(tokens: readonly CST.Token[], length: number): Document.Parsed | undefined {
  // uniqueKeys compares each key with each other one: quadratic. plainData looks for duplicates with a set instead.
  const composer = new Composer<ParsedNode, true>({ uniqueKeys: false, merge: false, schema: 'core', version: '1.2', logLevel: 'silent' })
  let first: Document.Parsed | undefined
  for (const document of composer.compose(tokens, true, length)) {
    if (!first) first = document as Document.Parsed
    else first.errors.push(...document.errors, secondDocument(document.range[0]))
  }
  return first
}

type Syntax = { readonly code: string; readonly message: string; readonly pos: readonly [number, number] }

function secondDocument(offset: number): Document.Parsed['errors'][number] {
  return { code: 'MULTIPLE_DOCS', message: 'a second document starts here; one file holds one document', pos: [offset, offset + 1] } as never
}

function syntaxProblem(error: Syntax, lines: LineIndex): Problem {
  const code: ErrorCode = error.code === 'TAB_AS_INDENT' ? 'YAML_TAB' : 'YAML_SYNTAX'
  return { code, message: error.message, place: lines.placeAt(error.pos[0]) }
}

/** Turns nodes into plain data and collects what no JSON could say. Depth is bounded by `readTokens`. */
function plainData(node: ParsedNode | null, lines: LineIndex, problems: Problem[]): unknown {
  if (isMap(node)) return plainMap(node, lines, problems)
  if (isSeq(node)) return node.items.map((item) => plainData(item as ParsedNode, lines, problems))
  if (!isScalar(node)) return null
  if (typeof node.value === 'number' && !Number.isFinite(node.value)) {
    problems.push({ code: 'INVALID_VALUE', message: `${node.source} is not a number that can be kept`, place: lines.placeAt(node.range[0]) })
    return null
  }
  return node.value
}

function plainMap(map: { items: readonly unknown[] }, lines: LineIndex, problems: Problem[]): Record<string, unknown> {
  const data: Record<string, unknown> = {}
  const seen = new Map<string, Place>()
  for (const pair of map.items as readonly { key: ParsedNode; value: ParsedNode | null }[]) {
    const place = lines.placeAt(pair.key?.range?.[0] ?? 0)
    const problem = keyProblem(pair.key, place, seen)
    const value = plainData(pair.value, lines, problems)
    if (problem) problems.push(problem)
    else data[(pair.key as unknown as { value: string }).value] = value
  }
  return data
}

function keyProblem(key: ParsedNode, place: Place, seen: Map<string, Place>): Problem | undefined {
  if (!isScalar(key)) return { code: 'WRONG_TYPE', message: 'a key must be text, not a list or a mapping', place }
  const name = key.value
  if (typeof name !== 'string') {
    return { code: 'WRONG_TYPE', message: `key ${key.source} is read as ${name === null ? 'null' : `a ${typeof name}`}, not as text`, place, hint: `Put the key in quotes: "${key.source}".` }
  }
  if (forbiddenKey(name) || name === '<<') return { code: 'FORBIDDEN_KEY', message: `key ${name}`, place }
  const first = seen.get(name)
  if (first) return { code: 'YAML_DUPLICATE_KEY', message: `key ${name} stands twice in the same mapping, first at line ${first.line}`, place }
  seen.set(name, place)
  return undefined
}

class PlacedDocument implements YamlDocument {
  readonly file: string
  readonly text: string
  readonly value: unknown
  readonly #root: ParsedNode | null
  readonly #lines: LineIndex
  readonly #keys = new WeakMap<object, Map<string, { key: ParsedNode; value: ParsedNode | null }>>()

  constructor(file: string, text: string, value: unknown, root: ParsedNode | null, lines: LineIndex) {
    this.file = file
    this.text = text
    this.value = value
    this.#root = root
    this.#lines = lines
  }

  placeOf(path: Path, of: 'key' | 'value' = 'value'): Place | undefined {
    const found = this.#find(path)
    const node = of === 'key' ? (found?.key ?? found?.value) : (found?.value ?? found?.key)
    return node ? this.#lines.placeAt(node.range[0]) : undefined
  }

  sourceOf(path: Path): string | undefined {
    const node = this.#find(path)?.value
    return isScalar(node) ? node.source : undefined
  }

  spanOf(path: Path): Span | undefined {
    const found = this.#find(path)
    if (!found?.value) return undefined
    const { key, value } = found
    const children = isMap(value) ? [...this.#index(value).keys()] : isSeq(value) ? [...value.items.keys()] : []
    return {
      key: key ? { start: key.range[0], end: key.range[1] } : undefined,
      start: value.range[0],
      end: contentEnd(value),
      kind: isMap(value) ? 'map' : isSeq(value) ? 'list' : 'scalar',
      flow: !isScalar(value) && (value as { flow?: boolean }).flow === true,
      children,
    }
  }

  #find(path: Path): { key: ParsedNode | null; value: ParsedNode | null } | undefined {
    let at: { key: ParsedNode | null; value: ParsedNode | null } | undefined = { key: null, value: this.#root }
    for (const step of path) {
      const node: ParsedNode | null | undefined = at?.value
      if (isMap(node)) at = this.#index(node).get(String(step))
      else if (isSeq(node)) at = typeof step === 'number' && node.items[step] ? { key: null, value: node.items[step] as ParsedNode } : undefined
      else return undefined
    }
    return at
  }

  /** Built when the first problem asks for a place: a file without problems never pays for it. */
  #index(map: { items: readonly unknown[] }): Map<string, { key: ParsedNode; value: ParsedNode | null }> {
    let index = this.#keys.get(map)
    if (!index) {
      const pairs = map.items as readonly { key: ParsedNode; value: ParsedNode | null }[]
      index = new Map(pairs.map((pair) => [String((pair.key as unknown as { value: unknown }).value), pair]))
      this.#keys.set(map, index)
    }
    return index
  }
}

/** Block collections claim the comments and blank lines behind them; their last scalar does not. */
function contentEnd(node: ParsedNode): number {
  if (isScalar(node) || (node as { flow?: boolean }).flow) return node.range[1]
  const last: unknown = (node as { items: readonly unknown[] }).items.at(-1)
  if (isSeq(node)) return last ? contentEnd(last as ParsedNode) : node.range[1]
  const { key, value } = last as { key: ParsedNode; value: ParsedNode | null }
  return Math.max(key.range[1], value ? contentEnd(value) : 0)
}

const WRITING = { version: '1.2', schema: 'core', lineWidth: 0, aliasDuplicateObjects: false, blockQuote: false } as const

/** The text with one value set, or taken away when `value` is undefined, by way of the library: comments and order survive, spacing may not. */
export function rewriteYaml(text: string, path: Path, value: unknown): string {
  const document = parseDocument(text, { ...WRITING, uniqueKeys: false })
  if (value === undefined) document.deleteIn(path)
  else document.setIn(path, document.createNode(value))
  return document.toString(WRITING)
}
