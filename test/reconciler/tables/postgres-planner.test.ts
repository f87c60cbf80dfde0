import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Fence, PluginTables } from '../../../reconciler/data-ports.ts'
import { openPostgresTables } from '../../../reconciler/tables/postgres.ts'
import { migration } from '../../contracts/plugin-tables.ts'
import { connected, postgresStore, type PostgresStore } from './postgres-world.ts'

/*
 * Whoever plans a query of a plugin's table computes what the plugin wrote into its indexes, statistics and checks, with
 * his own rights. The trap here writes down in whose name it ran; it is sprung by a plain SELECT and must be by nothing of ours.
 */

const TRAP = `
  CREATE TABLE seen (who text);
  CREATE FUNCTION note() RETURNS void VOLATILE LANGUAGE plpgsql AS $$ BEGIN INSERT INTO plg_loyalty.seen VALUES (current_user); END $$;
  CREATE FUNCTION trap(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM plg_loyalty.note(); RETURN i; END $$;
  CREATE TABLE a (id int PRIMARY KEY, s text);
  INSERT INTO a VALUES (1, 'one'), (2, 'two');
  CREATE INDEX ON a ((trap(1)));
  CREATE STATISTICS ON (trap(2)), id FROM a;
  CREATE TABLE b (id int) PARTITION BY LIST (trap(id));
  CREATE TABLE b1 PARTITION OF b DEFAULT;
  CREATE VIEW v AS SELECT trap(3) AS n;
  CREATE TYPE colour AS ENUM ('red');
  CREATE DOMAIN small AS int CHECK (trap(VALUE) < 9);
  CREATE TABLE c (id small, k colour DEFAULT 'red', n int GENERATED ALWAYS AS (trap(7)) STORED);
`

describe.each(['an ordinary role', 'a superuser'])('a store that is %s', (kind) => {
  let store: PostgresStore
  let tables: PluginTables
  let fence: Fence
  let url: string
  beforeEach(async () => {
    store = await postgresStore()
    url = store.database.url
    if (kind === 'a superuser') await store.database.admin.query(`ALTER ROLE ${store.database.role} SUPERUSER`)
    tables = openPostgresTables(url)
    fence = await store.lease()
    await tables.migrate('loyalty', migration('0001_trap', TRAP), fence, { timeoutMs: 60_000 })
    await store.database.admin.query(`ALTER TABLE plg_loyalty.a ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON plg_loyalty.a USING (plg_loyalty.trap(5) = 5)`)
  })
  afterEach(async () => {
    await tables.close()
    await store.remove()
  })
  /** COPY of a table is not planned: looking does not spring the trap. */
  const caught = async (): Promise<readonly string[]> => {
    const role = await store.role('loyalty')
    const client = await connected(url)
    const rows = (await client.query('SELECT DISTINCT who FROM plg_loyalty.seen')).rows as { who: string }[]
    await client.end()
    return rows.map(({ who }) => who).filter((who) => who !== role)
  }

  test('runs nothing of the plugin when it looks, moves, compares and drops', async () => {
    for (const rows of ['exact', 'estimate'] as const) await tables.inventory(['loyalty'], rows)
    await tables.uses(['loyalty'])
    await tables.digest('loyalty')
    await tables.quarantine('loyalty', fence)
    await tables.digest('loyalty')
    await tables.restoreFromQuarantine('loyalty', fence)
    expect(await caught()).toEqual([])
    const found = await tables.drop('loyalty', fence)
    expect(found.tables.map((t) => [t.name, t.rows])).toEqual([['a', 2], ['b', 0], ['b1', 0], ['c', 0], ['seen', expect.any(Number)]])
  })

  test('(the trap is sprung by a plain SELECT)', async () => {
    await store.sql('SELECT count(*) FROM plg_loyalty.a')
    expect(await caught()).toEqual([store.database.role])
  })
})
