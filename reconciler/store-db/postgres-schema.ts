import { CatalystError } from '../../schemas/errors.ts'
import type { PostgresConnection, Query } from './postgres-connection.ts'
import { PASS_STATES, sqlState } from './postgres-errors.ts'
import { GUARD } from './postgres-guard.ts'

/*
 * Our tables in a PostgreSQL database: the schema `catalyst`. Each entry brings it from one version to the next and is
 * never changed once released. Times are text as in SQLite, JSON is text: its bytes are under digests. What is sorted or
 * compared sorts by code unit (COLLATE "C"), whatever language the database speaks.
 *
 * `use_pass`, `record_migration` and `forget_migration` are for plugins' own roles: see postgres-pass.ts; what the server
 * holds their transactions to: postgres-guard.ts.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE catalyst.schema (version integer NOT NULL);
  INSERT INTO catalyst.schema VALUES (0);
  CREATE TABLE catalyst.state (
    one integer PRIMARY KEY CHECK (one = 1),
    serial bigint NOT NULL,
    tokens bigint NOT NULL,
    generation bigint
  );
  INSERT INTO catalyst.state VALUES (1, 0, 0, NULL);
  CREATE TABLE catalyst.records (digest text COLLATE "C" PRIMARY KEY, record text NOT NULL);
  CREATE TABLE catalyst.installs (id text COLLATE "C" PRIMARY KEY, digest text COLLATE "C" NOT NULL);
  CREATE TABLE catalyst.retained (id text COLLATE "C" PRIMARY KEY, record text NOT NULL);
  CREATE TABLE catalyst.holds (id text COLLATE "C" NOT NULL, "from" text COLLATE "C" NOT NULL, hold text NOT NULL, PRIMARY KEY (id, "from"));
  CREATE TABLE catalyst.generations (number bigint PRIMARY KEY, created_at text NOT NULL, plugins text NOT NULL);
  CREATE TABLE catalyst.activations (number bigint PRIMARY KEY, generation bigint NOT NULL, at text NOT NULL, by text NOT NULL, reason text NOT NULL);
  CREATE TABLE catalyst.lease (one integer PRIMARY KEY CHECK (one = 1), holder text NOT NULL, token bigint NOT NULL, since text NOT NULL, expires_at text NOT NULL);
  CREATE TABLE catalyst.audit (sequence bigint PRIMARY KEY, at text NOT NULL, by text NOT NULL, event text NOT NULL, id text, details text NOT NULL, chain text NOT NULL);

  CREATE TABLE catalyst.migrations (
    plugin text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, kind text NOT NULL, checksum text NOT NULL, up text NOT NULL, down text,
    applied_at text NOT NULL, sequence bigint NOT NULL UNIQUE, PRIMARY KEY (plugin, id)
  );
  CREATE TABLE catalyst.owned (plugin text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, PRIMARY KEY (kind, name));
  CREATE TABLE catalyst.quarantined (plugin text COLLATE "C" PRIMARY KEY, since text NOT NULL);
  CREATE TABLE catalyst.key (one integer PRIMARY KEY CHECK (one = 1), key text NOT NULL);
  INSERT INTO catalyst.key VALUES (1, encode(sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')), 'hex'));

  CREATE TABLE catalyst.passes (plugin text COLLATE "C" PRIMARY KEY, role text NOT NULL, digest text NOT NULL, token bigint NOT NULL);
  CREATE FUNCTION catalyst.use_pass(pass text, for_plugin text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
    DECLARE fence bigint;
    BEGIN
      PERFORM 1 FROM catalyst.state FOR UPDATE;
      DELETE FROM catalyst.passes p
        WHERE p.plugin = for_plugin AND p.role = session_user AND p.digest = encode(sha256(convert_to(pass, 'UTF8')), 'hex')
        RETURNING p.token INTO fence;
      IF fence IS NULL THEN RAISE EXCEPTION 'no such pass for %', for_plugin USING ERRCODE = '${PASS_STATES.refused}'; END IF;
      UPDATE catalyst.state SET serial = serial + 1 WHERE EXISTS (SELECT 1 FROM catalyst.lease l WHERE l.token = fence);
      IF NOT FOUND THEN RAISE EXCEPTION 'the lease with token % was taken away', fence USING ERRCODE = '${PASS_STATES.leaseLost}'; END IF;
    END $body$;
  CREATE FUNCTION catalyst.record_migration(pass text, for_plugin text, for_id text, of_kind text, of_checksum text, of_up text, of_down text, at_time text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
    BEGIN
      PERFORM catalyst.use_pass(pass, for_plugin);
      INSERT INTO catalyst.migrations SELECT for_plugin, for_id, of_kind, of_checksum, of_up, of_down, at_time, coalesce(max(m.sequence), 0) + 1 FROM catalyst.migrations m;
    END $body$;
  CREATE FUNCTION catalyst.forget_migration(pass text, for_plugin text, for_id text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
    BEGIN
      PERFORM catalyst.use_pass(pass, for_plugin);
      DELETE FROM catalyst.migrations m WHERE m.plugin = for_plugin AND m.id = for_id;
    END $body$;
  REVOKE ALL ON FUNCTION catalyst.use_pass(text, text), catalyst.record_migration(text, text, text, text, text, text, text, text), catalyst.forget_migration(text, text, text) FROM PUBLIC;
  REVOKE ALL ON SCHEMA catalyst FROM PUBLIC;
  `,
  GUARD,
  'CREATE TABLE catalyst.definitions (plugin text COLLATE "C" PRIMARY KEY, newest text NOT NULL, digest text NOT NULL)',
]

/** The version of our tables that this code writes. */
export const SCHEMA_VERSION = MIGRATIONS.length

