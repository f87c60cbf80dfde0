import { digestOf, type Digest } from '../../schemas/digest.ts'
import { LIMITS } from '../../schemas/limits.ts'
import { openRemembered } from '../remembered.ts'
import type { Expected } from './identity.ts'
import type { Verified } from './verify-release.ts'

/** Everything that a verdict depends on. Another byte in any of it is another verdict. */
export interface VerdictQuestion {
  readonly artifactDigest: Digest
  readonly bundleDigest: Digest
  readonly expected: Expected
  readonly profileDigest: Digest
}

/**
 * Verdicts that this user has reached before: proving a bundle again takes some milliseconds, reading a verdict a tenth of
 * one. Only `verified` is remembered. See `Remembered` for the folder: whoever can write in it can make anything verified.
 */
export interface Verdicts {
  /** Why nothing is remembered, for a warning; undefined when the folder is fit. */
  readonly unfit: string | undefined
  /** Undefined when there is no verdict, or none that can be read: then it is proven again. */
  recall(question: VerdictQuestion): Verified | undefined
  /** Remembers as well as it can: a full disk is no reason to refuse a release. */
  remember(question: VerdictQuestion, verdict: Verified): void
}

/** Raise it when a release is judged by other rules than before: older verdicts are then forgotten. */
const RULES = 1

/** Opens (and makes, mode 0700) the folder. A folder that others own or may write in is left alone and nothing is remembered. */
export function openVerdicts(folder: string): Verdicts {
  const memory = openRemembered(folder, { maxBytes: LIMITS.entryMaxBytes })
  return {
    unfit: memory.unfit,
    recall(question) {
      const verdict = memory.recall(keyOf(question))
      return isVerified(verdict) && answers(verdict, question) ? verdict : undefined
    },
    remember: (question, verdict) => memory.remember(keyOf(question), verdict),
  }
}

function keyOf(question: VerdictQuestion): Digest {
  return digestOf({ rules: RULES, ...question })
}

function isVerified(value: unknown): value is Verified {
  const verdict = value as Partial<Verified> | null | undefined
  return verdict?.verdict === 'verified' && typeof verdict.publishedAt === 'string' && typeof verdict.subject === 'string' && typeof verdict.repository?.url === 'string' && verdict.signer?.kind === 'provenance'
}

/** A torn or mixed-up file must not answer for another signer: what is remembered has to agree with what is asked. */
function answers({ signer, repository, commit, publishedAt }: Verified, { expected }: VerdictQuestion): boolean {
  const { authority } = expected
  return (
    commit === expected.commit &&
    signer.issuer === authority.issuer &&
    signer.workflow === authority.workflow &&
    [`refs/tags/${expected.tag}`, ...authority.refs].includes(signer.ref) &&
    authority.repositories.some((r) => r.url === repository.url && r.id === repository.id && r.ownerId === repository.ownerId) &&
    !Number.isNaN(Date.parse(publishedAt))
  )
}
