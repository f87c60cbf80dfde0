import { LIMITS } from './limits.ts'
import { forbiddenKey } from './names.ts'

/*
 * The small part of YAML that our tools write and most people do: block mappings and lists, one fact per line, small
 * `{}` and `[]`, comments. It is written here, and read here without the general parser, which takes over a second for a
 * lock of a thousand plugins. The quick reader knows no places and no errors: whatever is not plainly in this part is
 * `undefined`, and the general parser decides. The law that both read the same where this one reads at all is held by its test.
 */

const LINE = /^( *)(- )?(?:([A-Za-z][A-Za-z0-9_./-]*):(?: +([^ #].*))?|([^ #].*))$/
// Without what some reader could take for the end of a line.
const COMMENT = /^#(?:[ -~]|[^\0-\u00a0\u2028\u2029\ufeff\ufffe\uffff])*$/
// Starts like no indicator, number sign or null; holds no comment and no second key; ends in no blank or colon.
const PLAIN = /^(?:[A-Za-z0-9^/]|\.(?=[A-Za-z]))(?:[A-Za-z0-9^/~.@+_=<>*|()-]| (?=[^# ])|:(?=[^ ]))*$/
// What may also be read so, and is written in quotes: `25%`, `./file`.
const READ = /^(?:[A-Za-z0-9^/]|\.(?=[A-Za-z/]))(?:[A-Za-z0-9^/~.@+_=<>*|()%-]| (?=[^# ])|:(?=[^ ]))*$/
const WORDS: Readonly<Record<string, unknown>> = { true: true, false: false, '{}': {}, '[]': [] }
/** YAML knows keys in one line of up to 1,024 characters. */
const MAX_FLOW_KEY = 256
const SPECIAL = /^(?:null|true|false|\.inf|\.nan)$/i

/** Stands for a line that only the general parser may judge. */
class NotPlain extends Error {}

/** The value of a text in the small language, or undefined. */
export function readPlainYaml(text: string): unknown {
  const lines = text.split('\n')
  if (lines.pop() !== '') return undefined
  try {
    const reader = new Lines(lines)
    if (reader.atEnd) return undefined
    const value = reader.collection(0, 0)
    return reader.atEnd ? value : undefined
  } catch (error) {
    if (error instanceof NotPlain) return undefined
    throw error
  }
}

interface Fact {
  readonly indent: number
  readonly dash: boolean
  readonly key: string | undefined
  readonly value: string | undefined
}

class Lines {
  readonly #lines: readonly string[]
  #at = 0
  #fact: Fact | undefined

  constructor(lines: readonly string[]) {
    this.#lines = lines
    this.#fact = this.#read()
  }

  get atEnd(): boolean {
    return this.#fact === undefined
  }

  collection(indent: number, depth: number): unknown {
    if (depth >= LIMITS.yamlMaxDepth || this.#fact?.indent !== indent) throw new NotPlain()
    return this.#fact.dash ? this.#list(indent, depth) : this.#map(indent, depth)
  }

  #map(indent: number, depth: number): Record<string, unknown> {
    const map: Record<string, unknown> = {}
    for (let fact = this.#fact; fact?.indent === indent; fact = this.#fact) {
      if (fact.dash) break
      if (fact.key === undefined || SPECIAL.test(fact.key) || forbiddenKey(fact.key) || Object.hasOwn(map, fact.key)) throw new NotPlain()
      this.#next()
      map[fact.key] = fact.value === undefined ? this.collection(indent + 2, depth + 1) : inline(fact.value, depth + 1)
    }
    return map
  }

  #list(indent: number, depth: number): unknown[] {
    const list: unknown[] = []
    for (let fact = this.#fact; fact?.indent === indent && fact.dash; fact = this.#fact) {
      if (fact.key === undefined) {
        list.push(inline(fact.value ?? '', depth + 1))
        this.#next()
      } else {
        // `- key: value` is a mapping that begins behind the dash
        this.#fact = { ...fact, indent: indent + 2, dash: false }
        list.push(this.collection(indent + 2, depth + 1))
      }
    }
    return list
  }

  #next(): void {
    this.#fact = this.#read()
  }

  #read(): Fact | undefined {
    for (;;) {
      const line = this.#lines[this.#at++]
      if (line === undefined) return undefined
      const fact = withoutBlanks(line.includes('#') ? withoutComment(line) : line)
      if (fact === '') continue
      const [whole, spaces = '', dash, key, value, item] = LINE.exec(fact) ?? []
      if (whole === undefined || (key === undefined && dash === undefined)) throw new NotPlain()
      return { indent: spaces.length, dash: dash !== undefined, key, value: value ?? item }
    }
  }
}

/** A `#` inside quotes begins no comment: with both in one line the general parser decides. */
function withoutComment(line: string): string {
  const quote = line.search(/["']/)
  if (quote >= 0 && quote < line.lastIndexOf('#')) throw new NotPlain()
  const start = line.startsWith('#') ? 0 : line.indexOf(' #') + 1
  return (start > 0 || line.startsWith('#')) && COMMENT.test(line.slice(start)) ? line.slice(0, start) : line
}

/** A regular expression would try each blank of a long row of them anew. */
function withoutBlanks(line: string): string {
  let end = line.length
  while (line[end - 1] === ' ') end -= 1
  return line.slice(0, end)
}

/** A value on the line of its key. */
function inline(text: string, depth: number): unknown {
  if (!/^[{[]./.test(text) || Object.hasOwn(WORDS, text)) return scalar(text)
  const flow = new Flow(text)
  const value = flow.value(depth)
  if (!flow.atEnd) throw new NotPlain()
  return value
}

// A text in quotes as JSON has them; in `{}` and `[]` no other text holds a blank at its ends or one of these signs.
const FLOW_TEXT = /"(?:[^"\\]|\\.)*"|[^\s,[\]{}:#"'](?:[^,[\]{}:#"']*[^\s,[\]{}:#"'])?/y

/** `{ id: post, days: [1, 2] }`, and all that JSON.stringify writes. */
class Flow {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get atEnd(): boolean {
    return this.#at === this.#text.length
  }

  value(depth: number): unknown {
    if (depth >= LIMITS.yamlMaxDepth) throw new NotPlain()
    if (this.#takes('{')) return this.#map(depth)
    return this.#takes('[') ? this.#list(depth) : scalar(this.#word())
  }

  #map(depth: number): Record<string, unknown> {
    const map: Record<string, unknown> = {}
    if (this.#takes('}')) return map
    do {
      const word = this.#word()
      const key = scalar(word)
      if (typeof key !== 'string' || key.length > MAX_FLOW_KEY || SPECIAL.test(key) || forbiddenKey(key) || Object.hasOwn(map, key)) throw new NotPlain()
      if (this.#text[this.#at++] !== ':' || (word[0] !== '"' && this.#text[this.#at] !== ' ')) throw new NotPlain()
      this.#blanks()
      map[key] = this.value(depth + 1)
    } while (this.#takes(','))
    if (!this.#takes('}')) throw new NotPlain()
    return map
  }

  #list(depth: number): unknown[] {
    const list: unknown[] = []
    if (this.#takes(']')) return list
    do list.push(this.value(depth + 1))
    while (this.#takes(','))
    if (!this.#takes(']')) throw new NotPlain()
    return list
  }

  #word(): string {
    FLOW_TEXT.lastIndex = this.#at
    const [word] = FLOW_TEXT.exec(this.#text) ?? []
    if (word === undefined) throw new NotPlain()
    this.#at += word.length
    return word
  }

  /** Takes a sign with the blanks around it. */
  #takes(sign: string): boolean {
    const before = this.#at
    this.#blanks()
    if (this.#text[this.#at] !== sign) {
      this.#at = before
      return false
    }
    this.#at += 1
    if (sign === '{' || sign === '[' || sign === ',') this.#blanks()
    return true
  }

  #blanks(): void {
    while (this.#text[this.#at] === ' ') this.#at += 1
  }
}

function scalar(text: string): unknown {
  if (Object.hasOwn(WORDS, text)) return structuredClone(WORDS[text])
  if (text.startsWith('"')) return quoted(text)
  if (/^(?:0|[1-9][0-9]{0,14})$/.test(text)) return Number(text)
  if (!isPlainText(text, READ)) throw new NotPlain()
  return text
}

/** Every text in quotes that is JSON means the same in YAML. */
function quoted(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new NotPlain()
  }
}

// ---- writing -------------------------------------------------------------------------------------------------

/** YAML of plain JSON data, keys in the order given: the same bytes for the same data on every machine. */
export function writeYaml(value: object): string {
  return `${linesOf(value, '').join('\n')}\n`
}

/** A scalar as it may stand anywhere, inside `[]` and `{}` too: in quotes wherever YAML could read something else. */
export function scalarText(value: unknown): string {
  return typeof value === 'string' && !isPlainText(value) ? visible(JSON.stringify(value)) : String(value)
}

function isPlainText(text: string, plain = PLAIN): boolean {
  return plain.test(text) && !SPECIAL.test(text) && Number.isNaN(Number(text))
}

/** Characters that a reader of a diff could not see, or that a terminal would obey, are written as escapes. */
function visible(json: string): string {
  return json.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufeff]/gu, (char) => [...Array(char.length).keys()].map((i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''))
}

function linesOf(value: object, indent: string): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item) => behindDash(inlineOrLines(item, `${indent}  `), indent))
  return Object.entries(value).flatMap(([key, item]) => {
    const text = inlineOrLines(item, `${indent}  `)
    return typeof text === 'string' ? [`${indent}${scalarText(key)}: ${text}`] : [`${indent}${scalarText(key)}:`, ...text]
  })
}

function inlineOrLines(value: unknown, indent: string): string | readonly string[] {
  if (typeof value !== 'object' || value === null) return scalarText(value)
  if (Object.keys(value).length === 0) return Array.isArray(value) ? '[]' : '{}'
  return linesOf(value, indent)
}

function behindDash(item: string | readonly string[], indent: string): readonly string[] {
  if (typeof item === 'string') return [`${indent}- ${item}`]
  const [first = '', ...rest] = item
  return [`${indent}- ${first.trimStart()}`, ...rest]
}
