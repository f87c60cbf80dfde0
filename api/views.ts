import type * as Type from 'typebox'
import type { Alarm, CatalogPlugin, CatalogStats, Evidence, Page, PastVerdict, Proposal, Verdict } from '../catalog/ports.ts'
import type { AlarmView, EvidenceView, HistoryPage, PluginView, ProposalView, StatsView, VerdictSummary, VerdictView } from '../schemas/api.ts'
import { cleanProblem, type Problem } from '../schemas/errors.ts'

/* What of the catalog goes out, field by field: a new column is not public because it is there. Pure. */

/** A page with its items seen. */
export function pageView<T, V>({ items, next }: Page<T>, view: (item: T) => V): { items: V[]; next?: string } {
  return { items: items.map(view), ...(next !== undefined && { next }) }
}

export function pluginView({ id, entry, latest, status, repositoryState, since, updatedAt }: CatalogPlugin): PluginView {
  const { publisher, description, tier, categories = [], repositories } = entry
  return { id, publisher, ...(description !== undefined && { description }), tier, categories: [...categories], status, ...(latest !== undefined && { latest }), repositories, repositoryState, since, updatedAt }
}

export function verdictSummary({ id, version, verdict, decidedAt, release, line }: Verdict): VerdictSummary {
  return { id, version, verdict, decidedAt, tag: release.tag, publishedAt: release.publishedAt, ...(line?.yanked && { yanked: line.yanked }), ...(line?.advisories && { advisories: line.advisories }) }
}

export function verdictView({ id, version, verdict, decidedAt, release, line, evidence }: Verdict): VerdictView {
  const { repository, tag, commit, publishedAt, artifact, bundle } = release
  return {
    id, version, verdict, decidedAt, repository, tag, commit, publishedAt,
    artifact: { url: artifact.url, size: artifact.size, ...(artifact.sha256 && { sha256: artifact.sha256 }) },
    ...(bundle && { bundle: { url: bundle.url, ...(bundle.sha256 && { sha256: bundle.sha256 }) } }),
    ...(line && { line }),
    evidence: evidenceView(evidence),
  }
}

export function pastVerdictView({ id, version, verdict, decidedAt, sequence, evidence }: PastVerdict): Type.Static<typeof HistoryPage>['items'][number] {
  return { id, version, verdict, decidedAt, sequence, evidence: evidenceView(evidence) }
}

export function alarmView({ number, kind, id, version, message, raisedAt, closedAt }: Alarm): Type.Static<typeof AlarmView> {
  return { number, kind, id, ...(version !== undefined && { version }), message, raisedAt, ...(closedAt !== undefined && { closedAt }) }
}

export function proposalView({ repository, suggestedId, description, entry, problems, foundAt }: Proposal): Type.Static<typeof ProposalView> {
  return { repository, suggestedId, ...(description !== undefined && { description }), entry, problems: problems.map(findingView), foundAt }
}

export function statsView({ plugins, versions, openAlarms, proposals, waiting, repositories, lastSweepAt }: CatalogStats): StatsView {
  return { plugins: { ...plugins }, versions: { ...versions }, openAlarms, proposals, waiting, repositories, ...(lastSweepAt !== undefined && { lastSweepAt }) }
}

function evidenceView({ problems, differences, proposal, proof, entryDigest, by }: Evidence): Type.Static<typeof EvidenceView> {
  return {
    problems: problems.map(findingView),
    differences: differences.map(({ kind, allowed, found }) => ({ kind, ...(allowed !== undefined && { allowed }), found })),
    ...(proposal !== undefined && { proposal }),
    ...(proof && { signer: proof.signer }),
    ...(entryDigest && { entryDigest }),
    ...(by !== undefined && { by }),
  }
}

/** Words of a foreign package among them: printable, and without credentials. */
function findingView(problem: Problem): Type.Static<typeof EvidenceView>['problems'][number] {
  const { code, message, hint, severity = 'error', place } = cleanProblem(problem)
  return { code, message, ...(hint !== undefined && { hint }), severity, ...(place && { file: place.file, ...(place.line !== undefined && { line: place.line }), ...(place.column !== undefined && { column: place.column }) }) }
}
