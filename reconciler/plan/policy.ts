import type { SealedPolicy, UninstallPolicy } from '../../schemas/common.ts'
import { durationMs } from '../../schemas/durations.ts'
import { DATA_CLASSES, type Answers, type DataClass } from '../data-ports.ts'

/** What a policy can say of one class. */
export type Wish = SealedPolicy[DataClass]

/** From what destroys nothing to what does. */
const CAUTION: readonly Wish[] = ['keep', 'ask', 'remove']

/** The more careful of two policies, field by field: keep > ask > remove, a backup > none, a longer grace > a shorter one (RECONCILER.md). Pure. */
export function mostConservative(a: SealedPolicy, b: SealedPolicy): SealedPolicy {
  const careful = (key: DataClass): Wish => CAUTION.find((wish) => wish === a[key] || wish === b[key]) ?? 'keep'
  return {
    code: a.code === 'keep' || b.code === 'keep' ? 'keep' : 'remove',
    config: careful('config'),
    data: careful('data'),
    tables: careful('tables'),
    backup: a.backup || b.backup,
    grace: durationMs(b.grace) > durationMs(a.grace) ? b.grace : a.grace,
  }
}

/** What people have said since the policy was sealed. */
export interface Decisions {
  /** The tombstone in git that names the removed version. Only it may loosen a policy. */
  readonly tombstone?: UninstallPolicy | undefined
  /** Answers from a flag or a terminal. They count where the policy asks, nowhere else. */
  readonly answers?: Answers | undefined
}

/** The policy in force: a tombstone has the last word, an answer settles what the policy asks, the seal says the rest. Pure. */
export function policyInForce(sealed: SealedPolicy, { tombstone = {}, answers = {} }: Decisions): SealedPolicy {
  const wish = (key: DataClass): Wish => tombstone[key] ?? (sealed[key] === 'ask' ? (answers[key] ?? 'ask') : sealed[key])
  return {
    code: tombstone.code ?? sealed.code,
    config: wish('config'),
    data: wish('data'),
    tables: wish('tables'),
    backup: tombstone.backup ?? sealed.backup,
    grace: tombstone.grace ?? sealed.grace,
  }
}

/** Answers that settle something: those to a class that the policy asks about and no tombstone decides, in the order of the classes. */
export function answersThatCount(sealed: SealedPolicy, { tombstone = {}, answers = {} }: Decisions): readonly { readonly class: DataClass; readonly answer: 'keep' | 'remove' }[] {
  return DATA_CLASSES.flatMap((key) => {
    const answer = answers[key]
    return answer !== undefined && sealed[key] === 'ask' && tombstone[key] === undefined ? [{ class: key, answer }] : []
  })
}

/** Nothing is destroyed without a backup, unless the tombstone itself says that none is wanted: a policy alone cannot. Pure. */
export function mayDestroyUnbacked({ tombstone }: Decisions): boolean {
  return tombstone?.backup === false
}
