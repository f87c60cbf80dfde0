import pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/*
 * Connections over which rows stream out of PostgreSQL and back. The door to `pg-copy-streams` of this room; one task,
 * one connection.
 */

export type Row = Readonly<Record<string, unknown>>

/** What makes the text of a value the same on both ways, whatever the server's own settings are. */
const SETTINGS = {
  client_encoding: 'UTF8',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  extra_float_digits: 3,
  bytea_output: 'hex',
  // Rows that a policy hides would be missing without a word.
  row_security: 'off',
  statement_timeout: 0,
  idle_in_transaction_session_timeout: 600_000,
  lock_timeout: 10_000,
  // What a killed process began ends.
  client_connection_check_interval: 1_000,
} as const

const CONNECT_MS = 10_000

export class CopySession {
  readonly #client: pg.Client
  #lost = false

  private constructor(client: pg.Client) {
    this.#client = client
    client.on('error', () => (this.#lost = true))
  }

  /** Connects, as another role when a login is given. `searchPath` are names of schemas, each quoted. */
  static async open(url: string, searchPath: string, login?: { readonly user: string; readonly password: string }): Promise<CopySession> {
    const { host, port, database, user, password, ssl } = new pg.Client({ connectionString: url })
    const options = Object.entries({ ...SETTINGS, search_path: searchPath }).map(([name, value]) => `-c ${name}=${String(value).replace(/[\\ ]/g, '\\$&')}`)
    const client = new pg.Client({ host, port, database, user, password, ssl, ...login, options: options.join(' '), connectionTimeoutMillis: CONNECT_MS, keepAlive: true, application_name: 'catalyst backup' } as pg.ClientConfig)
    const session = new CopySession(client)
    await client.connect()
    return session
  }

  /** One statement, alone in its message: a second one in the text is an error of the server's. */
  async ask(sql: string, params: readonly unknown[] = []): Promise<readonly Row[]> {
    const config = { text: sql, values: [...params], queryMode: 'extended' }
    return (await this.#client.query<Record<string, unknown>>(config)).rows
  }

  /** The bytes of `COPY … TO STDOUT`. */
  async *copyOut(sql: string): AsyncGenerator<Buffer> {
    const stream = this.#client.query(copyTo(sql))
    for await (const chunk of stream) yield chunk as Buffer
  }

  /** Feeds `COPY … FROM STDIN`. What the source throws fails the statement. @returns the number of rows */
  async copyIn(sql: string, source: AsyncIterable<Buffer>): Promise<number> {
    const stream = this.#client.query(copyFrom(sql))
    await pipeline(Readable.from(source, { objectMode: false }), stream)
    return stream.rowCount
  }

  async end(): Promise<void> {
    if (this.#lost) return this.destroy()
    await this.#client.end().catch(() => undefined)
  }

  /** Ends the connection without asking; the server rolls back what was open. */
  destroy(): void {
    this.#client.connection.stream.destroy()
  }
}
