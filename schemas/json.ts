import type { Path, SourceDocument } from './document.ts'
import { CatalystError, type Place, type Problem, throwProblems } from './errors.ts'
import { LIMITS } from './limits.ts'
import { forbiddenKey } from './names.ts'
import { LineIndex, readText } from './source-text.ts'

/*
 * JSON.parse keeps the last of two equal keys, tells no places and lets `__proto__` in. This reader takes exactly the
 * texts that JSON.parse takes (a law in its test), minus those, and knows where each value stands.
 */

/** Where a value stands, and what is in it. */
interface Node {
  readonly at: number
  readonly end: number
  readonly keyAt?: number | undefined
  readonly children?: ReadonlyMap<string | number, Node> | undefined
}

/**
 * Parses RFC 8259 JSON.
 * @throws CatalystError FILE_TOO_LARGE, NOT_UTF8, JSON_SYNTAX, FORBIDDEN_KEY
 */
export function parseJson(bytes: Uint8Array | string, file: string, options: { readonly maxBytes?: number } = {}): SourceDocument {
  const text = readText(bytes, file, options.maxBytes ?? LIMITS.manifestMaxBytes)
  const reader = new JsonReader(text, file)
  const { value, node } = reader.read()
  throwProblems(reader.problems)
  return new PlacedJson(file, value, node, reader)
}

const SPACE = /[ \t\n\r]*/y
const STRING = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y
const ATOM = /(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![A-Za-z0-9_.+-])/y

class JsonReader {
  readonly text: string
  readonly problems: Problem[] = []
  readonly #file: string
  #lines: LineIndex | undefined
  #pos = 0

  constructor(text: string, file: string) {
    this.text = text
    this.#file = file
  }

  placeAt(offset: number): Place {
    this.#lines ??= new LineIndex(this.text, this.#file)
    return this.#lines.placeAt(offset)
  }

  read(): { value: unknown; node: Node } {
    const found = this.#value(0)
    if (this.#pos < this.text.length) this.#fail('the end of the file')
    return found
  }

  #value(depth: number, keyAt?: number): { value: unknown; node: Node } {
    this.#take(SPACE)
    const at = this.#pos
    if (depth > LIMITS.yamlMaxDepth) throw new CatalystError('JSON_SYNTAX', `nested deeper than ${LIMITS.yamlMaxDepth} levels`, { place: this.placeAt(at) })
    const first = this.text[at]
    const children = new Map<string | number, Node>()
    const value = first === '{' ? this.#object(depth, children) : first === '[' ? this.#array(depth, children) : this.#scalar(first)
    const end = this.#pos
    this.#take(SPACE)
    return { value, node: { at, end, keyAt, children } }
  }

  #object(depth: number, children: Map<string | number, Node>): Record<string, unknown> {
    const object: Record<string, unknown> = {}
    this.#items('}', () => {
      this.#take(SPACE)
      const keyAt = this.#pos
      const key = JSON.parse(this.#take(STRING) || this.#fail('a key in double quotes')) as string
      this.#take(SPACE)
      if (!this.#skip(':')) this.#fail('":"')
      const { value, node } = this.#value(depth + 1, keyAt)
      if (this.#keyIsGood(key, keyAt, children)) object[key] = value
      children.set(key, node)
    })
    return object
  }

  #array(depth: number, children: Map<string | number, Node>): unknown[] {
    const array: unknown[] = []
    this.#items(']', () => {
      const { value, node } = this.#value(depth + 1)
      children.set(array.length, node)
      array.push(value)
    })
    return array
  }

  #items(close: string, item: () => void): void {
    this.#pos++
    this.#take(SPACE)
    if (this.#skip(close)) return
    do item()
    while (this.#skip(','))
    if (!this.#skip(close)) this.#fail(`"," or "${close}"`)
  }

  #scalar(first: string | undefined): unknown {
    const token = this.#take(first === '"' ? STRING : ATOM) || this.#fail('a value')
    const value: unknown = JSON.parse(token)
    if (typeof value === 'number' && !Number.isFinite(value)) this.#fail('a number that can be kept')
    return value
  }

  #keyIsGood(key: string, keyAt: number, seen: ReadonlyMap<string | number, Node>): boolean {
    if (forbiddenKey(key)) this.problems.push({ code: 'FORBIDDEN_KEY', message: `key ${key}`, place: this.placeAt(keyAt) })
    else if (seen.has(key)) this.problems.push({ code: 'JSON_SYNTAX', message: `key ${key} stands twice in the same object`, place: this.placeAt(keyAt), hint: 'Keep one of the two keys.' })
    else return true
    return false
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#pos
    const token = pattern.exec(this.text)?.[0] ?? ''
    this.#pos += token.length
    return token
  }

  #skip(char: string): boolean {
    if (this.text[this.#pos] !== char) return false
    this.#pos++
    return true
  }

  #fail(expected: string): never {
    const found = this.#pos < this.text.length ? JSON.stringify(this.text.slice(this.#pos, this.#pos + 10)) : 'the end of the file'
    throw new CatalystError('JSON_SYNTAX', `expected ${expected}, found ${found}`, { place: this.placeAt(this.#pos) })
  }
}

class PlacedJson implements SourceDocument {
  readonly file: string
  readonly value: unknown
  readonly #root: Node
  readonly #reader: JsonReader

  constructor(file: string, value: unknown, root: Node, reader: JsonReader) {
    this.file = file
    this.value = value
    this.#root = root
    this.#reader = reader
  }

  placeOf(path: Path, of: 'key' | 'value' = 'value'): Place | undefined {
    const node = this.#find(path)
    return node && this.#reader.placeAt(of === 'key' ? (node.keyAt ?? node.at) : node.at)
  }

  sourceOf(path: Path): string | undefined {
    const node = this.#find(path)
    return node && node.children?.size === 0 ? this.#reader.text.slice(node.at, node.end) : undefined
  }

  #find(path: Path): Node | undefined {
    return path.reduce<Node | undefined>((node, step) => node?.children?.get(step), this.#root)
  }
}
