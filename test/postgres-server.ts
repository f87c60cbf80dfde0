import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import pg from 'pg'

/*
 * A database of its own for each test file, on the one PostgreSQL server of the run (`postgres-once.ts`). For a server of
 * one's own, to stop and start again: `startPostgres` in `postgres-process.ts`.
 *
 * Roles belong to the whole server: two test files that make a role of the same name would meet. Ours have random names.
 */

/** The environment variable that names the socket at which `postgres-once.ts` answers. */
export const ASK_AT = 'CATALYST_TEST_POSTGRES'

export interface TestDatabase {
  readonly name: string
  /** What a store is given: a role that owns the database and may make roles, but is no superuser. */
  readonly url: string
  readonly role: string
  readonly password: string
  /** Another role on the same database that owns nothing and was granted nothing. */
  readonly strangerUrl: string
  /** A connection to this database as superuser: for looking, and for planting faults. */
  readonly admin: pg.Client
  /** Ends every connection to the database but `admin`, as a restart of the server would, and waits until they are gone. */
  disconnect(): Promise<void>
  drop(): Promise<void>
}

export interface DatabaseOptions {
  /** Default true. Without it the store's role cannot make roles for plugins. */
  readonly createRole?: boolean
  /** Default: the server of the run. */
  readonly adminUrl?: string
}

/** A fresh, empty database, in about 50 ms; `drop` it when done. */
export async function newDatabase(options: DatabaseOptions = {}): Promise<TestDatabase> {
  const adminUrl = options.adminUrl ?? (await serverOfTheRun())
  const name = `shop_${randomBytes(5).toString('hex')}`
  const password = `S3cret-${randomBytes(8).toString('hex')}`
  const stranger = `${name}_stranger`
  await once(adminUrl, async (server) => {
    await server.query(`CREATE ROLE ${name} LOGIN ${options.createRole === false ? '' : 'CREATEROLE'} PASSWORD '${password}'`)
    await server.query(`CREATE ROLE ${stranger} LOGIN PASSWORD '${password}'`)
    await server.query(`CREATE DATABASE ${name} OWNER ${name}`)
  })
  const admin = await connected(at(adminUrl, name))
  const disconnect = async (): Promise<void> => {
    await admin.query('SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()', [name])
  }
  const drop = async (): Promise<void> => {
    await admin.end()
    await once(adminUrl, async (server) => {
      await server.query(`DROP DATABASE ${name} WITH (FORCE)`)
      await server.query(`DROP ROLE ${stranger}`)
      await dropRole(server, name)
    })
  }
  return { name, role: name, password, url: at(adminUrl, name, name, password), strangerUrl: at(adminUrl, name, stranger, password), admin, disconnect, drop }
}

/** With the roles that it made, so that their names are free for the next test. */
async function dropRole(server: pg.Client, role: string): Promise<void> {
  const made = await server.query<{ name: string }>(
    `SELECT m.roleid::regrole::text AS name FROM pg_auth_members m WHERE m.member = $1::regrole AND m.admin_option`, [role])
  for (const { name } of made.rows) await server.query(`DROP ROLE IF EXISTS ${name}`)
  await server.query(`DROP ROLE ${role}`)
}

async function once(url: string, work: (server: pg.Client) => Promise<void>): Promise<void> {
  const server = await connected(url)
  try {
    await work(server)
  } finally {
    await server.end()
  }
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

function at(adminUrl: string, database: string, user?: string, password?: string): string {
  const url = new URL(adminUrl)
  url.pathname = `/${database}`
  if (user !== undefined) url.username = user
  if (password !== undefined) url.password = password
  return url.href
}

let asked: Promise<string> | undefined

/** The superuser's URL of the server of the run, which starts now if nobody asked before. */
function serverOfTheRun(): Promise<string> {
  const socketPath = process.env[ASK_AT]
  if (socketPath === undefined) throw new Error(`${ASK_AT} is not set: run this with vitest, or give newDatabase the adminUrl of a server from startPostgres()`)
  return (asked ??= new Promise((done, failed) => {
    const question = request({ socketPath, path: '/' }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      answer.once('end', () => (answer.statusCode === 200 ? done(text) : failed(new Error(text))))
    })
    question.once('error', failed)
    question.end()
  }))
}
