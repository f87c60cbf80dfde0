import * as Type from 'typebox'
import { Closed } from '../../schemas/common.ts'
import { CatalystError } from '../../schemas/errors.ts'
import type { Row } from './postgres-copy.ts'

/*
 * The schema of a plugin in PostgreSQL, as its catalog tells: tables, columns, constraints, indexes, sequences, views,
 * enums, domains. Whatever else lies there refuses the backup by name. Names are without their schema, so that all can be
 * made under another one first (postgres-rebuild.ts).
 */

const Name = Type.String({ minLength: 1, maxLength: 63 })
const Sql = Type.String({ minLength: 1, maxLength: 1_000_000 })
const Integer = Type.String({ pattern: '^-?[0-9]{1,19}$' })

const Sequence = Closed({ name: Name, type: Type.Enum(['smallint', 'integer', 'bigint']), start: Integer, increment: Integer, min: Integer, max: Integer, cache: Integer, cycle: Type.Boolean(), last: Integer, called: Type.Boolean(), owner: Type.Optional(Closed({ table: Name, column: Name })) })
const Column = Closed({
  name: Name,
  type: Sql,
  collation: Type.Optional(Sql),
  notNull: Type.Boolean(),
  default: Type.Optional(Sql),
  /** The sequence behind it is in `sequences`, with this column as its owner. */
  identity: Type.Optional(Type.Enum(['ALWAYS', 'BY DEFAULT'])),
  generated: Type.Optional(Type.Enum(['STORED', 'VIRTUAL'])),
})

export const PostgresSchema = Closed({
  enums: Type.Array(Closed({ name: Name, labels: Type.Array(Type.String({ maxLength: 63 })) })),
  domains: Type.Array(Closed({ name: Name, type: Sql, collation: Type.Optional(Sql), notNull: Type.Boolean(), default: Type.Optional(Sql), checks: Type.Array(Closed({ name: Name, definition: Sql })) })),
  sequences: Type.Array(Sequence),
  tables: Type.Array(Closed({ name: Name, unlogged: Type.Boolean(), options: Type.Array(Type.String({ pattern: '^[a-z_.]+=[A-Za-z0-9_.-]+$' })), columns: Type.Array(Column) })),
  constraints: Type.Array(Closed({ table: Name, name: Name, kind: Type.Enum(['p', 'u', 'x', 'c', 'f']), definition: Sql })),
  /** `using` is all that follows this word in the definition. */
  indexes: Type.Array(Closed({ table: Name, name: Name, unique: Type.Boolean(), using: Sql })),
  /** Each after those that it reads. */
  views: Type.Array(Closed({ name: Name, definition: Sql, options: Type.Array(Type.String({ pattern: '^[a-z_]+=[a-z]+$' })) })),
  comments: Type.Array(Closed({ on: Type.Enum(['TABLE', 'COLUMN', 'VIEW', 'INDEX', 'SEQUENCE']), name: Name, column: Type.Optional(Name), text: Type.String() })),
})
export type PostgresSchema = Type.Static<typeof PostgresSchema>

export type Ask = (sql: string, params?: readonly unknown[]) => Promise<readonly Row[]>

/** Everything in the schema that is none of the kinds above, with the words that a person knows it by. */
const ODD = `
  SELECT format('%s %s', i.type, i.identity) AS what FROM pg_depend d, LATERAL pg_identify_object(d.classid, d.objid, 0) AS i
    WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = to_regnamespace($1) AND d.deptype = 'n' AND d.classid NOT IN ('pg_class'::regclass, 'pg_type'::regclass)
  UNION ALL SELECT format('%s %s', CASE c.relkind WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'p' THEN 'partitioned table' WHEN 'c' THEN 'composite type' ELSE 'relation' END, c.relname) FROM pg_class c
    WHERE c.relnamespace = to_regnamespace($1) AND c.relkind NOT IN ('r', 'i', 'S', 'v')
  UNION ALL SELECT format('type %s', t.typname) FROM pg_type t WHERE t.typnamespace = to_regnamespace($1) AND t.typtype NOT IN ('e', 'd') AND t.typrelid = 0 AND t.typcategory <> 'A'
  UNION ALL SELECT format('trigger %s on %s', g.tgname, c.relname) FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid WHERE c.relnamespace = to_regnamespace($1) AND NOT g.tgisinternal
  UNION ALL SELECT format('rule %s on %s', w.rulename, c.relname) FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class WHERE c.relnamespace = to_regnamespace($1) AND w.rulename <> '_RETURN'
  UNION ALL SELECT format('policy %s on %s', p.polname, c.relname) FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE c.relnamespace = to_regnamespace($1)
  UNION ALL SELECT format('row security of %s', c.relname) FROM pg_class c WHERE c.relnamespace = to_regnamespace($1) AND (c.relrowsecurity OR c.relforcerowsecurity)
  UNION ALL SELECT format('inheritance of %s', c.relname) FROM pg_inherits h JOIN pg_class c ON c.oid IN (h.inhrelid, h.inhparent) WHERE c.relnamespace = to_regnamespace($1)
  UNION ALL SELECT format('typed table %s', c.relname) FROM pg_class c WHERE c.relnamespace = to_regnamespace($1) AND c.reloftype <> 0
  UNION ALL SELECT format('constraint trigger %s', k.conname) FROM pg_constraint k WHERE k.connamespace = to_regnamespace($1) AND k.contype NOT IN ('p', 'u', 'x', 'c', 'f', 'n')
  ORDER BY 1`

