import { LIMITS } from './limits.ts'
import { forbiddenKey } from './names.ts'

/*
 * The small part of YAML that our tools write: block mappings and lists, one fact per line. It is written here, and read
 * back here without the general parser, which takes over a second for a lock of a thousand plugins. The quick reader
 * knows no places and no errors: whatever is not plainly in this part is `undefined`, and the general parser decides.
 * The law that both read the same where this one reads at all is held by its test.
 */

const LINE = /^( *)(- )?(?:([A-Za-z][A-Za-z0-9_./-]*):(?: (.+))?|(.+))$/
// Starts like no indicator, number sign or null; holds no comment and no second key; ends in no blank or colon.
const PLAIN = /^(?:[A-Za-z0-9^/]|\.(?=[A-Za-z]))(?:[A-Za-z0-9^/~.@+_=<>*|()-]| (?=[^# ])|:(?=[^ ]))*$/
const WORDS: Readonly<Record<string, unknown>> = { true: true, false: false, '{}': {}, '[]': [] }
const SPECIAL = /^(?:null|true|false|\.inf|\.nan)$/i

/** Stands for a line that only the general parser may judge. */
class NotPlain extends Error {}

/** The value of a text in the small language, or undefined. */
export function readPlainYaml(text: string): unknown {
  const lines = text.split('\n')
  if (lines.at(-1) !== '') return undefined
  lines.pop()
  const start = lines.findIndex((line) => !line.startsWith('#'))
  if (start < 0) return undefined
  try {
    const reader = new Lines(lines, start)
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
  readonly #lines: string[]
  #at: number
  #fact: Fact | undefined

  constructor(lines: string[], at: number) {
    this.#lines = lines
    this.#at = at
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
      map[fact.key] = fact.value === undefined ? this.collection(indent + 2, depth + 1) : scalar(fact.value)
    }
    return map
  }

  #list(indent: number, depth: number): unknown[] {
    const list: unknown[] = []
    for (let fact = this.#fact; fact?.indent === indent && fact.dash; fact = this.#fact) {
      if (fact.key === undefined) {
        list.push(scalar(fact.value ?? ''))
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
    this.#at++
    this.#fact = this.#read()
  }

  #read(): Fact | undefined {
    const line = this.#lines[this.#at]
    if (line === undefined) return undefined
    const [whole, spaces = '', dash, key, value, item] = LINE.exec(line) ?? []
    if (whole === undefined || (key === undefined && dash === undefined)) throw new NotPlain()
    return { indent: spaces.length, dash: dash !== undefined, key, value: value ?? item }
  }
}

function scalar(text: string): unknown {
  if (Object.hasOwn(WORDS, text)) return structuredClone(WORDS[text])
  if (text.startsWith('"')) return quoted(text)
  if (/^(?:0|[1-9][0-9]{0,14})$/.test(text)) return Number(text)
  if (!isPlainText(text)) throw new NotPlain()
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

function isPlainText(text: string): boolean {
  return PLAIN.test(text) && !SPECIAL.test(text) && Number.isNaN(Number(text))
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
