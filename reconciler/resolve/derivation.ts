import { factsUnder, type Clause, type Derived } from './clauses.ts'
import { outline } from './outline.ts'
import { Phrases } from './phrases.ts'
import type { World } from './world.ts'

/** A derivation in more steps than this is told as an outline: nobody follows a proof of hundred lines. */
const MOST_STEPS = 40
const MOST_LINES = 16

/**
 * Tells why a clause holds, one sentence a line, from facts to conclusion (PubGrub, "Error Reporting"). Lines that
 * are used again further down carry a number. A long derivation is told by its facts alone.
 */
export function derivation(world: World, root: Clause): readonly string[] {
  if (derivedClauses(root, MOST_STEPS) >= MOST_STEPS) return outline(world, root)
  const lines = new Report(world, root).lines()
  return lines.length > MOST_LINES ? outline(world, root) : lines
}

/** How many conclusions a derivation has, counted no further than `most`. */
function derivedClauses(root: Clause, most: number): number {
  const seen = new Set<Clause>()
  const open = [root]
  for (let next = open.pop(); next && seen.size < most; next = open.pop()) {
    if (seen.has(next) || next.cause.kind !== 'derived') continue
    seen.add(next)
    open.push(next.cause.left, next.cause.right)
  }
  return seen.size
}

class Report {
  readonly #root: Clause
  readonly #phrases: Phrases
  readonly #uses = new Map<Clause, number>()
  readonly #numbers = new Map<Clause, number>()
  readonly #lines: { text: string; number: number | undefined }[] = []

  constructor(world: World, root: Clause) {
    this.#root = root
    this.#phrases = new Phrases(world, factsUnder(root))
    this.#count()
  }

  lines(): readonly string[] {
    if (this.#root.cause.kind === 'derived') this.#visit(this.#root, false)
    else this.#lines.push({ text: `${capital(this.#phrases.fact(this.#root.cause))}.`, number: undefined })
    return this.#lines.map(({ text, number }) => (number === undefined ? text : `${text} (${number})`))
  }

  /** How often each derived clause is used: what is used twice gets a number instead of being told twice. */
  #count(): void {
    const open = [this.#root]
    for (let next = open.pop(); next; next = open.pop()) {
      const uses = (this.#uses.get(next) ?? 0) + 1
      this.#uses.set(next, uses)
      if (uses === 1 && next.cause.kind === 'derived') open.push(next.cause.left, next.cause.right)
    }
  }

  #visit(clause: Clause, concluding: boolean): void {
    const cause = clause.cause
    if (cause.kind !== 'derived') return
    const numbered = concluding || (this.#uses.get(clause) ?? 0) > 1
    const opening = concluding || clause === this.#root ? 'So, because' : 'And because'
    const { left, right } = cause
    if (isDerived(left) && isDerived(right)) this.#visitTwo(clause, left, right, opening, numbered)
    else if (isDerived(left)) this.#visitOne(clause, left, right, opening, numbered)
    else if (isDerived(right)) this.#visitOne(clause, right, left, opening, numbered)
    else this.#write(clause, `Because ${this.#sayBoth(left, right)},`, numbered)
  }

  #visitTwo(clause: Clause, left: Clause, right: Clause, opening: string, numbered: boolean): void {
    const [leftNumber, rightNumber] = [this.#numbers.get(left), this.#numbers.get(right)]
    if (leftNumber !== undefined && rightNumber !== undefined) {
      this.#write(clause, `Because ${this.#cite(left, leftNumber)}, and ${this.#cite(right, rightNumber)},`, numbered)
    } else if (leftNumber !== undefined || rightNumber !== undefined) {
      const [known, fresh] = leftNumber !== undefined ? [left, right] : [right, left]
      this.#visit(fresh, false)
      this.#write(clause, `${opening} ${this.#cite(known, this.#numbers.get(known)!)},`, numbered)
    } else if (isOneLine(left) || isOneLine(right)) {
      const [long, short] = isOneLine(right) ? [left, right] : [right, left]
      this.#visit(long, false)
      this.#visit(short, false)
      this.#write(clause, 'Together,', numbered)
    } else {
      this.#visit(left, true)
      this.#visit(right, false)
      this.#write(clause, `${opening} ${this.#cite(left, this.#numbers.get(left)!)},`, numbered)
    }
  }

  #visitOne(clause: Clause, derived: Clause, fact: Clause, opening: string, numbered: boolean): void {
    const number = this.#numbers.get(derived)
    const inner = derived.cause as Derived
    const [deeper, beside] = isDerived(inner.left) ? [inner.left, inner.right] : [inner.right, inner.left]
    if (number !== undefined) {
      this.#write(clause, `Because ${this.#say(fact)}, and ${this.#cite(derived, number)},`, numbered)
    } else if (isDerived(deeper) && !isDerived(beside) && this.#uses.get(derived) === 1 && !this.#numbers.has(deeper)) {
      // two facts in a row are told in one sentence
      this.#visit(deeper, false)
      this.#write(clause, `${opening} ${this.#sayBoth(beside, fact)},`, numbered)
    } else {
      this.#visit(derived, false)
      this.#write(clause, `${opening} ${this.#say(fact)},`, numbered)
    }
  }

  #say(clause: Clause): string {
    return clause.cause.kind === 'derived' ? this.#phrases.conclusion(clause) : this.#phrases.fact(clause.cause)
  }

  /** Two facts in the order in which a person tells them: what plugins.yaml asks for, then who needs whom. */
  #sayBoth(left: Clause, right: Clause): string {
    const [first, second] = [left, right].sort((a, b) => tellingOrder(a) - tellingOrder(b) || Number(leadsTo(b, a)) - Number(leadsTo(a, b)) || plugin(a) - plugin(b))
    return `${this.#say(first!)}, and ${this.#say(second!)}`
  }

  #cite(clause: Clause, number: number): string {
    return `${this.#say(clause)} (${number})`
  }

  #write(clause: Clause, reason: string, numbered: boolean): void {
    const number = numbered ? this.#numbers.size + 1 : undefined
    if (number !== undefined) this.#numbers.set(clause, number)
    this.#lines.push({ text: `${reason} ${this.#phrases.conclusion(clause)}.`, number })
  }
}

function isDerived(clause: Clause): boolean {
  return clause.cause.kind === 'derived'
}

function tellingOrder({ cause }: Clause): number {
  return ['wanted', 'needs', 'conflicts', 'barred', 'derived'].indexOf(cause.kind)
}

/** True when the second fact speaks about what the first one needs. */
function leadsTo(first: Clause, second: Clause): boolean {
  return first.cause.kind === 'needs' && second.cause.kind !== 'derived' && first.plugins.includes(second.cause.plugin) && plugin(first) !== plugin(second)
}

function plugin({ cause }: Clause): number {
  return cause.kind === 'derived' ? -1 : cause.plugin
}

function isOneLine({ cause }: Clause): boolean {
  return cause.kind === 'derived' && !isDerived(cause.left) && !isDerived(cause.right)
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
