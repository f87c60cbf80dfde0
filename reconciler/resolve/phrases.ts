import { everything, firstVersion, hasAbsent, intersection, isSubset, minus, union, versionsIn, versionsWhere, type Bits } from './bits.ts'
import type { Clause, Fact } from './clauses.ts'
import { listText, placeText } from './eligible.ts'
import type { World } from './world.ts'
import type { WorldPlugin } from './world-plugin.ts'

/** A group of versions as the subject of a sentence. */
interface Subject {
  readonly text: string
  readonly many: boolean
}

/**
 * Words for what the solver concludes. Who does something is told relative to the versions that may be taken at all,
 * so that a sentence names no version that was out of the question from the start.
 */
export class Phrases {
  readonly #world: World
  readonly #wantedIds: readonly string[]
  readonly #ranges = new Map<number, { readonly bits: Bits; readonly text: string }[]>()

  /** `facts`: what the derivation rests on; its ranges are the names under which sets are told. */
  constructor(world: World, facts: readonly Fact[]) {
    this.#world = world
    this.#wantedIds = [...new Set(facts.filter((fact) => fact.kind === 'wanted').map((fact) => fact.plugin))].sort((a, b) => a - b).map((number) => world.plugins[number]!.id)
    for (const fact of facts) {
      const target = fact.kind === 'needs' ? world.plugin(fact.target) : undefined
      if (target && fact.kind === 'needs') this.#nameRange(target, fact.range)
    }
  }

  #nameRange(plugin: WorldPlugin, range: string): void {
    const names = this.#ranges.get(plugin.number) ?? []
    if (!names.some((name) => name.text === range)) names.push({ bits: this.#world.matching(plugin, range), text: range })
    this.#ranges.set(plugin.number, names)
  }

  /** What a fact says, as a clause of a sentence. */
  fact(fact: Fact): string {
    const plugin = this.#world.plugins[fact.plugin]!
    if (fact.kind === 'wanted') return `${placeText(plugin.desired)} asks for ${asked(plugin)}${onlySome(plugin)}`
    if (fact.kind === 'barred') return plugin.versions.every((v) => v.bar) ? `no version of ${plugin.id} may be taken` : `of ${plugin.id} only ${takeable(plugin)} may be taken`
    return `${this.#does(plugin, fact)} ${ranged(fact.target, fact.range)}${fact.kind === 'needs' ? this.#missing(fact.target, fact.range) : ''}`
  }

  /** Facts about the same two plugins in one clause: the first in full, of the others what differs. */
  group(facts: readonly Fact[]): string {
    const [first, ...rest] = facts
    if (first === undefined) return ''
    const others = rest.slice(0, 2).flatMap((fact) => ('range' in fact ? [`${this.#does(this.#world.plugins[fact.plugin]!, fact)} ${fact.range}`] : []))
    const left = rest.length - others.length
    return [this.fact(first), ...others, ...(left > 0 ? [`${left} more like this`] : [])].join('; ')
  }

  #does(plugin: WorldPlugin, { kind, versions }: Extract<Fact, { kind: 'needs' | 'conflicts' }>): string {
    const { text, many } = this.subject(plugin, versions)
    if (kind === 'needs') return `${text} ${many ? 'need' : 'needs'}`
    return `${text} ${many ? 'conflict' : 'conflicts'} with`
  }

  #missing(id: string, range: string): string {
    const target = this.#world.plugin(id)
    if (target === undefined || target.versions.length === 0) return ' (which no registry has)'
    return firstVersion(this.#world.matching(target, range)) >= 0 ? '' : ` (there is only ${versionsSpan(target)})`
  }

