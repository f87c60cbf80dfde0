import { byCodeUnit, digestOf } from '../../schemas/digest.ts'
import { releaseDigest, type Lock, type LockBlock } from '../../schemas/lock.ts'
import { PLAN_FORMAT_VERSION, type Change, type Notice, type Plan } from '../../schemas/plan.ts'
import type { InstallRecord } from '../ports.ts'
import { approvalNeeds, consentNeeds } from './approvals.ts'
import { changeOf, type Step } from './changes.ts'
import { inconsistentSteps } from './consistency.ts'
import type { DesiredPlugin, DesiredState } from './desired.ts'
import { groupsOf } from './groups.ts'
import { holdOn } from './holds.ts'
import type { ObservedState, PlanInput } from './observed.ts'
import { removalGuard } from './removals.ts'
import { installedSide, wantedSide } from './sides.ts'
import { saidAgainst } from './stale.ts'
import { stateDigest } from './state-digest.ts'

/**
 * Decides what must change so that `observed` becomes what git asks. Pure: the same input gives the same bytes,
 * whatever the order of its maps. Dependencies come before their dependents, removals last. A blocked change never
 * holds up others, except those whose plugins depend on it.
 */
export function plan(input: PlanInput): Plan {
  const steps = stepsOf(input)
  const held = steps.filter((step) => !step.repair && holdOn({ id: step.id, from: step.record?.block, to: step.to }, input.observed.store.holds))
  const open = steps.filter((step) => !held.includes(step))
  const undecided = [...removalGuard(open, input), ...open.flatMap((step) => approvalNeeds(step, input.desired.approvals, input.observed.store.installs))]
  const waiting = new Set([...undecided, ...held].map((b) => b.id))
  const blocked = [...undecided, ...inconsistentSteps(open, waiting, input)]
  const free = open.filter((step) => !blocked.some((b) => b.id === step.id))
  const changes = groupsOf(free.map((step) => changeOf(step, consentNeeds(step, input.observed.store.installs))), input)
  return {
    formatVersion: PLAN_FORMAT_VERSION,
    store: input.desired.store.id,
    ...(input.revision ? { revision: input.revision } : {}),
    generation: input.observed.store.generation?.number ?? 0,
    changes,
    blocked: [...blocked].sort(byId),
    notices: [...held.map(heldNotice), ...waitingNotices(input), ...unsignedNotices(input), ...migrationNotices(changes)].sort(byId),
    unchanged: unchangedCount(input, steps),
    planDigest: planDigest(changes),
  }
}

/** The digest a reviewer names with `--expect`: what would be done, never why, when, or how many rows (RECONCILER.md). */
export function planDigest(changes: readonly Change[]): Plan['planDigest'] {
  const essence = (side: Change['from']) =>
    side ? { version: side.version, entryDigest: side.entryDigest, enabled: side.enabled, configDigest: side.configDigest, grantDigest: side.grantDigest } : null
  return digestOf(
    [...changes].sort(byId).map((c) => ({
      id: c.id,
      action: c.action,
      from: essence(c.from),
      to: essence(c.to),
      migrations: c.effects.migrations.map((m) => m.id),
      keeps: c.effects.keeps,
      destroys: c.effects.destroys,
    })),
  )
}

/** Per plugin that differs: what is there, what is wanted. */
function stepsOf(input: PlanInput): readonly Step[] {
  const { desired, lock, observed } = input
  const stays = staying(input)
  const wanted = new Map(desired.plugins.map((p) => [p.id, p]))
  const installed = new Map(observed.store.installs.map((r) => [r.id, r]))
  const retained = new Map(observed.store.retained.map((r) => [r.id, r.block]))
  const ids = [...new Set([...Object.keys(lock.plugins), ...installed.keys()])].sort(byCodeUnit)
  return ids.flatMap((id): readonly Step[] => {
    const block = lock.plugins[id]
    const record = installed.get(id)
    if (stays.has(id)) return []
    if (!block) return record ? [{ id, record }] : []
    const to = wantedSide(block, wanted.get(id))
    const step: Step = { id, block, to, wanted: wanted.get(id), ...(record ? { record } : { retained: retained.get(id) }) }
    if (record && stateDigest(installedSide(record)) === stateDigest(to)) return repairStep(step, record, observed)
    return [step]
  })
}

/**
 * Plugins that stay as they are installed, or not installed, because they wait for a decision: waiting is not leaving.
 * So does what they need. The lock alone cannot make anything of it: nobody outside plugins.yaml waits, and what plugins.yaml
 * speaks against is not taken meanwhile.
 */
