import type { Selectable } from 'kysely'
import type { Alarm, AuditEvent, CatalogPlugin, KnownRepository, PastVerdict, Proposal, RepositoryState, Verdict } from '../ports.ts'
import type { CatalogTables } from './tables.ts'

/* Rows as they stand in the tables, and what they mean. Documents are JSON that we wrote ourselves. */

type Row<Table extends keyof CatalogTables> = Selectable<CatalogTables[Table]>

export function pluginOf(row: Row<'catalog_plugins'> & { readonly state: string | null }): CatalogPlugin {
  return {
    id: row.id,
    entry: JSON.parse(row.entry) as CatalogPlugin['entry'],
    latest: row.latest ?? undefined,
    status: row.status as CatalogPlugin['status'],
    repositoryState: (row.state ?? 'unknown') as RepositoryState,
    since: row.since,
    updatedAt: row.updated_at,
  }
}

/** What is kept of a verdict in `body`; the rest has columns. */
export function bodyOf({ release, line, evidence }: Verdict): string {
  return JSON.stringify({ release, line, evidence })
}

export function verdictOf(row: Pick<Row<'catalog_versions'>, 'id' | 'version' | 'verdict' | 'decided_at' | 'body'>): Verdict {
  const { release, line, evidence } = JSON.parse(row.body) as Pick<Verdict, 'release' | 'line' | 'evidence'>
  return { id: row.id, version: row.version, verdict: row.verdict as Verdict['verdict'], decidedAt: row.decided_at, release: withBundle(release), line, evidence: { ...NO_EVIDENCE, ...evidence } }
}

/** JSON has no `undefined`: what was undefined is absent. */
const NO_EVIDENCE = { proposal: undefined, proof: undefined, entryDigest: undefined, by: undefined }

function withBundle(release: Verdict['release']): Verdict['release'] {
  return { ...release, bundle: release.bundle && { url: release.bundle.url, sha256: release.bundle.sha256 } }
}

export function pastVerdictOf(row: Row<'catalog_history'>): PastVerdict {
  const { verdict, decidedAt, ...rest } = JSON.parse(row.body) as Verdict
  const body = JSON.stringify(rest)
  return { ...verdictOf({ id: row.id, version: row.version, verdict, decided_at: decidedAt, body }), sequence: Number(row.sequence) }
}

export function alarmOf(row: Row<'catalog_alarms'>): Alarm {
  return { number: Number(row.number), kind: row.kind as Alarm['kind'], id: row.id, version: row.version === '' ? undefined : row.version, message: row.message, raisedAt: row.raised_at, closedAt: row.closed_at ?? undefined }
}

export function proposalOf(row: Row<'catalog_proposals'>): Proposal {
  const body = JSON.parse(row.body) as Proposal
  return { ...body, description: body.description, foundAt: row.found_at }
}

export function auditEventOf(row: Row<'catalog_audit'>): AuditEvent {
  return { sequence: Number(row.sequence), at: row.at, by: row.by, event: row.event, subject: row.subject, details: JSON.parse(row.details) as AuditEvent['details'] }
}

export function repositoryOf(row: Row<'catalog_repositories'>): KnownRepository {
  return {
    id: Number(row.id), ownerId: Number(row.owner_id), name: row.name, state: row.state as RepositoryState,
    checkedAt: row.checked_at ?? undefined, releasesEtag: row.releases_etag ?? undefined,
    trouble: row.trouble ?? undefined, wantedSince: row.wanted_since ?? undefined, wants: Number(row.wants),
  }
}
