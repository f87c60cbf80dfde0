import * as Type from 'typebox'
import { about, Advisory, Closed, Commit, Id, Instant, Range, RepositoryRef, Sha256, Url, Version } from './common.ts'
import { IndexLine } from './index-line.ts'
import { LockedSigner } from './lock.ts'
import { RegistryEntry, TIERS } from './registry-entry.ts'

/*
 * What the registry's service takes and answers under /api/v1, each format once: requests are validated by it, answers are
 * written in it, and the OpenAPI document is made of it. A `title` makes it a component of that document.
 */

const Text = (maxLength: number, description?: string) => Type.String({ minLength: 1, maxLength, ...(description && { description }) })
const Tier = Type.Enum([...TIERS])
const VerdictKind = Type.Enum(['listed', 'in-review', 'rejected', 'withdrawn'], { description: 'listed: in the index; in-review: proven, and asks more than its entry allows; rejected: did not pass; withdrawn: was listed, not to be used any more' })
const Limit = Type.Integer({ minimum: 1, maximum: 100, description: 'How many at most; 50 when absent' })
const Cursor = Type.String({ minLength: 1, maxLength: 1_000, pattern: '^[A-Za-z0-9_.~-]+$', description: 'The `next` of the page before' })

/** A part of a list. */
const PageOf = <S extends Type.TSchema>(item: S, title: string) =>
  Closed({ items: Type.Array(item, { maxItems: 100 }), next: Type.Optional(about(Cursor, 'Cursor of the next page; absent at the end. The Link header has it as an address')) }, { title })

// ---- asked ---------------------------------------------------------------------------------------------------

const paging = { limit: Type.Optional(Limit), cursor: Type.Optional(Cursor) }

export const PageQuery = Closed(paging)
export const PluginsQuery = Closed({ ...paging, tier: Type.Optional(Tier), category: Type.Optional(Type.String({ pattern: '^[a-z][a-z0-9-]*$', maxLength: 40 })), publisher: Type.Optional(Text(100)) })
export const VerdictsQuery = Closed({ ...paging, verdict: Type.Optional(VerdictKind) })
export const AlarmsQuery = Closed({ ...paging, open: Type.Optional(Type.Boolean({ description: 'Only those that are open, or only those that are closed' })), id: Type.Optional(Id) })

export const PluginParams = Closed({ id: Id })
export const VersionParams = Closed({ id: Id, version: Version })
export const AlarmParams = Closed({ number: Type.Integer({ minimum: 1 }) })

export const YankRequest = Closed({ reason: Text(300, 'For those who use the version: why, and what to do') }, { title: 'YankRequest' })
export const AdvisoryRequest = Closed({ versions: about(Range, 'Listed versions that it is about'), advisory: Advisory }, { title: 'AdvisoryRequest' })
export const DecisionRequest = Closed({ verdict: Type.Enum(['rejected', 'withdrawn']), reason: Text(300) }, { title: 'DecisionRequest' })

// ---- answered ------------------------------------------------------------------------------------------------

export const PluginView = Closed(
  {
    id: Id,
    publisher: Text(100),
    description: Type.Optional(Type.String({ maxLength: 500 })),
    tier: Tier,
    categories: Type.Array(Type.String({ maxLength: 40 })),
    status: Type.Enum(['active', 'killed']),
    latest: Type.Optional(about(Version, 'The newest listed version that is not yanked')),
    repositories: about(RegistryEntry.properties.repositories, 'Where it may be published from'),
    repositoryState: Type.Enum(['unknown', 'present', 'renamed', 'transferred', 'archived', 'deleted', 'replaced']),
    since: Instant,
    updatedAt: Instant,
  },
  { title: 'Plugin' },
)
export type PluginView = Type.Static<typeof PluginView>
export const PluginPage = PageOf(PluginView, 'PluginPage')

/** What was found, in the words and codes of the commands. */
const Finding = Closed({ code: Text(60), message: Type.String(), hint: Type.Optional(Type.String()), severity: Type.Enum(['error', 'warning']), file: Type.Optional(Type.String()), line: Type.Optional(Type.Integer()), column: Type.Optional(Type.Integer()) }, { title: 'Finding' })

const Difference = Closed(
  { kind: Type.Enum(['repository', 'owner', 'workflow', 'permission', 'host', 'tag']), allowed: Type.Optional(Type.String({ description: 'What the entry allows; absent when nothing of the kind' })), found: Type.String() },
  { title: 'Difference', description: 'One thing by which a release differs from what its entry allows' },
)

