import { byCodeUnit } from '../../schemas/digest.ts'
import type { Change } from '../../schemas/plan.ts'
import type { PlanInput } from './observed.ts'

/**
 * Orders changes and numbers their groups. Changes whose plugins depend on or exclude each other (by what is installed or by
 * what is wanted) form one group and switch together. Dependencies stand before dependents, then removals, then what destroys; ties by id.
 */
export function groupsOf(changes: readonly Omit<Change, 'group'>[], input: PlanInput): Change[] {
  const links = dependencyLinks(changes, input)
  const ordered = ordering(changes, links)
  const groupOf = components(ordered.map((c) => c.id), links)
  return ordered.map((change) => ({ ...change, group: groupOf.get(change.id) ?? 0 }))
}

type Links = ReadonlyMap<string, readonly string[]>

function dependencyLinks(changes: readonly Omit<Change, 'group'>[], { lock, observed }: PlanInput): Links {
  const changing = new Set(changes.map((c) => c.id))
  const installed = new Map(observed.store.installs.map((r) => [r.id, r.block]))
  return new Map(
    changes.map((change) => {
      const old = installed.get(change.movedFrom ?? change.id)
      const block = lock.plugins[change.id]
      const needs = { ...old?.dependencies, ...block?.dependencies, ...old?.conflicts, ...block?.conflicts }
      return [change.id, Object.keys(needs).filter((id) => changing.has(id)).sort(byCodeUnit)]
    }),
  )
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
  const of = (action: Change['action']) => out.filter((c) => c.action === action)
  return [...out.filter((c) => c.action !== 'remove' && c.action !== 'purge'), ...of('remove').reverse(), ...of('purge')]
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
