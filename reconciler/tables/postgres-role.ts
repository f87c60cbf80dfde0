import { CatalystError } from '../../schemas/errors.ts'
import type { PostgresRow, Query } from '../store-db/postgres-connection.ts'
import { recordOwnedSql } from '../store-db/fence-sql.ts'
import { schemaOf } from './names.ts'
import { literal, quarantineOf, quoted, roleOf } from './postgres-names.ts'

/*
 * Each plugin has a role and a schema. The schema is the store's, so that the plugin can neither drop nor rename it nor
 * let others in; all that lies in it is the plugin role's. That role can log in only between `letIn` and `shutOut`: with
 * one connection, a random password that the server forgets by itself after a time, and no other role's rights.
 */

/** What the database is and what we may do in it. */
export interface Grounds {
  readonly plugin: string
  readonly schema: string
  readonly role: string
  /** Name of the database. */
  readonly database: string
  /** Ourselves. */
  readonly store: string
  readonly superuser: boolean
  readonly version: number
  readonly made: { readonly schema: boolean; readonly role: boolean }
  readonly quarantined: boolean
}

const OLDEST = 140_000

/** Looks where a plugin stands in this database. Changes nothing. */
export async function survey(query: Query, plugin: string): Promise<Grounds> {
  const [row = {}] = await query(
    `SELECT d.oid::text AS number, d.datname::text AS database, current_user::text AS store, r.rolsuper AS superuser, current_setting('server_version_num')::int AS version,
       to_regnamespace($1) IS NOT NULL AS schema, to_regnamespace($2) IS NOT NULL AS quarantined
     FROM pg_database d, pg_roles r WHERE d.datname = current_database() AND r.rolname = current_user`,
    [schemaOf(plugin), quarantineOf(plugin)])
  const role = roleOf(plugin, String(row['number']))
  const [found] = await query('SELECT 1 AS yes FROM pg_roles WHERE rolname = $1', [role])
  return {
    plugin, role, schema: schemaOf(plugin), database: String(row['database']), store: String(row['store']), superuser: row['superuser'] === true, version: Number(row['version']),
    made: { schema: row['schema'] === true, role: found !== undefined }, quarantined: row['quarantined'] === true,
  }
}

/**
 * Makes role and schema where they are absent; what is there must be ours.
 * @throws CatalystError DATABASE_RIGHTS with the SQL for the administrator, STATE_INVALID when somebody else made what bears the plugin's name
 */
export async function settle(query: Query, grounds: Grounds): Promise<void> {
  if (grounds.version < OLDEST) throw new CatalystError('STATE_UNAVAILABLE', `The store database runs PostgreSQL ${Math.floor(grounds.version / 10_000)}; plugins with tables need 14 or newer`)
  await assertMay(query, grounds)
  if (!grounds.made.role) await makeRole(query, grounds)
  else await assertSound(query, grounds)
  if (!grounds.made.schema) await query(`CREATE SCHEMA ${quoted(grounds.schema)}`)
  else await assertOurs(query, grounds)
  await query(`GRANT USAGE, CREATE ON SCHEMA ${quoted(grounds.schema)} TO ${quoted(grounds.role)}`)
  await adopt(query, grounds)
  await assertNoWayOut(query, grounds)
  const things = [{ kind: 'role', name: grounds.role }, { kind: 'schema', name: grounds.schema }]
  for (const { sql, params } of recordOwnedSql('postgres', grounds.plugin, things)) await query(sql, params)
}

/** Opens the door for one login with this password, until `limitMs` from now by the server's clock. Whoever is inside is put out first. */
export async function letIn(query: Query, { role }: Grounds, verifier: string, limitMs: number): Promise<void> {
  await putOut(query, role)
  const [until] = await query('SELECT (clock_timestamp() + make_interval(secs => $1))::text AS at', [limitMs / 1000])
  await query(`ALTER ROLE ${quoted(role)} LOGIN PASSWORD ${literal(verifier)} VALID UNTIL ${literal(String(until?.['at']))}`)
}

/** Closes the door. Who is inside stays. */
export function shutOutSql(role: string): string {
  return `ALTER ROLE ${quoted(role)} NOLOGIN PASSWORD NULL VALID UNTIL '-infinity'`
}

const STILL_THERE_MS = 5_000

/** Ends what still runs as a plugin's role: the transaction of a process that died. @throws CatalystError BUSY when it does not end */
export async function putOut(query: Query, role: string): Promise<void> {
  const ended = await query(`SELECT pg_terminate_backend(pid, ${STILL_THERE_MS}) AS gone FROM pg_stat_activity WHERE usename = $1`, [role])
  if (ended.some((row) => row['gone'] !== true)) throw new CatalystError('BUSY', `What runs as ${role} in the store database does not end`, { hint: 'Look at pg_stat_activity, then run the command again.' })
}

