import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Confinement, kindOf } from '../../../reconciler/tables/sqlite-authorizer.ts'
import { connectConfined } from '../../../reconciler/tables/sqlite-confined.ts'
import { migrate } from '../../../reconciler/tables/sqlite-migration.ts'
import { OpenedTrees, reservedName } from '../../../reconciler/tables/sqlite-opened.ts'
import { splitStatements } from '../../../reconciler/tables/statements.ts'
import { migration } from '../../contracts/plugin-tables.ts'
import { newSqliteStore } from './sqlite-store.ts'

/* Each guard by itself: behind another one a hole in it would not be seen. */

let db: DatabaseSync
beforeEach(() => {
  db = new DatabaseSync(':memory:', { enableForeignKeyConstraints: false })
  db.exec(`CREATE TABLE orders (id INTEGER PRIMARY KEY, s TEXT); CREATE TABLE plg_p__a (id INTEGER PRIMARY KEY AUTOINCREMENT, s TEXT); CREATE TABLE plg_p__b (id INTEGER PRIMARY KEY, s TEXT);
    CREATE INDEX by_s ON orders (s); CREATE VIEW report AS SELECT * FROM orders; CREATE TABLE plg_p_q__a (id INTEGER)`)
})
afterEach(() => db.close())

const kind = (sql: string): ReturnType<typeof kindOf> => kindOf(splitStatements(sql, 'sqlite')[0]?.words ?? [])

