import { CatalystError } from '../../schemas/errors.ts'
import type { Dialect } from '../data-ports.ts'

/** A piece of SQL. White space and comments are `blank`; `name` is a quoted identifier, `word` a bare one or a keyword. */
export interface Token {
  readonly kind: 'blank' | 'word' | 'name' | 'string' | 'symbol'
  readonly start: number
  readonly end: number
}

/** The text of `file`, for what does not end. */
interface Source {
  readonly text: string
  readonly file: string
}

type Lexer = (source: Source, at: number) => Token

/**
 * Cuts SQL into tokens that together are the whole text, as the database's own lexer would.
 * @param file what to call the text in an error
 * @throws CatalystError MIGRATION_REFUSED for a string, name or comment that does not end, at its line
 */
export function* tokensOf(text: string, dialect: Dialect, file = 'migration.sql'): Generator<Token> {
  const source = { text, file }
  const next: Lexer = dialect === 'sqlite' ? sqliteToken : postgresToken
  for (let at = 0; at < text.length; ) {
    const token = next(source, at)
    yield token
    at = token.end
  }
}

/** What a name, word or string token says: `"a""b"` says `a"b`, `[a]` says `a`, a bare word is as written. */
export function valueOf(text: string, { kind, start, end }: Token): string {
  const raw = text.slice(start, end)
  if (kind !== 'name' && kind !== 'string') return raw
  const quote = raw[0] ?? ''
  const inner = raw.slice(1, -1)
  return quote === '[' ? inner : inner.replaceAll(quote + quote, quote)
}

const SPACE = /[ \t\n\r\f\v\ufeff]+/y
const LINE_COMMENT = /--[^\n\r]*/y
const WORD = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y
const NUMBER = /[0-9][A-Za-z0-9_.]*/y
const SQLITE_COMMENT = /\/\*[^]*?\*\//y
// Unrolled, so that a string of megabytes needs no stack.
const QUOTED: Readonly<Record<string, RegExp>> = { "'": /'[^']*(?:''[^']*)*'/y, '"': /"[^"]*(?:""[^"]*)*"/y, '`': /`[^`]*(?:``[^`]*)*`/y, '[': /\[[^\]]*\]/y }

// https://www.sqlite.org/src/file/src/tokenize.c: a line comment ends at \n only.
const SQLITE_LINE_COMMENT = /--[^\n]*/y

function sqliteToken(source: Source, at: number): Token {
  const { text } = source
  const char = text[at] ?? ''
  if (char === "'") return quoted(source, at, "'", 'string')
  if (char === '"' || char === '`' || char === '[') return quoted(source, at, char, 'name')
  if (text.startsWith('/*', at)) return closed(source, at, match(SQLITE_COMMENT, text, at), 'comment')
  return (
    token('blank', at, match(SPACE, text, at) ?? match(SQLITE_LINE_COMMENT, text, at)) ??
    token('word', at, match(WORD, text, at)) ??
    token('symbol', at, match(NUMBER, text, at)) ?? { kind: 'symbol', start: at, end: at + 1 }
  )
}

const ESCAPE_STRING = /'[^'\\]*(?:(?:''|\\[^])[^'\\]*)*'/y
/** A string goes on after white space with a line break, in the manner of its first part. */
const CONTINUED = /(?:[ \t\f\v]|--[^\n\r]*)*[\n\r](?:[ \t\f\v\n\r]|--[^\n\r]*[\n\r])*(?=')/y
const DOLLAR = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y

// https://www.postgresql.org/docs/current/sql-syntax-lexical.html, with standard_conforming_strings.
function postgresToken(source: Source, at: number): Token {
  const { text } = source
  const char = text[at] ?? ''
  if (char === "'") return quoted(source, at, "'", 'string')
  if (char === '"') return quoted(source, at, '"', 'name')
  if ((char === 'E' || char === 'e') && text[at + 1] === "'") return escapeString(source, at)
  if (text.startsWith('/*', at)) return nestedComment(source, at)
  const dollar = char === '$' ? match(DOLLAR, text, at) : undefined
  if (dollar !== undefined) return dollarString(source, at, text.slice(at, dollar))
  return (
    token('blank', at, match(SPACE, text, at) ?? match(LINE_COMMENT, text, at)) ??
    token('word', at, match(WORD, text, at)) ??
    token('symbol', at, match(NUMBER, text, at)) ?? { kind: 'symbol', start: at, end: at + 1 }
  )
}

function quoted(source: Source, at: number, quote: string, kind: 'string' | 'name'): Token {
  const pattern = QUOTED[quote]
  return closed(source, at, pattern && match(pattern, source.text, at), kind)
}

function escapeString(source: Source, at: number): Token {
  const { text } = source
  let end = match(ESCAPE_STRING, text, at + 1)
  for (let more = end; more !== undefined; ) {
    end = more
    const next = match(CONTINUED, text, more)
    if (next === undefined) break
    more = match(ESCAPE_STRING, text, next)
    end = more
  }
  return closed(source, at, end, 'string')
}

function dollarString(source: Source, at: number, tag: string): Token {
  const { text } = source
  const close = text.indexOf(tag, at + tag.length)
  return closed(source, at, close < 0 ? undefined : close + tag.length, 'string')
}

const COMMENT_MARK = /\/\*|\*\//g

function nestedComment(source: Source, at: number): Token {
  const { text } = source
  COMMENT_MARK.lastIndex = at
  let depth = 0
  for (let mark = COMMENT_MARK.exec(text); mark; mark = COMMENT_MARK.exec(text)) {
    depth += mark[0] === '/*' ? 1 : -1
    if (depth === 0) return { kind: 'blank', start: at, end: COMMENT_MARK.lastIndex }
  }
  return closed(source, at, undefined, 'comment')
}

function closed({ text, file }: Source, at: number, end: number | undefined, what: 'comment' | 'string' | 'name'): Token {
  if (end !== undefined) return { kind: what === 'comment' ? 'blank' : what, start: at, end }
  const line = text.slice(0, at).split('\n').length
  throw new CatalystError('MIGRATION_REFUSED', `The ${what} that begins at line ${line} does not end`, { place: { file, line } })
}

function token(kind: Token['kind'], start: number, end: number | undefined): Token | undefined {
  return end === undefined ? undefined : { kind, start, end }
}

function match(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : undefined
}
