import type { FoundRelease, Proof } from '../reconciler/ports.ts'
import type { Advisory, RepositoryRef } from '../schemas/common.ts'
import type { Digest } from '../schemas/digest.ts'
import type { Problem } from '../schemas/errors.ts'
import type { IndexLine } from '../schemas/index-line.ts'
import type { RegistryEntry } from '../schemas/registry-entry.ts'

/*
 * What the catalog database promises to those who read it (API, pages, statistics) and to those who write it (ingest).
 * The git repository of the registry is the truth; what stands here is its projection, plus what git has no place for:
 * evidence, alarms, deliveries, where a sweep stopped. Times are ISO 8601 in UTC.
 */

// ---- paging --------------------------------------------------------------------------------------------------

/** Which part of a list. `limit` is 1 to 100, 50 when absent; `cursor` is the `next` of the page before. */
export interface PageRequest {
  readonly limit?: number | undefined
  readonly cursor?: string | undefined
}

/** A part of a list. Where rows come and go between two pages, none that stays is skipped or shown twice. */
export interface Page<T> {
  readonly items: readonly T[]
  /** Opaque and signed; belongs to this list with these filters alone. Undefined at the end. */
  readonly next: string | undefined
}

// ---- plugins -------------------------------------------------------------------------------------------------

export type Tier = RegistryEntry['tier']

/**
 * What became of the repository that a plugin is published from, as GitHub told last. `replaced`: its name leads to
 * another numeric id, so that somebody deleted it and made a new one. `transferred`: another owner has it.
 */
export type RepositoryState = 'unknown' | 'present' | 'renamed' | 'transferred' | 'archived' | 'deleted' | 'replaced'

/** A plugin of the registry: its reviewed entry, and what is known besides. */
export interface CatalogPlugin {
  readonly id: string
  readonly entry: RegistryEntry
  /** The newest listed version that is not yanked, a prerelease only when there is nothing else. */
  readonly latest: string | undefined
  /** `killed`: on the kill list, nothing of it is listed or will be. */
  readonly status: 'active' | 'killed'
  readonly repositoryState: RepositoryState
  /** When the entry first stood in git, as far as this database knows. */
  readonly since: string
  /** When its entry or one of its verdicts changed last. */
  readonly updatedAt: string
}

/** Everything given must agree. */
export interface PluginFilter {
  readonly tier?: Tier | undefined
  readonly category?: string | undefined
  readonly publisher?: string | undefined
}

// ---- releases and verdicts -------------------------------------------------------------------------------------

/**
 * What the registry says of a release. `listed`: it stands in the index. `in-review`: it is proven but asks more than its
 * entry allows; a maintainer must change the entry. `rejected`: it did not pass. `withdrawn`: it was listed, and is not to be used any more.
 */
export type VerdictKind = 'listed' | 'in-review' | 'rejected' | 'withdrawn'

/** One thing by which a release differs from what its entry allows. */
export interface Difference {
  readonly kind: 'repository' | 'owner' | 'workflow' | 'permission' | 'host' | 'tag'
  /** What the entry allows, in words; undefined when nothing of the kind. */
  readonly allowed: string | undefined
  /** What the release has. */
  readonly found: string
}

/** Why a verdict is what it is. Kept for good: also of releases whose files are gone. */
export interface Evidence {
  /** What refused it, or warned; empty for a clean release. */
  readonly problems: readonly Problem[]
  /** What the release asks beyond its entry. */
  readonly differences: readonly Difference[]
  /** The entry as it would have to be, as the lines of YAML to change (`-` and `+` before them); for `in-review`. */
  readonly proposal: string | undefined
  /** Who signed; undefined when nothing could be proven. */
  readonly proof: Proof | undefined
  /** Digest of the entry that was judged by. */
  readonly entryDigest: Digest | undefined
  /** Words of the person who decided; undefined when the machine did. */
  readonly by: string | undefined
}

