import type { Plan } from '../../schemas/plan.ts'
import type { SealedPolicy } from '../../schemas/common.ts'
import type { Problem } from '../../schemas/errors.ts'
import type { Holdings } from '../../schemas/plan-data.ts'
import { byCodeUnit } from '../../schemas/digest.ts'
import { DATA_CLASSES, type Answers, type DataClass } from '../data-ports.ts'
import { holdingsOf } from './amounts.ts'
import type { PlanInput } from './observed.ts'
import { mostConservative, policyInForce } from './policy.ts'
import { isEmpty, minuteOf, tombstoneYaml } from './removal-words.ts'
import { removalOf, wasEmpty } from './retained.ts'
import { tombstoneFor, tombstonesOf } from './tombstones.ts'

/** One thing that a policy asks about a plugin that goes or has gone. */
export interface Question {
  readonly id: string
  readonly version: string
  readonly class: DataClass
  /** What there is of it, by what was looked at. */
  readonly holdings: Holdings
  readonly policy: SealedPolicy
}

/** Everything that this plan asks a person: of plugins that it removes, and of those that were removed before. By id. Pure. */
export function questionsOf({ changes, notices }: Plan, input: PlanInput): readonly Question[] {
  const told = changes.flatMap(({ id, from, removed, effects }): readonly Question[] => {
    const version = from?.version ?? removed?.version
    const { asks = [], uninstall: policy, holdings = {} } = effects
    if (version === undefined || !policy) return []
    return asks.filter((key) => !isEmpty(key, holdings)).map((key) => ({ id, version, class: key, holdings, policy }))
  })
  const changing = new Set(changes.map((change) => change.id))
  const asked = new Set(notices.filter(({ code, id }) => code === 'DecisionRequired' && !changing.has(id)).map(({ id }) => id))
  const wanted = new Set(input.desired.plugins.map((p) => p.id))
  const waiting = input.observed.store.retained.filter(({ id }) => asked.has(id) && !wanted.has(id)).flatMap((record): readonly Question[] => {
    const { id, block: { version } } = record
    const removal = removalOf(record)
    const { decision } = tombstoneFor(id, version, tombstonesOf(input.desired.removed))
    const policy = policyInForce(removal.policy, { tombstone: decision, answers: removal.answers })
    const open = DATA_CLASSES.filter((key) => policy[key] === 'ask' && removal.classes[key].state !== 'purged' && !wasEmpty(key, removal))
    return open.map((key) => ({ id, version, class: key, holdings: holdingsOf(id, input.observed, removal), policy }))
  })
  return [...told, ...waiting].sort((a, b) => byCodeUnit(a.id, b.id) || DATA_CLASSES.indexOf(a.class) - DATA_CLASSES.indexOf(b.class))
}

/** Answers to what nobody asks: an answer counts where the policy says `ask`, no tombstone decides, and something is there still. Pure. */
export function answerProblems(answers: ReadonlyMap<string, Answers>, questions: readonly Question[], input: PlanInput): readonly Problem[] {
  return [...answers].flatMap(([id, given]) => DATA_CLASSES.flatMap((key) => (given[key] === undefined ? [] : problemOf(id, key, questions, input))))
}

function problemOf(id: string, key: DataClass, questions: readonly Question[], input: PlanInput): readonly Problem[] {
  const about = removedOrGoing(id, input)
  if (!about) return [{ code: 'USAGE', message: `nothing is asked about ${id}: it has not been removed, and this apply does not remove it`, hint: askedNow(questions) }]
  const { version, policy, purgedAt } = about
  const { decision } = tombstoneFor(id, version, tombstonesOf(input.desired.removed))
  const inGit = decision?.[key]
  if (inGit !== undefined) return [{ code: 'CONTRADICTION', message: `plugins.yaml decides about ${key} of ${id}@${version} already: ${inGit}`, hint: 'Change it there: git has the last word.' }]
  if (policy[key] !== 'ask') {
    return [{ code: 'USAGE', message: `the policy of ${id} ${version} says ${key}: ${policy[key]}, so nothing is asked about ${key}`, hint: policy[key] === 'keep' ? `To loosen it, write in plugins.yaml:\n${tombstoneYaml({ id, version }, [key], 'remove')}` : `To keep it, write in plugins.yaml:\n${tombstoneYaml({ id, version }, [key], 'keep')}` }]
  }
  const purged = purgedAt[key]
  return purged === undefined ? [] : [{ code: 'USAGE', message: `${key} of ${id} ${version}: purged ${minuteOf(purged)}, nothing is left to decide about`, hint: `What was there may be in a backup: \`catalyst backups ${id}\`.` }]
}

interface About {
  readonly version: string
  /** As sealed, without tombstones and answers. */
  readonly policy: SealedPolicy
  readonly purgedAt: Readonly<Partial<Record<DataClass, string>>>
}

function removedOrGoing(id: string, { desired, lock, observed: { store } }: PlanInput): About | undefined {
  if (desired.plugins.some((p) => p.id === id) || lock.plugins[id]) return undefined
  const installed = store.installs.find((r) => r.id === id)
  const left = lock.removed?.[id]
  if (installed) return { version: installed.block.version, policy: left ? mostConservative(installed.block.uninstall, left.uninstall) : installed.block.uninstall, purgedAt: {} }
  const record = store.retained.find((r) => r.id === id)
  if (!record) return undefined
  const { policy, classes } = removalOf(record)
  const purgedAt = Object.fromEntries(DATA_CLASSES.flatMap((key) => { const state = classes[key]; return state.state === 'purged' ? [[key, state.at]] : [] }))
  return { version: record.block.version, policy, purgedAt }
}

function askedNow(questions: readonly Question[]): string {
  return questions.length === 0 ? 'Nothing waits for an answer.' : `Asked now: ${questions.map((q) => `${q.id}:${q.class}`).join(', ')}.`
}
