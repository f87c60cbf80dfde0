import { byCodeUnit } from '../../schemas/digest.ts'
import type { ParsedVersion } from '../../schemas/versions.ts'
import { everything, minus, versionsWhere, type Bits } from './bits.ts'
import { clause, clauseOfTwo, type Clause, type Fact } from './clauses.ts'
import { Readings, type RangeReading } from './ranges.ts'
import { statementsOf, type Statement, type Statements } from './statements.ts'
import type { ResolveInput } from './types.ts'
import { worldPlugin, type WorldPlugin } from './world-plugin.ts'

/** The versions of a plugin that a range lets through, and everything else that it can be. */
interface Match {
  readonly inside: Bits
  readonly outside: Bits
}

/** What was asked of a plugin: the ranges beside each other, so that to look for one touches no other. */
interface Matches {
  readonly ranges: RangeReading[]
  readonly found: Match[]
}

/** Everything that could be chosen, with the clauses that the versions bring. Made once, asked by every attempt. */
export class World {
  readonly input: ResolveInput
  readonly plugins: readonly WorldPlugin[]
  readonly sizes: readonly number[]
  readonly #numbers: ReadonlyMap<string, number>
  readonly #readings = new Readings()
  readonly #statements: readonly Statements[]
  // beside each other what is asked of many plugins in any order: a list per plugin is in the processor's cache, its versions are not
  readonly #parsed: readonly (readonly ParsedVersion[])[]
  readonly #strict: (Matches | undefined)[]
  readonly #loose: (Matches | undefined)[]

  constructor(input: ResolveInput) {
    this.input = input
    const wanted = new Map(input.desired.plugins.map((plugin) => [plugin.id, plugin]))
    const others = [...new Set([...input.candidates.keys(), ...Object.keys(input.locked?.plugins ?? {})])].filter((id) => !wanted.has(id))
    const ids = [...[...wanted.keys()].sort(byCodeUnit), ...others.sort(byCodeUnit)]
    this.#numbers = new Map(ids.map((id, number) => [id, number]))
    const numberOf = (id: string): number => this.#numbers.get(id) ?? -1
    const plugins: WorldPlugin[] = []
    const statements: Statements[] = []
    // one plugin after the other, all that is to be read of its candidates
    for (const [number, id] of ids.entries()) {
      const plugin = worldPlugin(input, this.#readings, number, id, wanted.get(id))
      plugins.push(plugin)
      statements.push(statementsOf(plugin.versions, this.#readings, numberOf))
    }
    this.plugins = plugins
    this.#statements = statements
    this.sizes = plugins.map((plugin) => plugin.versions.length)
    this.#parsed = plugins.map((plugin) => plugin.versions.map((version) => version.parsed))
    this.#strict = ids.map(() => undefined)
    this.#loose = ids.map(() => undefined)
  }

  /** The plugin of an id, or undefined when nobody has ever heard of it. */
  plugin(id: string): WorldPlugin | undefined {
    const number = this.#numbers.get(id)
    return number === undefined ? undefined : this.plugins[number]
  }

  /** What one version says of others: needs by id, then conflicts by id. */
  saidBy(number: number, version: number): readonly Statement[] {
    return this.#statements[number]!.of(version)
  }

  /** The versions of a plugin that satisfy somebody else's range. `loosely`: prereleases count as well. */
  matching(plugin: WorldPlugin, range: string, loosely = false): Bits {
    return this.inRange(plugin, this.#readings.range(range), loosely)
  }

  /** `matching`, of a range that was read. */
  inRange(plugin: WorldPlugin, range: RangeReading, loosely = false): Bits {
    return this.#match(plugin.number, range, loosely).inside
  }

  #match(plugin: number, range: RangeReading, loosely: boolean): Match {
    const matches = loosely ? this.#loose : this.#strict
    const { ranges, found } = (matches[plugin] ??= { ranges: [], found: [] })
    const known = ranges.indexOf(range)
    if (known >= 0) return found[known]!
    const inside = this.#versionsIn(this.plugins[plugin]!, range, loosely)
    const match = { inside, outside: minus(everything(this.sizes[plugin]!), inside) }
    ranges.push(range)
    found.push(match)
    return match
  }

  #versionsIn({ number, desired, versions }: WorldPlugin, { strict, loose }: RangeReading, loosely: boolean): Bits {
    const test = loosely || desired?.channel === 'beta' ? loose : strict
    // a version that a person typed is what it is, prerelease or not
    const pinned = desired && this.#readings.range(desired.range).pinned
    const typed = pinned === undefined ? -1 : versions.findIndex((v) => v.candidate.version === pinned)
    const parsed = this.#parsed[number]!
    return versionsWhere(parsed.length, (v) => (v === typed ? loose : test)?.(parsed[v]!) ?? false)
  }

  /** The clauses that one version brings. Versions that say the same share one. */
  clausesOf(number: number, version: number): readonly Clause[] {
    const made = this.saidBy(number, version).map((statement) => this.#clauseOf(statement, number, version))
    return made.every((one) => one !== undefined) ? made : made.filter((one) => one !== undefined)
  }

  #clauseOf(statement: Statement, number: number, version: number): Clause | undefined {
    const range = statement.rangeOf(version)
    return range && (statement.known(range) ?? statement.keep(range, this.#clause(statement, number, range))).clause
  }

  #clause(statement: Statement, number: number, range: RangeReading): Clause | undefined {
    const { kind, id, target } = statement
    const versions = statement.saying(range, this.sizes[number]!)
    const fact: Fact = { kind, plugin: number, versions, target: id, range: range.text }
    if (target < 0) return kind === 'needs' ? clause([[number, versions]], this.sizes, fact) : undefined
    const term = kind === 'needs' ? this.#match(target, range, false).outside : this.#match(target, range, true).inside
    return clauseOfTwo([number, versions], [target, term], this.sizes, fact)
  }
}
