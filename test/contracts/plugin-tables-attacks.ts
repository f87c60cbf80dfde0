import type { Dialect } from '../../reconciler/data-ports.ts'

/** Names as the attacker writes them: `own` a table of `loyalty`, `other` one of `loyalty-points`. */
export interface Names {
  own(name: string): string
  other(name: string): string
}

/**
 * A migration of the plugin `loyalty` that must leave nothing behind. It runs after `CREATE TABLE own.a (id, s)` in line 1,
 * so that what it tries stands in line 2. In the database are `orders` and `customers` of the shop, `points` of the
 * plugin `loyalty-points`, and our own tables.
 */
export interface Attack {
  readonly name: string
  readonly sql: (names: Names) => string
  /** Default: both. */
  readonly on?: Dialect
  /** Default: MIGRATION_REFUSED. A list where engines stop it in different ways. */
  readonly codes?: readonly string[]
}

const REFUSED_OR_FAILED = ['MIGRATION_REFUSED', 'MIGRATION_FAILED']
const STOPPED = [...REFUSED_OR_FAILED, 'MIGRATION_TIMEOUT']

const both = (name: string, sql: Attack['sql'], codes?: readonly string[]): Attack => ({ name, sql, ...(codes && { codes }) })
const sqlite = (name: string, sql: Attack['sql'], codes?: readonly string[]): Attack => ({ name, sql, on: 'sqlite', ...(codes && { codes }) })
const postgres = (name: string, sql: Attack['sql'], codes?: readonly string[]): Attack => ({ name, sql, on: 'postgres', ...(codes && { codes }) })

const rows: readonly Attack[] = [
  both('reads foreign rows', ({ own }) => `INSERT INTO ${own('a')} SELECT id, 'x' FROM orders`),
  both('counts foreign rows', ({ own }) => `INSERT INTO ${own('a')} SELECT count(*), 'x' FROM orders`),
  both('asks whether foreign rows exist', ({ own }) => `INSERT INTO ${own('a')} SELECT 1, 'x' WHERE EXISTS (SELECT 1 FROM orders)`),
  both('reads foreign rows under another name', ({ own }) => `INSERT INTO ${own('a')} SELECT o.id, 'x' FROM orders AS o`),
  both('reads foreign rows in a CTE', ({ own }) => `WITH q AS (SELECT id FROM orders) INSERT INTO ${own('a')} SELECT id, 'x' FROM q`),
  both('reads foreign rows to update its own', ({ own }) => `UPDATE ${own('a')} SET s = (SELECT max(total) FROM orders)`),
  both('reads foreign rows in RETURNING', ({ own }) => `INSERT INTO ${own('a')} VALUES (1, 'x') RETURNING (SELECT max(total) FROM orders)`, REFUSED_OR_FAILED),
  both('compares foreign rows with guesses, by NATURAL JOIN', ({ own }) => `CREATE TABLE ${own('guess')} (id INTEGER, total INTEGER);\nINSERT INTO ${own('a')} SELECT g.id, 'found' FROM ${own('guess')} g NATURAL JOIN orders`),
  both('compares foreign rows with guesses, by USING', ({ own }) => `INSERT INTO ${own('a')} SELECT g.id, 'found' FROM ${own('a')} g JOIN orders USING (id)`),
  both('copies rows of a table of the same shape', ({ own }) => `CREATE TABLE ${own('b')} (id INTEGER PRIMARY KEY, total INTEGER);\nINSERT INTO ${own('b')} SELECT * FROM orders`),
  both('asks whether its rows are among foreign ones', ({ own }) => `DELETE FROM ${own('a')} WHERE id IN (SELECT id FROM orders)`),
  sqlite('asks whether its rows are among foreign ones, without a query', ({ own }) => `DELETE FROM ${own('a')} WHERE (id, s) IN orders`),
  sqlite('compares the schema with guesses', ({ own }) => `CREATE TABLE ${own('guess')} (name TEXT);\nINSERT INTO ${own('a')} SELECT 1, g.name FROM ${own('guess')} g JOIN sqlite_master USING (name)`),
  sqlite('compares table names with guesses', ({ own }) => `CREATE TABLE ${own('guess')} (name TEXT);\nINSERT INTO ${own('a')} SELECT 1, g.name FROM ${own('guess')} g NATURAL JOIN 'pragma_table_list'`),
  sqlite('compares the pages of the file with guesses', ({ own }) => `CREATE TABLE ${own('guess')} (name TEXT);\nINSERT INTO ${own('a')} SELECT 1, g.name FROM ${own('guess')} g JOIN dbstat USING (name)`),
  both('copies a foreign table', ({ own }) => `CREATE TABLE ${own('copy')} AS SELECT * FROM orders`),
  both('inserts into a foreign table', () => 'INSERT INTO orders (id, total) VALUES (99, 0)'),
  both('updates a foreign table', () => 'UPDATE orders SET total = 0'),
  both('deletes from a foreign table', () => 'DELETE FROM orders'),
  both('writes a foreign table in quotes', () => 'DELETE FROM "orders"'),
  both('writes a foreign table in capitals', () => 'DELETE FROM ORDERS'),
  both('writes rows of another plugin', ({ other }) => `UPDATE ${other('points')} SET s = 'mine'`),
  both('reads rows of another plugin', ({ own, other }) => `INSERT INTO ${own('a')} SELECT * FROM ${other('points')}`),
  sqlite('writes a foreign table with its schema', () => 'DELETE FROM main.orders'),
  sqlite('writes a foreign table in brackets', () => 'DELETE FROM [orders]'),
  sqlite('writes a foreign table in single quotes', () => "DELETE FROM 'orders'"),
  sqlite('replaces foreign rows', () => 'REPLACE INTO orders (id, total) VALUES (1, 0)'),
  postgres('writes a foreign table with its schema', () => 'DELETE FROM public.orders'),
  postgres('empties a foreign table', () => 'TRUNCATE orders'),
  postgres('locks a foreign table', () => 'LOCK TABLE orders'),
]

