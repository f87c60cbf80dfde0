import pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import type { Duplex } from 'node:stream'

/*
 * Connections on which plugins' SQL runs, or their rows are read: the second door to `pg`. What a server sends there is
 * foreign: a row may have a gigabyte, and so may a notice. Nothing of it is kept that nobody asked for.
 */

export interface Login {
  readonly user: string
  readonly password: string
}

export interface SessionOptions {
  /** Instead of the URL's own. */
  readonly login?: Login
  /** Settings from the first moment on: no statement is needed to make them, so none can be refused half-way. */
  readonly settings: Readonly<Record<string, string | number>>
  readonly connectMs: number
}

export type Row = Readonly<Record<string, string | number | boolean | null>>

/** A message of the server that is no row and longer than this ends the connection. */
const MESSAGE_MAX_BYTES = 1024 * 1024

/** One connection for one task. It is never shared and never used again. */
export class PostgresSession {
  readonly #client: pg.Client
  readonly #connection: BoundedConnection
  #lost: Error | undefined

  private constructor(client: pg.Client, connection: BoundedConnection) {
    this.#client = client
    this.#connection = connection
    client.on('error', (error) => (this.#lost = error))
  }

  /** Connects. Throws what the library throws. */
  static async open(url: string, options: SessionOptions): Promise<PostgresSession> {
    const { host, port, database, user, password, ssl } = new pg.Client({ connectionString: url })
    const settings = Object.entries(options.settings).map(([name, value]) => `-c ${name}=${String(value).replace(/[\\ ]/g, '\\$&')}`)
    const config = { host, port, database, user, password, ssl, ...options.login, options: settings.join(' '), connectionTimeoutMillis: options.connectMs, application_name: 'catalyst plugin' } as pg.ClientConfig
    const connection = new BoundedConnection(config)
    const client = new pg.Client({ ...config, connection } as pg.ClientConfig)
    const session = new PostgresSession(client, connection)
    await client.connect()
    return session
  }

  /** A statement of ours: the one that is whole after it is the only one that ran. */
  async ask(sql: string, params: readonly unknown[] = []): Promise<readonly Row[]> {
    return (await this.#query(sql, params)).rows
  }

  /** A statement of a plugin, alone in its message (extended protocol); its rows are thrown away as they come. @returns the server's name for what it did */
  async run(sql: string): Promise<string> {
    this.#connection.discardsRows = true
    try {
      return (await this.#query(sql, [])).command ?? ''
    } finally {
      this.#connection.discardsRows = false
    }
  }

  /** `COPY … TO STDOUT`, as its bytes come. @returns the number of rows */
  async copy(sql: string, each: (chunk: Buffer) => void): Promise<number> {
    const stream = this.#client.query(copyTo(sql))
    for await (const chunk of stream) each(chunk as Buffer)
    return stream.rowCount
  }

  /** The number of the server's process for this connection. */
  get backend(): number {
    return (this.#client as unknown as { readonly processID: number }).processID
  }

  /** True while the transaction that was begun is open and sound. */
  get inTransaction(): boolean {
    return this.#client.getTransactionStatus() === 'T'
  }

  /** Ends the connection; the transaction that is open has been rolled back then. */
  async end(): Promise<void> {
    if (this.#lost) return this.destroy()
    const open = this.#client.getTransactionStatus()
    if (open === 'T' || open === 'E') await this.#client.query('ROLLBACK').catch(() => undefined)
    await this.#client.end().catch(() => undefined)
  }

  /** Ends the connection without asking. The server rolls back what was open. */
  destroy(): void {
    this.#client.connection.stream.destroy()
  }

  async #query(text: string, values: readonly unknown[]): Promise<{ readonly rows: readonly Row[]; readonly command: string | null }> {
    const config = { text, values: [...values], queryMode: 'extended' }
    return this.#client.query<Record<string, string | number | boolean | null>>(config)
  }
}

type Listener = (chunk: Buffer) => void
/** What the library's own class has and its types do not tell. */
const Connection = pg.Connection as unknown as new (config: pg.ClientConfig) => pg.Connection & { attachListeners(stream: Pick<Duplex, 'on'>): void }

/** Reads with the library's parser, which keeps a message until it is whole, only messages of bounded size. */
class BoundedConnection extends Connection {
  discardsRows = false

  override attachListeners(stream: Duplex): void {
    const gate = new MessageGate(() => this.discardsRows)
    const pass = (listener: Listener) => (chunk: Buffer) => {
      const passed = gate.pass(chunk)
      if (passed === undefined) stream.destroy(new Error(`the server sent a message of more than ${MESSAGE_MAX_BYTES} bytes`))
      else if (passed.length > 0) listener(passed)
    }
    super.attachListeners({ on: (event: string, listener: Listener) => stream.on(event, event === 'data' ? pass(listener) : listener) } as unknown as Pick<Duplex, 'on'>)
  }
}

const DATA_ROW = 0x44
const COPY_DATA = 0x64
const HEADER = 5

/** Cuts rows out of the server's stream of messages (https://www.postgresql.org/docs/current/protocol-message-formats.html). */
export class MessageGate {
  readonly #discards: () => boolean
  #header: Buffer = Buffer.alloc(0)
  #left = 0
  #drops = false

  constructor(discards: () => boolean) {
    this.#discards = discards
  }

  /** What of a chunk goes on; undefined when a message is too long. */
  pass(chunk: Buffer): Buffer | undefined {
    const out: Buffer[] = []
    for (let at = 0; at < chunk.length; ) {
      if (this.#left === 0) {
        const taken = chunk.subarray(at, at + HEADER - this.#header.length)
        this.#header = Buffer.concat([this.#header, taken])
        at += taken.length
        if (this.#header.length < HEADER) break
        if (!this.#begin(out)) return undefined
      }
      const body = chunk.subarray(at, at + this.#left)
      if (!this.#drops) out.push(body)
      this.#left -= body.length
      at += body.length
    }
    return Buffer.concat(out)
  }

  #begin(out: Buffer[]): boolean {
    const kind = this.#header[0]
    const isRow = kind === DATA_ROW || kind === COPY_DATA
    this.#left = this.#header.readUInt32BE(1) - 4
    this.#drops = isRow && this.#discards()
    if (!this.#drops) out.push(this.#header)
    this.#header = Buffer.alloc(0)
    return this.#drops || this.#left <= MESSAGE_MAX_BYTES
  }
}
