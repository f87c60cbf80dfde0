import { byCodeUnit, digestOf } from '../../schemas/digest.ts'
import type { Lock } from '../../schemas/lock.ts'
import { PLAN_FORMAT_VERSION, type Change, type Notice, type Plan } from '../../schemas/plan.ts'
import type { Hold } from '../ports.ts'
import { approvalNeeds, consentNeeds } from './approvals.ts'
import { changeOf, type Step } from './changes.ts'
import { configBlocks, configNotices } from './config.ts'
import { inconsistentSteps } from './consistency.ts'
import { groupsOf } from './groups.ts'
import { holdOn, unfinishedHold } from './holds.ts'
import type { PlanInput } from './observed.ts'
import { phasedGroups } from './phases.ts'
import { removalGuard } from './removals.ts'
import { afterlife, earliestPurge } from './retained.ts'
import { stateDigest } from './state-digest.ts'
import { differences } from './steps.ts'
import { unusedTombstones } from './unused-tombstones.ts'

/**
 * Decides what must change so that `observed` becomes what git asks. Pure: the same input gives the same bytes,
 * whatever the order of its maps. Dependencies come before their dependents, removals last. A blocked change never
 * holds up others, except those whose plugins depend on it.
 */
export function plan(input: PlanInput): Plan {
  const { steps, blocked: refused, wanted } = differences(input)
  const after = afterlife(input, wanted)
  const held = steps.filter((step) => holdOf(step, input))
  const open = steps.filter((step) => !held.includes(step))
  const undecided = [...refused, ...removalGuard(open, input), ...open.flatMap((step) => approvalNeeds(step, input.desired.approvals, input.observed.store.installs)), ...configBlocks(open, input.configs)]
  const waiting = new Set([...undecided, ...held].map((b) => b.id))
  const blocked = [...undecided, ...inconsistentSteps(open, waiting, input)]
  const free = open.filter((step) => !blocked.some((b) => b.id === step.id))
  const changes = groupsOf([...free.map((step) => changeOf(step, consentNeeds(step, input.observed.store.installs))), ...after.changes], input)
  const validUntil = earliestPurge(input)
  return {
    formatVersion: PLAN_FORMAT_VERSION,
    store: input.desired.store.id,
    ...(input.revision ? { revision: input.revision } : {}),
    generation: input.observed.store.generation?.number ?? 0,
    changes,
    ...(changes.length > 0 ? { groups: phasedGroups(changes) } : {}),
    blocked: [...blocked, ...after.blocked].sort(byId),
    notices: [...held.map((step) => heldNotice(step, holdOf(step, input))), ...after.notices, ...unusedTombstones(input), ...configNotices(open, input.configs), ...waitingNotices(input), ...unsignedNotices(input)].sort(byId),
    unchanged: unchangedCount(input, steps),
    ...(validUntil ? { validUntil } : {}),
    planDigest: planDigest(changes),
  }
}

/** The digest a reviewer names with `--expect`: what would be done, never why, when, or how many rows (RECONCILER.md). */
export function planDigest(changes: readonly Change[]): Plan['planDigest'] {
  const essence = (side: Change['from']) =>
    side ? { version: side.version, entryDigest: side.entryDigest, enabled: side.enabled, configDigest: side.configDigest, grantDigest: side.grantDigest } : null
  return digestOf(
    [...changes].filter((c) => !isValueOnly(c)).sort(byId).map((c) => ({
      id: c.id,
      action: c.action,
      from: essence(c.from),
      to: essence(c.to),
      migrations: c.effects.migrations.map((m) => m.id),
      keeps: c.effects.keeps,
      destroys: c.effects.destroys,
      ...dataEssence(c),
    })),
  )
}

/** True for a change that git knows nothing of: a secret behind a reference became another one. Who reviews a plan cannot see it. */
export function isValueOnly({ action, from, to }: Change): boolean {
  return action === 'configure' && from !== undefined && to !== undefined && from.references !== to.references && stateDigest(from) === stateDigest(to)
}

