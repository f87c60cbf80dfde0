import { byCodeUnit } from '../../schemas/digest.ts'
import type { LockBlock } from '../../schemas/lock.ts'
import type { Change } from '../../schemas/plan.ts'
import type { PlanInput } from './observed.ts'

/**
 * Orders changes and numbers their groups. Changes whose plugins depend on or exclude each other (by what is installed or by
 * what is wanted) form one group and switch together. Dependencies stand before dependents, then removals, then what destroys; ties by id.
 */
export function groupsOf(changes: readonly Omit<Change, 'group'>[], input: PlanInput): Change[] {
  const needs = needsOf(changes, input)
  const removals = changes.filter((c) => c.action === 'remove')
  const purges = changes.filter((c) => c.action === 'purge')
  const others = changes.filter((c) => c.action !== 'remove' && c.action !== 'purge')
  // What enters is ordered by what it needs then, what leaves by what it needed: mixed, the two can form a circle that neither has.
  const ordered = [...ordering(others, needs.wanted), ...ordering(removals, needs.installed).toReversed(), ...ordering(purges, needs.installed)]
  const groupOf = components(ordered.map((c) => c.id), needs.all)
  return ordered.map((change) => ({ ...change, group: groupOf.get(change.id) ?? 0 }))
}

/** Changing plugin -> changing plugins that it needs, sorted. */
type Links = ReadonlyMap<string, readonly string[]>

interface Needs {
  readonly wanted: Links
  readonly installed: Links
  /** Both, and what excludes each other. */
  readonly all: Links
}

function needsOf(changes: readonly Omit<Change, 'group'>[], { lock, observed }: PlanInput): Needs {
  const changing = new Map(changes.flatMap((c) => [[c.id, c.id] as const, ...(c.movedFrom === undefined ? [] : [[c.movedFrom, c.id] as const])]))
  const present = new Map(observed.store.installs.map((r) => [r.id, r.block]))
  const links = (of: (old: LockBlock | undefined, block: LockBlock | undefined) => object): Links =>
    new Map(
      changes.map((change) => {
        const named = Object.keys(of(present.get(change.movedFrom ?? change.id), lock.plugins[change.id]))
        return [change.id, [...new Set(named.flatMap((id) => changing.get(id) ?? []))].sort(byCodeUnit)]
      }),
    )
  return {
    wanted: links((_old, block) => ({ ...block?.dependencies })),
    installed: links((old) => ({ ...old?.dependencies })),
    all: links((old, block) => ({ ...old?.dependencies, ...block?.dependencies, ...old?.conflicts, ...block?.conflicts })),
  }
}

function ordering(changes: readonly Omit<Change, 'group'>[], links: Links): readonly Omit<Change, 'group'>[] {
  const byId = new Map(changes.map((c) => [c.id, c]))
  const done = new Set<string>()
  const out: Omit<Change, 'group'>[] = []
  const visit = (id: string): void => {
    const change = byId.get(id)
    if (!change || done.has(id)) return
    done.add(id)
    for (const dependency of links.get(id) ?? []) visit(dependency)
    out.push(change)
  }
  for (const id of [...byId.keys()].sort(byCodeUnit)) visit(id)
  return out
}

function components(ids: readonly string[], links: Links): ReadonlyMap<string, number> {
  const parent = new Map(ids.map((id) => [id, id]))
  const root = (id: string): string => {
    let at = id
    while (parent.get(at) !== at) at = parent.get(at) ?? at
    return at
  }
  for (const [id, dependencies] of links) for (const dependency of dependencies) parent.set(root(id), root(dependency))
  const numbers = new Map<string, number>()
  return new Map(
    ids.map((id) => {
      const top = root(id)
      if (!numbers.has(top)) numbers.set(top, numbers.size)
      return [id, numbers.get(top) ?? 0]
    }),
  )
}