/** @throws CatalystError BACKUP_FAILED naming what a backup could not bring back. Asked before a name of the plugin's is on the search path. */
export async function assertKnownKinds(ask: Ask, schema: string): Promise<void> {
  const odd = (await ask(ODD, [schema])).map((row) => String(row['what']))
  if (odd.length === 0) return
  const more = odd.length > 5 ? ` and ${odd.length - 5} more` : ''
  throw new CatalystError('BACKUP_FAILED', `${schema} has what a backup cannot bring back: ${odd.slice(0, 5).join(', ')}${more}`, { hint: 'Keep the tables (`uninstall: { tables: keep }`), back the database up yourself and say `backup: false`, or ask the publisher for a version without it.' })
}

/** Reads the schema on a connection whose search path is that schema alone: names in definitions then come without it. */
export async function readSchema(ask: Ask, schema: string): Promise<PostgresSchema> {
  const list = async (sql: string): Promise<readonly Row[]> => ask(sql, [schema])
  return {
    enums: (await list(ENUMS)).map(present) as PostgresSchema['enums'],
    domains: (await list(DOMAINS)).map(present) as PostgresSchema['domains'],
    sequences: await readSequences(ask, schema),
    tables: (await list(TABLES)).map(present) as PostgresSchema['tables'],
    constraints: (await list(CONSTRAINTS)).map(present) as PostgresSchema['constraints'],
    indexes: (await list(INDEXES)).map((row) => indexOf(row, schema)),
    views: inOrder((await list(VIEWS)).map(present) as ViewRow[]),
    comments: (await list(COMMENTS)).map(present) as PostgresSchema['comments'],
  }
}

const SPACE = `pg_catalog.to_regnamespace($1)`

const ENUMS = `SELECT t.typname::text AS name, ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS labels
  FROM pg_catalog.pg_type t WHERE t.typnamespace = ${SPACE} AND t.typtype = 'e' ORDER BY t.oid`

const DOMAINS = `SELECT t.typname::text AS name, pg_catalog.format_type(t.typbasetype, t.typtypmod) AS type, t.typnotnull AS "notNull", t.typdefault AS "default",
    CASE WHEN t.typcollation <> b.typcollation THEN t.typcollation::pg_catalog.regcollation::text END AS collation,
    COALESCE((SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('name', k.conname, 'definition', pg_catalog.pg_get_constraintdef(k.oid)) ORDER BY k.conname COLLATE "C") FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'), '[]') AS checks
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype WHERE t.typnamespace = ${SPACE} AND t.typtype = 'd' ORDER BY t.oid`

const SEQUENCES = `SELECT c.relname::text AS name, pg_catalog.format_type(q.seqtypid, NULL) AS type, q.seqstart::text AS start, q.seqincrement::text AS increment, q.seqmin::text AS min, q.seqmax::text AS max, q.seqcache::text AS cache, q.seqcycle AS cycle,
    (SELECT pg_catalog.jsonb_build_object('table', r.relname, 'column', a.attname) FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class r ON r.oid = d.refobjid JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum = d.refobjsubid
      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i') LIMIT 1) AS owner
  FROM pg_catalog.pg_sequence q JOIN pg_catalog.pg_class c ON c.oid = q.seqrelid WHERE c.relnamespace = ${SPACE} ORDER BY c.relname COLLATE "C"`

const TABLES = `SELECT c.relname::text AS name, c.relpersistence = 'u' AS unlogged, COALESCE(c.reloptions, '{}') AS options,
    COALESCE((SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull,
        'collation', CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::pg_catalog.regcollation::text END,
        'default', pg_catalog.pg_get_expr(f.adbin, f.adrelid),
        'identity', CASE a.attidentity WHEN 'a' THEN 'ALWAYS' WHEN 'd' THEN 'BY DEFAULT' END,
        'generated', CASE a.attgenerated WHEN 's' THEN 'STORED' WHEN 'v' THEN 'VIRTUAL' END)) ORDER BY a.attnum)
      FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid LEFT JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]') AS columns
  FROM pg_catalog.pg_class c WHERE c.relnamespace = ${SPACE} AND c.relkind = 'r' ORDER BY c.relname COLLATE "C"`