/** What is done to data, without which backup of which hour: a plan that says nothing of data has the digest that it always had. */
function dataEssence({ steps, sealed, removed, movedFrom }: Change): object {
  return {
    ...(steps ? { steps: steps.map((step) => (step.do === 'backup' ? { do: step.do } : step)) } : {}),
    ...(sealed ? { sealed } : {}),
    ...(removed ? { removed: { version: removed.version, entryDigest: removed.entryDigest } } : {}),
    ...(movedFrom === undefined ? {} : { movedFrom }),
  }
}

/** A repair makes what is recorded true again; only what is left of migrations that failed may be held. */
function holdOf(step: Step, { observed: { store } }: PlanInput): Hold | undefined {
  if (step.repair === undefined) return holdOn({ id: step.id, from: step.record?.block, to: step.to }, store.holds)
  return step.data && step.to && unfinishedHold(step.id, step.to, store.holds)
}

function heldNotice(step: Step, hold: Hold | undefined): Notice {
  const version = step.to?.version
  const lift = `lift the hold with \`catalyst rollback --lift ${step.id}\``
  if (version !== undefined && hold?.failed !== undefined) return { id: step.id, code: 'Stalled', message: failedMessage(step, hold), hint: `Correct what \`catalyst audit\` names, or ask the publisher for another version. To try the same one again, ${lift}.` }
  return {
    id: step.id,
    code: 'Held',
    message: version
      ? `${step.id} ${version} was rolled back and is not taken again by itself`
      : `the removal of ${step.id} was rolled back and is not done again by itself`,
    hint: version
      ? `Write \`reject: [${version}]\` under \`${step.id}\` in plugins.yaml and run \`catalyst lock\`, or ${lift}.`
      : `Put \`${step.id}\` back into plugins.yaml, or ${lift}.`,
  }
}

function failedMessage({ id, to, record, repair }: Step, { failed, since }: Hold): string {
  if (repair !== undefined) return `${id} ${to?.version} is live, but its last migrations failed (${failed}, ${since}) and are not tried again by themselves`
  const stays = record ? `; ${record.block.version} stays${record.enabled ? '' : ', switched off'}` : ''
  return `${id} ${to?.version} failed (${failed}, ${since}) and is not tried again by itself${stays}`
}

const WAITING_WORDS: Record<NonNullable<Lock['waiting']>[string]['code'], readonly [string, string]> = {
  GRANT_MISSING: ['PermissionsUndecided', 'waits for permissions in plugins.yaml'],
  SIGNER_MISSING: ['SignerUndecided', 'waits for a signer in plugins.yaml'],
  DECISION_REQUIRED: ['DecisionRequired', 'waits for a decision in plugins.yaml'],
  RELEASE_REFUSED: ['ReleaseRefused', 'was refused when the lock was written'],
  RELEASE_UNCHECKED: ['ReleaseUnchecked', 'could not be checked when the lock was written'],
}

function waitingNotices({ lock }: PlanInput): readonly Notice[] {
  return Object.entries(lock.waiting ?? {}).map(([id, waiting]) => {
    const [code, words] = WAITING_WORDS[waiting.code]
    const subject = waiting.code.startsWith('RELEASE_') ? `${id} ${waiting.requested ?? '*'}` : `${id} ${waiting.version}`
    const stays = lock.plugins[id] ? `; ${lock.plugins[id].version} stays` : ''
    return { id, code, message: `${subject} ${words}${stays}`, hint: waiting.write }
  })
}

function unsignedNotices({ lock }: PlanInput): readonly Notice[] {
  return Object.entries(lock.plugins)
    .filter(([, block]) => block.signer.kind === 'unsigned')
    .map(([id, block]) => ({ id, code: 'Unsigned', message: `${id} ${block.version} is not signed; plugins.yaml allows its digest by hand` }))
}

function unchangedCount({ lock, observed }: PlanInput, steps: readonly Step[]): number {
  const touched = new Set(steps.flatMap((s) => [s.id, ...(s.movedFrom === undefined ? [] : [s.movedFrom])]))
  const all = new Set([...Object.keys(lock.plugins), ...observed.store.installs.map((r) => r.id)])
  return [...all].filter((id) => !touched.has(id)).length
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return byCodeUnit(a.id, b.id)
}
