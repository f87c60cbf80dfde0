import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { startPostgres } from '../test/postgres-process.ts'
import type { Arena } from './arena.ts'
import { bareNode, newMachine, Store } from './catalyst.ts'
import { write } from './ground.ts'
import { inTurns, type Case, type Command, type Measured, run } from './measure.ts'
import { tablesOfOwner } from './owner-plugin.ts'
import { type Row, type Section, within } from './row.ts'

const PROMISED_MS = 300
const ROWS = 20

/** `plan` where many plugins own tables and something is to be decided: what nobody touches must not cost. */
export async function planWithTables(arena: Arena): Promise<Section> {
  const { plugins, tables } = arena.sizes.owners
  const server = await startPostgres()
  try {
    const rows = [...(await onSqlite(arena)), ...(await onPostgres(arena, server.adminUrl))]
    return {
      title: `Plan with ${plugins} plugins that own ${plugins * tables} tables`,
      note: `\`catalyst plan\` as a whole process. Every plugin was really installed and its migration made ${tables} tables, which hold ${ROWS} rows each. “Three change”: two entries have left plugins.yaml, one has another config. “All but one leave”: nearly every table is looked at. PostgreSQL is a server on the same machine that does nothing else.`,
      rows,
    }
  } finally {
    await server.remove()
  }
}

async function onSqlite(arena: Arena): Promise<readonly Row[]> {
  return contest(arena, 'SQLite', 'sqlite:./store.db', (store, statements) => {
    const db = new DatabaseSync(join(store.dir, 'store.db'))
    db.exec(`BEGIN; ${statements((plugin, table) => `${plugin}__${table}`).join('; ')}; COMMIT`)
    db.close()
  })
}

async function onPostgres(arena: Arena, url: string): Promise<readonly Row[]> {
  return contest(arena, 'PostgreSQL', url, async (_store, statements) => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    await client.query(statements((plugin, table) => `${plugin}.${table}`).join('; '))
    await client.query('VACUUM ANALYZE')
    await client.end()
  })
}

/** Statements that fill all tables, as the database names these. */
type Filling = (named: (plugin: string, table: string) => string) => readonly string[]

async function contest({ ground, world, sizes }: Arena, name: string, database: string, fill: (store: Store, statements: Filling) => void | Promise<void>): Promise<readonly Row[]> {
  const { plugins, tables } = sizes.owners
  const owners = world.owners.slice(0, plugins)
  const store = new Store(ground, world, newMachine(ground), owners, { database })
  for (const command of store.install()) run(command)
  const numbers = Array.from({ length: ROWS }, (_, i) => `(${i + 1})`).join(', ')
  await fill(store, (named) => owners.flatMap(({ id }) => tablesOfOwner(tables).map((table) => `INSERT INTO ${named(`plg_${id.replaceAll('-', '_')}`, table)} (id) VALUES ${numbers}`)))
  const [node, three, all] = inTurns([
    { name: 'bare node -e 0', prepare: () => [bareNode(ground.root)] },
    planned('three', store, () => store.want(world, owners.slice(2), { database, configs: { [owners.at(-1)?.id ?? '']: { level: 2 } } })),
    planned('all but one', store, () => store.want(world, owners.slice(-1), { database })),
  ], sizes.quickRounds, sizes.warmUps) as readonly [Measured, Measured, Measured]
  return [within(`catalyst plan, ${name}, three change`, three, node, PROMISED_MS), within(`catalyst plan, ${name}, all but one leave`, all, node, PROMISED_MS)]
}

/** Git's two files as they are after `want` and a lock, put there before each run. A plan that changes nothing would measure nothing. */
function planned(name: string, store: Store, want: () => void): Case {
  want()
  run(store.command('lock'))
  const files = Object.fromEntries(['plugins.yaml', 'plugins.lock.yaml'].map((file) => [file, readFileSync(join(store.dir, file), 'utf8')]))
  const plan: Command = { ...store.command('plan', '--detailed-exitcode'), exits: [2] }
  return {
    name,
    prepare() {
      write(store.dir, files)
      return [plan]
    },
  }
}
