import { CatalystError } from '../../schemas/errors.ts'
import type { DataStep } from '../../schemas/plan-data.ts'
import type { Inventory, Removal } from '../data-ports.ts'
import type { InstallRecord, RetainedRecord } from '../ports.ts'
import { backUp } from './back-up.ts'
import { takeClassStep } from './class-effects.ts'
import { keeping, type Failures } from './failures.ts'
import type { Entry, EntryOf, Pass } from './pass.ts'
import { installsAfter } from './record.ts'
import type { Step } from './steps.ts'

/** A plugin that has left: it is not live any more, its backup is whole, and nothing of it is destroyed. */
export interface Leaving {
  readonly step: Step
  readonly record: InstallRecord
  readonly removal: Removal
}

/**
 * Removes plugins, and lets others go live in the same generation: switched off first, then backed up, then taken out of the
 * records, and only then what their policies destroy (law 5).
 */
export async function removeAll(entering: readonly Step[], leaving: readonly Step[], pass: Pass, failures: Failures, entryOf: EntryOf): Promise<void> {
  await settleLeft(await switchAway(entering, leaving, pass, failures, entryOf), pass, failures)
}

/** Everything up to the record. A plugin that fails brings back itself and all of its group; the others go. */
export async function switchAway(entering: readonly Step[], leaving: readonly Step[], pass: Pass, { broken }: Failures, entryOf: EntryOf): Promise<readonly Leaving[]> {
  if (leaving.length === 0) return []
  const store = await pass.store()
  await pass.goAhead(installsAfter(store, [...entering, ...leaving]))
  const left: Leaving[] = []
  for (const step of leaving) await keeping(step.id, broken, pass, async () => void left.push(await leave(step, pass)))
  const groups = new Set(leaving.filter((step) => broken.has(step.id)).map((step) => step.group))
  if (groups.size > 0) await pass.comeBack()
  const gone = left.filter(({ step }) => !groups.has(step.group))
  const taken = [...entering.filter((step) => !groups.has(step.group)), ...gone.map(({ step }) => step)]
  const removedAt = pass.deps.clock()
  const retained = (generation: number) => gone.map(({ step, record, removal }): RetainedRecord => ({ id: step.id, block: record.block, removedAt, generation, removal }))
  if (taken.length > 0) await pass.goLive(installsAfter(store, taken), (number) => ({ ...entryOf(taken, number), removed: retained(number) }))
  return gone
}

/** What the policies of plugins that have left say, class by class. What fails here is left to the next plan. */
export async function settleLeft(left: readonly Leaving[], pass: Pass, { late }: Failures): Promise<void> {
  for (const { step, removal } of left) await keeping(step.id, late, pass, () => settleClasses(step.id, step.change?.steps ?? [], removal, pass))
}

async function leave(step: Step, pass: Pass): Promise<Leaving> {
  const { id, before: record, change } = step
  if (!record || !change?.sealed) throw new CatalystError('INTERNAL', `the plan does not say how ${id} is removed`)
  const { tables, folders } = await pass.data()
  const steps = change.steps ?? []
  const backup = steps.some((s) => s.do === 'backup') ? await backUp(record, 'removal', pass) : undefined
  const inventory: Inventory | undefined = (await tables.inventory([id], 'exact')).get(id)
  const data = (await folders.size(id)) ?? { files: 0, bytes: 0 }
  const retained = { state: 'retained', since: pass.deps.clock() } as const
  const keep = steps.every((s) => s.do !== 'code' || s.keep)
  const removal: Removal = { policy: change.sealed, code: keep ? 'kept' : 'removed', classes: { config: retained, data: retained, tables: retained }, backup, inventory, data, by: pass.deps.by }
  return { step, record, removal }
}

/** Takes the steps of a plugin's classes one after the other; each effect is on record before the next begins. */
export async function settleClasses(id: string, steps: readonly DataStep[], removal: Removal, pass: Pass): Promise<void> {
  let now = removal
  let unsaid = false
  for (const step of steps) {
    if (!('class' in step)) continue
    const taken = await takeClassStep(id, step, now, pass)
    unsaid ||= taken.removal !== now || taken.told !== undefined
    now = taken.removal
    if (taken.told === undefined) continue
    await recordRemoval(id, now, [{ event: `data.${step.do}`, id, details: taken.told }], pass)
    unsaid = false
  }
  if (unsaid) await recordRemoval(id, now, [], pass)
}

/** Writes down how far a removal has come. */
export async function recordRemoval(id: string, removal: Removal, audit: Entry['audit'], pass: Pass): Promise<void> {
  const { retained } = await pass.store()
  await pass.record({ reason: 'removal', audit, retainedNow: retained.map((record) => (record.id === id ? { ...record, removal } : record)) })
  pass.at(`recorded ${id}`)
}
