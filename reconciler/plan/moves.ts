import { byCodeUnit } from '../../schemas/digest.ts'
import type { Blocked } from '../../schemas/plan.ts'
import type { InstallRecord, RetainedRecord } from '../ports.ts'
import type { PlanInput } from './observed.ts'
import { isPurged } from './retained.ts'

/** A plugin that goes on under another id, with what it has under the old one. */
export interface Move {
  readonly from: string
  readonly to: string
  readonly record: InstallRecord | undefined
  readonly retained: RetainedRecord | undefined
}

/** What `moved:` means for this store. */
export interface Moves {
  /** By the new id. */
  readonly byTarget: ReadonlyMap<string, Move>
  /** Ids that nothing else may be decided about: they move, or wait until they can. */
  readonly bound: ReadonlySet<string>
  readonly blocked: readonly Blocked[]
}

/**
 * Reads `moved:` against what is there. A line whose old id has left nothing is done, and says nothing more. A move takes
 * tables, data, config and retained data along; it never merges: a new id that has something of its own is refused, and
 * then neither is touched. Pure.
 */
export function movesOf(input: PlanInput): Moves {
  const byTarget = new Map<string, Move>()
  const bound = new Set<string>()
  const blocked: Blocked[] = []
  for (const line of [...input.desired.moved].sort((a, b) => byCodeUnit(a.to, b.to))) {
    const move = { ...line, ...foundAt(line.from, input) }
    if (!move.record && !move.retained) continue
    const { why, hint, binds } = obstacle(move, input)
    for (const id of binds) bound.add(id)
    if (why !== undefined) blocked.push({ id: binds.includes(move.to) ? move.to : move.from, action: 'move', code: 'CONTRADICTION', reason: `${move.from} shall go on as ${move.to}, but ${why}`, hint })
    else if (binds.includes(move.to)) byTarget.set(move.to, move)
  }
  return { byTarget, bound, blocked }
}

function foundAt(id: string, { observed: { store } }: PlanInput): Pick<Move, 'record' | 'retained'> {
  const retained = store.retained.find((r) => r.id === id && !isPurged(r))
  return { record: store.installs.find((r) => r.id === id), retained }
}

interface Obstacle {
  /** Undefined: none that a person has to do something about. */
  readonly why?: string
  readonly hint: string
  readonly binds: readonly string[]
}

function obstacle({ from, to, record }: Move, input: PlanInput): Obstacle {
  const { lock, desired } = input
  const target = foundAt(to, input)
  const takeOut = `Take the line { from: ${from}, to: ${to} } out of \`moved:\`, or `
  if (lock.plugins[from]) return { why: `something in the lock still needs ${from}`, hint: `${takeOut}update what needs ${from}.`, binds: [from, to] }
  if (target.record) return { why: `${to} ${target.record.block.version} is installed already`, hint: `${takeOut}remove ${to} first.`, binds: [from] }
  if (target.retained) return { why: `${to} ${target.retained.block.version} was removed and left data of its own`, hint: `${takeOut}let that go first: \`catalyst purge ${to}\`.`, binds: [from, to] }
  if (lock.plugins[to]) return { hint: '', binds: [from, to] }
  // Wanted, and waiting for a decision of its own that the plan names: nothing of the old id goes meanwhile.
  if (desired.plugins.some((p) => p.id === to)) return { hint: '', binds: [from] }
  if (!record) return { hint: '', binds: [] }
  return { why: `nothing in plugins.yaml wants ${to}`, hint: `Add ${to} under \`plugins:\`, or take the line out of \`moved:\`; then ${from} is removed by its policy.`, binds: [from] }
}
