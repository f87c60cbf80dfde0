import { Agenda } from './agenda.ts'
import { count, firstVersion, hasVersion, isDecided, isDisjoint, isSubset, only } from './bits.ts'
import { resolvent, termOf, type Clause } from './clauses.ts'
import { PartialSolution } from './partial-solution.ts'
import { Queue } from './queue.ts'

/** A question over plugins 0..n-1; versions are numbered from the newest. */
export interface Question {
  /** Number of versions of each plugin. */
  readonly sizes: readonly number[]
  /** What holds from the start. */
  readonly facts: readonly Clause[]
  /** What a version brings with it: its needs and conflicts. Asked only of versions that are considered. */
  clausesOf(plugin: number, version: number): readonly Clause[]
  /** The version to keep if possible, -1 for none: then the newest is taken. */
  keep(plugin: number): number
  /**
   * After looking at so many clauses the search ends: the problem is NP-hard, and a registry must not be able to hang
   * a store. Counted, not timed, so that the answer is the same on every machine.
   */
  readonly maxSteps: number
}

export type Answer =
  /** The version of each plugin, -1 = not installed. */
  | { readonly kind: 'solved'; readonly versions: readonly number[]; readonly steps: number }
  /** A clause without terms, with its derivation. */
  | { readonly kind: 'impossible'; readonly because: Clause; readonly steps: number }
  | { readonly kind: 'gave-up' }

/**
 * PubGrub (https://github.com/dart-lang/pub/blob/master/doc/solver.md) over finite lists of versions: unit propagation,
 * conflict-driven learning, backjumping. Complete and deterministic. Decisions follow one order: what can be nothing
 * else, what can be kept, then the rest from the fewest versions to the most. So nothing that is kept moves for the
 * sake of something newer.
 */
export function solve(question: Question): Answer {
  return new Search(question).run()
}

class Search {
  readonly #question: Question
  readonly #partial: PartialSolution
  readonly #clauses: Clause[][]
  /** By plugin, what versions of its own brought: few, so that looking through them costs less than a set of all. */
  readonly #brought: Clause[][]
  readonly #agenda = new Agenda()
  readonly #expanded = new Set<number>()
  readonly #changed: Queue
  #steps = 0

  constructor(question: Question) {
    this.#question = question
    this.#partial = new PartialSolution(question.sizes)
    this.#clauses = question.sizes.map(() => [])
    this.#brought = question.sizes.map(() => [])
    this.#changed = new Queue(question.sizes.length)
  }

