import { factsUnder, type Clause, type Fact } from './clauses.ts'
import { Phrases } from './phrases.ts'
import type { World } from './world.ts'

const MOST_LINES = 24

/**
 * A contradiction told by the facts that it rests on, without the steps between: first what plugins.yaml asks for, then who
 * needs whom, going outwards from there. Facts about the same two plugins share a line.
 */
export function outline(world: World, root: Clause): readonly string[] {
  const facts = factsUnder(root)
  const phrases = new Phrases(world, facts)
  const lines = groupsOutwards(world, facts).map((group) => `${phrases.group(group)}.`)
  const half = MOST_LINES / 2
  const shown = lines.length <= MOST_LINES ? lines : [...lines.slice(0, half), `… ${lines.length - 2 * half} more of this kind …`, ...lines.slice(-half)]
  return [...shown, `Whatever versions are taken, ${phrases.conclusion(root)}.`]
}

function groupsOutwards(world: World, facts: readonly Fact[]): readonly (readonly Fact[])[] {
  const wanted = facts.filter((fact) => fact.kind === 'wanted').sort((a, b) => a.plugin - b.plugin)
  const groups = new Map<string, Fact[]>(wanted.map((fact) => [`wanted ${fact.plugin}`, [fact]]))
  const byPlugin = Map.groupBy(facts.filter((fact) => fact.kind !== 'wanted'), (fact) => fact.plugin)
  const reached = new Set(wanted.map((fact) => fact.plugin))
  for (const plugin of reached) {
    for (const fact of (byPlugin.get(plugin) ?? []).sort(inReadingOrder)) {
      const key = 'target' in fact ? `${fact.kind} ${plugin} ${fact.target}` : `${fact.kind} ${plugin}`
      const group = groups.get(key)
      if (group) group.push(fact)
      else groups.set(key, [fact])
      const target = 'target' in fact ? world.plugin(fact.target) : undefined
      if (target) reached.add(target.number)
    }
  }
  return [...groups.values()]
}

function inReadingOrder(a: Fact, b: Fact): number {
  const key = (fact: Fact): string => ('target' in fact ? `${fact.kind === 'needs' ? 1 : 2} ${fact.target}` : '3')
  return key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : oldest(b) - oldest(a)
}

/** The number of the oldest version that a fact speaks of: versions are numbered from the newest. */
function oldest(fact: Fact): number {
  if (!('versions' in fact)) return 0
  for (let word = fact.versions.length - 1; word >= 0; word--) if (fact.versions[word] !== 0) return word * 32 + 31 - Math.clz32(fact.versions[word]!)
  return 0
}
