import { createHash, hash, type Hash } from 'node:crypto'
import { digestOf, type Digest } from '../../schemas/digest.ts'
import type { Query } from '../store-db/postgres-connection.ts'
import { schemaOf } from './names.ts'
import { quarantineOf, quoted } from './postgres-names.ts'
import type { PostgresSession, Row } from './postgres-session.ts'

/*
 * Has anything changed in a plugin's tables? The schema as the catalog describes it, then the rows of each table, as COPY
 * writes them. COPY is not planned (see postgres-inventory.ts) and so has no order: the digests of the rows are added up,
 * which has none either. That tells accidents and other people's writes; the plugin itself has nothing to gain from two
 * contents with one digest, for it could write either.
 */

const SPACE = `pg_catalog.to_regnamespace($1)`
/** `moving`: with what inserting rows moves on. */
const schemaSql = (moving: boolean): string => `
  SELECT 'table' AS kind, c.relname::text AS name, concat_ws(' ', c.relkind, c.relpersistence, c.relreplident, c.relrowsecurity, c.reloptions, CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END) AS said
    FROM pg_class c WHERE c.relnamespace = ${SPACE} AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  UNION ALL SELECT 'column', concat(c.relname, '.', a.attname), concat_ws(' ', row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid))
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = ${SPACE} AND c.relkind IN ('r', 'p', 'c')
  UNION ALL SELECT 'constraint', concat(k.conrelid::regclass, k.contypid::regtype, ' ', k.conname), pg_get_constraintdef(k.oid) FROM pg_constraint k WHERE k.connamespace = ${SPACE} AND k.contype <> 'n'
  UNION ALL SELECT 'index', i.relname, pg_get_indexdef(i.oid) FROM pg_class i WHERE i.relnamespace = ${SPACE} AND i.relkind IN ('i', 'I')
  UNION ALL SELECT 'trigger', concat(g.tgrelid::regclass, ' ', g.tgname), concat_ws(' ', pg_get_triggerdef(g.oid), g.tgenabled) FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid WHERE c.relnamespace = ${SPACE} AND NOT g.tgisinternal
  UNION ALL SELECT 'sequence', c.relname, concat_ws(' ', q.seqtypid::regtype, q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, q.seqcycle${moving ? ', pg_sequence_last_value(c.oid)' : ''}) FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid WHERE c.relnamespace = ${SPACE}
  UNION ALL SELECT 'routine', p.oid::regprocedure::text, concat_ws(' ', pg_get_function_result(p.oid), p.prolang, p.prokind, p.provolatile, p.prosecdef, p.proisstrict, p.proconfig, p.prosrc, pg_get_function_sqlbody(p.oid)) FROM pg_proc p WHERE p.pronamespace = ${SPACE}
  UNION ALL SELECT 'type', t.typname, concat_ws(' ', t.typtype, format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault, (SELECT string_agg(quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid)) FROM pg_type t WHERE t.typnamespace = ${SPACE} AND t.typtype IN ('d', 'e', 'r')
  UNION ALL SELECT 'policy', concat(p.polrelid::regclass, ' ', p.polname), concat_ws(' ', p.polcmd, p.polpermissive, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE c.relnamespace = ${SPACE}
  ORDER BY 1, 2, 3`

/** sha256 over schema and rows of what lies in a plugin's schema. The same in quarantine. Reads one moment, in bounded memory. */
export async function contentDigest(session: PostgresSession, plugin: string): Promise<Digest> {
  await session.ask('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY')
  const space = await spaceOf((sql, params) => session.ask(sql, params), plugin)
  const schema = (await session.ask(schemaSql(true), [space])).map((row) => described(row, plugin))
  const tables = await session.ask(`SELECT relname::text AS name FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind = 'r' ORDER BY relname COLLATE "C"`, [space])
  const rows: [string, number, string][] = []
  for (const { name } of tables) rows.push([String(name), ...(await rowsDigest(session, `${quoted(space)}.${quoted(String(name))}`))])
  await session.ask('COMMIT')
  return digestOf({ schema, rows })
}

/** sha256 over how a plugin's tables are defined, wherever they are now; not over their rows. */
export async function definitionDigest(query: Query, plugin: string): Promise<Digest> {
  const rows = await query(schemaSql(false), [await spaceOf(query, plugin)])
  return digestOf(rows.map((row) => described(row, plugin)))
}

async function spaceOf(query: Query, plugin: string): Promise<string> {
  const [there] = await query('SELECT to_regnamespace($1) IS NOT NULL AS away', [quarantineOf(plugin)])
  return there?.['away'] === true ? quarantineOf(plugin) : schemaOf(plugin)
}

/** Definitions name the schema where it is; out of the way it has another name. */
function described({ kind, name, said }: Row, plugin: string): readonly string[] {
  return [kind, name, said].map((text) => String(text).replaceAll(`${quarantineOf(plugin)}.`, `${schemaOf(plugin)}.`))
}

async function rowsDigest(session: PostgresSession, table: string): Promise<[number, string]> {
  const sum = new LineSum()
  const rows = await session.copy(`COPY ${table} TO STDOUT`, (chunk) => sum.add(chunk))
  return [rows, sum.hex()]
}

const NEWLINE = 0x0a

/** The sum of the sha256 of lines, as eight numbers of 32 bits: the same for the same lines in any order. In COPY’s text a line is a row. */
export class LineSum {
  readonly #sum = new Uint32Array(8)
  #open: Hash | undefined

  add(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const end = chunk.indexOf(NEWLINE, at)
      if (end < 0) {
        this.#open = (this.#open ?? createHash('sha256')).update(chunk.subarray(at))
        return
      }
      const line = chunk.subarray(at, end)
      this.#count(this.#open ? this.#open.update(line).digest() : (hash('sha256', line, 'buffer')))
      this.#open = undefined
      at = end + 1
    }
  }

  hex(): string {
    return Buffer.from(this.#sum.buffer).toString('hex')
  }

  #count(digest: Buffer): void {
    for (let i = 0; i < 8; i++) this.#sum[i] = (this.#sum[i] ?? 0) + digest.readUInt32LE(i * 4)
  }
}
