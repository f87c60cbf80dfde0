import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openBackups } from '../../../reconciler/backup/backups.ts'
import { sqliteTables } from '../../../reconciler/backup/sqlite-tables.ts'
import type { Backups, BackupRequest, Fence } from '../../../reconciler/data-ports.ts'
import { recordMigrationSql, recordOwnedSql } from '../../../reconciler/store-db/fence-sql.ts'
import { ownedOf, readSchema } from '../../../reconciler/tables/sqlite-schema.ts'
import { openSqlite } from '../../../reconciler/store-db/sqlite.ts'
import { sha256 } from '../../../schemas/digest.ts'
import { installRecord, T0 } from '../../contracts/records.ts'

/** A store on SQLite with a lease of ours and a plugin `loyalty-points`; a test states what is odd. */
export class Ground {
  readonly folder = mkdtempSync(join(tmpdir(), 'catalyst-backup-'))
  readonly path = join(this.folder, 'store.db')
  readonly dataDir = join(this.folder, 'plugin-data')
  fence: Fence = { token: 0, now: T0 }

  static async make(): Promise<Ground> {
    const ground = new Ground()
    mkdirSync(ground.dataDir)
    await ground.takeLease()
    return ground
  }

  /** Takes the lease for us, whoever had it. */
  async takeLease(): Promise<void> {
    const state = await openSqlite(this.path)
    await state.breakLease(T0, 'test')
    const { token } = await state.acquireLease('test', T0, 3_600_000)
    await state.close()
    this.fence = { token, now: T0 }
  }

  backups(at?: (boundary: string) => void): Backups {
    return openBackups({ dataDir: this.dataDir, tables: sqliteTables(this.path), ...(at && { at }) })
  }

  request(odd: Partial<BackupRequest> = {}): BackupRequest {
    return { record: installRecord('loyalty-points', '1.4.2'), store: 'acme-eu', reason: 'upgrade', config: { key: '${env:LOYALTY_KEY}' }, at: T0, ...odd }
  }

  sql(text: string): void {
    this.#with((db) => db.exec(text))
  }

  rows(query: string, ...params: (string | number)[]): unknown[] {
    return this.#with((db) => {
      const statement = db.prepare(query)
      statement.setReadBigInts(true)
      return statement.all(...params)
    })
  }

  /** Runs statements on the store's database, foreign keys off. */
  #with<T>(work: (db: DatabaseSync) => T): T {
    const db = new DatabaseSync(this.path, { enableForeignKeyConstraints: false })
    try {
      return work(db)
    } finally {
      db.close()
    }
  }

  /** As if these migrations had run. */
  applied(plugin: string, ...ids: string[]): void {
    this.#with((db) => {
      for (const id of ids) {
        const [statement] = recordMigrationSql('sqlite', plugin, { id, kind: 'expand', checksum: sha256(id), up: `-- ${id}`, down: id.endsWith('1') ? undefined : `-- undo ${id}` }, T0)
        db.prepare(statement?.sql ?? '').run(...(statement?.params ?? []))
      }
      for (const { sql, params } of recordOwnedSql('sqlite', plugin, ownedOf(readSchema(db), plugin))) db.prepare(sql).run(...params)
    })
  }

  /** A sample that has one of everything. */
  fill(): void {
    this.sql(SAMPLE)
    this.applied('loyalty-points', '0001_first', '0002_second')
    this.put('settings.json', '{"rate":2}')
    this.put('uploads/été/logo.bin', Buffer.from([0, 255, 1]))
    mkdirSync(join(this.dataDir, 'loyalty-points', 'empty'))
  }

  put(path: string, content: string | Buffer): void {
    const file = join(this.dataDir, 'loyalty-points', path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
  }

  /** Everything of the plugin, as text: two equal ones are equal to the last bit. */
  content(plugin = 'loyalty-points'): string {
    const prefix = `plg_${plugin.replaceAll('-', '_')}__`
    return JSON.stringify({ tables: this.#tables(prefix), files: filesBelow(join(this.dataDir, plugin)), migrations: this.#records(plugin) }, undefined, 1)
  }

  #tables(prefix: string): unknown {
    return this.#with((db) => {
      const schema = db.prepare(`SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE substr(name, 1, ?1) = ?2 OR substr(tbl_name, 1, ?1) = ?2 ORDER BY type, name`).all(prefix.length, prefix)
      const tables = schema.filter((one) => one['type'] === 'table').map((one) => String(one['name']))
      return [schema, tables.map((table) => [table, contentOf(db, table)]), sequences(db, prefix)]
    })
  }

  #records(plugin: string): unknown {
    return this.#with((db) => [
      db.prepare('SELECT * FROM catalyst_migrations WHERE plugin = ? ORDER BY sequence').all(plugin),
      db.prepare('SELECT * FROM catalyst_owned WHERE plugin = ? ORDER BY name').all(plugin),
    ])
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function contentOf(db: DatabaseSync, table: string): unknown {
  const columns = db.prepare('SELECT name FROM pragma_table_xinfo(?)').all(table).map((row) => `"${String(row['name']).replaceAll('"', '""')}"`)
  const wr = db.prepare(`SELECT wr FROM pragma_table_list WHERE name = ?`).get(table)?.['wr'] === 1
  const list = columns.flatMap((c) => [`typeof(${c})`, `hex(CAST(${c} AS BLOB))`, `printf('%!.20g', ${c})`])
  const statement = db.prepare(`SELECT ${[...(wr ? [] : ['CAST(rowid AS TEXT)']), ...list].join(', ')} FROM "${table}" NOT INDEXED`)
  statement.setReturnArrays(true)
  const hash = createHash('sha256')
  let rows = 0
  for (const row of statement.iterate()) {
    hash.update(JSON.stringify(row))
    rows += 1
  }
  return [rows, hash.digest('hex')]
}