  /** What a derived clause says. */
  conclusion(clause: Clause): string {
    const parts = clause.plugins.map((number, i) => ({ plugin: this.#world.plugins[number]!, term: clause.terms[i]! }))
    const present = parts.filter(({ term }) => !hasAbsent(term))
    const required = parts.filter(({ term }) => hasAbsent(term)).map(({ plugin, term }) => this.requirement(plugin, minus(everything(plugin.versions.length), term)))
    const subjects = present.map(({ plugin, term }) => this.subject(plugin, term))
    const [first, second] = subjects
    if (first === undefined) return required.length === 0 ? this.#nothing() : `${orText(required)} is needed`
    if (required.length > 0 && second === undefined) return `${first.text} ${first.many ? 'need' : 'needs'} ${orText(required)}`
    if (required.length > 0) return `${listText(subjects.map((s) => s.text))} together need ${orText(required)}`
    if (second === undefined) return `${this.#whole(present[0]!.plugin, present[0]!.term) ?? first.text} cannot be installed`
    return `${listText(subjects.map((s) => s.text))} cannot be installed together`
  }

  #nothing(): string {
    const [only, second] = this.#wantedIds
    return second === undefined ? `${only} cannot be installed` : `${listText(this.#wantedIds, 5)} cannot be installed together`
  }

  /** The plugin itself, when the set is all of it that may be taken. */
  #whole(plugin: WorldPlugin, versions: Bits): string | undefined {
    return isSubset(mayBe(plugin), versions) ? asked(plugin) : undefined
  }

  /** `order-sms 1.0.0 and 1.1.0`, `every order-sms ^1.0.0`: which versions do something. */
  subject(plugin: WorldPlugin, versions: Bits): Subject {
    const may = mayBe(plugin)
    const numbers = versionsIn(intersection(versions, may), plugin.versions.length)
    if (numbers.length > 3 && isSubset(may, versions)) return { text: `every ${asked(plugin)}${onlySome(plugin) && ' that may be taken'}`, many: false }
    const told = numbers.length > 0 ? numbers : versionsIn(versions, plugin.versions.length)
    const among = numbers.length > 0 ? may : versions
    return { text: `${plugin.id} ${listText(spans(plugin, told, among), 6)}`, many: told.length > 1 }
  }

  /** What somebody needs: the ranges by which a set is known, else its versions. */
  requirement(plugin: WorldPlugin, allowed: Bits): string {
    const inside = (this.#ranges.get(plugin.number) ?? []).filter(({ bits }) => firstVersion(bits) >= 0 && isSubset(bits, allowed))
    const one = inside.find(({ bits }) => isSubset(allowed, bits))
    if (one) return ranged(plugin.id, one.text)
    const covered = inside.reduce((all, { bits }) => union(all, bits), versionsWhere(plugin.versions.length, () => false))
    if (isSubset(allowed, covered)) return `${plugin.id} ${orText(inside.map(({ text }) => text))}`
    const numbers = versionsIn(allowed, plugin.versions.length)
    if (numbers.length === plugin.versions.length) return plugin.id
    if (numbers.length === 0) return `${plugin.id} in a version that does not exist`
    return `${plugin.id} ${orText(spans(plugin, numbers, everything(plugin.versions.length)))}`
  }
}

/** `1.0.0 to 2.3.1`: the versions that exist. */
export function versionsSpan(plugin: WorldPlugin): string {
  const newest = plugin.versions[0]?.candidate.version ?? 'no version'
  const oldest = plugin.versions.at(-1)?.candidate.version
  return newest === oldest || oldest === undefined ? newest : `${oldest} to ${newest}`
}

/** A plugin with its range; any version goes without saying. */
export function ranged(id: string, range: string): string {
  return range === '*' ? id : `${id} ${range}`
}

/** A plugin as its entry asks for it. */
export function asked(plugin: WorldPlugin): string {
  return ranged(plugin.id, plugin.desired?.range ?? '*')
}

function mayBe({ versions }: WorldPlugin): Bits {
  return versionsWhere(versions.length, (v) => versions[v]!.inRange && versions[v]!.bar === undefined)
}

function takeable(plugin: WorldPlugin): string {
  return listText(spans(plugin, versionsIn(mayBe(plugin), plugin.versions.length), mayBe(plugin)), 6)
}

/** Says so when the range holds more versions than may be taken. */
function onlySome(plugin: WorldPlugin): string {
  return plugin.versions.some((v) => v.inRange && v.bar !== undefined) ? ` (of which only ${takeable(plugin)} may be taken)` : ''
}

/** Versions oldest first; a run of three or more neighbours among `among` becomes `1.0.0 to 1.4.0`. */
function spans(plugin: WorldPlugin, numbers: readonly number[], among: Bits): readonly string[] {
  const rank = new Map(versionsIn(among, plugin.versions.length).map((number, i) => [number, i]))
  const runs: number[][] = []
  for (const number of numbers.toReversed()) {
    const run = runs.at(-1)
    if (run && rank.get(number) === (rank.get(run.at(-1)!) ?? 0) - 1) run.push(number)
    else runs.push([number])
  }
  const name = (number: number): string => plugin.versions[number]!.candidate.version
  return runs.flatMap((run) => (run.length < 3 ? run.map(name) : [`${name(run[0]!)} to ${name(run.at(-1)!)}`]))
}

function orText(parts: readonly string[]): string {
  const shown = parts.length > 6 ? [...parts.slice(0, 5), `${parts.length - 5} more`] : parts
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} or ${shown.at(-1)}`
}
