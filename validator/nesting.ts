/*
 * oxc is a recursive descent parser without a depth limit: 4,000 brackets in a row overflow its native stack and kill
 * the whole process, which no `try` can catch (oxc-project/oxc issues 24375 and 21953, open). So before any text is
 * parsed, this reads its tokens and counts how deep a parser may have to go. Brackets count, and so do the chains that
 * nest without brackets: `!!!!a`, `a=>b=>c`, `a?b:c?d:e`, `a=b=c`, `if(a)if(b)`, `else if`, `l1:l2:`, `new new a`.
 * It counts rather too much than too little: hand-written and minified code stays below 400.
 */

/** Levels at which a text is refused. oxc overflows 4 MiB of stack (a worker thread) from 1,700 levels on. */
export const MAX_LEVELS = 1_200

/** Tokens in one expression: `a+a+a+…` makes a tree as deep as it is long, and JavaScript must walk it. */
export const MAX_RUN = 20_000

/** A text this short cannot overflow the stack, whatever stands in it: a level takes a character and at most 1.4 KiB. */
const ALWAYS_SAFE_CHARS = 2_400
/** Nor can one this short that has few brackets and operators: words alone (`do do do`) take three characters a level. */
const SAFE_CHARS = 6_000

/** True when parsing the text could go deeper than `MAX_LEVELS`, or its tree could be deeper than JavaScript can walk. Linear time. */
export function nestsTooDeep(text: string): boolean {
  if (text.length <= ALWAYS_SAFE_CHARS || (text.length <= SAFE_CHARS && countOpeners(text) < MAX_LEVELS)) return false
  return new Nesting(text).tooDeep()
}

/** How deep the text nests at most; more than `MAX_LEVELS` when it nests too deeply. */
export function levelsOf(text: string): number {
  const nesting = new Nesting(text)
  return nesting.tooDeep() ? MAX_LEVELS + 1 : nesting.deepest
}

function countOpeners(text: string): number {
  let count = 0
  for (let i = 0; i < text.length; i++) if (OPENERS[text.charCodeAt(i)] === 1) count++
  return count
}

const OPENERS = table('([{`?=!~+-:*@')

const OPERAND_FOLLOWS = new Set(['return', 'typeof', 'instanceof', 'in', 'of', 'new', 'delete', 'void', 'throw', 'case', 'do', 'else', 'await', 'yield', 'async', 'class', 'extends', 'function', 'default'])
const NESTING_WORDS = new Set(['new', 'await', 'yield', 'typeof', 'void', 'delete', 'do', 'if', 'else', 'for', 'while', 'with', 'extends', 'throw'])
const CONTINUING_WORDS = new Set(['in', 'of', 'instanceof', 'else', 'extends', 'as'])
const STATEMENT_HEADS = new Set(['if', 'for', 'while', 'with'])

type Kind = 'bracket' | 'block' | 'template' | 'substitution'

/** One open bracket: the chain that grew in it so far, and what comes after it closes. */
interface Level {
  readonly kind: Kind
  chain: number
  /** The chain of the statement that a `;` just ended: an `else` that comes next takes it up again. */
  before: number
  run: number
  /** After the closing bracket an operand may follow: `if (a) /re/`, `{ } /re/`. */
  readonly operandAfter: boolean
}

class Nesting {
  readonly #text: string
  readonly #levels: Level[] = []
  #top: Level = { kind: 'block', chain: 0, before: 0, run: 0, operandAfter: true }
  deepest = 0
  #depth = 0
  #at = 0
  #operandNext = true
  #word = ''
  #afterBlock = false

  constructor(text: string) {
    this.#text = text
  }

