import type { Blocked, Change, Notice } from '../../schemas/plan.ts'
import type { DataStep } from '../../schemas/plan-data.ts'
import { DATA_CLASSES, type ClassState, type DataClass, type Removal, type TableUse } from '../data-ports.ts'
import type { RetainedRecord } from '../ports.ts'
import { dataText, holdingsOf, tablesText } from './amounts.ts'
import { fateOf, inOrder, type ClassFate } from './class-steps.ts'
import type { PlanInput } from './observed.ts'
import { tablesNamed } from './owned-tables.ts'
import { answersThatCount, mayDestroyUnbacked, policyInForce, type Decisions } from './policy.ts'
import { fateEffects } from './removal-decision.ts'
import { answerYaml, minuteOf, undoText } from './removal-words.ts'
import { tombstoneFor, tombstonesOf, type Tombstone } from './tombstones.ts'

/** What a plan says of plugins that are removed already. */
export interface Afterlife {
  readonly changes: readonly Omit<Change, 'group'>[]
  readonly blocked: readonly Blocked[]
  readonly notices: readonly Notice[]
}

/**
 * Decides about everything that was left by plugins that nobody wants: answers and tombstones are weighed again, graces
 * end, questions are asked again. `wanted` are ids that come back or go on under another id: those are not touched.
 * Each plugin is for itself: no question and no refusal holds up another. Pure.
 */
export function afterlife(input: PlanInput, wanted: ReadonlySet<string>): Afterlife {
  const all = input.observed.store.retained.filter((record) => !wanted.has(record.id)).map((record) => afterlifeOf(record, input))
  return { changes: all.flatMap((a) => a.changes), blocked: all.flatMap((a) => a.blocked), notices: all.flatMap((a) => a.notices) }
}

/** The earliest end of a grace that is still to come: until then an unchanged world leads to the same plan. Pure. */
export function earliestPurge({ observed, now }: PlanInput): string | undefined {
  const ends = observed.store.retained.flatMap(({ removal }) => Object.values(removal?.classes ?? {}).flatMap((state) => (state.state === 'quarantined' ? [Date.parse(state.purgeAt)] : [])))
  const ahead = ends.filter((end) => now === undefined || end > Date.parse(now))
  return ahead.length === 0 ? undefined : new Date(Math.min(...ahead)).toISOString()
}

/** What was recorded of a removal; a record of a version that kept everything says just that. Pure. */
export function removalOf({ removal, removedAt, block }: RetainedRecord): Removal {
  const state: ClassState = { state: 'retained', since: removedAt }
  const policy = { ...block.uninstall, code: 'keep', config: 'keep', data: 'keep', tables: 'keep', backup: true } as const
  return removal ?? { policy, code: 'kept', classes: { config: state, data: state, tables: state }, backup: undefined, inventory: undefined, data: undefined, by: '' }
}

/** True when nothing is left of it but its line in the records: it would come back as new. Pure. */
export function isPurged(record: RetainedRecord): boolean {
  const { classes } = removalOf(record)
  return DATA_CLASSES.every((key) => classes[key].state === 'purged')
}

/** Nothing was there when the plugin was removed. What was not looked at is not empty. */
export function wasEmpty(key: DataClass, { inventory, data }: Removal): boolean {
  if (key === 'tables') return inventory !== undefined && inventory.tables.length === 0 && inventory.others.length === 0
  return key === 'data' && data !== undefined && data.files === 0
}

function afterlifeOf(record: RetainedRecord, input: PlanInput): Afterlife {
  const removal = removalOf(record)
  const { decision, stale } = tombstoneFor(record.id, record.block.version, tombstonesOf(input.desired.removed))
  if (stale) return { changes: [], blocked: [staleBlocked(stale, record.block.version, 'purge')], notices: [] }
  const decisions: Decisions = { tombstone: decision, answers: { ...removal.answers, ...input.answers?.get(record.id) } }
  const policy = policyInForce(removal.policy, decisions)
  const uses = input.observed.uses?.get(record.id) ?? []
  const fates = DATA_CLASSES.map((key) =>
    fateOf({ class: key, wish: policy[key], grace: policy.grace, state: removal.classes[key], now: input.now, empty: wasEmpty(key, removal), inUse: key === 'tables' && uses.length > 0 }),
  )
  const steps = stepsOf({ record, removal, fates, decisions, fresh: input.answers?.get(record.id) ?? {}, unpin: policy.code === 'remove' && removal.code === 'kept' })
  const about = { id: record.id, version: record.block.version }
  return {
    changes: steps.length === 0 ? [] : [afterlifeChange({ record, removal, fates, steps, policy, about }, input)],
    blocked: fates.some((fate) => fate.stuck) ? [inUseBlocked(record.id, uses)] : [],
    notices: fates.some((fate) => fate.becomes === 'awaiting') ? [awaitingNotice({ record, removal, fates, policy, about }, input)] : [],
  }
}

