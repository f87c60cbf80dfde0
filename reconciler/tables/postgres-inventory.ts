import type { Inventory, OwnedTable } from '../data-ports.ts'
import type { Query } from '../store-db/postgres-connection.ts'
import { schemaOf } from './names.ts'
import { quarantineOf, quoted } from './postgres-names.ts'
import type { PostgresSession } from './postgres-session.ts'

/*
 * What plugins own, for all of them in one query of the catalog. Rows are counted by COPY: a SELECT is planned, and the
 * planner computes what the plugin wrote into indexes and statistics (a function of constants, say) as whoever asks.
 */

const THINGS = `
  WITH spaces AS (SELECT oid, nspname::text AS space FROM pg_namespace WHERE nspname = ANY ($1))
  SELECT s.space, c.relname::text AS name, c.relkind IN ('r', 'p') AS "table", c.relkind = 'r' AND has_table_privilege(c.oid, 'SELECT') AND NOT row_security_active(c.oid) AS countable,
    pg_total_relation_size(c.oid)::float8 AS bytes,
    CASE WHEN c.relkind <> 'r' THEN 0 WHEN c.reltuples >= 0 THEN c.reltuples ELSE pg_stat_get_live_tuples(c.oid) END::float8 AS rows,
    CASE WHEN c.relkind IN ('r', 'p') THEN ARRAY(SELECT i.relname::text FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = c.oid ORDER BY i.relname) END AS indexes,
    CASE WHEN c.relkind IN ('r', 'p') THEN ARRAY(SELECT q.relname::text FROM pg_depend d JOIN pg_class q ON q.oid = d.objid AND q.relkind = 'S'
      WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.deptype IN ('a', 'i') ORDER BY q.relname) END AS sequences,
    CASE WHEN c.relkind = 'r' AND $2 THEN (SELECT quote_ident(a.attname) FROM pg_attribute a
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attlen < 0, a.attlen, a.attnum LIMIT 1) END AS narrowest
  FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
    OR c.relkind = 'S' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))
  UNION ALL
  SELECT s.space, format('%s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)), false, false, 0, 0, NULL, NULL, NULL FROM pg_proc p JOIN spaces s ON s.oid = p.pronamespace
  UNION ALL
  SELECT s.space, t.typname::text, false, false, 0, 0, NULL, NULL, NULL FROM pg_type t JOIN spaces s ON s.oid = t.typnamespace
    WHERE t.typtype IN ('d', 'e', 'r') OR t.typtype = 'c' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')
  ORDER BY 1, 2`

/** A table as the catalog knows it, and how to count it. */
export interface Found {
  readonly space: string
  readonly name: string
  readonly isTable: boolean
  /** False for the parent of partitions, which are tables of their own, and for what somebody else made there and keeps to himself. */
  readonly countable: boolean
  readonly narrowest: string | undefined
  readonly owned: OwnedTable
}

/** Everything in the schemas of some plugins, wherever these are now. With `toCount` also what `counted` wants to know. */
export async function thingsOf(query: Query, plugins: readonly string[], toCount: boolean): Promise<readonly Found[]> {
  const rows = await query(THINGS, [plugins.flatMap((plugin) => [schemaOf(plugin), quarantineOf(plugin)]), toCount])
  return rows.map((row) => {
    const list = (key: string): readonly string[] => (row[key] ?? []) as unknown as readonly string[]
    const name = String(row['name'])
    return {
      space: String(row['space']), name, isTable: row['table'] === true, countable: row['countable'] === true, narrowest: row['narrowest'] === null ? undefined : String(row['narrowest']),
      owned: { name, rows: Math.round(Number(row['rows'])), bytes: Number(row['bytes']), sequences: list('sequences'), indexes: list('indexes') },
    }
  })
}

/** The rows of each table that can be counted. */
export async function counted(session: PostgresSession, things: readonly Found[]): Promise<readonly Found[]> {
  const result: Found[] = []
  for (const thing of things) result.push(thing.countable ? { ...thing, owned: { ...thing.owned, rows: await countRows(session, thing) } } : thing)
  return result
}

async function countRows(session: PostgresSession, { space, name, narrowest }: Found): Promise<number> {
  return session.copy(`COPY ${quoted(space)}.${quoted(name)}${narrowest === undefined ? '' : ` (${narrowest})`} TO STDOUT`, () => undefined)
}

/** By plugin, in the order asked for. */
export function inventories(plugins: readonly string[], things: readonly Found[]): ReadonlyMap<string, Inventory> {
  const bySpace = Map.groupBy(things, ({ space }) => space)
  return new Map(plugins.map((plugin) => {
    const away = bySpace.get(quarantineOf(plugin))
    const mine = [...(bySpace.get(schemaOf(plugin)) ?? []), ...(away ?? [])]
    return [plugin, { plugin, tables: mine.filter((t) => t.isTable).map((t) => t.owned), others: mine.filter((t) => !t.isTable).map((t) => t.name), quarantined: away !== undefined }]
  }))
}
