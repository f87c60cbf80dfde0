import type { Generated } from 'kysely'

/*
 * The tables of the catalog, the same in SQLite and PostgreSQL. Times are ISO 8601 texts, flags 0 or 1, documents JSON in
 * text: what is asked for by a query has a column of its own. Search, ratings and pages will add tables beside these.
 */

export interface CatalogTables {
  catalog_plugins: PluginsTable
  catalog_categories: CategoriesTable
  catalog_sources: SourcesTable
  catalog_versions: VersionsTable
  catalog_history: HistoryTable
  catalog_alarms: AlarmsTable
  catalog_proposals: ProposalsTable
  catalog_audit: AuditTable
  catalog_deliveries: DeliveriesTable
  catalog_repositories: RepositoriesTable
  catalog_notes: NotesTable
  catalog_notices: NoticesTable
}

/** What maintainers said of a version that the bot has yet to write into its line. Kept: a line is always made anew from here. */
interface NoticesTable {
  id: string
  version: string
  yanked: string | null
  /** Who yanked it; null when that was not written down, as in what was taken from git. */
  yanked_by: string | null
  advisories: string
}

interface PluginsTable {
  id: string
  tier: string
  publisher: string
  status: string
  /** 0 when its entry has left git: kept for its history, shown to nobody. */
  present: number
  entry: string
  /** Empty while the entry in git cannot be read. */
  entry_digest: string
  /** Number of the repository that it is published from now. */
  repository_id: number
  latest: string | null
  since: string
  updated_at: string
}

interface CategoriesTable {
  category: string
  id: string
}

/** Which plugins come from a repository; also those that moved away, until their entry forgets it. */
interface SourcesTable {
  repository_id: number
  id: string
}

interface VersionsTable {
  id: string
  version: string
  verdict: string
  decided_at: string
  /** Number of the decision in `catalog_history`: what lists are ordered by. */
  decision: number
  body: string
}

interface HistoryTable {
  decision: Generated<number>
  id: string
  version: string
  sequence: number
  body: string
}

interface AlarmsTable {
  number: Generated<number>
  kind: string
  id: string
  /** Empty for an alarm about the whole plugin: NULLs would not be unique. */
  version: string
  message: string
  raised_at: string
  closed_at: string | null
}

interface ProposalsTable {
  number: Generated<number>
  repository_id: number
  found_at: string
  body: string
}

interface AuditTable {
  sequence: Generated<number>
  at: string
  by: string
  event: string
  subject: string
  details: string
}

interface DeliveriesTable {
  delivery_id: string
  event: string
  repository_id: number
  received_at: string
}

interface RepositoriesTable {
  id: number
  owner_id: number
  name: string
  state: string
  checked_at: string | null
  releases_etag: string | null
  trouble: string | null
  wanted_since: string | null
  /** Counts who wanted it looked at; a look ends the want only when nobody came meanwhile. */
  wants: number
}

/** `writer` is the row that every write locks first, `cursor-key` signs cursors; the rest are notes of sweeps. */
interface NotesTable {
  name: string
  value: string
}