export const EvidenceView = Closed(
  {
    problems: Type.Array(Finding),
    differences: Type.Array(Difference),
    proposal: Type.Optional(Type.String({ description: 'The lines of the entry to change so that the release is allowed' })),
    signer: Type.Optional(about(LockedSigner, 'Who signed; absent when nothing could be proven')),
    entryDigest: Type.Optional(about(Sha256, 'Digest of the entry that was judged by')),
    by: Type.Optional(Type.String({ description: 'Who decided; absent when the machine did' })),
  },
  { title: 'Evidence' },
)

const verdictFields = { id: Id, version: Version, verdict: VerdictKind, decidedAt: Instant }

export const VerdictSummary = Closed(
  { ...verdictFields, tag: Text(200), publishedAt: Instant, yanked: Type.Optional(Closed({ reason: Type.String() })), advisories: Type.Optional(Type.Array(Advisory)) },
  { title: 'VerdictSummary' },
)
export type VerdictSummary = Type.Static<typeof VerdictSummary>
export const VerdictPage = PageOf(VerdictSummary, 'VerdictPage')

export const VerdictView = Closed(
  {
    ...verdictFields,
    repository: RepositoryRef,
    tag: Text(200),
    commit: Commit,
    publishedAt: about(Instant, 'As the repository claims; the proven time stands in the line'),
    artifact: Closed({ url: Url, size: Type.Integer({ minimum: 0 }), sha256: Type.Optional(Sha256) }),
    bundle: Type.Optional(Closed({ url: Url, sha256: Type.Optional(Sha256) })),
    line: Type.Optional({ ...IndexLine, title: 'IndexLine' } as typeof IndexLine),
    evidence: EvidenceView,
  },
  { title: 'Verdict' },
)
export type VerdictView = Type.Static<typeof VerdictView>

const PastVerdict = Closed({ ...verdictFields, sequence: Type.Integer({ minimum: 1 }), evidence: EvidenceView }, { title: 'PastVerdict' })
export const HistoryPage = PageOf(PastVerdict, 'HistoryPage')

export const AlarmView = Closed({ number: Type.Integer({ minimum: 1 }), kind: Text(60), id: Id, version: Type.Optional(Version), message: Type.String(), raisedAt: Instant, closedAt: Type.Optional(Instant) }, { title: 'Alarm' })
export const AlarmPage = PageOf(AlarmView, 'AlarmPage')

export const ProposalView = Closed({ repository: RepositoryRef, suggestedId: Type.String(), description: Type.Optional(Type.String()), entry: about(Type.String(), 'The entry that a maintainer could commit, as YAML'), problems: Type.Array(Finding), foundAt: Instant }, { title: 'Proposal' })
export const ProposalPage = PageOf(ProposalView, 'ProposalPage')

export const AuditView = Closed({ sequence: Type.Integer({ minimum: 1 }), at: Instant, by: Type.String(), event: Type.String(), subject: Type.String(), details: Type.Record(Type.String(), Type.Unknown()) }, { title: 'AuditEvent' })
export const AuditPage = PageOf(AuditView, 'AuditPage')

const Count = Type.Integer({ minimum: 0 })
export const StatsView = Closed(
  {
    plugins: Closed({ official: Count, community: Count, generated: Count }),
    versions: Closed({ listed: Count, 'in-review': Count, rejected: Count, withdrawn: Count }),
    openAlarms: Count,
    proposals: Count,
    waiting: Count,
    repositories: Count,
    lastSweepAt: Type.Optional(Instant),
  },
  { title: 'Stats' },
)
export type StatsView = Type.Static<typeof StatsView>

export const AcceptedView = Closed({ status: Type.Literal('accepted') }, { title: 'Accepted' })
export const AdvisedView = Closed({ versions: Type.Array(Version) }, { title: 'Advised' })
export const DeliveryView = Closed({ status: Type.Enum(['queued', 'duplicate', 'ignored']) }, { title: 'DeliveryResult' })

/** RFC 9457, with a code, the next step, and the request's id in the log. */
export const ProblemDocument = Closed(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String(),
    detail: Type.String(),
    hint: Type.String(),
    requestId: Type.String(),
    errors: Type.Optional(Type.Array(Closed({ code: Type.String(), message: Type.String(), hint: Type.Optional(Type.String()) }), { description: 'Everything that is wrong, when several things are' })),
  },
  { title: 'Problem' },
)
export type ProblemDocument = Type.Static<typeof ProblemDocument>