describe('the authorizer', () => {
  const names = new Set(['orders', 'report', 'plg_p__a', 'plg_p__b', 'plg_p_q__a'])
  const refusedBy = (sql: string): string | undefined => {
    const confinement = new Confinement('p', (name) => names.has(name) || /^(sqlite|pragma)_/.test(name))
    confinement.begin(kind(sql) ?? 'rows', 1)
    db.setAuthorizer(confinement.authorize)
    try {
      db.prepare(sql)
    } catch (error) {
      if (!confinement.refused) throw error
    } finally {
      db.setAuthorizer(null)
    }
    return confinement.refused
  }

  test.each([
    ['SELECT s FROM orders', 'reads orders.s'],
    ['SELECT count(*) FROM orders', 'reads orders'],
    ['SELECT count(*) FROM ORDERS', 'reads ORDERS'],
    ['SELECT 1 FROM orders', 'reads orders'],
    ['SELECT * FROM orders WHERE 0', 'reads orders.id'],
    ['SELECT s FROM report', 'reads orders.id (in report)'],
    ['SELECT id FROM plg_p_q__a', 'reads plg_p_q__a.id'],
    ['SELECT sql FROM sqlite_master', 'reads sqlite_master.sql'],
    ['SELECT count(*) FROM sqlite_schema', 'reads sqlite_schema'],
    ['SELECT seq FROM sqlite_sequence', 'reads sqlite_sequence.seq'],
    ['CREATE TABLE plg_p__c AS SELECT sql FROM sqlite_master', 'reads sqlite_master.sql'],
    ['CREATE TABLE plg_p__c AS SELECT rowid FROM sqlite_master', 'reads sqlite_master.ROWID'],
    ["SELECT name FROM pragma_table_info('orders')", 'reads pragma_table_info.name'],
    ['INSERT INTO orders VALUES (1, 2)', 'writes rows of orders'],
    ['UPDATE orders SET s = 1', 'writes rows of orders'],
    ['DELETE FROM orders', 'writes rows of orders'],
    ['DELETE FROM sqlite_sequence', 'writes rows of sqlite_sequence'],
    ["UPDATE sqlite_sequence SET seq = 1", 'writes rows of sqlite_sequence'],
    ['CREATE TABLE other (a)', 'does CREATE TABLE other'],
    ['CREATE VIEW v AS SELECT 1', 'does CREATE VIEW v'],
    ['CREATE INDEX i ON plg_p__a (s)', 'does CREATE INDEX i on plg_p__a'],
    ['CREATE INDEX plg_p__i ON orders (s)', 'does CREATE INDEX plg_p__i on orders'],
    ['CREATE TRIGGER plg_p__t AFTER INSERT ON orders BEGIN SELECT 1; END', 'does CREATE TRIGGER plg_p__t on orders'],
    ['CREATE TRIGGER t AFTER INSERT ON plg_p__a BEGIN SELECT 1; END', 'does CREATE TRIGGER t on plg_p__a'],
    ['CREATE VIRTUAL TABLE plg_p__f USING fts5(a)', 'changes the schema'],
    ['DROP TABLE orders', 'does DROP TABLE orders'],
    ['DROP INDEX by_s', 'does DROP INDEX by_s on orders'],
    ['DROP VIEW report', 'does DROP VIEW report'],
    ['ALTER TABLE orders ADD COLUMN x', 'alters orders'],
    ['ALTER TABLE orders DROP COLUMN s', 'alters orders'],
    ['ALTER TABLE orders RENAME TO plg_p__o', 'alters orders'],
    ['PRAGMA user_version', 'does PRAGMA user_version'],
    ["ATTACH ':memory:' AS x", 'does ATTACH :memory:'],
    ['BEGIN', 'does TRANSACTION BEGIN'],
    ['SAVEPOINT s', 'does SAVEPOINT BEGIN on s'],
    ['ANALYZE', 'changes the schema'],
    ["SELECT load_extension('x')", 'calls the function load_extension'],
    ["SELECT fts3_tokenizer('simple')", 'calls the function fts3_tokenizer'],
    ['SELECT sqlite_version()', 'calls the function sqlite_version'],
  ])('%s', (sql, why) => expect(refusedBy(sql)).toBe(why))

  test('DROP of a table of its own, but not of what others hang on it', () => {
    db.exec('CREATE TRIGGER audit AFTER INSERT ON plg_p__a BEGIN DELETE FROM orders; END')
    expect(refusedBy('DROP TRIGGER audit')).toBe('does DROP TRIGGER audit on plg_p__a')
    expect(refusedBy("INSERT INTO plg_p__a (s) VALUES ('x')")).toBe('writes rows of orders (in audit)')
    expect(refusedBy("WITH audit AS (SELECT s FROM orders) SELECT s FROM audit")).toBe('reads orders.s (in audit)')
  })

  test.each([
    'SELECT id, s FROM plg_p__a', 'SELECT count(*) FROM plg_p__a', 'SELECT count(*) FROM PLG_P__A', 'WITH q AS (SELECT 1) SELECT count(*) FROM q', "SELECT value FROM json_each('[1]')",
    'INSERT INTO plg_p__a (s) SELECT s FROM plg_p__b', 'INSERT INTO plg_p__b SELECT * FROM plg_p__a WHERE true ON CONFLICT (id) DO UPDATE SET s = upper(excluded.s) RETURNING id', 'UPDATE plg_p__a SET s = b.s FROM plg_p__b b WHERE b.id = plg_p__a.id',
    'CREATE TABLE IF NOT EXISTS plg_p__c (id INTEGER PRIMARY KEY AUTOINCREMENT, s TEXT UNIQUE CHECK (length(s) > 1), t AS (lower(s)) STORED)', 'CREATE TABLE plg_p__c AS SELECT s, count(*) AS n FROM plg_p__a GROUP BY s', 'CREATE TABLE plg_p__c (a TEXT PRIMARY KEY) WITHOUT ROWID, STRICT',
    'CREATE UNIQUE INDEX plg_p__i ON plg_p__a (lower(s)) WHERE s IS NOT NULL', 'CREATE VIEW plg_p__v AS SELECT * FROM plg_p__a', 'CREATE TRIGGER plg_p__t AFTER INSERT ON plg_p__a BEGIN UPDATE plg_p__b SET s = NEW.s; END',
    'ALTER TABLE plg_p__a ADD COLUMN n INTEGER NOT NULL DEFAULT 1 CHECK (n > 0)', 'ALTER TABLE plg_p__a DROP COLUMN s', 'ALTER TABLE plg_p__a RENAME COLUMN s TO t', 'ALTER TABLE plg_p__a RENAME TO plg_p__c', 'DROP TABLE plg_p__a', 'DROP TABLE IF EXISTS plg_p__nothing',
  ])('lets pass: %s', (sql) => expect(refusedBy(sql)).toBeUndefined())
})

