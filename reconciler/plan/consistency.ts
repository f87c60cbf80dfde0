import { byCodeUnit } from '../../schemas/digest.ts'
import type { LockBlock } from '../../schemas/lock.ts'
import type { Blocked } from '../../schemas/plan.ts'
import { satisfies } from '../../schemas/versions.ts'
import { changeOf, type Step } from './changes.ts'
import type { PlanInput } from './observed.ts'

/**
 * Steps that must wait because, with the `waiting` ones left out, the store would hold a plugin without what it
 * needs, or two that exclude each other. The store never passes through such a state. Grows to a fixed point, so the
 * answer does not depend on the order of anything.
 */
export function inconsistentSteps(steps: readonly Step[], waiting: ReadonlySet<string>, input: PlanInput): readonly Blocked[] {
  const blocked = new Map<string, Blocked>()
  for (let before = -1; before !== blocked.size; ) {
    before = blocked.size
    const free = new Map(steps.filter((s) => !waiting.has(s.id) && !blocked.has(s.id)).map((s) => [s.id, s]))
    const result = resulting(input, free)
    const found = flaws(result).flatMap((flaw) => {
      const step = free.get(flaw.id) ?? free.get(flaw.other)
      return step ? [{ step, flaw }] : []
    })
    // Several flaws may hold one step up: what is told must not depend on the order of anything.
    for (const [id, own] of Map.groupBy(found, ({ step }) => step.id)) {
      const [first] = own
      if (first) blocked.set(id, blockedBy(first.step, own.map(({ flaw }) => flaw).sort((a, b) => byCodeUnit(a.why, b.why))))
    }
  }
  return [...blocked.values()]
}

interface Flaw {
  readonly id: string
  readonly other: string
  readonly why: string
}

/** What would be installed after the free steps. */
function resulting({ observed }: PlanInput, free: ReadonlyMap<string, Step>): ReadonlyMap<string, LockBlock> {
  const result = new Map(observed.store.installs.map((r) => [r.id, r.block]))
  for (const [id, step] of free) {
    if (step.movedFrom !== undefined) result.delete(step.movedFrom)
    if (step.block) result.set(id, step.block)
    else result.delete(id)
  }
  return result
}

function flaws(result: ReadonlyMap<string, LockBlock>): readonly Flaw[] {
  const found: Flaw[] = []
  for (const [id, block] of result) {
    for (const [other, range] of Object.entries(block.dependencies)) {
      const have = result.get(other)
      if (!have || !satisfies(have.version, range, true)) {
        found.push({ id, other, why: `${id} ${block.version} needs ${other} ${range}, which would be ${have?.version ?? 'missing'}` })
      }
    }
    for (const [other, range] of Object.entries(block.conflicts)) {
      const have = result.get(other)
      if (have && satisfies(have.version, range, true)) found.push({ id, other, why: `${id} ${block.version} cannot stand beside ${other} ${have.version}` })
    }
  }
  return found
}

/** What a step lacks itself comes first; else everybody who would lack it is named. */
function blockedBy(step: Step, flaws: readonly Flaw[]): Blocked {
  const own = flaws.find((flaw) => flaw.id === step.id)
  const about = { id: step.id, action: changeOf(step).action, ...(step.to ? { to: step.to.version } : {}) }
  if (own) return { ...about, code: 'DependencyBlocked', reason: own.why, hint: `Decide about ${own.other} first.` }
  const users = [...new Set(flaws.map((flaw) => flaw.id))]
  const decide = `Decide about ${users.join(', ')} first: ${users.length === 1 ? 'it is' : 'they are'} still installed.`
  const together = ` Or take ${users.length === 1 ? 'both' : 'all of them'} out: \`catalyst remove ${step.id} --with-dependents\`.`
  return { ...about, code: 'IN_USE', reason: `InUseBy ${users.join(', ')}: ${flaws.map((flaw) => flaw.why).join('; ')}`, hint: `${decide}${step.to ? '' : together}` }
}
