import type { Proof } from '../../reconciler/ports.ts'
import type { Digest } from '../../schemas/digest.ts'
import type { Problem } from '../../schemas/errors.ts'
import type { IndexLine } from '../../schemas/index-line.ts'
import type { RegistryFile } from '../../schemas/registry-entry.ts'
import type { Evidence, Notice, SeenRelease, Verdict } from '../ports.ts'
import { differences } from './differences.ts'
import { withNotice } from './notices.ts'
import { type EntryText, proposal } from './proposal.ts'

/** What was found out about a release. `proven`: somebody signed it as it is and no rule is broken; whether that somebody may is not said yet. */
export type Outcome =
  | { readonly kind: 'proven'; readonly proof: Proof; readonly line: IndexLine; readonly findings: readonly Problem[] }
  | { readonly kind: 'refused'; readonly problems: readonly Problem[]; readonly proof: Proof | undefined }

/** A release with everything that its verdict depends on. */
export interface Case {
  readonly id: string
  readonly version: string
  readonly release: SeenRelease
  readonly outcome: Outcome
  readonly entry: EntryText & { readonly digest: Digest }
  readonly registry: RegistryFile
  readonly before: Verdict | undefined
  readonly notice: Notice | undefined
  readonly killed: string | undefined
  readonly at: string
}

/**
 * The verdict on a release. What a person decided stands. A version that was listed keeps its line, whatever the release
 * is now: only notices are added. Else: refused is rejected; beyond its entry is in review, with the change that would
 * allow it; the rest is listed. Pure.
 */
export function decideVerdict(facts: Case): Verdict {
  const { before } = facts
  if (facts.killed !== undefined) return killedVerdict(facts, facts.killed)
  if (before && standsAlready(before)) return withNotices(before, facts)
  const evidence = evidenceOf(facts)
  const { outcome } = facts
  if (outcome.kind === 'refused') return verdictOf(facts, 'rejected', undefined, { ...evidence, problems: outcome.problems, proof: outcome.proof })
  const line = withNotice(outcome.line, facts.notice)
  const beyond = differences(outcome.proof, line, facts.entry.entry, facts.registry)
  if (beyond.length === 0) return verdictOf(facts, 'listed', line, evidence)
  return verdictOf(facts, 'in-review', line, { ...evidence, differences: beyond, proposal: proposal(facts.entry, outcome.proof, line, beyond) })
}

/** Listed and withdrawn versions have a line that never changes; a person's no is for good. */
export function standsAlready({ verdict, evidence }: Verdict): boolean {
  return verdict === 'listed' || verdict === 'withdrawn' || evidence.by !== undefined
}

/** Codes after which the same release may pass later without a change of its own: a bundle that comes late. */
export const MAY_COME_LATE: ReadonlySet<string> = new Set(['BUNDLE_MISSING', 'PROVENANCE_MISSING', 'ASSET_MISSING'])

/** True when a release must be looked into again: it, its entry, or the kill list changed, or its bundle may have come. */
export function mustLookAgain(before: Verdict | undefined, release: SeenRelease, entryDigest: Digest): boolean {
  if (!before) return true
  if (standsAlready(before)) return false
  const same = before.release.artifact.sha256 === release.artifact.sha256 && before.release.commit === release.commit && before.release.bundle?.sha256 === release.bundle?.sha256
  return !same || before.evidence.entryDigest !== entryDigest || before.evidence.problems.some(({ code }) => MAY_COME_LATE.has(code))
}

function withNotices(before: Verdict, { notice, at }: Case): Verdict {
  return before.line === undefined ? before : { ...before, line: withNotice(before.line, notice), decidedAt: at }
}

function killedVerdict(facts: Case, reason: string): Verdict {
  const { before } = facts
  const by = `kill list: ${reason}`
  if (before?.line && standsAlready(before)) return { ...before, verdict: 'withdrawn', decidedAt: facts.at, line: killedLine(before.line, facts.notice, reason), evidence: { ...before.evidence, by } }
  return verdictOf(facts, 'rejected', undefined, { ...evidenceOf(facts), problems: [{ code: 'PLUGIN_KILLED', message: `${facts.id} is on the kill list: ${reason}` }] })
}

/** A line on the kill list tells every store, also those that know no kill list. Pure. */
export function killedLine(line: IndexLine, notice: Notice | undefined, reason: string): IndexLine {
  const told = withNotice(line, notice)
  return { ...told, yanked: { reason }, advisories: [...(told.advisories ?? []).filter(({ id }) => id !== 'kill-list'), { id: 'kill-list', level: 'malicious', title: reason }] }
}

function evidenceOf({ outcome, entry }: Case): Evidence {
  const proof = outcome.proof
  const problems = outcome.kind === 'proven' ? outcome.findings : outcome.problems
  return { problems, differences: [], proposal: undefined, proof, entryDigest: entry.digest, by: undefined }
}

function verdictOf({ id, version, release, at }: Case, verdict: Verdict['verdict'], line: IndexLine | undefined, evidence: Evidence): Verdict {
  return { id, version, verdict, decidedAt: at, release, line, evidence }
}