describe('what a statement would open', () => {
  const opens = (sql: string): string | undefined => {
    const trees = new OpenedTrees(db, 'p')
    trees.learn()
    return trees.foreign(sql, kind(sql) ?? 'rows')
  }
  test.each([
    ['INSERT INTO plg_p__b SELECT * FROM orders', 'orders'],
    ['INSERT INTO plg_p__b SELECT ALL * FROM (main.orders NOT INDEXED)', 'orders'],
    ['SELECT * FROM plg_p__b NATURAL JOIN orders', 'orders'],
    ['SELECT b.id FROM plg_p__b b JOIN orders USING (id)', 'orders'],
    ['SELECT b.id FROM plg_p__b b JOIN orders USING (s)', 'orders'],
    ["SELECT s FROM orders INDEXED BY by_s WHERE s = 'x'", 'orders'],
    ['SELECT s FROM report', 'orders'],
    ['DELETE FROM orders', 'orders'],
    ['DELETE FROM orders WHERE id = 1', 'orders'],
    ['DROP TABLE orders', 'orders'],
    ['SELECT seq FROM sqlite_sequence', undefined],
    ['SELECT sql FROM sqlite_master', 'sqlite_master'],
    ['CREATE TABLE plg_p__c AS SELECT b.s FROM plg_p__b b JOIN orders USING (s)', 'orders'],
    ['CREATE TABLE plg_p__c AS SELECT rowid FROM sqlite_master', 'sqlite_master'],
    ['CREATE INDEX plg_p__i ON orders (s)', 'orders'],
    ['INSERT INTO plg_p__a (s) SELECT s FROM plg_p__b', undefined],
    ['CREATE TABLE plg_p__c (id INTEGER PRIMARY KEY AUTOINCREMENT, s TEXT UNIQUE)', undefined],
    ['CREATE INDEX plg_p__i ON plg_p__a (s)', undefined],
    ['ALTER TABLE plg_p__a ADD COLUMN n INTEGER CHECK (n > 0)', undefined],
    ['DROP TABLE plg_p__a', undefined],
  ])('%s', (sql, table) => expect(opens(sql)).toBe(table))

  test('triggers of triggers too', () => {
    db.exec('CREATE TRIGGER plg_p__t AFTER INSERT ON plg_p__a BEGIN DELETE FROM plg_p__b; END; CREATE TRIGGER plg_p__u AFTER DELETE ON plg_p__b BEGIN INSERT INTO plg_p__b SELECT * FROM orders; END')
    expect(opens("INSERT INTO plg_p__a (s) VALUES ('x')")).toBe('orders')
  })
})

test.each([
  ["SELECT * FROM pragma_table_info('x')", 'pragma_table_info'],
  ['SELECT * FROM "SQLITE_master"', 'SQLITE_master'],
  ["SELECT * FROM a JOIN 'dbstat' USING (name)", 'dbstat'],
  ['CREATE VIRTUAL TABLE plg_p__f USING fts5(a)', 'fts5'],
  ["INSERT INTO a VALUES ('see sqlite_master', 'a pragma_x b') -- dbstat", undefined],
])('names of SQLite’s own: %s', (sql, name) => expect(reservedName(sql)).toBe(name))

test.each(['PRAGMA x', 'ATTACH x AS y', 'DETACH x', 'BEGIN', 'COMMIT', 'END', 'ROLLBACK', 'SAVEPOINT x', 'RELEASE x', 'VACUUM', 'ANALYZE', 'REINDEX', 'EXPLAIN SELECT 1', 'CREATE TEMP TABLE x (a)', 'CREATE VIRTUAL TABLE x USING y', 'DROP x', '(SELECT 1)', '"SELECT" 1', 'SELECTED'])('no migration may say %s', (sql) => expect(kind(sql)).toBeUndefined())

test('nobody waits any more: nothing stands', async () => {
  const store = await newSqliteStore()
  const before = await store.world()
  const confined = connectConfined(store.path, 1024 ** 2)
  const { token, now } = await store.lease()
  for (const last of [1, 2, 3]) {
    let left = last
    const check = (): void => {
      if (--left === 0) throw new Error('gone')
    }
    expect(() => migrate({ db: confined, path: store.path, plugin: 'p', fence: { token, now }, check }, migration('0001_a', 'CREATE TABLE plg_p__a (id); CREATE TABLE plg_p__b (id)'))).toThrow('gone')
  }
  confined.close()
  const { objects } = (await store.world()) as { objects: unknown }
  expect(objects).toEqual((before as { objects: unknown }).objects)
  await store.remove()
})
