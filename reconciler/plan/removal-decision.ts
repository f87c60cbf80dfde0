import type { SealedPolicy } from '../../schemas/common.ts'
import type { Change, Effects } from '../../schemas/plan.ts'
import type { DataStep } from '../../schemas/plan-data.ts'
import { DATA_CLASSES } from '../data-ports.ts'
import type { InstallRecord } from '../ports.ts'
import { tablesNamed } from './owned-tables.ts'
import { holdingsOf } from './amounts.ts'
import { fateOf, inOrder, type ClassFate } from './class-steps.ts'
import type { PlanInput } from './observed.ts'
import { answersThatCount, mayDestroyUnbacked, mostConservative, policyInForce, type Decisions } from './policy.ts'
import { tombstoneFor, tombstonesOf, type Tombstone } from './tombstones.ts'
import { answerYaml, undoText } from './removal-words.ts'

/** What shall become of an installed plugin whose entry has left plugins.yaml. */
export interface RemovalDecision {
  /** Seal and removed block together: what is recorded. */
  readonly sealed: SealedPolicy
  /** With tombstone and answers: what is done. */
  readonly policy: SealedPolicy
  readonly steps: readonly DataStep[]
  readonly fates: readonly ClassFate[]
  /** A tombstone that names another version: nothing is done before somebody corrects it. */
  readonly stale: Tombstone | undefined
}

/**
 * Decides a removal from the seal (the policy as last applied), the lock's removed block and the tombstone. Editing the
 * policy and deleting the entry in one commit uses the old one, unless the new one is more careful. Pure.
 */
export function decideRemoval(record: InstallRecord, input: PlanInput): RemovalDecision {
  const { id, block } = record
  const { decision: tombstone, stale } = tombstoneFor(id, block.version, tombstonesOf(input.desired.removed))
  const decisions: Decisions = { tombstone, answers: input.answers?.get(id) }
  const left = input.lock.removed?.[id]
  const sealed = left ? mostConservative(block.uninstall, left.uninstall) : block.uninstall
  const policy = policyInForce(sealed, decisions)
  const inUse = isInUse(id, input)
  const fates = DATA_CLASSES.map((key) => fateOf({ class: key, wish: policy[key], grace: policy.grace, state: undefined, now: input.now, empty: false, inUse: key === 'tables' && inUse }))
  return { sealed, policy, steps: stepsOf(record, { policy, sealed, decisions, fates }), fates, stale }
}

/** True when something of others is known to need the plugin's tables. */
function isInUse(id: string, { observed }: PlanInput): boolean {
  return (observed.uses?.get(id) ?? []).length > 0
}

function stepsOf({ enabled }: InstallRecord, { policy, sealed, decisions, fates }: { policy: SealedPolicy; sealed: SealedPolicy; decisions: Decisions; fates: readonly ClassFate[] }): DataStep[] {
  const destroys = fates.some((fate) => fate.becomes === 'quarantined' || fate.becomes === 'purged')
  const backup = policy.backup || (destroys && !mayDestroyUnbacked(decisions))
  return inOrder([
    ...answersThatCount(sealed, decisions).map((answer): DataStep => ({ do: 'answer', ...answer })),
    ...(enabled ? [{ do: 'deactivate' } as const] : []),
    ...(backup ? [{ do: 'backup' } as const] : []),
    { do: 'code', keep: policy.code === 'keep' },
    ...fates.flatMap((fate) => fate.steps),
  ])
}

/** The parts of a change that tell what a removal does. Pure. */
export function removalParts(record: InstallRecord, decision: RemovalDecision, input: PlanInput): Pick<Change, 'steps' | 'sealed' | 'destructive' | 'reversible'> & { readonly effects: Partial<Effects> } {
  const { policy, fates, steps, sealed } = decision
  const holdings = holdingsOf(record.id, input.observed)
  const about = { id: record.id, version: record.block.version }
  return {
    steps: [...steps],
    sealed,
    destructive: fates.some((fate) => fate.becomes === 'quarantined' || fate.becomes === 'purged'),
    reversible: fates.every((fate) => fate.becomes !== 'purged'),
    effects: {
      ...fateEffects(fates, policy.code),
      tables: tablesNamed(record.id, record.block, input.observed),
      uninstall: policy,
      holdings,
      ...answerYaml(about, fates, policy, holdings),
      undo: undoText(about, fates),
    },
  }
}

/** Keeps, asks and destroys as every plan shows them. `code` is undefined where nothing is decided about it. */
export function fateEffects(fates: readonly ClassFate[], code: SealedPolicy['code'] | undefined): Pick<Effects, 'keeps' | 'asks' | 'destroys' | 'classes'> {
  const are = (...states: readonly ClassFate['becomes'][]) => fates.filter((fate) => states.includes(fate.becomes) && fate.from !== 'purged').map((fate) => fate.class)
  const asks = are('awaiting')
  return {
    keeps: [...(code === 'keep' ? (['code'] as const) : []), ...are('retained')],
    ...(asks.length > 0 ? { asks } : {}),
    destroys: [...(code === 'remove' ? (['code'] as const) : []), ...are('quarantined', 'purged')],
    classes: fates.map(({ steps: _steps, stuck: _stuck, ...effect }) => effect),
  }
}
