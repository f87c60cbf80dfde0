import pg from 'pg'
import { CatalystError } from '../../schemas/errors.ts'
import { postgresError, sqlState } from './postgres-errors.ts'

/*
 * The only door to PostgreSQL. Loaded when a store names one. What a session could carry over (search path, time limits)
 * is said anew in every transaction, so that a pooler may stand in between.
 */

/** Bytes and big numbers come as text. */
export type PostgresRow = Readonly<Record<string, string | number | boolean | null>>
export type Query = (sql: string, params?: readonly unknown[]) => Promise<readonly PostgresRow[]>

const CONNECT_MS = 10_000
/** How long a statement waits for another process's short transaction, as in SQLite. */
const LOCK_MS = 5_000
const STATEMENT_MS = 30_000
/** When even the server's own limit brings no answer, nobody is there any more. */
const SILENCE_MS = STATEMENT_MS + 10_000

const BEGIN = {
  // A statement sees what was committed when it began: what is read after a lock was waited for is the newest.
  write: begin('READ COMMITTED, READ WRITE'),
  // One snapshot for all statements, and it waits for nobody.
  read: begin('REPEATABLE READ, READ ONLY'),
} as const

function begin(mode: string): string {
  return `BEGIN TRANSACTION ISOLATION LEVEL ${mode}; SET LOCAL search_path = pg_catalog; SET LOCAL lock_timeout = ${LOCK_MS}; SET LOCAL statement_timeout = ${STATEMENT_MS}; SET LOCAL idle_in_transaction_session_timeout = ${SILENCE_MS}`
}

/** A database, connected to when it is first asked something, and again after it was gone. */
export class PostgresConnection {
  /** For people: `postgres://host:port/database`, without user and password. */
  readonly name: string
  readonly role: string
  readonly #options: pg.ClientConfig
  readonly #secret: string | undefined
  #client: pg.Client | undefined
  #turn: Promise<unknown> = Promise.resolve()

  /** Connects to nothing yet. @throws CatalystError STATE_UNAVAILABLE for a text that is no URL */
  constructor(url: string) {
    this.#options = { connectionString: url, connectionTimeoutMillis: CONNECT_MS, query_timeout: SILENCE_MS, keepAlive: true, application_name: 'catalyst' }
    const { host, port, database, user, password } = parsed(this.#options)
    this.name = `postgres://${host}${host.startsWith('/') ? ' ' : `:${port}/`}${database ?? ''}`
    this.role = user ?? ''
    this.#secret = typeof password === 'string' && password !== '' ? password : undefined
  }

  /** One statement that only reads: it may be asked twice. @throws CatalystError STATE_UNAVAILABLE and as `transaction` */
  ask(sql: string, params: readonly unknown[] = []): Promise<readonly PostgresRow[]> {
    return this.#inTurn(async () => (await this.#first(sql, params)).rows)
  }

  /**
   * Runs `work` in one transaction: all of it or nothing. Transactions of one connection follow one another.
   * @throws CatalystError STATE_UNAVAILABLE, READ_ONLY, DISK_FULL, BUSY, and what `work` throws
   */
  transaction<T>(mode: 'read' | 'write', work: (query: Query) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      const { client } = await this.#first(BEGIN[mode])
      try {
        const result = await work(async (sql, params = []) => (await this.#query(client, sql, params)).rows as PostgresRow[])
        await this.#commit(client)
        return result
      } catch (error) {
        if (this.#client === client) await client.query('ROLLBACK').catch(() => this.#discard(client))
        throw error
      }
    })
  }

  async close(): Promise<void> {
    await this.#turn
    const client = this.#client
    this.#client = undefined
    await client?.end().catch(() => undefined)
  }

  /** Asks the first statement of a turn. A connection that died while nobody used it is made anew: nothing was done on it yet. */
  async #first(sql: string, params: readonly unknown[] = []): Promise<{ client: pg.Client; rows: readonly PostgresRow[] }> {
    const known = this.#client
    if (known) {
      try {
        return { client: known, rows: (await this.#query(known, sql, params)).rows as PostgresRow[] }
      } catch (error) {
        const state = sqlState((error as CatalystError).cause)
        if (state !== undefined && !state.startsWith('57P')) throw error
        this.#discard(known)
      }
    }
    const client = await this.#connect()
    return { client, rows: (await this.#query(client, sql, params)).rows as PostgresRow[] }
  }

  /** An error that does not come from the server means that nobody is there any more. */
  async #query(client: pg.Client, sql: string, params: readonly unknown[] = []): Promise<pg.QueryResult> {
    try {
      return await client.query(sql, [...params])
    } catch (error) {
      if (sqlState(error) === undefined) this.#discard(client)
      throw this.#told(error)
    }
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client(this.#options)
    // Without a listener the end of an idle connection would end the process.
    client.on('error', () => this.#discard(client))
    try {
      await client.connect()
    } catch (error) {
      this.#discard(client)
      throw this.#told(error)
    }
    client.once('end', () => this.#discard(client))
    this.#client = client
    return client
  }

  async #commit(client: pg.Client): Promise<void> {
    try {
      const { command } = await this.#query(client, 'COMMIT')
      // PostgreSQL answers otherwise to the end of a transaction in which a statement had failed.
      if (command !== 'COMMIT') throw new CatalystError('STATE_UNAVAILABLE', `The store database ${this.name} rolled the transaction back`)
    } catch (error) {
      if (this.#client === client) throw error
      throw new CatalystError('STATE_UNAVAILABLE', `The store database ${this.name} went away while it was recording: whether it did is not known`, { cause: error, hint: 'Run the command again: it looks first.' })
    }
  }

  #told(error: unknown): CatalystError {
    return postgresError(error, { name: this.name, role: this.role, secret: this.#secret })
  }

  #discard(client: pg.Client): void {
    if (this.#client === client) this.#client = undefined
    void client.end().catch(() => undefined)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => undefined)
    return turn
  }
}

/** The parts of the URL as the library reads them. Its own complaint would show the whole URL. */
function parsed(options: pg.ClientConfig): { host: string; port: number; database: string | undefined; user: string | undefined; password: unknown } {
  try {
    const { host, port, database, user, password } = new pg.Client(options)
    return { host, port, database, user, password }
  } catch {
    throw new CatalystError('STATE_UNAVAILABLE', 'store.database is not a PostgreSQL URL that can be read', { hint: 'Write postgres://user:password@host:5432/database, special characters in percent form, or ${env:DATABASE_URL}.' })
  }
}
