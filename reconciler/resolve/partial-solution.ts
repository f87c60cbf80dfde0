import { everything, hasAbsent, isSubset, minus, type Bits } from './bits.ts'
import type { Clause } from './clauses.ts'

/** One narrowing of what a plugin can be: chosen (`cause` undefined) or concluded from a clause. */
interface Assignment {
  readonly plugin: number
  readonly before: Bits
  readonly after: Bits
  readonly level: number
  readonly cause: Clause | undefined
}

/**
 * The earliest moment at which a clause was broken (PubGrub: satisfier), and the level at which all that it says of the
 * other plugins held.
 */
export interface Satisfier {
  readonly plugin: number
  readonly level: number
  readonly cause: Clause | undefined
  readonly previousLevel: number
}

/** What is decided so far, in the order in which it was decided, so that it can be undone (PubGrub: partial solution). */
export class PartialSolution {
  /** What each plugin can still be. */
  readonly domains: Bits[]
  level = 0
  readonly #trail: Assignment[] = []
  readonly #byPlugin: number[][]

  constructor(sizes: readonly number[]) {
    this.domains = sizes.map(everything)
    this.#byPlugin = sizes.map(() => [])
  }

  isRequired(plugin: number): boolean {
    return !hasAbsent(this.domains[plugin]!)
  }

  /** Chooses: opens a new level, so that the choice can be taken back. */
  choose(plugin: number, version: Bits): void {
    this.level += 1
    this.#assign(plugin, version, undefined)
  }

  /** Concludes that the plugin is nothing of `term`. */
  exclude(plugin: number, term: Bits, cause: Clause): void {
    this.#assign(plugin, minus(this.domains[plugin]!, term), cause)
  }

  #assign(plugin: number, after: Bits, cause: Clause | undefined): void {
    const before = this.domains[plugin]!
    this.#byPlugin[plugin]!.push(this.#trail.length)
    this.#trail.push({ plugin, before, after, level: this.level, cause })
    this.domains[plugin] = after
  }

  /** Undoes everything above a level; returns the plugins that can be more again. */
  backtrack(level: number): readonly number[] {
    const touched = new Set<number>()
    for (let last = this.#trail.at(-1); last && last.level > level; last = this.#trail.at(-1)) {
      this.#trail.pop()
      this.#byPlugin[last.plugin]!.pop()
      this.domains[last.plugin] = last.before
      touched.add(last.plugin)
    }
    this.level = level
    return [...touched]
  }

  /** The satisfier of a clause that is broken now. */
  satisfier(broken: Clause): Satisfier {
    let last = -1
    let previous = -1
    for (let i = 0; i < broken.plugins.length; i++) {
      const index = this.#earliest(broken.plugins[i]!, broken.terms[i]!)
      previous = Math.max(previous, Math.min(index, last))
      last = Math.max(last, index)
    }
    const { plugin, level, cause } = this.#trail[last]!
    return { plugin, level, cause, previousLevel: previous < 0 ? 0 : this.#trail[previous]!.level }
  }

  /** Index of the first assignment after which the plugin is nothing outside `term`. */
  #earliest(plugin: number, term: Bits): number {
    const indices = this.#byPlugin[plugin]!
    let low = 0
    let high = indices.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (isSubset(this.#trail[indices[middle]!]!.after, term)) high = middle
      else low = middle + 1
    }
    return indices[low]!
  }
}