interface Undone {
  readonly record: RetainedRecord
  readonly removal: Removal
  readonly fates: readonly ClassFate[]
  readonly decisions: Decisions
  /** Answers of this pass: those that are recorded already are not recorded again. */
  readonly fresh: NonNullable<Decisions['answers']>
  readonly unpin: boolean
}

function stepsOf({ removal, fates, decisions, fresh, unpin }: Undone): readonly DataStep[] {
  const news = answersThatCount(removal.policy, { ...decisions, answers: fresh }).filter(({ class: key, answer }) => removal.answers?.[key] !== answer)
  const moves = fates.flatMap((fate) => fate.steps)
  return inOrder([
    ...news.map((answer): DataStep => ({ do: 'answer', ...answer })),
    ...backupSteps(removal, fates, decisions),
    ...(unpin ? [{ do: 'code', keep: false } as const] : []),
    ...moves,
  ])
}

/** What goes into quarantine is backed up as it is then; what is destroyed has its backup read once more. */
function backupSteps({ backup }: Removal, fates: readonly ClassFate[], decisions: Decisions): readonly DataStep[] {
  if (mayDestroyUnbacked(decisions)) return []
  const entering = fates.some((fate) => fate.from !== 'quarantined' && fate.from !== 'purged' && (fate.becomes === 'quarantined' || fate.becomes === 'purged'))
  const ending = fates.some((fate) => fate.from === 'quarantined' && fate.becomes === 'purged')
  if (entering || (ending && !backup)) return [{ do: 'backup' }]
  return ending && backup ? [{ do: 'backup', existing: backup.name }] : []
}

interface Decided {
  readonly record: RetainedRecord
  readonly removal: Removal
  readonly fates: readonly ClassFate[]
  readonly policy: Removal['policy']
  readonly about: { readonly id: string; readonly version: string }
}

function afterlifeChange({ record, removal, fates, steps, policy, about }: Decided & { readonly steps: readonly DataStep[] }, { observed }: PlanInput): Omit<Change, 'group'> {
  const purges = steps.some((step) => step.do === 'purge')
  const sets = fates.some((fate) => fate.from !== 'quarantined' && fate.becomes === 'quarantined')
  return {
    id: record.id,
    action: purges ? 'purge' : sets ? 'remove' : 'configure',
    removed: { version: record.block.version, entryDigest: record.block.entryDigest, at: record.removedAt },
    reason: purges ? 'its grace is over' : 'another decision about what was kept of it',
    effects: {
      permissionsAdded: [],
      permissionsDropped: [],
      migrations: [],
      tables: tablesNamed(record.id, record.block, observed, removal),
      ...fateEffects(fates, removal.code === 'kept' ? policy.code : undefined),
      uninstall: policy,
      holdings: holdingsOf(record.id, observed, removal),
      undo: undoText(about, fates),
      notes: [],
    },
    destructive: purges || sets,
    reversible: !purges,
    steps: [...steps],
  }
}

/** A question is asked at every pass until it is answered, and nothing waits for it. */
function awaitingNotice({ record, removal, fates, policy, about }: Decided, { observed }: PlanInput): Notice {
  const holdings = holdingsOf(record.id, observed, removal)
  const words: Record<DataClass, string> = { config: 'its config', data: dataText(holdings), tables: tablesText(holdings) }
  const asked = fates.filter((fate) => fate.becomes === 'awaiting').map((fate) => words[fate.class])
  return {
    id: record.id,
    code: 'DecisionRequired',
    message: `${record.id} ${record.block.version}, removed ${minuteOf(record.removedAt)}, left ${asked.join(' and ')}: kept until somebody decides`,
    hint: answerYaml(about, fates, policy).answer ?? '',
  }
}

/** A tombstone that names another version than the one it would decide about. */
export function staleBlocked({ key, id }: Tombstone, version: string, action: 'purge' | 'remove'): Blocked {
  return {
    id,
    action,
    code: 'TOMBSTONE_STALE',
    reason: `plugins.yaml decides about ${key}, but it is ${version} that ${action === 'remove' ? 'goes' : 'was removed'}: nothing of it is touched`,
    hint: `Write ${id}@${version} under \`removed:\`, or take the line ${key} out.`,
  }
}

/** Who stands in the way of a purge, by name. */
export function inUseBlocked(id: string, uses: readonly TableUse[]): Blocked {
  const named = uses.map(({ kind, by, table }) => `${kind} ${by} (on ${table})`).sort()
  const [first = 'something'] = named
  const rest = named.length > 5 ? ` and ${named.length - 5} more` : ''
  return {
    id,
    action: 'purge',
    code: 'TABLE_IN_USE',
    reason: `InUse: ${named.length === 0 ? first : named.slice(0, 5).join(', ')}${rest} ${named.length === 1 ? 'needs' : 'need'} its tables`,
    hint: `Take out what uses them; the next apply then ends the quarantine of ${id}. Or keep them: \`tables: keep\` under \`removed:\`.`,
  }
}
