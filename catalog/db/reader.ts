import type { CatalogReader, CatalogStats, Tier, VerdictKind } from '../ports.ts'
import { alarmOf, auditEventOf, pastVerdictOf, pluginOf, proposalOf, verdictOf } from './rows.ts'
import type { Reading, Session, Slice } from './session.ts'

/** Everything that is only read. Lists go by keys with an index: page 1,000 costs what page 1 does. */
export function catalogReader(session: Session): CatalogReader {
  return {
    plugins: (filter, page) =>
      session.page(['plugins', filter], page, {
        rows: (db, { after, rows }) => {
          let query = pluginRows(db).orderBy('p.id').limit(rows)
          if (filter.tier !== undefined) query = query.where('p.tier', '=', filter.tier)
          if (filter.publisher !== undefined) query = query.where('p.publisher', '=', filter.publisher)
          if (filter.category !== undefined) query = query.innerJoin('catalog_categories as c', 'c.id', 'p.id').where('c.category', '=', filter.category)
          if (after) query = query.where('p.id', '>', String(after[0]))
          return query.execute()
        },
        keyOf: (row) => [row.id],
        item: pluginOf,
      }),
    plugin: (id) => session.read(async (db) => {
      const row = await pluginRows(db).where('p.id', '=', id).executeTakeFirst()
      return row && pluginOf(row)
    }),
    verdicts: (filter, page) =>
      session.page(['verdicts', filter], page, {
        rows: (db, slice) => {
          let query = db.selectFrom('catalog_versions').selectAll().orderBy('decision', 'desc').limit(slice.rows)
          if (filter.id !== undefined) query = query.where('id', '=', filter.id)
          if (filter.verdict !== undefined) query = query.where('verdict', '=', filter.verdict)
          if (slice.after) query = query.where('decision', '<', numberOf(slice))
          return query.execute()
        },
        keyOf: (row) => [Number(row.decision)],
        item: verdictOf,
      }),
    verdict: (id, version) => session.read(async (db) => {
      const row = await db.selectFrom('catalog_versions').selectAll().where('id', '=', id).where('version', '=', version).executeTakeFirst()
      return row && verdictOf(row)
    }),
    history: (id, version, page) =>
      session.page(['history', id, version], page, {
        rows: (db, slice) => {
          const query = db.selectFrom('catalog_history').selectAll().where('id', '=', id).where('version', '=', version).orderBy('sequence').limit(slice.rows)
          return (slice.after ? query.where('sequence', '>', numberOf(slice)) : query).execute()
        },
        keyOf: (row) => [Number(row.sequence)],
        item: pastVerdictOf,
      }),
    alarms: (filter, page) =>
      session.page(['alarms', filter], page, {
        rows: (db, slice) => {
          let query = db.selectFrom('catalog_alarms').selectAll().orderBy('number', 'desc').limit(slice.rows)
          if (filter.id !== undefined) query = query.where('id', '=', filter.id)
          if (filter.open !== undefined) query = query.where('closed_at', filter.open ? 'is' : 'is not', null)
          return (slice.after ? query.where('number', '<', numberOf(slice)) : query).execute()
        },
        keyOf: (row) => [Number(row.number)],
        item: alarmOf,
      }),
    proposals: (page) =>
      session.page(['proposals'], page, {
        rows: (db, slice) => {
          const query = db.selectFrom('catalog_proposals').selectAll().orderBy('number', 'desc').limit(slice.rows)
          return (slice.after ? query.where('number', '<', numberOf(slice)) : query).execute()
        },
        keyOf: (row) => [Number(row.number)],
        item: proposalOf,
      }),
    audit: (page) =>
      session.page(['audit'], page, {
        rows: (db, slice) => {
          const query = db.selectFrom('catalog_audit').selectAll().orderBy('sequence', 'desc').limit(slice.rows)
          return (slice.after ? query.where('sequence', '<', numberOf(slice)) : query).execute()
        },
        keyOf: (row) => [Number(row.sequence)],
        item: auditEventOf,
      }),
    stats: () => session.read(stats),
    ping: () => session.read(async (db) => void (await db.selectFrom('catalog_notes').select('name').where('name', '=', 'writer').execute())),
  }
}

/** Plugins that have an entry, with what became of the repository that they are published from now. */
export function pluginRows(db: Reading) {
  return db.selectFrom('catalog_plugins as p').leftJoin('catalog_repositories as r', 'r.id', 'p.repository_id').where('p.present', '=', 1).selectAll('p').select('r.state as state')
}

function numberOf({ after }: Slice): number {
  return Number(after?.[0])
}

const TIER_ZERO: Readonly<Record<Tier, number>> = { official: 0, community: 0, generated: 0 }
const VERDICT_ZERO: Readonly<Record<VerdictKind, number>> = { listed: 0, 'in-review': 0, rejected: 0, withdrawn: 0 }

async function stats(db: Reading): Promise<CatalogStats> {
  const plugins = await db.selectFrom('catalog_plugins').select(['tier', ({ fn }) => fn.countAll<number>().as('count')]).where('present', '=', 1).groupBy('tier').execute()
  const versions = await db.selectFrom('catalog_versions').select(['verdict', ({ fn }) => fn.countAll<number>().as('count')]).groupBy('verdict').execute()
  const alarms = await db.selectFrom('catalog_alarms').select(({ fn }) => fn.countAll<number>().as('count')).where('closed_at', 'is', null).executeTakeFirst()
  const proposals = await db.selectFrom('catalog_proposals').select(({ fn }) => fn.countAll<number>().as('count')).executeTakeFirst()
  const repositories = await db.selectFrom('catalog_repositories').select([({ fn }) => fn.countAll<number>().as('count'), ({ fn }) => fn.count<number>('wanted_since').as('wanted')]).executeTakeFirst()
  const swept = await db.selectFrom('catalog_notes').select('value').where('name', '=', 'sweep-ended').executeTakeFirst()
  return {
    plugins: { ...TIER_ZERO, ...Object.fromEntries(plugins.map(({ tier, count }) => [tier, Number(count)])) },
    versions: { ...VERDICT_ZERO, ...Object.fromEntries(versions.map(({ verdict, count }) => [verdict, Number(count)])) },
    openAlarms: Number(alarms?.count), proposals: Number(proposals?.count), waiting: Number(repositories?.wanted), repositories: Number(repositories?.count), lastSweepAt: swept?.value,
  }
}