const definitions: readonly Attack[] = [
  both('drops a foreign table', () => 'DROP TABLE orders'),
  both('drops a table of another plugin', ({ other }) => `DROP TABLE ${other('points')}`),
  both('alters a foreign table', () => 'ALTER TABLE orders ADD COLUMN stolen TEXT'),
  both('renames a foreign table', ({ own }) => `ALTER TABLE orders RENAME TO ${own('orders').split('.').at(-1)}`),
  both('renames a foreign column', () => 'ALTER TABLE orders RENAME COLUMN total TO price'),
  both('an index on a foreign table', () => 'CREATE INDEX plg_loyalty__i ON orders (total)'),
  both('a trigger on a foreign table', () => 'CREATE TRIGGER plg_loyalty__t AFTER INSERT ON orders BEGIN DELETE FROM orders; END', REFUSED_OR_FAILED),
  both('a view over a foreign table', ({ own }) => `CREATE VIEW ${own('v')} AS SELECT * FROM orders`),
  both('a view that counts a foreign table', ({ own }) => `CREATE VIEW ${own('v')} AS SELECT count(*) AS n FROM orders`),
  both('a view over a table of another plugin', ({ own, other }) => `CREATE VIEW ${own('v')} AS SELECT * FROM ${other('points')}`),
  both('a foreign key to a foreign table', ({ own }) => `CREATE TABLE ${own('b')} (id INTEGER REFERENCES orders (id))`),
  both('a foreign key to a foreign table, added later', ({ own }) => `ALTER TABLE ${own('a')} ADD COLUMN o INTEGER REFERENCES orders (id)`),
  both('a temporary table', () => 'CREATE TEMP TABLE plg_loyalty__t (a INTEGER)'),
  sqlite('a table without the prefix', () => 'CREATE TABLE loyalty_b (id INTEGER)'),
  sqlite('a table under the prefix of another plugin', () => 'CREATE TABLE plg_loyalty_points__b (id INTEGER)'),
  sqlite('a table with nothing after the prefix', () => 'CREATE TABLE plg_loyalty__ (id INTEGER)'),
  sqlite('a table with the prefix in capitals', () => 'CREATE TABLE PLG_LOYALTY__b (id INTEGER)'),
  sqlite('a table whose name looks like the prefix', () => 'CREATE TABLE "plg_l\u043eyalty__b" (id INTEGER)'),
  sqlite('a table whose name has letters of other scripts', () => 'CREATE TABLE "plg_loyalty__b\u200b" (id INTEGER)'),
  sqlite('a table whose name has a quote', () => 'CREATE TABLE "plg_loyalty__b""; DROP TABLE orders; --" (id INTEGER)'),
  sqlite('an index without the prefix', ({ own }) => `CREATE INDEX i ON ${own('a')} (s)`),
  sqlite('a view without the prefix', ({ own }) => `CREATE VIEW v AS SELECT * FROM ${own('a')}`),
  sqlite('a trigger without the prefix', ({ own }) => `CREATE TRIGGER t AFTER INSERT ON ${own('a')} BEGIN DELETE FROM ${own('a')}; END`),
  sqlite('its own table renamed to the name of a new one of the shop', ({ own }) => `ALTER TABLE ${own('a')} RENAME TO invoices`),
  sqlite('its own table renamed to one of another plugin', ({ own }) => `ALTER TABLE ${own('a')} RENAME TO plg_loyalty_points__b`),
  sqlite('its own table renamed to an existing one', ({ own }) => `ALTER TABLE ${own('a')} RENAME TO orders`, REFUSED_OR_FAILED),
  sqlite('a trigger of its own that writes a foreign table', ({ own }) => `CREATE TRIGGER plg_loyalty__t AFTER INSERT ON ${own('a')} BEGIN DELETE FROM orders; END`),
  sqlite('a trigger of its own that copies a foreign table', ({ own }) => `CREATE TABLE ${own('b')} (id INTEGER PRIMARY KEY, total INTEGER);\nCREATE TRIGGER plg_loyalty__t AFTER DELETE ON ${own('a')} BEGIN INSERT INTO ${own('b')} SELECT * FROM orders; END`),
  sqlite('the same, fired in the migration', ({ own }) => `CREATE TRIGGER plg_loyalty__t AFTER INSERT ON ${own('a')} BEGIN DELETE FROM orders; END;\nINSERT INTO ${own('a')} VALUES (1, 'x')`),
  sqlite('a trigger of its own that reads a foreign table in WHEN', ({ own }) => `CREATE TRIGGER plg_loyalty__t AFTER UPDATE OF s ON ${own('a')} WHEN (SELECT count(*) FROM orders) > 0 BEGIN SELECT 1; END`),
  sqlite('a trigger of its own on a table that the shop may make later', ({ own }) => `CREATE TRIGGER plg_loyalty__t AFTER DELETE ON ${own('a')} BEGIN DELETE FROM invoices; END`, REFUSED_OR_FAILED),
  sqlite('a trigger on its own view that writes a foreign table', ({ own }) => `CREATE VIEW ${own('v')} AS SELECT * FROM ${own('a')};\nCREATE TRIGGER plg_loyalty__t INSTEAD OF INSERT ON ${own('v')} BEGIN DELETE FROM orders; END`),
  sqlite('a view over a table that the shop may make later', ({ own }) => `CREATE VIEW ${own('v')} AS SELECT * FROM invoices`, REFUSED_OR_FAILED),
  sqlite('a view over the schema', ({ own }) => `CREATE VIEW ${own('v')} AS SELECT * FROM sqlite_master`),
  sqlite('a default that loads code', ({ own }) => `CREATE TABLE ${own('b')} (id INTEGER, x DEFAULT (load_extension('x')))`, REFUSED_OR_FAILED),
  sqlite('a check that loads code', ({ own }) => `CREATE TABLE ${own('b')} (id INTEGER CHECK (load_extension('x') IS NULL))`, REFUSED_OR_FAILED),
  sqlite('full text search', () => 'CREATE VIRTUAL TABLE plg_loyalty__f USING fts5(a)'),
  sqlite('an R*Tree', () => 'CREATE VIRTUAL TABLE plg_loyalty__r USING rtree(id, a, b)'),
  sqlite('the pages of the file', () => 'CREATE VIRTUAL TABLE plg_loyalty__d USING dbstat'),
  postgres('a table in the schema of the shop', () => 'CREATE TABLE public.b (id INTEGER)'),
  postgres('a table in the schema of another plugin', () => 'CREATE TABLE plg_loyalty_points.b (id INTEGER)'),
  postgres('a schema', () => 'CREATE SCHEMA mine'),
  postgres('its own table moved into the schema of the shop', ({ own }) => `ALTER TABLE ${own('a')} SET SCHEMA public`),
  postgres('its own table given to another', ({ own }) => `ALTER TABLE ${own('a')} OWNER TO postgres`, REFUSED_OR_FAILED),
  postgres('its own schema renamed', () => 'ALTER SCHEMA plg_loyalty RENAME TO plg_invoices'),
  postgres('an extension', () => 'CREATE EXTENSION pgcrypto', REFUSED_OR_FAILED),
  postgres('an index that is built outside of the transaction', ({ own }) => `CREATE INDEX CONCURRENTLY i ON ${own('a')} (s)`),
]

