import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { openBackups } from '../../../reconciler/backup/backups.ts'
import { postgresTables } from '../../../reconciler/backup/postgres-tables.ts'
import type { Backups, BackupRequest, Fence } from '../../../reconciler/data-ports.ts'
import { recordMigrationSql } from '../../../reconciler/store-db/fence-sql.ts'
import { PostgresConnection } from '../../../reconciler/store-db/postgres-connection.ts'
import { openPostgres } from '../../../reconciler/store-db/postgres.ts'
import { settle, survey } from '../../../reconciler/tables/postgres-role.ts'
import { sha256 } from '../../../schemas/digest.ts'
import { installRecord, T0 } from '../../contracts/records.ts'
import { newDatabase, type TestDatabase } from '../../postgres-server.ts'
import { filesBelow } from './ground.ts'

export const SPACE = 'plg_loyalty_points'

/** A store on PostgreSQL with a lease of ours and a plugin `loyalty-points`, made as its migrations would. */
export class PostgresGround {
  readonly database: TestDatabase
  readonly folder = mkdtempSync(join(tmpdir(), 'catalyst-backup-'))
  readonly dataDir = join(this.folder, 'plugin-data')
  fence: Fence = { token: 0, now: T0 }
  readonly #tables = new Set<{ close(): Promise<void> }>()

  private constructor(database: TestDatabase) {
    this.database = database
  }

  static async make(): Promise<PostgresGround> {
    const ground = new PostgresGround(await newDatabase())
    mkdirSync(ground.dataDir)
    await ground.takeLease()
    return ground
  }

  async takeLease(): Promise<void> {
    const state = await openPostgres(this.database.url)
    await state.breakLease(T0, 'test')
    const { token } = await state.acquireLease('test', T0, 3_600_000)
    await state.close()
    this.fence = { token, now: T0 }
  }

  backups(at?: (boundary: string) => void): Backups {
    const tables = postgresTables(this.database.url)
    this.#tables.add(tables)
    return openBackups({ dataDir: this.dataDir, tables, ...(at && { at }) })
  }

  request(odd: Partial<BackupRequest> = {}): BackupRequest {
    return { record: installRecord('loyalty-points', '1.4.2'), store: 'acme-eu', reason: 'upgrade', config: {}, at: T0, ...odd }
  }

  /** Runs SQL as the plugin's role in its schema, which is made when absent. */
  async asPlugin(sql: string, plugin = 'loyalty-points'): Promise<void> {
    const db = new PostgresConnection(this.database.url)
    const role = await db.transaction('write', async (query) => {
      await settle(query, await survey(query, plugin))
      return (await survey(query, plugin)).role
    })
    await db.close()
    await this.#alone(this.database.url, `SET ROLE ${role}; SET search_path = plg_${plugin.replaceAll('-', '_')}; ${sql}`)
  }

  async asStore(sql: string): Promise<void> {
    await this.#alone(this.database.url, sql)
  }

  async applied(plugin: string, ...ids: string[]): Promise<void> {
    for (const id of ids) {
      for (const { sql, params } of recordMigrationSql('postgres', plugin, { id, kind: 'expand', checksum: sha256(id), up: `-- ${id}`, down: undefined }, T0)) await this.rows(sql, [...params])
    }
  }

  async rows(sql: string, params: unknown[] = []): Promise<unknown[]> {
    return (await this.database.admin.query(sql, params)).rows as unknown[]
  }

