import { join } from 'node:path'
import { CatalystError, highestExit, problemsOfError, type Problem } from '../../schemas/errors.ts'
import { releaseDigest, type Lock } from '../../schemas/lock.ts'
import type { Plan } from '../../schemas/plan.ts'
import { apply, type ApplyResult } from '../../reconciler/apply/apply.ts'
import { isValueOnly, plan } from '../../reconciler/plan/decide.ts'
import type { ObservedState } from '../../reconciler/plan/observed.ts'
import { bytesIfThere } from '../../reconciler/state/disk.ts'
import { DIFF_FILE } from '../../reconciler/state/tree-diff.ts'
import { dataDone, lookAfter, type AfterApply, type DataDone } from '../after-apply.ts'
import { parseAnswers, withAnswers, withAskedAnswers } from '../answers.ts'
import type { Command, CommandContext } from '../command.ts'
import { renderApplied } from '../render/applied.ts'
import { lookAtFiles, recordNothingToDo } from '../stamp.ts'
import { configsFor, exitOfBlocked, problemsOf, wanted } from './plan.ts'

export interface ApplyArgs {
  readonly expect?: string
  readonly check?: boolean
  /** `ID:CLASS=keep|remove`, each an answer to what a policy asks. */
  readonly answer?: readonly string[]
}

/**
 * `catalyst apply [--expect DIGEST] [--check] [--answer ID:CLASS=keep|remove]`: makes the store what git asks. With
 * `--expect` exactly the reviewed plan, a subset of it, or nothing; with `--check` every installed file is read and altered
 * ones are repaired. One bad release leaves its plugin as it was; the others go on (exit 5). What a policy asks is asked at
 * a terminal, unless a digest was reviewed or machines listen; else it waits, and holds up nobody.
 */
export const applyCommand: Command<ApplyArgs> = async (context, { expect, check = false, answer = [] }) => {
  const { house, terminal } = context
  const given = parseAnswers(answer)
  const said = await wanted(context)
  const { desired, lock } = said
  const references = await house.referenceDigests(desired, { readOnly: false })
  const observed = await house.observe(desired, { check, lock })
  const configs = await configsFor(context, said, observed.store.installs)
  const input = withAnswers({ desired, lock, observed, configs, references, revision: await house.revision(), now: house.now() }, given)
  const mayAsk = terminal.ask !== undefined && !context.json && expect === undefined
  const decided = plan(mayAsk ? await withAskedAnswers(input, terminal) : input)
  if (expect !== undefined) assertExpected(decided, expect)
  await house.expect(decided.changes.filter((c) => c.action !== 'remove' && c.from?.tree !== c.to?.tree).length)
  const began = house.now()
  const result = await house.withApplyDeps(desired, known(lock, observed), (deps) => apply({ plan: decided, desired, lock }, { ...deps, admit: house.admission(said) }))
  const after = await lookAfter(house, desired, decided, result, began)
  const exit = exitOf(decided, result)
  if (exit === 0) await settle(context)
  return { exit, text: renderApplied(decided, result, context.paint, { diffs: repairDiffs(result), after }), result: applyJson(decided, result, after), problems: [...problemsOf(decided, configs, said), ...failures(result)] }
}

function assertExpected(decided: Plan, expect: string): void {
  if (decided.planDigest === expect || decided.changes.every(isValueOnly)) return
  throw new CatalystError('PLAN_CHANGED', `the plan is ${decided.planDigest} now, the reviewed one was ${expect}`, { hint: 'Run `catalyst plan`, read it, and apply with its digest. Nothing was changed.' })
}

/** What git and the store's own records say of plugins: authority for new blocks is drawn from there, and from the registries. */
export function known(lock: Lock, observed: ObservedState): Parameters<CommandContext['house']['withApplyDeps']>[1] {
  const { installs } = observed.store
  const origins = new Map(installs.map(({ id, block }) => [id, block.registry]))
  return { lock, origins, applied: appliedBefore(observed), seen: [...Object.values(lock.plugins), ...installs.map((r) => r.block)] }
}

/** Every release that this store applied: its identity needs no new authority. */
function appliedBefore({ store }: ObservedState): ReadonlySet<string> {
  const generations = store.generations.flatMap((g) => Object.values(g.plugins).map((p) => p.record))
  const blocks = new Set([...store.installs, ...store.retained, ...generations].map((r) => r.block))
  return new Set([...new Map([...blocks].map((b) => [b.entryDigest, b])).values()].map(releaseDigest))
}

/** When nothing is left to do, the next pass needs one look at a small file. Git may have moved on meanwhile: everything is read again. */
async function settle(context: CommandContext): Promise<void> {
  const { house } = context
  const inputs = lookAtFiles(house)
  try {
    const { desired, lock } = await wanted(context)
    const observed = await house.observe(desired, { check: false, lock })
    recordNothingToDo(house, { inputs, desired, decided: plan({ desired, lock, observed, references: await house.referenceDigests(desired, { readOnly: true }), now: house.now() }), serial: observed.store.serial })
  } catch (error) {
    // What git says now is the next pass's business; this one did what it was asked.
    if (!(error instanceof CatalystError)) throw error
  }
}

/** What a repair put aside, as it differed, by plugin. */
function repairDiffs({ outcomes }: ApplyResult): ReadonlyMap<string, string> {
  return new Map(outcomes.flatMap(({ id, quarantine }) => (quarantine ? [[id, bytesIfThere(join(quarantine, DIFF_FILE))?.toString('utf8') ?? ''] as const] : [])))
}

function failures(result: ApplyResult): readonly Problem[] {
  return result.outcomes.flatMap(({ id, error }) => (error ? problemsOfError(error).map((problem) => ({ ...problem, message: `${id}: ${problem.message}` })) : []))
}

function exitOf(decided: Plan, result: ApplyResult): number {
  return highestExit([exitOfBlocked(decided), ...result.outcomes.map((o) => o.error?.exit ?? 0)])
}

function dataJson(data: DataDone | undefined): { readonly data?: DataDone } {
  return data ? { data } : {}
}

function applyJson(decided: Plan, result: ApplyResult, after: AfterApply | undefined): unknown {
  const changes = new Map(decided.changes.map((change) => [change.id, change]))
  return {
    planDigest: decided.planDigest,
    generation: result.generation ?? null,
    activated: result.activated,
    recovered: result.recovered,
    auditHead: result.auditHead ?? null,
    outcomes: result.outcomes.map(({ error, ...o }) => ({ ...o, ...dataJson(dataDone(o, changes.get(o.id), after)), ...(error ? { error: { code: error.code, message: error.message } } : {}) })),
    blocked: decided.blocked,
    notices: decided.notices,
  }
}

