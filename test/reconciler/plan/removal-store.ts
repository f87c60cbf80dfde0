import type { DataStep } from '../../../schemas/plan-data.ts'
import type { Change, Plan } from '../../../schemas/plan.ts'
import type { SealedPolicy } from '../../../schemas/common.ts'
import { durationMs } from '../../../schemas/durations.ts'
import type { Lock } from '../../../schemas/lock.ts'
import { DATA_CLASSES, type Answers, type ClassState, type DataClass, type Removal } from '../../../reconciler/data-ports.ts'
import type { DesiredState } from '../../../reconciler/plan/desired.ts'
import type { ObservedState } from '../../../reconciler/plan/observed.ts'
import type { InstallRecord, RetainedRecord } from '../../../reconciler/ports.ts'
import { backup } from '../../builders/removals.ts'
import { observed, recordOf } from '../../builders/store.ts'

/*
 * A store in memory that does exactly what plans say, step by step as schemas/plan-data.ts tells an executor, and refuses
 * what an executor must never be asked to do. It keeps a diary of everything that was destroyed.
 */

/** Something that is gone for ever, and whether a backup of it was read just before. */
export interface Destroyed {
  readonly id: string
  readonly class: DataClass
  readonly backedUp: boolean
  readonly at: string
}

export class RemovalStore {
  readonly installs = new Map<string, InstallRecord>()
  readonly retained = new Map<string, RetainedRecord>()
  readonly destroyed: Destroyed[] = []
  /** What lies where, by plugin and class: the things themselves, not the records of them. */
  readonly things = new Map<string, 'in place' | 'set aside'>()

  observed(): ObservedState {
    const state = observed([...this.installs.values()])
    return { ...state, store: { ...state.store, retained: [...this.retained.values()] } }
  }

  apply(plan: Plan, { desired, lock, now }: { readonly desired: DesiredState; readonly lock: Lock; readonly now: string }): void {
    const byId = new Map(plan.changes.map((change) => [change.id, change]))
    for (const group of plan.groups ?? []) {
      for (const phase of group.phases) {
        if ('run' in phase) continue
        for (const id of phase.plugins) {
          const change = byId.get(id)
          if (!change) throw new Error(`phase ${phase.phase} names ${id}, which no change does`)
          if (phase.phase === 'before' || phase.phase === 'after') this.#steps(change, now)
          if (phase.phase === 'switch') this.#switch(change, desired, lock)
        }
      }
    }
  }

  #switch(change: Change, desired: DesiredState, lock: Lock): void {
    const block = lock.plugins[change.id]
    if (!change.to || !block) return
    this.installs.set(change.id, recordOf(change.id, block, desired))
    this.retained.delete(change.id)
    for (const key of DATA_CLASSES) if (!this.things.has(`${change.id} ${key}`)) this.things.set(`${change.id} ${key}`, 'in place')
    for (const key of DATA_CLASSES) if (this.things.get(`${change.id} ${key}`) === 'set aside') throw new Error(`${change.id} went live without its ${key}`)
  }

  #steps(change: Change, now: string): void {
    let backedUp = false
    let answers: Answers = {}
    for (const step of change.steps ?? []) {
      if (step.do === 'answer') {
        answers = { ...answers, [step.class]: step.answer }
        this.#update(change.id, (removal) => ({ ...removal, answers: { ...removal.answers, [step.class]: step.answer } }))
      } else if (step.do === 'backup') {
        backedUp = true
        if (step.existing === undefined) this.#update(change.id, (removal) => ({ ...removal, backup: backup(change.id, '1.0.0', { at: now }) }))
      } else if (step.do === 'code') this.#code(change, step.keep, { answers, now, backedUp })
      else if (step.do === 'move') this.#move(step.from, change.id)
      else if ('class' in step) this.#class(change.id, step, { now, backedUp })
    }
  }

  #code(change: Change, keep: boolean, { answers, now, backedUp }: { readonly answers: Answers; readonly now: string; readonly backedUp: boolean }): void {
    const record = this.installs.get(change.id)
    if (!record) return this.#update(change.id, (removal) => ({ ...removal, code: keep ? removal.code : 'removed' }))
    const state: ClassState = { state: 'retained', since: now }
    const removal: Removal = {
      policy: change.sealed as SealedPolicy,
      ...(Object.keys(answers).length > 0 ? { answers } : {}),
      code: keep ? 'kept' : 'removed',
      classes: { config: state, data: state, tables: state },
      backup: backedUp ? backup(change.id, record.block.version, { at: now }) : undefined,
      inventory: undefined,
      data: undefined,
      by: 'ada',
    }
    this.installs.delete(change.id)
    this.retained.set(change.id, { id: change.id, block: record.block, removedAt: now, generation: 1, removal })
  }

  #move(from: string, to: string): void {
    if ([...this.things.keys()].some((key) => key.startsWith(`${to} `))) throw new Error(`${from} was moved over what ${to} has`)
    this.installs.delete(from)
    const left = this.retained.get(from)
    this.retained.delete(from)
    if (left) this.retained.set(to, { ...left, id: to })
    for (const key of DATA_CLASSES) {
      const lies = this.things.get(`${from} ${key}`)
      this.things.delete(`${from} ${key}`)
      if (lies) this.things.set(`${to} ${key}`, lies)
    }
  }

  #class(id: string, step: Extract<DataStep, { class: DataClass }>, { now, backedUp }: { readonly now: string; readonly backedUp: boolean }): void {
    const thing = `${id} ${step.class}`
    const record = (state: ClassState): void => this.#update(id, (removal) => ({ ...removal, classes: { ...removal.classes, [step.class]: state } }))
    const before = this.retained.get(id)?.removal?.classes[step.class]
    if (step.do === 'retain') record({ state: 'retained', since: now })
    if (step.do === 'ask') record({ state: 'awaiting', since: now })
    if ((step.do === 'retain' || step.do === 'ask') && this.things.get(thing) !== 'in place') throw new Error(`${thing} is said to be kept and is ${this.things.get(thing) ?? 'gone'}`)
    if (step.do === 'return') {
      if (this.things.get(thing) !== 'set aside') throw new Error(`${thing} is not set aside`)
      this.things.set(thing, 'in place')
    }
    if (step.do === 'quarantine') {
      const since = before?.state === 'quarantined' ? before.since : now
      this.things.set(thing, 'set aside')
      record({ state: 'quarantined', since, purgeAt: new Date(Date.parse(since) + durationMs(step.grace)).toISOString() })
    }
    if (step.do === 'purge') {
      if (!this.things.delete(thing)) throw new Error(`${thing} was destroyed twice`)
      this.destroyed.push({ id, class: step.class, backedUp, at: now })
      record({ state: 'purged', at: now, by: 'ada' })
    }
  }

  #update(id: string, change: (removal: Removal) => Removal): void {
    const record = this.retained.get(id)
    if (record?.removal) this.retained.set(id, { ...record, removal: change(record.removal) })
  }
}