const ABSENT: readonly string[] = ['42P01', '3F000'] // undefined_table, invalid_schema_name

/** The version found in a database, 0 when it has no tables of ours. @throws CatalystError STATE_INVALID for a newer one, STATE_UNAVAILABLE when it cannot be read */
export async function schemaVersion(db: PostgresConnection): Promise<number> {
  try {
    const [row] = await db.ask('SELECT version FROM catalyst.schema')
    return known(Number(row?.['version'] ?? 0), db.name)
  } catch (error) {
    if (error instanceof CatalystError && ABSENT.includes(sqlState(error.cause) ?? '')) return 0
    throw error
  }
}

/** Brings the tables to this version; does nothing when they are. @throws CatalystError STATE_INVALID for tables of a newer version */
export async function migrate(db: PostgresConnection): Promise<void> {
  if ((await schemaVersion(db)) === SCHEMA_VERSION) return
  try {
    await db.transaction('write', (query) => migrateIn(query, db.name))
  } catch (error) {
    // Another process made them at the same time: the loser is told that they exist.
    if ((await schemaVersion(db)) !== SCHEMA_VERSION) throw error
  }
}

async function migrateIn(query: Query, name: string): Promise<void> {
  const [server] = await query(`SELECT current_setting('server_encoding') AS encoding, to_regnamespace('catalyst') IS NOT NULL AS exists, to_regclass('catalyst.schema') IS NOT NULL AS ours`)
  if (server?.['encoding'] !== 'UTF8') throw new CatalystError('STATE_UNAVAILABLE', `The store database ${name} has the encoding ${server?.['encoding']}; it must be UTF8`, { hint: 'Make the database with ENCODING UTF8.' })
  if (!server['exists']) await query('CREATE SCHEMA catalyst')
  const [found] = server['ours'] ? await query('SELECT version FROM catalyst.schema FOR UPDATE') : []
  for (const sql of MIGRATIONS.slice(known(Number(found?.['version'] ?? 0), name))) await query(sql)
  await query('UPDATE catalyst.schema SET version = $1', [SCHEMA_VERSION])
}

function known(found: number, name: string): number {
  if (found <= SCHEMA_VERSION) return found
  throw new CatalystError('STATE_INVALID', `The store database ${name} has tables of version ${found}, this program knows version ${SCHEMA_VERSION}`)
}
