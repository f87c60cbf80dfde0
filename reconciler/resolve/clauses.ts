import { intersection, isEmpty, isSubset, everything, union, type Bits } from './bits.ts'

/** A fact from outside: where a clause comes from, and how a person would be told. Plugins are numbers of the world. */
export type Fact =
  /** The entry of plugins.yaml: it must be installed, in its range, in a version that may be taken. */
  | { readonly kind: 'wanted'; readonly plugin: number }
  /** Of a plugin without own entry, these versions may not be taken. */
  | { readonly kind: 'barred'; readonly plugin: number }
  | { readonly kind: 'needs' | 'conflicts'; readonly plugin: number; readonly versions: Bits; readonly target: string; readonly range: string }

/** A clause that was concluded from two others. */
export interface Derived {
  readonly kind: 'derived'
  readonly left: Clause
  readonly right: Clause
}

/**
 * What can never hold all at once (PubGrub: an incompatibility): for every plugin named, that it is one of the
 * things in its set. Terms are sorted by plugin; a term that always holds is left out, so a clause without terms
 * says that there is no solution.
 */
export interface Clause {
  readonly plugins: readonly number[]
  readonly terms: readonly Bits[]
  readonly cause: Fact | Derived
}

/** What one plugin is, in a clause. */
export type Term = readonly [plugin: number, bits: Bits]

/**
 * Makes a clause of terms, or undefined when it forbids nothing. Two terms of one plugin become one (a plugin may
 * need or conflict with itself).
 */
export function clause(terms: readonly Term[], sizes: readonly number[], cause: Fact | Derived): Clause | undefined {
  const sorted = onePerPlugin(terms)
  if (sorted.some(([, bits]) => isEmpty(bits))) return undefined
  const isOpen = ([plugin, bits]: Term): boolean => !isWhole(bits, sizes[plugin])
  const open = sorted.every(isOpen) ? sorted : sorted.filter(isOpen)
  // lists of just their length: there are as many clauses as needs in a large store
  return { plugins: open.map(([plugin]) => plugin), terms: open.map(([, bits]) => bits), cause }
}

/** The clause of two terms, made without lists in between: in a large store nearly all clauses are of this kind. */
export function clauseOfTwo([a, inA]: Term, [b, inB]: Term, sizes: readonly number[], cause: Fact): Clause | undefined {
  if (a === b || isWhole(inA, sizes[a]) || isWhole(inB, sizes[b])) return clause([[a, inA], [b, inB]], sizes, cause)
  if (isEmpty(inA) || isEmpty(inB)) return undefined
  return a < b ? { plugins: [a, b], terms: [inA, inB], cause } : { plugins: [b, a], terms: [inB, inA], cause }
}

function isWhole(bits: Bits, size = 0): boolean {
  return isSubset(everything(size), bits)
}

function onePerPlugin(terms: readonly Term[]): readonly Term[] {
  if (terms.every(([plugin], i) => i === 0 || terms[i - 1]![0] < plugin)) return terms
  const sorted: Term[] = []
  for (const term of terms) {
    // terms are few: each is put where it belongs
    let at = sorted.length
    while (at > 0 && sorted[at - 1]![0] > term[0]) at -= 1
    const same = sorted[at - 1]
    if (same !== undefined && same[0] === term[0]) sorted[at - 1] = [term[0], intersection(same[1], term[1])]
    else sorted.splice(at, 0, term)
  }
  return sorted
}

/**
 * What follows from two clauses about `pivot`: if both were broken by what is left, one of them would hold. (PubGrub,
 * "Conflict Resolution"; the rule of resolution, over sets.)
 */
export function resolvent(left: Clause, right: Clause, pivot: number, sizes: readonly number[]): Clause {
  const terms: Term[] = [[pivot, union(termOf(left, pivot), termOf(right, pivot))]]
  for (const from of [left, right]) {
    from.plugins.forEach((plugin, i) => {
      if (plugin !== pivot) terms.push([plugin, from.terms[i]!])
    })
  }
  const made = clause(terms, sizes, { kind: 'derived', left, right })
  if (made === undefined) throw new RangeError('two clauses that hold at once cannot contradict each other')
  return made
}

/** The set of a plugin in a clause that names it. */
export function termOf(from: Clause, plugin: number): Bits {
  const bits = from.terms[from.plugins.indexOf(plugin)]
  if (bits === undefined) throw new RangeError('the clause does not name the plugin')
  return bits
}

/** Every fact that a clause rests on, each once, in the order in which they are met. Steps, not recursion: chains can be long. */
export function factsUnder(root: Clause): readonly Fact[] {
  const facts = new Set<Fact>()
  const seen = new Set<Clause>()
  const open = [root]
  for (let next = open.pop(); next; next = open.pop()) {
    if (seen.has(next)) continue
    seen.add(next)
    if (next.cause.kind === 'derived') open.push(next.cause.right, next.cause.left)
    else facts.add(next.cause)
  }
  return [...facts]
}
