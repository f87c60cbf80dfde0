import { intersection, isEmpty, isSubset, everything, union, type Bits } from './resolve-bits.ts'

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

/**
 * Makes a clause of terms, or undefined when it forbids nothing. Two terms of one plugin become one (a plugin may
 * need or conflict with itself).
 */
export function clause(terms: readonly (readonly [plugin: number, bits: Bits])[], sizes: readonly number[], cause: Fact | Derived): Clause | undefined {
  const byPlugin = new Map<number, Bits>()
  for (const [plugin, bits] of terms) {
    const before = byPlugin.get(plugin)
    byPlugin.set(plugin, before ? intersection(before, bits) : bits)
  }
  const kept = [...byPlugin].filter(([plugin, bits]) => !isSubset(everything(sizes[plugin] ?? 0), bits)).sort(([a], [b]) => a - b)
  if (kept.some(([, bits]) => isEmpty(bits))) return undefined
  return { plugins: kept.map(([plugin]) => plugin), terms: kept.map(([, bits]) => bits), cause }
}

/**
 * What follows from two clauses about `pivot`: if both were broken by what is left, one of them would hold. (PubGrub,
 * "Conflict Resolution"; the rule of resolution, over sets.)
 */
export function resolvent(left: Clause, right: Clause, pivot: number, sizes: readonly number[]): Clause {
  const terms: (readonly [number, Bits])[] = [[pivot, union(termOf(left, pivot), termOf(right, pivot))]]
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
