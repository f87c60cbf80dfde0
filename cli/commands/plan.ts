import { CatalystError, ERRORS, highestExit, type ErrorCode, type Problem } from '../../schemas/errors.ts'
import type { Plan } from '../../schemas/plan.ts'
import { plan } from '../../reconciler/plan/decide.ts'
import type { InstallRecord } from '../../reconciler/ports.ts'
import type { ConfigChecks } from '../../reconciler/plan/config.ts'
import { staleness } from '../../reconciler/plan/stale.ts'
import { tombstonesOf } from '../../reconciler/plan/tombstones.ts'
import { parseAnswers, withAnswers } from '../answers.ts'
import type { Command, CommandContext, CommandResult } from '../command.ts'
import { configChecks, invalidConfigs, type Said } from '../config-checks.ts'
import { renderPlan } from '../render/plan.ts'
import { markdownNote, planMarkdown } from '../render/plan-markdown.ts'
import { safe } from '../terminal.ts'

export interface PlanArgs {
  /** Reads every installed file too: what was altered on this machine is a repair. */
  readonly check?: boolean
  readonly detailedExitcode?: boolean
  readonly markdown?: boolean
  /** As of `apply`: shows the plan that those answers lead to, and its digest. */
  readonly answer?: readonly string[]
  /** A snapshot of a store's state, for machines that cannot reach the store. */
  readonly observed?: string
  /** Public key (PEM file) that the snapshot must be signed with. */
  readonly observedKey?: string
}

/** `catalyst plan`: what `apply` would do. Needs no network; reads git's files and the store's records, writes nothing. */
export const planCommand: Command<PlanArgs> = async (context, args) => {
  const given = parseAnswers(args.answer ?? [])
  const said = await wanted(context)
  const { desired, lock } = said
  const snapshot = args.observed ? await context.house.observedFrom(args.observed, args.observedKey, desired) : undefined
  const observed = snapshot?.observed ?? (await context.house.observe(desired, { check: args.check ?? false, lock }))
  const configs = await configsFor(context, said, observed.store.installs)
  const references = snapshot ? undefined : await context.house.referenceDigests(desired, { readOnly: true })
  const decided = plan(withAnswers({ desired, lock, observed, configs, references, revision: await context.house.revision(), now: context.house.now() }, given))
  const result = planResult(decided, problemsOf(decided, configs, said), context, args)
  return snapshot ? noted(result, `Compared with the signed state of the store as it was at ${snapshot.takenAt}.`, context, args) : result
}

/** `catalyst diff [BASE]`: what would change if a store that has the lock of another revision applied this one. */
export const diffCommand: Command<{ readonly base: string; readonly markdown?: boolean }> = async (context, { base, markdown }) => {
  const said = await wanted(context)
  const observed = await context.house.observedAt(base)
  const configs = await configsFor(context, said, observed.store.installs)
  const decided = plan({ desired: said.desired, lock: said.lock, observed, configs })
  const shown = markdown ? { markdown } : {}
  return noted(planResult(decided, problemsOf(decided, configs, said), context, shown), `Compared with the lock at ${base}; what is really installed was not looked at.`, context, shown)
}

/** What the plan was compared with, where that is not the store itself. */
function noted(result: CommandResult, note: string, { paint }: CommandContext, { markdown }: PlanArgs): CommandResult {
  return { ...result, text: `${result.text}\n\n${markdown ? markdownNote(note) : paint('quiet', safe(note))}` }
}

/** plugins.yaml and a lock that answers it. @throws CatalystError LOCK_MISSING, LOCK_STALE with every reason */
export async function wanted({ house }: CommandContext): Promise<Said & { readonly warnings: readonly Problem[] }> {
  const { desired, placeOf, warnings } = await house.files.readDesired()
  const lock = await house.files.readLock()
  if (!lock) throw new CatalystError('LOCK_MISSING', `there is no ${house.files.shown(house.files.lockPath)}`)
  const stale = staleness(desired, lock)
  const first = stale[0]
  if (first) throw new CatalystError('LOCK_STALE', first.message, { place: first.place, problems: stale })
  return { desired, lock, placeOf, warnings }
}

/** What is known here of the configs that change: no network is asked. */
export function configsFor({ house }: CommandContext, said: Said, installs: readonly InstallRecord[]): Promise<ConfigChecks> {
  return configChecks(house, said, installs, { offline: true })
}

/** The exit code that what is blocked asks for: mostly 3, a decision that git demands; what only waits for another plugin asks for none of its own. */
export function exitOfBlocked({ blocked }: Plan): number {
  return highestExit(blocked.map(({ code }) => (Object.hasOwn(ERRORS, code) ? ERRORS[code as ErrorCode].exit : code === 'DependencyBlocked' ? 0 : 3)))
}

/** The exit code of a plan: that of what is blocked, 2 when changes are present and were asked for, else 0. */
function planResult(decided: Plan, problems: readonly Problem[], { paint }: CommandContext, args: PlanArgs): CommandResult {
  const changes = decided.changes.length > 0 && args.detailedExitcode ? 2 : 0
  return {
    exit: highestExit([exitOfBlocked(decided), changes]),
    text: args.markdown ? planMarkdown(decided) : renderPlan(decided, paint),
    result: decided,
    problems,
  }
}

/** What of a plan is wrong at a place in plugins.yaml. */
export function problemsOf(decided: Plan, configs: ConfigChecks, { desired, placeOf }: Said): readonly Problem[] {
  const stale = decided.blocked.flatMap(({ id, code, reason, hint }): Problem[] => {
    const key = code === 'TOMBSTONE_STALE' ? tombstonesOf(desired.removed).find((tombstone) => tombstone.id === id)?.key : undefined
    const place = key === undefined ? undefined : placeOf(['removed', key])
    return place ? [{ code: 'TOMBSTONE_STALE', message: reason, hint, place }] : []
  })
  return [...invalidConfigs(configs), ...stale]
}