  tooDeep(): boolean {
    while (this.#at < this.#text.length) {
      this.#token()
      if (this.#depth > this.deepest) this.deepest = this.#depth
      if (this.#depth > MAX_LEVELS || this.#top.run > MAX_RUN) return true
    }
    return false
  }

  #token(): void {
    const code = this.#text.charCodeAt(this.#at)
    if (isSpace(code)) this.#at++
    else if (isWord(code)) this.#readWord()
    else this.#punctuator(this.#text[this.#at] ?? '')
  }

  #readWord(): void {
    const start = this.#at
    while (this.#at < this.#text.length && isWord(this.#text.charCodeAt(this.#at))) this.#at++
    const property = this.#text[start - 1] === '.'
    const word = property || this.#at - start > 10 ? 'x' : this.#text.slice(start, this.#at)
    // Two words in a row, or a word after a block, start a new statement; nothing that nests goes on there.
    if ((this.#afterBlock || !this.#operandNext) && !property && !CONTINUING_WORDS.has(word)) this.#newStatement()
    this.#afterBlock = false
    if (word === 'case' || word === 'default') this.#endChain()
    if (word === 'else') this.#grow(this.#top.before)
    this.#top.before = 0
    if (NESTING_WORDS.has(word)) this.#grow(1)
    this.#operandNext = OPERAND_FOLLOWS.has(word)
    this.#word = word
    this.#top.run++
  }

  #punctuator(char: string): void {
    const word = this.#word
    const operand = this.#operandNext
    const next = this.#text[this.#at + 1]
    this.#word = ''
    this.#at++
    this.#operandNext = true
    if (char !== '/') this.#afterBlock = false
    this.#top.run++
    if (char !== '/' && char !== ';') this.#top.before = 0
    switch (char) {
      case '/':
        return next === '/' || next === '*' ? this.#comment(next, operand, word) : this.#slash(operand)
      case '"':
      case "'":
        return this.#string(char)
      case '`':
        this.#push('template', false)
        return this.#template()
      case '(':
        return this.#push('bracket', STATEMENT_HEADS.has(word))
      case '[':
        return this.#push('bracket', false)
      case '{':
        // In the place of an operand it is an object, after which comes no operand; elsewhere a block.
        return !operand || BLOCK_BEFORE.has(word) || this.#top.run === 1 ? this.#push('block', true) : this.#push('bracket', false)
      case ')':
      case ']':
      case '}':
        return this.#close()
      case ';':
        return this.#newStatement(this.#top.chain)
      case ',':
        return this.#endChain()
      default:
        return this.#operator(char, next, operand)
    }
  }

  #operator(char: string, next: string | undefined, operand: boolean): void {
    if (char === '=' || char === '!' || char === '<' || char === '>') return this.#comparison(char, next)
    if (char === '.') this.#operandNext = this.#text.startsWith('..', this.#at)
    else if (char === '+' || char === '-') {
      if (operand) this.#grow(1)
      if (next === char) this.#at++
      if (next === char && !operand) this.#operandNext = false
    } else if (char === '*' && next === '*') {
      this.#at++
      this.#grow(1)
    } else if (char === '?' || char === ':' || char === '~' || char === '@') this.#grow(1)
  }

  /** `==`, `!=`, `<=` and `>=` nest nothing; `=`, `=>`, `!` and `<<=` do. */
  #comparison(char: string, next: string | undefined): void {
    if (next !== '=') {
      if (char === '=' || char === '!') this.#grow(1)
      return
    }
    this.#at += this.#text[this.#at + 1] === '=' ? 2 : 1
    const before = this.#text[this.#at - 3]
    if ((char === '<' || char === '>') && before === char) this.#grow(1)
  }

  #comment(kind: string, operand: boolean, word: string): void {
    const end = kind === '/' ? this.#text.indexOf('\n', this.#at) : this.#text.indexOf('*/', this.#at + 1)
    this.#at = end < 0 ? this.#text.length : kind === '/' ? end : end + 2
    this.#operandNext = operand
    this.#word = word
  }

  /** A regular expression where an operand is due, else a division. */
  #slash(operand: boolean): void {
    if (!operand) return
    let inClass = false
    for (let i = this.#at; i < this.#text.length; i++) {
      const char = this.#text[i]
      if (char === '\n') return
      if (char === '\\') i++
      else if (char === '[') inClass = true
      else if (char === ']') inClass = false
      else if (char === '/' && !inClass) {
        this.#at = i + 1
        this.#operandNext = false
        return
      }
    }
  }

  #string(quote: string): void {
    this.#operandNext = false
    for (; this.#at < this.#text.length; this.#at++) {
      const char = this.#text[this.#at]
      if (char === '\\') this.#at++
      else if (char === quote || char === '\n') break
    }
    this.#at++
  }

  #template(): void {
    for (; this.#at < this.#text.length; this.#at++) {
      const char = this.#text[this.#at]
      if (char === '\\') this.#at++
      else if (char === '`') {
        this.#at++
        return this.#close()
      } else if (char === '$' && this.#text[this.#at + 1] === '{') {
        this.#at += 2
        return this.#push('substitution', false)
      }
    }
  }

  #push(kind: Kind, operandAfter: boolean): void {
    this.#levels.push(this.#top)
    this.#top = { kind, chain: 0, before: 0, run: 0, operandAfter }
    this.#operandNext = true
    this.#depth++
  }

  #close(): void {
    const closed = this.#top
    this.#depth -= closed.chain
    const outer = this.#levels.pop()
    if (outer) {
      this.#depth--
      this.#top = outer
    } else closed.chain = 0
    this.#operandNext = closed.operandAfter
    this.#afterBlock = closed.kind === 'block'
    if (closed.kind === 'substitution') this.#template()
  }

  #grow(by: number): void {
    this.#top.chain += by
    this.#depth += by
  }

  #newStatement(before = 0): void {
    this.#endChain()
    this.#top.before = before
    this.#operandNext = true
  }

  #endChain(): void {
    this.#depth -= this.#top.chain
    this.#top.chain = 0
    this.#top.before = 0
    this.#top.run = 0
  }
}

/** After these a brace opens a block although an operand could stand there. */
const BLOCK_BEFORE = new Set(['else', 'do'])
const WORD = table('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$#\\')

function isWord(code: number): boolean {
  return code > 127 ? !isSpace(code) : WORD[code] === 1
}

/** JavaScript's white space is Unicode's: `new\u00a0new` is two words. */
function isSpace(code: number): boolean {
  return code <= 32 || (code > 127 && /\s/.test(String.fromCharCode(code)))
}

function table(chars: string): Uint8Array {
  const marks = new Uint8Array(128)
  for (const char of chars) marks[char.charCodeAt(0)] = 1
  return marks
}