const sessions: readonly Attack[] = [
  ...['COMMIT', 'commit /* x */', 'END', 'ROLLBACK', 'BEGIN', 'SAVEPOINT s', 'RELEASE s', '/* hidden */ COMMIT', ';;COMMIT;', '-- x\nCOMMIT'].map((sql) => both(`transaction control: ${JSON.stringify(sql)}`, () => sql, REFUSED_OR_FAILED)),
  sqlite('a conflict that rolls back', ({ own }) => `INSERT OR ROLLBACK INTO ${own('a')} VALUES (1, 'x'), (1, 'y');\nDELETE FROM orders`, REFUSED_OR_FAILED),
  sqlite('a trigger that rolls back', ({ own }) => `CREATE TRIGGER plg_loyalty__t BEFORE INSERT ON ${own('a')} BEGIN SELECT RAISE(ROLLBACK, 'x'); END;\nINSERT INTO ${own('a')} VALUES (1, 'x');\nINSERT INTO ${own('a')} VALUES (2, 'x')`, REFUSED_OR_FAILED),
  both('transaction control after work', ({ own }) => `INSERT INTO ${own('a')} VALUES (1, 'x');\nCOMMIT;\nDELETE FROM orders`, REFUSED_OR_FAILED),
  ...['BEGIN EXCLUSIVE', 'END TRANSACTION', 'ROLLBACK TO s', 'EXPLAIN COMMIT'].map((sql) => sqlite(`transaction control: ${sql}`, () => sql)),
  ...['START TRANSACTION', 'ABORT', "PREPARE TRANSACTION 'x'", 'SET TRANSACTION READ ONLY', 'DO $$ BEGIN COMMIT; END $$'].map((sql) => postgres(`transaction control: ${sql}`, () => sql, REFUSED_OR_FAILED)),
  ...['PRAGMA foreign_keys = ON', 'PRAGMA writable_schema = 1', 'PRAGMA journal_mode = OFF', 'PRAGMA table_info(orders)', 'EXPLAIN PRAGMA query_only = 1', "SELECT * FROM pragma_table_info('orders')", 'SELECT count(*) FROM pragma_database_list'].map((sql) => sqlite(sql, () => sql)),
  ...["ATTACH 'other.db' AS o", "ATTACH ':memory:' AS o", 'DETACH main', 'VACUUM', "VACUUM INTO 'copy.db'", 'ANALYZE', 'REINDEX', 'EXPLAIN SELECT 1'].map((sql) => sqlite(sql, () => sql)),
  ...['SELECT load_extension(\'x\')', "SELECT readfile('/etc/passwd')", "SELECT fts3_tokenizer('simple')", "SELECT sqlite_compileoption_get(1)"].map((sql) => sqlite(sql, () => sql, REFUSED_OR_FAILED)),
  ...['SELECT * FROM sqlite_master', 'SELECT count(*) FROM sqlite_schema', "UPDATE sqlite_master SET sql = ''", 'DELETE FROM sqlite_master', 'SELECT * FROM dbstat', "UPDATE sqlite_sequence SET seq = 9", 'DELETE FROM sqlite_sequence', 'SELECT * FROM sqlite_temp_master'].map((sql) => sqlite(sql, () => sql, REFUSED_OR_FAILED)),
  ...["COPY plg_loyalty.a FROM PROGRAM 'id'", "COPY plg_loyalty.a FROM '/etc/passwd'", 'COPY orders TO STDOUT', 'SET ROLE postgres', 'RESET ROLE', 'SET SESSION AUTHORIZATION DEFAULT', "SELECT pg_read_file('/etc/passwd')", 'ALTER SYSTEM SET work_mem = 1', 'CREATE ROLE mine', 'VACUUM', "SELECT lo_create(0)", 'SET statement_timeout = 0', "SELECT set_config('statement_timeout', '0', false)"].map((sql) => postgres(sql, () => sql, REFUSED_OR_FAILED)),
]

