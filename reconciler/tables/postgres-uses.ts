import type { TableUse } from '../data-ports.ts'
import type { Query } from '../store-db/postgres-connection.ts'
import { schemaOf } from './names.ts'
import { quarantineOf } from './postgres-names.ts'

/*
 * Who else needs the tables of a plugin, as the catalog tells. What the catalog does not know (names in the text of a
 * function) nobody can tell; what it knows besides (a column of a type of the plugin) stops a removal by its own error.
 */

const USES = `
  WITH own AS (SELECT n.oid, o.plugin FROM unnest($1::text[], $2::text[]) AS o (space, plugin) JOIN pg_namespace n ON n.nspname = o.space),
  tables AS (SELECT c.oid, c.relname::text AS name, own.plugin FROM pg_class c JOIN own ON own.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm')),
  uses AS (
    SELECT t.plugin, t.name AS "table", 'foreign key' AS kind, format('%I.%I', n.nspname, r.relname) AS by, n.oid AS space
      FROM pg_constraint k JOIN tables t ON t.oid = k.confrelid JOIN pg_class r ON r.oid = k.conrelid JOIN pg_namespace n ON n.oid = r.relnamespace
      WHERE k.contype = 'f'
    UNION
    SELECT t.plugin, t.name, 'view', format('%I.%I', n.nspname, v.relname), n.oid
      FROM pg_depend d JOIN tables t ON t.oid = d.refobjid JOIN pg_rewrite w ON w.oid = d.objid JOIN pg_class v ON v.oid = w.ev_class JOIN pg_namespace n ON n.oid = v.relnamespace
      WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
    UNION
    SELECT t.plugin, t.name, 'trigger', g.tgname::text, p.pronamespace
      FROM pg_trigger g JOIN tables t ON t.oid = g.tgrelid JOIN pg_proc p ON p.oid = g.tgfoid
      WHERE NOT g.tgisinternal AND p.pronamespace <> 'pg_catalog'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')
    UNION
    SELECT own.plugin, p.proname::text, 'trigger', format('%I.%I on %I', n.nspname, g.tgname, r.relname), n.oid
      FROM pg_trigger g JOIN pg_class r ON r.oid = g.tgrelid JOIN pg_namespace n ON n.oid = r.relnamespace JOIN pg_proc p ON p.oid = g.tgfoid JOIN own ON own.oid = p.pronamespace
      WHERE NOT g.tgisinternal)
  SELECT DISTINCT plugin, "table", kind, by FROM uses u
    WHERE NOT EXISTS (SELECT FROM own WHERE own.plugin = u.plugin AND own.oid = u.space)
  ORDER BY 2, 3, 4`

/** Foreign keys to, views over and triggers of others at the tables of these plugins; their names with schema. One query for all. */
export async function usesIn(query: Query, plugins: readonly string[]): Promise<ReadonlyMap<string, readonly TableUse[]>> {
  const spaces = plugins.flatMap((plugin) => [[schemaOf(plugin), plugin], [quarantineOf(plugin), plugin]] as const)
  const rows = await query(USES, [spaces.map(([space]) => space), spaces.map(([, plugin]) => plugin)])
  const found = Map.groupBy(rows, (row) => String(row['plugin']))
  return new Map(plugins.map((plugin) => [plugin, (found.get(plugin) ?? []).map((row) => ({ table: String(row['table']), kind: row['kind'] as TableUse['kind'], by: String(row['by']) }))]))
}