  put(path: string, content: string): void {
    const file = join(this.dataDir, 'loyalty-points', path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
  }

  /** Everything of the plugin, as text: catalog, rows as text, sequences, owners, records, files. */
  async content(space = SPACE, plugin = 'loyalty-points'): Promise<string> {
    const ask = (sql: string) => this.rows(sql.replaceAll('$1', `'${space}'`))
    const tables = (await ask(`SELECT relname AS name FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind = 'r' ORDER BY 1`)) as { name: string }[]
    const rows = []
    for (const { name } of tables) rows.push([name, await this.rows(`SELECT t::text AS row FROM "${space}"."${name.replaceAll('"', '""')}" AS t ORDER BY 1`)])
    const sequences = (await ask(`SELECT relname AS name FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind = 'S' ORDER BY 1`)) as { name: string }[]
    const states = []
    for (const { name } of sequences) states.push([name, await this.rows(`SELECT last_value, is_called FROM "${space}"."${name}"`)])
    const catalog = []
    for (const sql of CATALOG) catalog.push(await ask(sql))
    const migrations = await this.rows('SELECT * FROM catalyst.migrations WHERE plugin = $1 ORDER BY sequence', [plugin])
    const owned = await this.rows('SELECT * FROM catalyst.owned WHERE plugin = $1 ORDER BY kind', [plugin])
    return JSON.stringify({ rows, states, catalog, migrations, owned, files: filesBelow(join(this.dataDir, plugin)) }, undefined, 1)
  }

  async remove(): Promise<void> {
    for (const tables of this.#tables) await tables.close()
    await this.database.drop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #alone(url: string, sql: string): Promise<void> {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    try {
      await client.query(sql)
    } finally {
      await client.end()
    }
  }
}

const CATALOG = [
  `SELECT c.relname, c.relkind, c.relpersistence, c.reloptions, pg_get_userbyid(c.relowner) = pg_get_userbyid((SELECT nspowner FROM pg_namespace WHERE nspname = $1)) AS stores, pg_get_viewdef(c.oid) AS view, obj_description(c.oid, 'pg_class') AS comment
     FROM pg_class c WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'v', 'S') ORDER BY 1`,
  `SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull, a.attidentity, a.attgenerated, a.attcollation::regcollation::text AS collation, pg_get_expr(d.adbin, d.adrelid) AS "default", col_description(c.oid, a.attnum) AS comment
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE c.relnamespace = to_regnamespace($1) AND c.relkind = 'r' ORDER BY 1, a.attnum`,
  `SELECT conrelid::regclass::text AS "table", contypid::regtype::text AS domain, conname, pg_get_constraintdef(oid) AS def FROM pg_constraint WHERE connamespace = to_regnamespace($1) ORDER BY 1, 2, 3`,
  `SELECT relname, pg_get_indexdef(oid) AS def FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind = 'i' ORDER BY 1`,
  `SELECT c.relname, q.seqtypid::regtype::text, q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, q.seqcycle, pg_get_serial_sequence('x', 'y') IS NULL AS x FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid WHERE c.relnamespace = to_regnamespace($1) ORDER BY 1`.replace(`, pg_get_serial_sequence('x', 'y') IS NULL AS x`, ''),
  `SELECT t.typname, t.typtype, format_type(t.typbasetype, t.typtypmod) AS base, t.typnotnull, t.typdefault, ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder) AS labels FROM pg_type t WHERE t.typnamespace = to_regnamespace($1) AND t.typtype IN ('e', 'd') ORDER BY 1`,
  `SELECT nspacl IS NULL AS closed, nspname FROM pg_namespace WHERE nspname LIKE 'plg%' ORDER BY 2`,
]

export const SAMPLE = `
  CREATE TYPE level AS ENUM ('base', 'gold', 'it''s');
  CREATE DOMAIN points AS integer NOT NULL DEFAULT 0 CONSTRAINT "not negative" CHECK (VALUE >= 0);
  CREATE SEQUENCE receipt AS integer INCREMENT BY 5 START WITH 100 MAXVALUE 100000 CYCLE;
  SELECT nextval('receipt'); SELECT nextval('receipt');
  CREATE TABLE accounts (
    id bigint GENERATED BY DEFAULT AS IDENTITY (START WITH 7) PRIMARY KEY, customer text COLLATE "C" NOT NULL UNIQUE, score points, level level DEFAULT 'base',
    double integer GENERATED ALWAYS AS (score * 2) STORED, receipt integer DEFAULT nextval('receipt'), gone integer, tags text[] DEFAULT '{}', CONSTRAINT "sound one" CHECK (customer <> '')
  );
  ALTER TABLE accounts DROP COLUMN gone;
  CREATE TABLE "Odd Name" ("a b" serial, "c""d" bytea, j jsonb, n numeric, f double precision, t timestamptz, i interval, EXCLUDE USING btree ("a b" WITH =)) WITH (fillfactor=70);
  CREATE TABLE entries (account bigint NOT NULL REFERENCES accounts ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, at timestamptz NOT NULL, note varchar(20), PRIMARY KEY (account, at));
  CREATE TABLE empty ();
  CREATE UNLOGGED TABLE hot (x real);
  CREATE UNIQUE INDEX by_level ON accounts (level, lower(customer) DESC NULLS LAST) INCLUDE (score) WHERE score > 10;
  CREATE INDEX "Tags " ON accounts USING gin (tags);
  CREATE VIEW zeta AS SELECT customer, level FROM accounts WHERE level = 'gold';
  CREATE VIEW alpha WITH (security_barrier=true) AS SELECT upper(customer) AS c FROM zeta;
  COMMENT ON TABLE accounts IS 'who has points''s'; COMMENT ON COLUMN accounts.score IS 'a \\ b'; COMMENT ON VIEW zeta IS 'z';
  INSERT INTO accounts (customer, score, level, tags) VALUES ('ada', 5, 'gold', '{a,"b c",NULL}'), (E'tab\\there\\nnewline\\\\.', 500, 'it''s', '{}'), ('ü€😀', 0, NULL, NULL);
  INSERT INTO "Odd Name" VALUES (DEFAULT, '\\x00ff5c2e0a', '{"a": [1, "\\\\u20ac"]}', 123456789012345678901234567890.000000000000000000001, 0.1, '2026-01-01 00:00:00.123456+02', '1 mon -2 days 03:04:05.6'), (DEFAULT, NULL, NULL, 'NaN', '-Infinity', 'infinity', NULL), (DEFAULT, '', 'null', -0.0, '-0', NULL, '0');
  INSERT INTO entries VALUES (7, now(), E'\\\\N'), (8, '2026-01-01', ''), (8, '2026-01-02', NULL);
  INSERT INTO empty DEFAULT VALUES; INSERT INTO empty DEFAULT VALUES;
  INSERT INTO hot VALUES (3.4028235e38), (1e-45);
`
