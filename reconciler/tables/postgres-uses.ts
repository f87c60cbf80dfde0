import type { TableUse } from '../data-ports.ts'
import type { Query } from '../store-db/postgres-connection.ts'
import { schemaOf } from './names.ts'
import { quarantineOf } from './postgres-names.ts'

/*
 * Who else needs the tables of a plugin, as the catalog tells. What the catalog does not know (names in the text of a
 * function) nobody can tell; what it knows besides (a column of a type of the plugin) stops a removal by its own error.
 */

const USES = `
  WITH own AS (SELECT oid FROM pg_namespace WHERE nspname = ANY ($1)),
  tables AS (SELECT c.oid, c.relname::text AS name FROM pg_class c WHERE c.relnamespace IN (SELECT oid FROM own) AND c.relkind IN ('r', 'p', 'v', 'm'))
  SELECT t.name AS "table", 'foreign key' AS kind, format('%I.%I', n.nspname, r.relname) AS by
    FROM pg_constraint k JOIN tables t ON t.oid = k.confrelid JOIN pg_class r ON r.oid = k.conrelid JOIN pg_namespace n ON n.oid = r.relnamespace
    WHERE k.contype = 'f' AND r.relnamespace NOT IN (SELECT oid FROM own)
  UNION
  SELECT t.name, 'view', format('%I.%I', n.nspname, v.relname)
    FROM pg_depend d JOIN tables t ON t.oid = d.refobjid JOIN pg_rewrite w ON w.oid = d.objid JOIN pg_class v ON v.oid = w.ev_class JOIN pg_namespace n ON n.oid = v.relnamespace
    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND v.relnamespace NOT IN (SELECT oid FROM own)
  UNION
  SELECT t.name, 'trigger', g.tgname::text
    FROM pg_trigger g JOIN tables t ON t.oid = g.tgrelid JOIN pg_proc p ON p.oid = g.tgfoid
    WHERE NOT g.tgisinternal AND p.pronamespace NOT IN (SELECT oid FROM own) AND p.pronamespace <> 'pg_catalog'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')
  UNION
  SELECT p.proname::text, 'trigger', format('%I.%I on %I', n.nspname, g.tgname, r.relname)
    FROM pg_trigger g JOIN pg_class r ON r.oid = g.tgrelid JOIN pg_namespace n ON n.oid = r.relnamespace JOIN pg_proc p ON p.oid = g.tgfoid
    WHERE NOT g.tgisinternal AND p.pronamespace IN (SELECT oid FROM own) AND r.relnamespace NOT IN (SELECT oid FROM own)
  ORDER BY 1, 2, 3`

/** Foreign keys to, views over and triggers of others at a plugin's tables; their names with schema. */
export async function usesIn(query: Query, plugin: string): Promise<readonly TableUse[]> {
  const rows = await query(USES, [[schemaOf(plugin), quarantineOf(plugin)]])
  return rows.map((row) => ({ table: String(row['table']), kind: row['kind'] as TableUse['kind'], by: String(row['by']) }))
}