const ours: readonly Attack[] = [
  ...['UPDATE catalyst_lease SET token = 99', 'DELETE FROM catalyst_audit', 'SELECT * FROM catalyst_installs', 'DROP TABLE catalyst_state', "INSERT INTO catalyst_migrations (plugin) VALUES ('loyalty')"].map((sql) => sqlite(sql, () => sql)),
  ...['UPDATE catalyst.lease SET token = 99', 'DELETE FROM catalyst.audit', 'SELECT * FROM catalyst.installs'].map((sql) => postgres(sql, () => sql)),
]

const amounts: readonly Attack[] = [
  sqlite('a text of a gigabyte', ({ own }) => `INSERT INTO ${own('a')} VALUES (1, printf('%900000000d', 1))`, STOPPED),
  sqlite('a blob of a gigabyte', ({ own }) => `INSERT INTO ${own('a')} VALUES (1, zeroblob(900000000))`, STOPPED),
  sqlite('a text that doubles', ({ own }) => `WITH RECURSIVE r(t) AS (SELECT 'x' UNION ALL SELECT t || t FROM r) INSERT INTO ${own('a')} SELECT 1, max(t) FROM r`, STOPPED),
  both('a text that doubles, 64 times', ({ own }) => `WITH RECURSIVE r(i, t) AS (SELECT 1, 'x' UNION ALL SELECT i + 1, t || t FROM r WHERE i < 64) INSERT INTO ${own('a')} SELECT 1, t FROM r WHERE i = 64`, STOPPED),
  both('rows without end', ({ own }) => `WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) INSERT INTO ${own('a')} SELECT i, 'x' FROM r`, STOPPED),
]

export const ATTACKS: readonly Attack[] = [...rows, ...definitions, ...sessions, ...ours, ...amounts]
