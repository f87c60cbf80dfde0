import { byCodeUnit } from '../../schemas/digest.ts'
import { versionsOf, type Bits } from './bits.ts'
import type { Clause } from './clauses.ts'
import type { RangeReading, Readings } from './ranges.ts'
import type { Version } from './world-plugin.ts'

/** The clause of a range; none where it forbids nothing. A chain, as nearly always one or two of them are asked for. */
interface Kept {
  readonly range: RangeReading
  readonly clause: Clause | undefined
  readonly next: Kept | undefined
}

/**
 * What the versions of one plugin say of one other, a line for each range. Numbers and readings in plain lists, so that nobody has to
 * go back to the candidates: in a large store those are in no processor cache any more, and asking them again for every edge is
 * what made resolving slower than linear.
 */
export class Statement {
  readonly kind: 'needs' | 'conflicts'
  /** The other plugin, and its number in the world; -1 when nobody has ever heard of it. */
  readonly id: string
  readonly target: number
  /** What each version from `#first` on says. */
  readonly #ranges: RangeReading[]
  #count = 0
  #first = 0
  /** The version of each range; undefined as long as none is left out between them. */
  #versions: number[] | undefined
  #kept: Kept | undefined

  /** `room`: how many versions will probably say something. */
  constructor(kind: 'needs' | 'conflicts', id: string, target: number, room: number) {
    this.kind = kind
    this.id = id
    this.target = target
    this.#ranges = new Array<RangeReading>(room)
  }

  /** The versions that say something of the other plugin, lowest first. */
  versions(): readonly number[] {
    return this.#versions ?? Array.from({ length: this.#count }, (_, i) => this.#first + i)
  }

  /** Versions must be added lowest first. */
  add(version: number, range: RangeReading): void {
    if (this.#count === 0) this.#first = version
    if (this.#versions === undefined && version !== this.#first + this.#count) this.#versions = [...this.versions()]
    this.#versions?.push(version)
    this.#ranges[this.#count] = range
    this.#count += 1
  }

  /** The range that a version says, or undefined when it says nothing of the other plugin. */
  rangeOf(version: number): RangeReading | undefined {
    return this.#ranges[this.#indexOf(version)]
  }

  /** The versions that say a range, as a set over all versions of the plugin. */
  saying(range: RangeReading, size: number): Bits {
    const versions = this.#versions
    return versionsOf(size, this.#count, (i) => (this.#ranges[i] === range ? (versions?.[i] ?? this.#first + i) : -1))
  }

  /** What was kept of a range. */
  known(range: RangeReading): Kept | undefined {
    let kept = this.#kept
    while (kept !== undefined && kept.range !== range) kept = kept.next
    return kept
  }

  /** Keeps the clause of a range: versions that say the same share one. */
  keep(range: RangeReading, clause: Clause | undefined): Kept {
    return (this.#kept = { range, clause, next: this.#kept })
  }

  #indexOf(version: number): number {
    const versions = this.#versions
    if (versions === undefined) return version - this.#first
    let low = 0
    let high = versions.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const order = versions[middle]! - version
      if (order === 0) return middle
      if (order < 0) low = middle + 1
      else high = middle - 1
    }
    return -1
  }
}

/** Past so many statements a plugin keeps a list of them for every version: a registry may name new ids in each. */
const FEW = 64

/** All that the versions of one plugin say. */
export class Statements {
  readonly #all: readonly Statement[]
  readonly #versions: number
  #byVersion: Statement[][] | undefined

  constructor(all: readonly Statement[], versions: number) {
    this.#all = all
    this.#versions = versions
  }

  /** What one version says: needs by id, then conflicts by id. The order in a file never changes an answer. */
  of(version: number): readonly Statement[] {
    if (this.#all.length <= FEW) return this.#all.every((s) => s.rangeOf(version)) ? this.#all : this.#all.filter((s) => s.rangeOf(version))
    return (this.#byVersion ??= this.#spread())[version]!
  }

  #spread(): Statement[][] {
    const lists = Array.from({ length: this.#versions }, (): Statement[] => [])
    for (const statement of this.#all) for (const version of statement.versions()) lists[version]!.push(statement)
    return lists
  }
}

/** Reads what the versions of a plugin say of others, each candidate once. `numberOf`: the number of an id in the world, -1 for none. */
export function statementsOf(versions: readonly Version[], readings: Readings, numberOf: (id: string) => number): Statements {
  const needs = new Reader('needs', readings, numberOf, versions.length)
  const conflicts = new Reader('conflicts', readings, numberOf, versions.length)
  for (let v = 0; v < versions.length; v++) {
    const { candidate } = versions[v]!
    needs.read(v, candidate.dependencies)
    conflicts.read(v, candidate.conflicts)
  }
  return new Statements([...needs.sorted(), ...conflicts.sorted()], versions.length)
}

/** Collects what versions say, one kind of it. */
class Reader {
  readonly #kind: Statement['kind']
  readonly #readings: Readings
  readonly #numberOf: (id: string) => number
  readonly #versions: number
  readonly #found: Statement[] = []
  #byId: Map<string, Statement> | undefined

  constructor(kind: Statement['kind'], readings: Readings, numberOf: (id: string) => number, versions: number) {
    this.#kind = kind
    this.#readings = readings
    this.#numberOf = numberOf
    this.#versions = versions
  }

  read(version: number, ranges: Readonly<Record<string, string>>): void {
    let place = 0
    for (const id in ranges) this.#statement(id, version, place++).add(version, this.#readings.range(ranges[id]!))
  }

  sorted(): readonly Statement[] {
    return this.#found.length < 2 ? this.#found : this.#found.sort((a, b) => byCodeUnit(a.id, b.id))
  }

  /** Versions mostly name the same ids in the same order: what is at the same place is looked at first, and as long as that is right there is no map. */
  #statement(id: string, version: number, place: number): Statement {
    const there = this.#found[place]
    if (there?.id === id) return there
    if (there !== undefined) this.#byId ??= new Map(this.#found.map((statement) => [statement.id, statement]))
    const known = this.#byId?.get(id)
    if (known) return known
    const made = new Statement(this.#kind, id, this.#numberOf(id), version === 0 && place < FEW ? this.#versions : 0)
    this.#byId?.set(id, made)
    this.#found.push(made)
    return made
  }
}
