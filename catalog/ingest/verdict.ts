import type { Proof } from '../../reconciler/ports.ts'
import { artifactUrlAllowed } from '../../schemas/artifact-urls.ts'
import type { Digest } from '../../schemas/digest.ts'
import type { Problem } from '../../schemas/errors.ts'
import type { IndexLine } from '../../schemas/index-line.ts'
import type { RegistryFile } from '../../schemas/registry-entry.ts'
import type { Evidence, Notice, SeenRelease, Verdict } from '../ports.ts'
import { differences } from './differences.ts'
import { lineRefusals } from './line-room.ts'
import { killedLine, withNotice } from './notices.ts'
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
  /** A version that has a line already and is the same but for build metadata. */
  readonly taken?: string | undefined
  readonly at: string
}

/**
 * The verdict on a release. What a person decided stands. A version that was listed keeps its line, whatever the release
 * is now: only notices are added. Else: refused is rejected; beyond its entry is in review, with the change that would
 * allow it; the rest is listed. What an index cannot hold is rejected too. Pure.
 */
export function decideVerdict(facts: Case): Verdict {
  const { before } = facts
  if (before && standsAlready(before)) return restated(before, facts)
  if (facts.killed !== undefined) return verdictOf(facts, 'rejected', undefined, { ...evidenceOf(facts), problems: [{ code: 'PLUGIN_KILLED', message: `${facts.id} is on the kill list: ${facts.killed}` }] })
  const evidence = evidenceOf(facts)
  const { outcome } = facts
  if (outcome.kind === 'refused') return verdictOf(facts, 'rejected', undefined, { ...evidence, problems: outcome.problems, proof: outcome.proof })
  const unfit = unfitProblems(facts, outcome.line)
  if (unfit.length > 0) return verdictOf(facts, 'rejected', undefined, { ...evidence, problems: unfit })
  const line = withNotice(outcome.line, facts.notice)
  const beyond = differences(outcome.proof, line, facts.entry.entry, facts.registry)
  if (beyond.length === 0) return verdictOf(facts, 'listed', line, evidence)
  return verdictOf(facts, 'in-review', line, { ...evidence, differences: beyond, proposal: proposal(facts.entry, outcome.proof, line, beyond) })
}

/** Why a proven release can have no line in an index, whatever its entry says. */
function unfitProblems({ id, version, taken, entry, registry }: Case, line: IndexLine): readonly Problem[] {
  if (taken !== undefined) return [{ code: 'VERSION_TAKEN', message: `${id} ${version} is the same version as ${taken}, which is listed: what stands behind a + makes no other` }]
  if (artifactUrlAllowed(line.artifact.url, entry.entry, registry) && !artifactUrlAllowed(line.bundle.url, entry.entry, registry)) {
    return [{ code: 'BUNDLE_MISSING', message: `the bundle of ${id} ${version} lies at ${line.bundle.url}, where stores fetch nothing from`, hint: 'Attach the bundle to the release, beside the artifact.' }]
  }
  return lineRefusals(line)
}

/** Listed and withdrawn versions have a line that never changes; a person's no is for good. */
export function standsAlready({ verdict, evidence }: Verdict): boolean {
  return verdict === 'listed' || verdict === 'withdrawn' || evidence.by !== undefined
}

/** Codes after which the same release may pass later without a change of its own: a bundle that comes late. */
const MAY_COME_LATE: ReadonlySet<string> = new Set(['BUNDLE_MISSING', 'PROVENANCE_MISSING', 'ASSET_MISSING'])

/** How long a bundle is waited for, from when the release was first found without it. */
const LATE_MS = 7 * 86_400_000

/** True when only time keeps a release from being listed: its bundle may still come. Pure. */
export function mayComeLate({ verdict, evidence, decidedAt }: Verdict, at: string): boolean {
  return verdict === 'rejected' && evidence.problems.some(({ code }) => MAY_COME_LATE.has(code)) && Date.parse(at) - Date.parse(decidedAt) < LATE_MS
}

/** True when a release must be looked into again: it, its entry, or the kill list changed, or its bundle may have come. */
export function mustLookAgain(before: Verdict | undefined, release: SeenRelease, entryDigest: Digest, at: string): boolean {
  if (!before) return true
  if (standsAlready(before)) return false
  const same = before.release.artifact.sha256 === release.artifact.sha256 && before.release.commit === release.commit && before.release.bundle?.sha256 === release.bundle?.sha256
  return !same || before.evidence.entryDigest !== entryDigest || mayComeLate(before, at)
}

/** A verdict that stands already, as the kill list and what maintainers said make it. Pure. */
export function restated(before: Verdict, { notice, killed, at }: Pick<Case, 'notice' | 'killed' | 'at'>): Verdict {
  if (before.line === undefined) return before
  const line = withNotice(before.line, notice)
  if (killed === undefined) return { ...before, line, decidedAt: at }
  return { ...before, verdict: 'withdrawn', line: killedLine(line, killed), decidedAt: at, evidence: { ...before.evidence, by: `kill list: ${killed}` } }
}

function evidenceOf({ outcome, entry }: Case): Evidence {
  const proof = outcome.proof
  const problems = outcome.kind === 'proven' ? outcome.findings : outcome.problems
  return { problems, differences: [], proposal: undefined, proof, entryDigest: entry.digest, by: undefined }
}

function verdictOf({ id, version, release, at }: Case, verdict: Verdict['verdict'], line: IndexLine | undefined, evidence: Evidence): Verdict {
  return { id, version, verdict, decidedAt: at, release, line, evidence }
}
