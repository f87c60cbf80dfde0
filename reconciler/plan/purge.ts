import type { Blocked, Change } from '../../schemas/plan.ts'
import type { DataStep } from '../../schemas/plan-data.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { DATA_CLASSES, type DataClass } from '../data-ports.ts'
import type { RetainedRecord } from '../ports.ts'
import { holdingsOf } from './amounts.ts'
import { fateOf, inOrder, type ClassFate } from './class-steps.ts'
import { groupsOf } from './groups.ts'
import { movesOf } from './moves.ts'
import type { PlanInput } from './observed.ts'
import { tablesNamed } from './owned-tables.ts'
import { mayDestroyUnbacked, policyInForce, type Wish } from './policy.ts'
import { fateEffects } from './removal-decision.ts'
import { tombstoneYaml, undoText } from './removal-words.ts'
import { inUseBlocked, isPurged, removalOf, staleBlocked } from './retained.ts'
import { tombstoneFor, tombstonesOf } from './tombstones.ts'

/** What `catalyst purge ID` does: the change to apply, or why it is refused. Classes that the policy keeps are named in either. */
export type PurgeAnswer = { readonly change: Change; readonly kept: readonly DataClass[] } | { readonly blocked: Blocked }

/**
 * Decides about `catalyst purge ID`. The command is a person's answer to what the policy asks, and ends every grace; what
 * the policy keeps it does not touch: that takes a tombstone in git. Pure.
 * @throws CatalystError NOT_INSTALLED (the store never had it, or nothing is left of it), IN_USE (it is installed or wanted)
 */
export function purgeDecision(id: string, input: PlanInput): PurgeAnswer {
  const { desired, observed } = input
  const record = removedRecord(id, input)
  const { decision, stale } = tombstoneFor(id, record.block.version, tombstonesOf(desired.removed))
  if (stale) return { blocked: staleBlocked(stale, record.block.version, 'purge') }
  const removal = removalOf(record)
  const policy = policyInForce(removal.policy, { tombstone: decision, answers: removal.answers })
  const wishes = new Map(DATA_CLASSES.map((key) => [key, policy[key] === 'keep' ? 'keep' : ('remove' as Wish)]))
  const uses = observed.uses?.get(id) ?? []
  const fates = DATA_CLASSES.map((key) => fateNow(key, wishes.get(key) ?? 'keep', { removal, now: input.now, inUse: key === 'tables' && uses.length > 0 }))
  const going = fates.filter((fate) => fate.becomes === 'purged' && fate.from !== 'purged')
  const kept = fates.filter((fate) => fate.becomes === 'retained').map((fate) => fate.class)
  if (fates.some((fate) => fate.stuck)) return { blocked: inUseBlocked(id, uses) }
  if (going.length === 0) return { blocked: keptBlocked(record.block.version, id, kept) }
  const entering = going.some((fate) => fate.from !== 'quarantined') || !removal.backup
  const backup: readonly DataStep[] = mayDestroyUnbacked({ tombstone: decision }) ? [] : [entering ? { do: 'backup' } : { do: 'backup', existing: removal.backup?.name ?? '' }]
  const change: Omit<Change, 'group'> = {
    id,
    action: 'purge',
    removed: { version: record.block.version, entryDigest: record.block.entryDigest, at: record.removedAt },
    reason: 'asked for by name',
    effects: {
      permissionsAdded: [],
      permissionsDropped: [],
      migrations: [],
      tables: tablesNamed(id, record.block, observed, removal),
      ...fateEffects(fates, undefined),
      uninstall: policy,
      holdings: holdingsOf(id, observed, removal),
      undo: undoText({ id, version: record.block.version }, fates),
      notes: [],
    },
    destructive: true,
    reversible: false,
    steps: inOrder([...backup, ...fates.flatMap((fate) => fate.steps)]),
  }
  return { change: { ...change, group: groupsOf([change], input)[0]?.group ?? 0 }, kept }
}

/** What is asked to go goes now: a purge ends the grace. Everything else stays in the state that it is in. */
function fateNow(key: DataClass, wish: Wish, { removal, now, inUse }: { readonly removal: ReturnType<typeof removalOf>; readonly now: string | undefined; readonly inUse: boolean }): ClassFate {
  const state = removal.classes[key]
  return fateOf({ class: key, wish, grace: '0s', state, now: now ?? (state.state === 'quarantined' ? state.since : '1970-01-01T00:00:00Z'), empty: false, inUse })
}

function removedRecord(id: string, input: PlanInput): RetainedRecord {
  const { desired, lock, observed: { store } } = input
  const wanted = desired.plugins.some((p) => p.id === id) || lock.plugins[id] !== undefined
  const installed = store.installs.find((r) => r.id === id)
  if (installed || wanted) {
    const where = installed ? `${id} ${installed.block.version} is installed` : `${id} is in plugins.yaml`
    throw new CatalystError('IN_USE', `${where}: only what was left by a removed plugin is purged`, { hint: `Remove it first: \`catalyst remove ${id}\`, then \`catalyst apply\`.` })
  }
  const goesOn = desired.moved.find((move) => move.from === id)
  if (goesOn && movesOf(input).bound.has(id)) throw new CatalystError('IN_USE', `what ${id} left goes on as ${goesOn.to}, as \`moved:\` says`, { hint: 'Take the line out of `moved:` first.' })
  const record = store.retained.find((r) => r.id === id)
  if (!record) throw new CatalystError('NOT_INSTALLED', `this store never had a plugin ${id}`, { hint: leftText(store.retained.map((r) => r.id)) })
  if (isPurged(record)) throw new CatalystError('NOT_INSTALLED', `nothing is left of ${id} ${record.block.version}`, { hint: leftText(store.retained.map((r) => r.id).filter((other) => other !== id)) })
  return record
}

function leftText(ids: readonly string[]): string {
  return ids.length === 0 ? 'No removed plugin has left anything.' : `Removed plugins that left something: ${[...ids].sort().join(', ')}.`
}

function keptBlocked(version: string, id: string, kept: readonly DataClass[]): Blocked {
  return {
    id,
    action: 'purge',
    code: 'DECISION_REQUIRED',
    reason: `the policy of ${id} ${version} keeps ${kept.join(', ')}: a command does not change that`,
    hint: tombstoneYaml({ id, version }, kept, 'remove'),
  }
}