function staying({ desired, lock, observed }: PlanInput): ReadonlySet<string> {
  const installed = new Map(observed.store.installs.map((r) => [r.id, r.block]))
  const waiting = desired.plugins.filter(({ id }) => lock.waiting?.[id])
  const absent = waiting.filter(({ id }) => !lock.plugins[id]).map((p) => p.id)
  const unasked = waiting.filter((plugin) => isUnasked(lock.plugins[plugin.id], installed.get(plugin.id), plugin, desired)).map((p) => p.id)
  const stays = new Set([...absent, ...unasked])
  for (const id of stays) for (const needed of Object.keys(installed.get(id)?.dependencies ?? {})) if (!lock.plugins[needed]) stays.add(needed)
  return stays
}

function isUnasked(block: LockBlock | undefined, present: LockBlock | undefined, plugin: DesiredPlugin, desired: DesiredState): boolean {
  if (!block || (present && releaseDigest(present) === releaseDigest(block))) return false
  return saidAgainst(block, plugin, desired).length > 0
}

function repairStep(step: Step, record: InstallRecord, observed: ObservedState): readonly Step[] {
  const files = observed.damaged.get(step.id)
  if (files && files.length > 0) return [{ ...step, repair: `files differ from the release: ${files.slice(0, 3).join(', ')}` }]
  const live = observed.live?.get(step.id)
  if (record.enabled && live !== record.block.tree) return [{ ...step, repair: live ? 'another tree is live than recorded' : 'not on this machine yet' }]
  return []
}

function heldNotice(step: Step): Notice {
  const version = step.to?.version
  return {
    id: step.id,
    code: 'Held',
    message: version
      ? `${step.id} ${version} was rolled back and is not taken again by itself`
      : `the removal of ${step.id} was rolled back and is not done again by itself`,
    hint: version
      ? `Write \`reject: [${version}]\` under \`${step.id}\` in plugins.yaml and run \`catalyst lock\`, or lift the hold with \`catalyst rollback --lift ${step.id}\`.`
      : `Put \`${step.id}\` back into plugins.yaml, or lift the hold with \`catalyst rollback --lift ${step.id}\`.`,
  }
}

const WAITING_WORDS: Record<NonNullable<Lock['waiting']>[string]['code'], readonly [string, string]> = {
  GRANT_MISSING: ['PermissionsUndecided', 'waits for permissions in plugins.yaml'],
  SIGNER_MISSING: ['SignerUndecided', 'waits for a signer in plugins.yaml'],
  DECISION_REQUIRED: ['DecisionRequired', 'waits for a decision in plugins.yaml'],
  RELEASE_REFUSED: ['ReleaseRefused', 'was refused when the lock was written'],
}

function waitingNotices({ lock }: PlanInput): readonly Notice[] {
  return Object.entries(lock.waiting ?? {}).map(([id, waiting]) => {
    const [code, words] = WAITING_WORDS[waiting.code]
    const subject = waiting.code === 'RELEASE_REFUSED' ? `${id} ${waiting.requested ?? '*'}` : `${id} ${waiting.version}`
    const stays = lock.plugins[id] ? `; ${lock.plugins[id].version} stays` : ''
    return { id, code, message: `${subject} ${words}${stays}`, hint: waiting.write }
  })
}

function unsignedNotices({ lock }: PlanInput): readonly Notice[] {
  return Object.entries(lock.plugins)
    .filter(([, block]) => block.signer.kind === 'unsigned')
    .map(([id, block]) => ({ id, code: 'Unsigned', message: `${id} ${block.version} is not signed; plugins.yaml allows its digest by hand` }))
}

/** Honesty: a plan shows migrations, and this version of apply does not run them yet. */
function migrationNotices(changes: readonly Change[]): readonly Notice[] {
  return changes
    .filter((c) => c.effects.migrations.length > 0)
    .map((c) => ({ id: c.id, code: 'MigrationsNotRun', message: `${c.id} ${c.to?.version ?? ''} brings ${c.effects.migrations.length} migration${c.effects.migrations.length === 1 ? '' : 's'}, which this version of catalyst shows but does not run yet` }))
}

function unchangedCount({ lock, observed }: PlanInput, steps: readonly Step[]): number {
  const touched = new Set(steps.map((s) => s.id))
  const all = new Set([...Object.keys(lock.plugins), ...observed.store.installs.map((r) => r.id)])
  return [...all].filter((id) => !touched.has(id)).length
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return byCodeUnit(a.id, b.id)
}