/** A release as it was found: enough to notice that it was changed afterwards. */
export interface SeenRelease {
  readonly repository: RepositoryRef
  readonly tag: string
  readonly commit: string
  readonly artifact: FoundRelease['artifact']
  readonly bundle: { readonly url: string; readonly sha256: Digest | undefined } | undefined
  /** As the repository claims; the proven time stands in the line. */
  readonly publishedAt: string
}

/** A verdict on one version of one plugin. */
export interface Verdict {
  readonly id: string
  readonly version: string
  readonly verdict: VerdictKind
  readonly decidedAt: string
  readonly release: SeenRelease
  /** The line of the index: for `listed` and, as it was, for `withdrawn`; for `in-review` the one that would be written. */
  readonly line: IndexLine | undefined
  readonly evidence: Evidence
}

/** One verdict of the history of a version; `sequence` counts from 1 per version. */
export interface PastVerdict extends Verdict {
  readonly sequence: number
}

export interface VerdictFilter {
  readonly id?: string | undefined
  readonly verdict?: VerdictKind | undefined
}

// ---- alarms, proposals, audit ------------------------------------------------------------------------------------

/** Something that a maintainer must hear of. One stays open per kind and subject, however often it is seen. */
export type AlarmKind =
  | 'release-edited' | 'release-deleted' | 'tag-moved'
  | 'repository-renamed' | 'repository-transferred' | 'repository-archived' | 'repository-deleted' | 'repository-replaced'
  | 'index-edited' | 'index-unreadable' | 'line-withheld'

export interface Alarm {
  readonly number: number
  readonly kind: AlarmKind
  /** The plugin that it is about. */
  readonly id: string
  readonly version: string | undefined
  readonly message: string
  readonly raisedAt: string
  /** When it was no longer so, or a person closed it; undefined while open. */
  readonly closedAt: string | undefined
}

/** A repository that calls itself a plugin (`topic:catalyst-plugin`) and has no entry. It is never listed by itself. */
export interface Proposal {
  readonly repository: RepositoryRef
  readonly suggestedId: string
  readonly description: string | undefined
  /** The entry that a maintainer could commit, as YAML. */
  readonly entry: string
  /** What lint would say of it: look-alikes and the like. */
  readonly problems: readonly Problem[]
  readonly foundAt: string
}

/** Who did what. Append-only. */
export interface AuditEvent {
  readonly sequence: number
  readonly at: string
  readonly by: string
  /** `verdict.listed`, `release.yanked`, `ingest.asked`, … */
  readonly event: string
  /** `id` or `id version`. */
  readonly subject: string
  readonly details: Readonly<Record<string, unknown>>
}

/** Numbers of the whole catalog, in a few queries whatever its size. */
export interface CatalogStats {
  readonly plugins: Readonly<Record<Tier, number>>
  readonly versions: Readonly<Record<VerdictKind, number>>
  readonly openAlarms: number
  readonly proposals: number
  /** Deliveries and checks that wait to be worked on. */
  readonly waiting: number
  readonly repositories: number
  readonly lastSweepAt: string | undefined
}

// ---- reading -------------------------------------------------------------------------------------------------

/** What the API, the pages and `stats` read. Every list is paged: nothing here grows with the catalog. */
export interface CatalogReader {
  /** By id. @throws CatalystError CURSOR_INVALID, as all lists do */
  plugins(filter: PluginFilter, page: PageRequest): Promise<Page<CatalogPlugin>>
  plugin(id: string): Promise<CatalogPlugin | undefined>
  /** The present verdicts of versions, newest decision first. */
  verdicts(filter: VerdictFilter, page: PageRequest): Promise<Page<Verdict>>
  verdict(id: string, version: string): Promise<Verdict | undefined>
  /** All verdicts that a version ever had, oldest first. */
  history(id: string, version: string, page: PageRequest): Promise<Page<PastVerdict>>
  /** Newest first. */
  alarms(filter: { readonly open?: boolean | undefined; readonly id?: string | undefined }, page: PageRequest): Promise<Page<Alarm>>
  /** Newest first. */
  proposals(page: PageRequest): Promise<Page<Proposal>>
  /** Newest first. */
  audit(page: PageRequest): Promise<Page<AuditEvent>>
  stats(): Promise<CatalogStats>
  /** Resolves when the database answers. @throws CatalystError STATE_UNAVAILABLE */
  ping(): Promise<void>
}

