import { CatalystError, type Problem } from '../../schemas/errors.ts'
import type { Lock } from '../../schemas/lock.ts'
import type { Plan } from '../../schemas/plan.ts'
import { plan } from '../../reconciler/plan/decide.ts'
import type { DesiredState } from '../../reconciler/plan/desired.ts'
import { staleness } from '../../reconciler/plan/stale.ts'
import type { Command, CommandContext, CommandResult } from '../command.ts'
import { renderPlan } from '../render/plan.ts'
import { markdownNote, planMarkdown } from '../render/plan-markdown.ts'
import { safe } from '../terminal.ts'

export interface PlanArgs {
  /** Reads every installed file too: what was altered on this machine is a repair. */
  readonly check?: boolean
  readonly detailedExitcode?: boolean
  readonly markdown?: boolean
  /** A snapshot of a store's state, for machines that cannot reach the store. */
  readonly observed?: string
  /** Public key (PEM file) that the snapshot must be signed with. */
  readonly observedKey?: string
}

/** `catalyst plan`: what `apply` would do. Needs no network; reads git's files and the store's records, writes nothing. */
export const planCommand: Command<PlanArgs> = async (context, args) => {
  const { desired, lock } = await wanted(context)
  const snapshot = args.observed ? await context.house.observedFrom(args.observed, args.observedKey, desired) : undefined
  const observed = snapshot?.observed ?? (await context.house.observe(desired, { check: args.check ?? false }))
  const result = planResult(plan({ desired, lock, observed, revision: await context.house.revision() }), context, args)
  return snapshot ? noted(result, `Compared with the signed state of the store as it was at ${snapshot.takenAt}.`, context, args) : result
}

/** `catalyst diff [BASE]`: what would change if a store that has the lock of another revision applied this one. */
export const diffCommand: Command<{ readonly base: string; readonly markdown?: boolean }> = async (context, { base, markdown }) => {
  const { desired, lock } = await wanted(context)
  const decided = plan({ desired, lock, observed: await context.house.observedAt(base) })
  const shown = markdown ? { markdown } : {}
  return noted(planResult(decided, context, shown), `Compared with the lock at ${base}; what is really installed was not looked at.`, context, shown)
}

/** What the plan was compared with, where that is not the store itself. */
function noted(result: CommandResult, note: string, { paint }: CommandContext, { markdown }: PlanArgs): CommandResult {
  return { ...result, text: `${result.text}\n\n${markdown ? markdownNote(note) : paint('quiet', safe(note))}` }
}

/** plugins.yaml and a lock that answers it. @throws CatalystError LOCK_MISSING, LOCK_STALE with every reason */
export async function wanted({ house }: CommandContext): Promise<{ readonly desired: DesiredState; readonly lock: Lock; readonly warnings: readonly Problem[] }> {
  const { desired, warnings } = await house.files.readDesired()
  const lock = await house.files.readLock()
  if (!lock) throw new CatalystError('LOCK_MISSING', `there is no ${house.files.shown(house.files.lockPath)}`)
  const stale = staleness(desired, lock)
  const first = stale[0]
  if (first) throw new CatalystError('LOCK_STALE', first.message, { place: first.place, problems: stale })
  return { desired, lock, warnings }
}

/** The exit code of a plan: 3 when a decision is missing, 2 when changes are present and were asked for, else 0. */
function planResult(decided: Plan, { paint }: CommandContext, args: PlanArgs): CommandResult {
  const changes = decided.changes.length > 0 && args.detailedExitcode ? 2 : 0
  return {
    exit: decided.blocked.some((b) => b.code !== 'DependencyBlocked') ? 3 : changes,
    text: args.markdown ? planMarkdown(decided) : renderPlan(decided, paint),
    result: decided,
  }
}