async function assertMay(query: Query, { store, superuser, made, database }: Grounds): Promise<void> {
  const [may = {}] = await query(`SELECT r.rolcreaterole AS roles, has_database_privilege(current_database(), 'CREATE') AS schemas FROM pg_roles r WHERE r.rolname = current_user`)
  const needed = [
    ...(superuser || may['roles'] === true ? [] : [`ALTER ROLE ${quoted(store)} CREATEROLE;`]),
    ...(made.schema || may['schemas'] === true ? [] : [`GRANT CREATE ON DATABASE ${quoted(database)} TO ${quoted(store)};`]),
  ]
  if (needed.length > 0) throw rights(`The role ${store} may not make the role and the schema in which a plugin’s SQL is confined`, needed)
}

/** Says the exact SQL that somebody with more rights must run. */
export function rights(what: string, sql: readonly string[], cause?: unknown): CatalystError {
  return new CatalystError('DATABASE_RIGHTS', what, { hint: `Let an administrator of the database server run:\n${sql.join('\n')}`, cause })
}

async function makeRole(query: Query, { role, superuser, version }: Grounds): Promise<void> {
  await query(`CREATE ROLE ${quoted(role)} NOLOGIN NOINHERIT CONNECTION LIMIT 1`)
  // Its tables are for us to read, to hand over and to drop.
  if (!superuser) await query(`GRANT ${quoted(role)} TO CURRENT_USER${version >= 160_000 ? ' WITH INHERIT TRUE, SET TRUE' : ''}`)
  const [may] = await query(`SELECT CASE WHEN current_setting('server_version_num')::int >= 150000 THEN has_parameter_privilege('temp_file_limit', 'SET') ELSE $1::boolean END AS limits`, [superuser])
  if (may?.['limits'] === true) await query(`ALTER ROLE ${quoted(role)} SET temp_file_limit = '1GB'`)
}

/** A role of this name may be an administrator's, or have been given more since. */
async function assertSound(query: Query, { role, store, superuser }: Grounds): Promise<void> {
  const [row = {}] = await query(
    `SELECT r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls AS strong,
       (SELECT string_agg(m.roleid::regrole::text, ', ') FROM pg_auth_members m WHERE m.member = r.oid) AS member,
       pg_has_role(current_user, r.oid, 'USAGE') AS inherits
     FROM pg_roles r WHERE r.rolname = $1`, [role])
  if (row['strong'] === true || row['member'] !== null) throw new CatalystError('STATE_INVALID', `The role ${role} may do more than own a plugin’s tables${row['member'] ? `: it is a member of ${row['member']}` : ''}`, { hint: `Take the rights away: ALTER ROLE ${quoted(role)} NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS; REVOKE … FROM ${quoted(role)};` })
  if (!superuser && row['inherits'] !== true) throw rights(`The role ${store} may not use the role ${role}, which owns the plugin’s tables`, [`GRANT ${quoted(role)} TO ${quoted(store)} WITH ADMIN OPTION;`])
}

async function assertOurs(query: Query, { schema, store }: Grounds): Promise<void> {
  const [row] = await query(`SELECT pg_get_userbyid(nspowner)::text AS owner FROM pg_namespace WHERE nspname = $1 AND NOT pg_has_role(current_user, nspowner, 'USAGE')`, [schema])
  if (row) throw rights(`The schema ${schema} belongs to ${row['owner']}, not to ${store}`, [`ALTER SCHEMA ${quoted(schema)} OWNER TO ${quoted(store)};`])
}

/** dblink opens connections from the server to wherever its caller says, in transactions of their own. Installed, it is everybody's. */
async function assertNoWayOut(query: Query, { role }: Grounds): Promise<void> {
  const open = await query(
    `SELECT p.oid::regprocedure::text AS name FROM pg_extension e JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.classid = 'pg_proc'::regclass
       JOIN pg_proc p ON p.oid = d.objid WHERE e.extname = 'dblink' AND has_function_privilege($1, p.oid, 'EXECUTE') ORDER BY 1`, [role])
  if (open.length > 0) throw rights('The extension dblink would let a plugin’s SQL connect to other servers', open.map((row) => `REVOKE EXECUTE ON FUNCTION ${row['name']} FROM PUBLIC;`))
}

/** After a dump was read back, all is whose who read it: what lies in the plugin's schema and is ours goes to the plugin's role. */
async function adopt(query: Query, { schema, role }: Grounds): Promise<void> {
  const owners: readonly PostgresRow[] = await query(
    `SELECT format('ALTER %s %s OWNER TO %I', kind, identity, $2::text) AS sql FROM (
       SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, c.oid::regclass::text AS identity, c.relowner AS owner
         FROM pg_class c WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND c.relkind = 'S' AND d.deptype IN ('a', 'i'))
       UNION ALL
       SELECT 'ROUTINE', p.oid::regprocedure::text, p.proowner FROM pg_proc p WHERE p.pronamespace = to_regnamespace($1)
       UNION ALL
       SELECT CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, t.oid::regtype::text, t.typowner FROM pg_type t
         WHERE t.typnamespace = to_regnamespace($1) AND (t.typtype IN ('d', 'e', 'r') OR t.typtype = 'c' AND (SELECT relkind FROM pg_class WHERE oid = t.typrelid) = 'c')
     ) AS things WHERE owner <> (SELECT oid FROM pg_roles WHERE rolname = $2)`, [schema, role])
  for (const { sql } of owners) await query(String(sql))
}