/** Foreign keys last: they need the keys of others. */
const CONSTRAINTS = `SELECT c.relname::text AS "table", k.conname::text AS name, k.contype AS kind, pg_catalog.pg_get_constraintdef(k.oid) AS definition
  FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid WHERE k.connamespace = ${SPACE} AND k.contype IN ('p', 'u', 'x', 'c', 'f') AND k.conparentid = 0
  ORDER BY k.contype = 'f', k.contype <> 'p', c.relname COLLATE "C", k.conname COLLATE "C"`

const INDEXES = `SELECT c.relname::text AS "table", i.relname::text AS name, x.indisunique AS "unique", pg_catalog.pg_get_indexdef(i.oid) AS definition, x.indisvalid AS valid,
    pg_catalog.format('ON %I.%I USING ', $1::text, c.relname) AS "before", pg_catalog.quote_ident(i.relname) AS quoted
  FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
  WHERE i.relnamespace = ${SPACE} AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.oid AND k.contype IN ('p', 'u', 'x')) ORDER BY i.relname COLLATE "C"`

const VIEWS = `SELECT c.relname::text AS name, pg_catalog.pg_get_viewdef(c.oid) AS definition, COALESCE(c.reloptions, '{}') AS options,
    ARRAY(SELECT DISTINCT o.relname::text FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      JOIN pg_catalog.pg_class o ON o.oid = d.refobjid AND o.relkind = 'v' AND o.relnamespace = c.relnamespace AND o.oid <> c.oid WHERE w.ev_class = c.oid) AS reads
  FROM pg_catalog.pg_class c WHERE c.relnamespace = ${SPACE} AND c.relkind = 'v' ORDER BY c.relname COLLATE "C"`

const COMMENTS = `SELECT CASE WHEN d.objsubid > 0 THEN 'COLUMN' ELSE CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'i' THEN 'INDEX' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END END AS "on", c.relname::text AS name, a.attname::text AS "column", d.description AS text
  FROM pg_catalog.pg_description d JOIN pg_catalog.pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
  WHERE c.relnamespace = ${SPACE} ORDER BY c.relname COLLATE "C", d.objsubid`

/** A row without what is null: in JSON that is absent. */
function present(row: Row): Row {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null))
}

/** Where a sequence stands lies in the sequence itself. */
async function readSequences(ask: Ask, schema: string): Promise<PostgresSchema['sequences']> {
  const sequences: PostgresSchema['sequences'] = []
  for (const row of await ask(SEQUENCES, [schema])) {
    const [state] = await ask(`SELECT last_value::text AS last, is_called AS called FROM ${quoted(schema)}.${quoted(String(row['name']))}`)
    sequences.push({ ...present(row), last: String(state?.['last']), called: state?.['called'] === true } as PostgresSchema['sequences'][number])
  }
  return sequences
}

/** The server always writes the schema into an index's definition; all before USING is known, so that it can be cut off. */
function indexOf(row: Row, schema: string): PostgresSchema['indexes'][number] {
  const [table, name, unique, definition] = [String(row['table']), String(row['name']), row['unique'] === true, String(row['definition'])]
  const start = `CREATE ${unique ? 'UNIQUE ' : ''}INDEX ${String(row['quoted'])} ${String(row['before'])}`
  if (row['valid'] !== true || !definition.startsWith(start)) throw new CatalystError('BACKUP_FAILED', `${schema} has what a backup cannot bring back: the index ${name}, which is ${row['valid'] === true ? `defined as ${definition}` : 'not valid'}`)
  return { table, name, unique, using: definition.slice(start.length) }
}

type ViewRow = PostgresSchema['views'][number] & { readonly reads: readonly string[] }

function inOrder(views: readonly ViewRow[]): PostgresSchema['views'] {
  const byName = new Map(views.map((view) => [view.name, view]))
  const done = new Map<string, PostgresSchema['views'][number]>()
  const add = ({ reads, ...view }: ViewRow): void => {
    byName.delete(view.name)
    for (const name of reads) {
      const read = byName.get(name)
      if (read) add(read)
    }
    done.set(view.name, view)
  }
  for (const view of views) if (byName.has(view.name)) add(view)
  return [...done.values()]
}

/** An identifier in double quotes. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text in single quotes, for statements that take no parameters. */
export function literal(text: string): string {
  return `${text.includes('\\') ? ' E' : ''}'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}