  run(): Answer {
    for (const fact of this.#question.facts) {
      if (fact.plugins.length === 0) return { kind: 'impossible', because: fact, steps: this.#steps }
      this.#learn(fact)
    }
    let changed: readonly number[] = [...new Set(this.#question.facts.flatMap((fact) => fact.plugins))]
    for (;;) {
      const failed = this.#propagate(changed)
      if (failed) return { kind: 'impossible', because: failed, steps: this.#steps }
      if (this.#steps > this.#question.maxSteps) return { kind: 'gave-up' }
      const next = this.#next()
      if (next === undefined) break
      changed = [this.#decide(next)]
    }
    return { kind: 'solved', versions: this.#partial.domains.map((d, plugin) => (this.#partial.isRequired(plugin) ? firstVersion(d) : -1)), steps: this.#steps }
  }

  #learn(clause: Clause): void {
    for (const plugin of clause.plugins) this.#clauses[plugin]!.push(clause)
  }

  /** Concludes all that follows from what changed. Returns a clause without terms when nothing can hold. */
  #propagate(start: readonly number[]): Clause | undefined {
    const changed = this.#changed
    changed.clear()
    for (const plugin of start) changed.add(plugin)
    for (let plugin = changed.take(); plugin !== undefined; plugin = changed.take()) {
      const clauses = this.#clauses[plugin]!
      // newest first: what was learned last says the most
      for (let i = clauses.length - 1; i >= 0; i--) {
        const clause = clauses[i]!
        const open = this.#openTerm(clause)
        if (open === NONE) continue
        if (open !== ALL_HOLD) {
          this.#exclude(clause, open)
          changed.add(clause.plugins[open]!)
          continue
        }
        const learned = this.#resolveConflict(clause)
        if (learned.plugins.length === 0) return learned
        changed.clear()
        const at = this.#openTerm(learned)
        this.#exclude(learned, at)
        changed.add(learned.plugins[at]!)
        break
      }
    }
    return undefined
  }

  /** Index of the only term that does not hold yet; ALL_HOLD when the clause is broken, NONE when nothing follows from it. */
  #openTerm(clause: Clause): number {
    this.#steps += 1
    let open = ALL_HOLD
    for (let i = 0; i < clause.plugins.length; i++) {
      const domain = this.#partial.domains[clause.plugins[i]!]!
      const term = clause.terms[i]!
      if (isSubset(domain, term)) continue
      if (open !== ALL_HOLD || isDisjoint(domain, term)) return NONE
      open = i
    }
    return open
  }

  #exclude(clause: Clause, at: number): void {
    const plugin = clause.plugins[at]!
    this.#partial.exclude(plugin, clause.terms[at]!, clause)
    this.#schedule(plugin)
  }

  /**
   * Learns why a clause is broken (PubGrub, "Conflict Resolution"), and goes back just far enough that something else can
   * be concluded: pub goes back further, to where it could first have been concluded, but decisions in between
   * would only be made again the same way, and with many plugins that is most of the work.
   */
  #resolveConflict(broken: Clause): Clause {
    let clause = broken
    while (clause.plugins.length > 0) {
      const { plugin, level, cause, previousLevel } = this.#partial.satisfier(clause)
      if (cause === undefined || previousLevel < level) {
        for (const touched of this.#partial.backtrack(level - 1)) this.#schedule(touched)
        if (clause !== broken) this.#learn(clause)
        return clause
      }
      this.#steps += clause.plugins.length
      clause = resolvent(clause, cause, plugin, this.#question.sizes)
    }
    return clause
  }

  #schedule(plugin: number): void {
    if (this.#partial.isRequired(plugin)) this.#agenda.push(this.#urgency(plugin))
  }

  /** Smaller is sooner: what can be nothing else, what can be kept, then what has the fewest versions left. */
  #urgency(plugin: number): number {
    const domain = this.#partial.domains[plugin]!
    const keep = this.#question.keep(plugin)
    const rank = isDecided(domain) ? 0 : keep >= 0 && hasVersion(domain, keep) ? 1 : count(domain)
    return rank * this.#question.sizes.length + plugin
  }

  /** The next plugin to decide; entries that became stale are passed over (a fresh one was made then). */
  #next(): number | undefined {
    for (let entry = this.#agenda.pop(); entry !== undefined; entry = this.#agenda.pop()) {
      const plugin = entry % this.#question.sizes.length
      if (this.#partial.isRequired(plugin) && !this.#isDone(plugin) && this.#urgency(plugin) === entry) return plugin
    }
    return undefined
  }

  #isDone(plugin: number): boolean {
    const domain = this.#partial.domains[plugin]!
    return isDecided(domain) && this.#expanded.has(this.#key(plugin, firstVersion(domain)))
  }

  #key(plugin: number, version: number): number {
    return version * this.#question.sizes.length + plugin
  }

  /** Takes the kept or the newest version, unless what it brings is already known to be impossible. */
  #decide(plugin: number): number {
    const domain = this.#partial.domains[plugin]!
    const keep = this.#question.keep(plugin)
    const version = keep >= 0 && hasVersion(domain, keep) ? keep : firstVersion(domain)
    if (this.#expand(plugin, version) && !isDecided(domain)) {
      this.#partial.choose(plugin, only(version, this.#question.sizes[plugin]!))
    } else {
      this.#schedule(plugin)
    }
    return plugin
  }

  /** Brings in the clauses of a version; false when one of them already forbids it. */
  #expand(plugin: number, version: number): boolean {
    const key = this.#key(plugin, version)
    if (this.#expanded.has(key)) return true
    this.#expanded.add(key)
    let possible = true
    const brought = this.#brought[plugin]!
    for (const clause of this.#question.clausesOf(plugin, version)) {
      if (!brought.includes(clause)) {
        brought.push(clause)
        this.#learn(clause)
      }
      if (hasVersion(termOf(clause, plugin), version) && this.#othersHold(clause, plugin)) possible = false
    }
    return possible
  }

  #othersHold(clause: Clause, plugin: number): boolean {
    return clause.plugins.every((other, i) => other === plugin || isSubset(this.#partial.domains[other]!, clause.terms[i]!))
  }
}

const ALL_HOLD = -1
const NONE = -2