// ---- webhooks ------------------------------------------------------------------------------------------------

/** A webhook whose signature was found right. `payload` is the parsed body; nothing in it is believed but which repository to look at. */
export interface Delivery {
  /** `X-GitHub-Delivery`. */
  readonly deliveryId: string
  /** `X-GitHub-Event`. */
  readonly event: string
  readonly payload: unknown
  readonly receivedAt: string
}

/**
 * Takes deliveries. A delivery only says "look at this repository": what is there is asked of GitHub itself, so that
 * order, loss and forgery of deliveries change nothing but how soon.
 */
export interface WebhookIntake {
  /**
   * Writes it down before it answers. `duplicate`: this delivery id was taken before. `ignored`: an event or a repository
   * that is none of ours; nothing is kept of it. However many come, no more waits than there are repositories.
   * @throws CatalystError DELIVERY_INVALID (an id or a payload of another shape), STATE_UNAVAILABLE
   */
  accept(delivery: Delivery): Promise<'queued' | 'duplicate' | 'ignored'>
}

// ---- what people and publishers may ask for ------------------------------------------------------------------------

/** Who asks, for the audit. */
export interface Actor {
  /** `maintainer:ana`, `publisher:github:acme/plugin`. */
  readonly by: string
  readonly at: string
}

/**
 * What the API may set in motion. Each is written down with its audit record in one transaction; the bot's next pass
 * brings it into git.
 */
export interface CatalogActions {
  /** Asks for a look at the repository of a plugin before its turn. @throws CatalystError UNKNOWN_PLUGIN */
  requestIngest(id: string, actor: Actor): Promise<void>
  /** Marks a listed version as not to be chosen any more, or takes the mark away (`reason` undefined); a publisher only what a publisher yanked. @throws CatalystError UNKNOWN_PLUGIN, NO_VERSION, CONTRADICTION */
  yank(id: string, version: string, reason: string | undefined, actor: Actor): Promise<void>
  /** Adds an advisory to listed versions that a range covers; `withdrawn` and `malicious` withdraw them. Returns the versions. @throws CatalystError UNKNOWN_PLUGIN, NO_VERSION */
  advise(id: string, range: string, advisory: Advisory, actor: Actor): Promise<readonly string[]>
  /** Rejects a release that is in review, or withdraws a listed one, for good. (It is allowed by changing its entry.) @throws CatalystError UNKNOWN_PLUGIN, NO_VERSION, CONTRADICTION */
  decide(id: string, version: string, verdict: 'rejected' | 'withdrawn', reason: string, actor: Actor): Promise<void>
  /** Closes an alarm that a person has looked at. @throws CatalystError NOT_FOUND */
  closeAlarm(number: number, actor: Actor): Promise<void>
}

// ---- what ingest remembers ------------------------------------------------------------------------------------------

/** A repository that entries name, by its number. */
export interface KnownRepository {
  readonly id: number
  readonly ownerId: number
  /** `owner/name` as last seen. */
  readonly name: string
  readonly state: RepositoryState
  /** When it was last looked at; undefined before the first time. */
  readonly checkedAt: string | undefined
  /** Of the releases that were read last; undefined when they are to be read whatever it is. */
  readonly releasesEtag: string | undefined
  /** Code of what went wrong the last time; undefined when all went well. */
  readonly trouble: string | undefined
  /** Set when somebody wants it looked at now: a delivery, a person. */
  readonly wantedSince: string | undefined
  /** How often it was wanted. Give it back with `saveRepository`: who came while it was looked at is not forgotten. */
  readonly wants: number
}

/** What maintainers said of a version: goes into its line. */
export interface Notice {
  readonly version: string
  readonly yanked: string | undefined
  readonly advisories: readonly Advisory[]
}

