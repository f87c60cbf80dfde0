import { CatalystError } from '../../schemas/errors.ts'
import { PLAN_FORMAT_VERSION, type Plan } from '../../schemas/plan.ts'
import { apply } from '../../reconciler/apply/apply.ts'
import { planDigest } from '../../reconciler/plan/decide.ts'
import { purgeDecision } from '../../reconciler/plan/purge.ts'
import type { Command } from '../command.ts'
import { confirmed } from '../confirm.ts'
import { lookAfter } from '../after-apply.ts'
import { known } from './apply.ts'
import { renderApplied } from '../render/applied.ts'
import { renderPlan } from '../render/plan.ts'

/**
 * `catalyst purge ID`: what a removed plugin left, and its policy does not keep, is destroyed now. A backup is read back
 * before. A person is asked at a terminal; elsewhere `--yes` is needed.
 */
export const purgeCommand: Command<{ readonly id: string; readonly yes?: boolean }> = async (context, { id, yes }) => {
  const { house, terminal, paint } = context
  const { desired } = await house.files.readDesired()
  const lock = (await house.files.readLock()) ?? { lockVersion: 1 as const, plugins: {} }
  const observed = await house.observe(desired, { check: false })
  const answer = purgeDecision(id, { desired, lock, observed, now: house.now() })
  if ('blocked' in answer) throw new CatalystError(answer.blocked.code === 'TOMBSTONE_STALE' ? 'TOMBSTONE_STALE' : answer.blocked.code === 'DECISION_REQUIRED' ? 'DECISION_REQUIRED' : 'TABLE_IN_USE', answer.blocked.reason, { hint: answer.blocked.hint })
  const changes = [answer.change]
  const decided: Plan = { formatVersion: PLAN_FORMAT_VERSION, store: desired.store.id, generation: observed.store.generation?.number ?? 0, changes, blocked: [], notices: [], unchanged: 0, planDigest: planDigest(changes) }
  if (!yes) terminal.err(renderPlan(decided, paint))
  await confirmed(context, 'Destroy this for ever?', yes)
  const began = house.now()
  const result = await house.withApplyDeps(desired, known(lock, observed), (deps) => apply({ plan: decided, desired, lock }, deps))
  const after = await lookAfter(house, desired, decided, result, began)
  return { exit: 0, text: renderApplied(decided, result, paint, { after }), result: { id, kept: answer.kept, backup: after?.backups.get(id) ?? null, auditHead: result.auditHead ?? null }, problems: result.outcomes.flatMap((o) => (o.error ? [{ code: o.error.code, message: `${id}: ${o.error.message}`, hint: o.error.hint }] : [])) }
}