function sequences(db: DatabaseSync, prefix: string): unknown {
  if (!db.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'`).get()) return []
  return db.prepare('SELECT name, CAST(seq AS TEXT) AS seq FROM sqlite_sequence WHERE substr(name, 1, ?) = ? ORDER BY name').all(prefix.length, prefix)
}

/** Path, mode, time to the second and content of everything below a folder; undefined when it is not there. The time of a folder is when something was put into it. */
export function filesBelow(folder: string): unknown {
  if (!lstatSync(folder, { throwIfNoEntry: false })) return undefined
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort().map((name) => {
    const stat = statSync(join(folder, name))
    return stat.isFile() ? [name, stat.mode & 0o777, Math.floor(stat.mtime.getTime() / 1000), readFileSync(join(folder, name), 'hex')] : [name, stat.mode & 0o777]
  })
}

export const SAMPLE = `
  CREATE TABLE plg_loyalty_points__accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, customer TEXT NOT NULL UNIQUE COLLATE NOCASE, points INTEGER NOT NULL DEFAULT 0 CHECK (points >= 0),
    level TEXT GENERATED ALWAYS AS (CASE WHEN points > 100 THEN 'gold' ELSE 'base' END) STORED, note
  );
  CREATE TABLE plg_loyalty_points__entries (account INTEGER NOT NULL REFERENCES plg_loyalty_points__accounts (id) ON DELETE CASCADE, at TEXT NOT NULL, amount REAL, PRIMARY KEY (account, at)) WITHOUT ROWID;
  CREATE TABLE plg_loyalty_points__odd (a, "b ""c" ANY, d BLOB) ;
  CREATE TABLE plg_loyalty_points__strict (a ANY, b INT) STRICT;
  CREATE INDEX plg_loyalty_points__by_level ON plg_loyalty_points__accounts (level, points DESC) WHERE points > 10;
  CREATE VIEW plg_loyalty_points__gold AS SELECT customer FROM plg_loyalty_points__accounts WHERE level = 'gold';
  CREATE TRIGGER plg_loyalty_points__no_less BEFORE UPDATE OF points ON plg_loyalty_points__accounts WHEN new.points < 0 BEGIN SELECT raise(ABORT, 'less than nothing'); END;
  CREATE TRIGGER plg_loyalty_points__log AFTER INSERT ON plg_loyalty_points__accounts BEGIN INSERT INTO plg_loyalty_points__odd VALUES (new.id, 'logged', NULL); END;
  INSERT INTO plg_loyalty_points__accounts (customer, points, note) VALUES ('ada', 5, 1), ('bob', 500, 1.0), ('eve', 0, NULL), ('dan', 7, x'00ff');
  DELETE FROM plg_loyalty_points__accounts WHERE customer = 'eve';
  UPDATE sqlite_sequence SET seq = 9007199254740993 WHERE name = 'plg_loyalty_points__accounts';
  INSERT INTO plg_loyalty_points__entries VALUES (1, '2026-01-01', 0.1), (1, '2026-01-02', -0.0), (2, '2026-01-01', 9e999);
  DELETE FROM plg_loyalty_points__odd;
  INSERT INTO plg_loyalty_points__odd (rowid, a, "b ""c", d) VALUES (-5, 9223372036854775807, -9223372036854775808, zeroblob(3)), (40, 9007199254740993, 1e308, ''), (41, 'a' || char(0) || 'b', x'', 'ü€😀'), (99, 1, 1.0, '1');
  INSERT INTO plg_loyalty_points__strict VALUES (1, 1), (1.0, 2), ('1', 3), (x'31', NULL);
`