/** What the catalog holds of a plugin at one moment. */
export interface PluginState {
  /** Of the entry that was projected last; undefined when the plugin has none. */
  readonly entryDigest: Digest | undefined
  /** Why it is on the kill list; undefined when it is not. */
  readonly killed: string | undefined
  readonly verdicts: readonly Verdict[]
  readonly notices: readonly Notice[]
}

/** What ingest writes. Every method is one transaction. */
export interface CatalogWriter {
  /**
   * Makes the plugins those of these entries; returns how many changed. Versions of plugins that lost their entry stay as
   * history. `unreadable` are ids that have an entry which cannot be read: they stay as they are.
   */
  projectEntries(entries: readonly { readonly entry: RegistryEntry; readonly digest: Digest }[], killed: readonly string[], at: string, unreadable?: readonly string[]): Promise<number>
  /**
   * Decides on versions of a plugin by what stands at that moment: nobody comes in between. Writes the verdicts, their
   * history (only where something changed) and their audit; sets `latest`. Returns what `decide` did.
   */
  judge(id: string, by: string, decide: (present: PluginState) => readonly Verdict[]): Promise<readonly Verdict[]>
  /** Takes verdicts from git into a database that does not know them, with what their lines say of yanks and advisories. */
  adopt(verdicts: readonly Verdict[]): Promise<void>
  /** Opens alarms that are not open yet; returns those that are new. */
  raise(alarms: readonly Pick<Alarm, 'kind' | 'id' | 'version' | 'message'>[], at: string): Promise<readonly Alarm[]>
  /** Closes open alarms of a plugin that are not among `still`. */
  settle(id: string, kinds: readonly AlarmKind[], still: readonly Pick<Alarm, 'kind' | 'version'>[], at: string): Promise<void>
  saveProposals(proposals: readonly Proposal[]): Promise<void>
}

/** Where sweeps stand, what waits, what was answered. */
export interface IngestMemory {
  /** Those that somebody wants and that were not looked at since, longest waiting first. Who wants one again waits for the next pass. */
  wanted(limit: number, checkedBefore: string): Promise<readonly KnownRepository[]>
  /** Those that were not looked at since, wanted or not: new ones first, then those looked at longest ago. */
  due(limit: number, checkedBefore: string): Promise<readonly KnownRepository[]>
  repository(id: number): Promise<KnownRepository | undefined>
  /** Writes what a look has found; it is no longer wanted, unless it was wanted again since `repository` was read. */
  saveRepository(repository: KnownRepository): Promise<void>
  /** The same for repositories in which nothing has changed: one transaction for all of them. */
  saveUnchanged(repositories: readonly KnownRepository[], at: string): Promise<void>
  /** Wants every repository again whose last look came to nothing. */
  requeueTroubled(at: string): Promise<void>
  /** Wants the repositories of these plugins looked at. @throws CatalystError UNKNOWN_PLUGIN naming all that have no entry */
  wantPlugins(ids: readonly string[], at: string): Promise<void>
  /** Ids of plugins whose verdicts changed at or after a moment, sorted: their lines may be to write. */
  changedSince(at: string): Promise<readonly string[]>
  /** The plugins published from a repository, by id. */
  pluginsOf(repositoryId: number): Promise<readonly CatalogPlugin[]>
  /** Present verdicts of a plugin, all of them. */
  verdictsOf(id: string): Promise<readonly Verdict[]>
  /** What maintainers said of versions of a plugin, for its lines. */
  noticesOf(id: string): Promise<readonly Notice[]>
  /** A small note of a name: where a sweep began, the ETag of a search. */
  note(name: string): Promise<string | undefined>
  writeNote(name: string, value: string | undefined): Promise<void>
}

/** The whole of it, behind one connection. */
export interface CatalogStore extends CatalogReader, CatalogWriter, CatalogActions, WebhookIntake, IngestMemory {
  close(): Promise<void>
}
