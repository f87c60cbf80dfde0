import type { Dialect } from '../data-ports.ts'
import { tokensOf, type Token } from './tokens.ts'

/** One statement of a migration: its text without the `;` and without what surrounds it, and the line on which it begins. */
export interface Statement {
  readonly sql: string
  /** From 1, in the whole text. */
  readonly line: number
  /** Its first words in upper case, at most six: `CREATE UNIQUE INDEX …`. Empty when it does not begin with a word. */
  readonly words: readonly string[]
}

const MAX_WORDS = 6

/**
 * Splits the text of a migration into its statements, as the database itself would: `;` in strings, names, comments,
 * dollar quotes, bodies of triggers (SQLite) or `BEGIN ATOMIC … END`, and parentheses (PostgreSQL) ends nothing.
 * @param file what to call the text in an error
 * @throws CatalystError MIGRATION_REFUSED for what does not end, at its line
 */
export function splitStatements(text: string, dialect: Dialect, file?: string): readonly Statement[] {
  const statements: Statement[] = []
  const lines = lineCounter(text)
  let parts: Token[] = []
  let body = bodyOf(dialect)
  const finish = (): void => {
    const [first] = parts
    const last = parts.at(-1)
    if (first && last) statements.push({ sql: text.slice(first.start, last.end), line: lines(first.start), words: wordsOf(text, parts) })
    parts = []
    body = bodyOf(dialect)
  }
  for (const token of tokensOf(text, dialect, file)) {
    if (token.kind === 'blank') continue
    const word = token.kind === 'word' || token.kind === 'symbol' ? text.slice(token.start, token.end).toUpperCase() : ''
    if (word === ';' && !body.open()) {
      finish()
      continue
    }
    parts.push(token)
    body.see(word)
  }
  finish()
  return statements
}

/** Knows whether a `;` belongs to the statement. `see` is told every token but blanks; what is no word or symbol as ''. */
interface Body {
  open(): boolean
  see(word: string): void
}

function bodyOf(dialect: Dialect): Body {
  return dialect === 'sqlite' ? triggerBody() : functionBody()
}

/** As sqlite3_complete: CREATE [TEMP] TRIGGER ends at the `;` after an END after a `;`. */
function triggerBody(): Body {
  const seen: string[] = []
  let trigger = false
  let last = ''
  let beforeLast = ''
  return {
    open: () => trigger && !(last === 'END' && beforeLast === ';'),
    see: (word) => {
      if (seen.length < 3) seen.push(word)
      trigger ||= /^CREATE (?:(?:TEMP|TEMPORARY) )?TRIGGER$/.test(seen.join(' '))
      beforeLast = last
      last = word
    },
  }
}

/** As psql: parentheses, and BEGIN, CASE … END in the body of a function or procedure that is not a string. */
function functionBody(): Body {
  const seen: string[] = []
  let routine = false
  let parentheses = 0
  let begins = 0
  return {
    open: () => parentheses > 0 || begins > 0,
    see: (word) => {
      if (seen.length < 4) seen.push(word)
      routine ||= /^CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE)$/.test(seen.join(' '))
      if (word === '(') parentheses += 1
      else if (word === ')') parentheses = Math.max(0, parentheses - 1)
      else if (routine && (word === 'BEGIN' || (word === 'CASE' && begins > 0))) begins += 1
      else if (routine && word === 'END' && begins > 0) begins -= 1
    },
  }
}

function wordsOf(text: string, parts: readonly Token[]): readonly string[] {
  const end = parts.findIndex((part) => part.kind !== 'word')
  return parts.slice(0, end < 0 ? MAX_WORDS : Math.min(end, MAX_WORDS)).map((part) => text.slice(part.start, part.end).toUpperCase())
}

/** Tells lines of rising offsets in one pass. */
function lineCounter(text: string): (offset: number) => number {
  let line = 1
  let at = 0
  return (offset) => {
    for (let next = text.indexOf('\n', at); next >= 0 && next < offset; next = text.indexOf('\n', at)) {
      line += 1
      at = next + 1
    }
    return line
  }
}
