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
type Term = readonly [plugin: number, bits: Bits]

/**
 * Makes a clause of terms, or undefined when it forbids nothing. Two terms of one plugin become one (a plugin may
 * need or conflict with itself).
 */
export function clause(terms: readonly Term[], sizes: readonly number[], cause: Fact | Derived): Clause | undefined {
  const plugins: number[] = []
  const sets: Bits[] = []
  for (const [plugin, bits] of terms) {
    // terms are few: each is put where it belongs
    let at = plugins.length
    while (at > 0 && plugins[at - 1]! > plugin) at -= 1
    if (at > 0 && plugins[at - 1] === plugin) {
      sets[at - 1] = intersection(sets[at - 1]!, bits)
    } else {
      plugins.splice(at, 0, plugin)
      sets.splice(at, 0, bits)
    }
  }
  if (sets.some(isEmpty)) return undefined
  for (let i = plugins.length - 1; i >= 0; i--) {
    if (!isSubset(everything(sizes[plugins[i]!] ?? 0), sets[i]!)) continue
    plugins.splice(i, 1)
    sets.splice(i, 1)
  }
  return { plugins, terms: sets, cause }
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
