import { durationMs } from '../../schemas/durations.ts'
import { CatalystError } from '../../schemas/errors.ts'
import type { DataStep } from '../../schemas/plan-data.ts'
import type { ClassState, DataClass, Removal } from '../data-ports.ts'
import type { Pass } from './pass.ts'

type ClassStep = Extract<DataStep, { readonly class: DataClass }>

/** A step that has been taken: what is to be recorded, and what the audit says of it. */
export interface Taken {
  readonly removal: Removal
  readonly told?: Readonly<Record<string, unknown>>
}

/**
 * Takes one step of one class of a plugin that is not installed any more. Each may be taken twice: a pass that stopped
 * between the effect and its record takes it again.
 * @throws CatalystError of the database or the disk; then the class is as it was
 */
export async function takeClassStep(id: string, step: ClassStep, removal: Removal, pass: Pass): Promise<Taken> {
  const now = pass.deps.clock()
  switch (step.do) {
    case 'answer':
      return { removal: { ...removal, answers: { ...removal.answers, [step.class]: step.answer } }, told: { class: step.class, answer: step.answer } }
    case 'retain':
      return { removal: withState(removal, step.class, { state: 'retained', since: now }) }
    case 'ask':
      return { removal: withState(removal, step.class, isEmpty(step.class, removal) ? { state: 'retained', since: now } : { state: 'awaiting', since: now }) }
    case 'return':
      await pass.effect(`return:${id}:${step.class}`, () => bringBack(id, step.class, pass))
      return { removal, told: { class: step.class } }
    case 'quarantine':
      await pass.effect(`quarantine:${id}:${step.class}`, () => putAside(id, step.class, pass))
      return { removal: withState(removal, step.class, quarantined(removal.classes[step.class], step.grace, now)), told: { class: step.class } }
    case 'purge':
      return purge(id, step.class, removal, pass)
  }
}

/** A class that is in quarantine keeps its time there, whatever the grace is now. */
function quarantined(before: ClassState, grace: string, now: string): ClassState {
  const since = before.state === 'quarantined' ? before.since : now
  return { state: 'quarantined', since, purgeAt: new Date(Date.parse(since) + durationMs(grace)).toISOString() }
}

async function purge(id: string, key: DataClass, removal: Removal, pass: Pass): Promise<Taken> {
  const now = pass.deps.clock()
  try {
    const gone = await pass.effect(`purge:${id}:${key}`, () => destroy(id, key, pass))
    return { removal: withState(removal, key, { state: 'purged', at: now, by: pass.deps.by }), told: { class: key, ...gone } }
  } catch (error) {
    const waits = error instanceof CatalystError && error.code === 'TABLE_IN_USE' && removal.classes[key].state !== 'quarantined'
    if (!waits) throw error
    await pass.effect(`quarantine:${id}:${key}`, () => putAside(id, key, pass))
    return { removal: withState(removal, key, { state: 'quarantined', since: now, purgeAt: now }), told: { class: key, waits: error.message } }
  }
}

async function destroy(id: string, key: DataClass, pass: Pass): Promise<Readonly<Record<string, unknown>>> {
  const { tables, folders } = await pass.data()
  if (key === 'tables') {
    const { tables: dropped } = await tables.drop(id, pass.fence())
    return { tables: dropped.map((table) => table.name), rows: dropped.reduce((sum, table) => sum + table.rows, 0) }
  }
  if (key !== 'data') return {}
  const size = await folders.size(id)
  await folders.purge(id)
  return { files: size?.files ?? 0, bytes: size?.bytes ?? 0 }
}

/** Into quarantine. What is there already stays. */
export async function putAside(id: string, key: DataClass, pass: Pass): Promise<void> {
  const { tables, folders } = await pass.data()
  if (key === 'tables') await tables.quarantine(id, pass.fence())
  if (key === 'data') await folders.quarantine(id)
}

/** Out of quarantine: also before a plugin comes back to what it left. */
export async function bringBack(id: string, key: DataClass, pass: Pass): Promise<void> {
  const { tables, folders } = await pass.data()
  if (key === 'tables') await tables.restoreFromQuarantine(id, pass.fence())
  if (key === 'data') await folders.restore(id)
}

function withState(removal: Removal, key: DataClass, state: ClassState): Removal {
  return { ...removal, classes: { ...removal.classes, [key]: state } }
}

/** What was looked at and found to hold nothing. There is nothing to ask about it. */
function isEmpty(key: DataClass, { inventory, data }: Removal): boolean {
  if (key === 'tables') return inventory?.tables.length === 0 && inventory.others.length === 0
  return key === 'data' && data?.files === 0
}
