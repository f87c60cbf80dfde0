import { CatalystError } from '../../schemas/errors.ts'
import { transaction, type Connection } from './sqlite-connection.ts'

/*
 * Our tables in the store's database. Each entry brings the tables from one version to the next and is never changed
 * once released. The version stands in a table of ours: `PRAGMA user_version` belongs to the store.
 *
 * `catalyst_records` holds each install record once, by digest: a generation of a hundred plugins of which one changed
 * adds one record. Generations map ids to those digests. Since version 2 `catalyst_migrations` holds what plugins'
 * migrations have run, with their texts, and `catalyst_owned` what they made; since version 3 `catalyst_definitions` how that was
 * defined then.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE catalyst_schema (version INTEGER NOT NULL);
  INSERT INTO catalyst_schema VALUES (0);
  CREATE TABLE catalyst_state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    serial INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    generation INTEGER
  );
  INSERT INTO catalyst_state VALUES (1, 0, 0, NULL);
  CREATE TABLE catalyst_records (digest TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE catalyst_installs (id TEXT PRIMARY KEY, digest TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE catalyst_retained (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE catalyst_holds (id TEXT NOT NULL, "from" TEXT NOT NULL, hold TEXT NOT NULL, PRIMARY KEY (id, "from")) WITHOUT ROWID;
  CREATE TABLE catalyst_generations (number INTEGER PRIMARY KEY, created_at TEXT NOT NULL, plugins TEXT NOT NULL);
  CREATE TABLE catalyst_activations (number INTEGER PRIMARY KEY AUTOINCREMENT, generation INTEGER NOT NULL, at TEXT NOT NULL, by TEXT NOT NULL, reason TEXT NOT NULL);
  CREATE TABLE catalyst_lease (one INTEGER PRIMARY KEY CHECK (one = 1), holder TEXT NOT NULL, token INTEGER NOT NULL, since TEXT NOT NULL, expires_at TEXT NOT NULL);
  CREATE TABLE catalyst_audit (sequence INTEGER PRIMARY KEY, at TEXT NOT NULL, by TEXT NOT NULL, event TEXT NOT NULL, id TEXT, details TEXT NOT NULL, chain TEXT NOT NULL);
  `,
  `
  CREATE TABLE catalyst_migrations (
    plugin TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, checksum TEXT NOT NULL, up TEXT NOT NULL, down TEXT,
    applied_at TEXT NOT NULL, sequence INTEGER NOT NULL UNIQUE, PRIMARY KEY (plugin, id)
  ) WITHOUT ROWID;
  CREATE TABLE catalyst_owned (plugin TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID;
  CREATE TABLE catalyst_quarantined (plugin TEXT PRIMARY KEY, since TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE catalyst_key (one INTEGER PRIMARY KEY CHECK (one = 1), key TEXT NOT NULL);
  INSERT INTO catalyst_key VALUES (1, lower(hex(randomblob(32))));
  `,
  'CREATE TABLE catalyst_definitions (plugin TEXT PRIMARY KEY, newest TEXT NOT NULL, digest TEXT NOT NULL) WITHOUT ROWID',
]

/** The version of our tables that this code writes. */
export const SCHEMA_VERSION = MIGRATIONS.length

/** The version found in a database, 0 when it has no tables of ours. */
export function schemaVersion(db: Connection): number {
  const table = db.prepare(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'catalyst_schema'`).get()
  if (!table) return 0
  return Number(db.prepare('SELECT version FROM catalyst_schema').get()?.['version'] ?? 0)
}

/** Brings the tables to this version; does nothing when they are. @throws CatalystError STATE_INVALID for tables of a newer version */
export function migrate(db: Connection, path: string): void {
  if (assertKnown(db, path) === SCHEMA_VERSION) return
  transaction(db, path, 'write', () => {
    for (const sql of MIGRATIONS.slice(assertKnown(db, path))) db.exec(sql)
    db.prepare('UPDATE catalyst_schema SET version = ?').run(SCHEMA_VERSION)
  })
}

/** @throws CatalystError STATE_INVALID for tables of a newer version */
export function assertKnown(db: Connection, path: string): number {
  const found = schemaVersion(db)
  if (found <= SCHEMA_VERSION) return found
  throw new CatalystError('STATE_INVALID', `The store database ${path} has tables of version ${found}, this program knows version ${SCHEMA_VERSION}`)
}
