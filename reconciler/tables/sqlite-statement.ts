import { CatalystError, type Place } from '../../schemas/errors.ts'
import type { Connection } from '../store-db/sqlite-connection.ts'
import { kindOf, type Confinement, type StatementKind } from './sqlite-authorizer.ts'
import { OpenedTrees, reservedName } from './sqlite-opened.ts'
import type { Statement } from './statements.ts'

/** Where a statement stands. */
type At = Place & { readonly line: number }

/** Compiles and runs SQL of one plugin, each statement seen by all guards first. */
export class ConfinedSql {
  readonly #db: Connection
  readonly #opened: OpenedTrees
  readonly confinement: Confinement

  constructor(db: Connection, plugin: string, confinement: Confinement) {
    this.#db = db
    this.#opened = new OpenedTrees(db, plugin)
    this.confinement = confinement
  }

  /** @throws CatalystError MIGRATION_REFUSED, MIGRATION_FAILED, with the line */
  run({ sql, line, words }: Statement, file: string): void {
    const at = { file, line }
    const kind = kindOf(words)
    if (!kind) throw refused(at, `begins with ${words.slice(0, 3).join(' ') || 'no word'}: a migration may create, alter and drop tables, indexes, views and triggers, and select, insert, update and delete`)
    const reserved = kind === 'rows' || kind === 'create' ? reservedName(sql) : undefined
    if (reserved !== undefined) throw refused(at, `names ${reserved}, which is SQLite’s own`)
    try {
      this.#within(kind, line, () => {
        this.#assertOpensOwn(sql, kind, at)
        const prepared = this.#db.prepare(sql)
        // SQLite stops at the first end of a statement that it sees: if that is not ours, one of us reads it wrong.
        if (prepared.sourceSQL !== sql) throw refused(at, 'is more than one statement to SQLite')
        prepared.run()
      })
      if (kind !== 'rows') this.#opened.forget()
    } catch (cause) {
      throw this.#known(cause, at)
    }
    if (!this.#db.isTransaction) throw refused(at, 'ends the transaction')
  }

  /** Compiles a statement of ours that would use what the plugin made. @throws CatalystError MIGRATION_REFUSED, MIGRATION_FAILED */
  compile(sql: string, at: At, what: string): void {
    try {
      this.#within('rows', at.line, () => this.#assertOpensOwn(sql, 'rows', at))
    } catch (cause) {
      const { code, message } = this.#known(cause, at)
      throw new CatalystError(code, `${message} (${what})`, { place: at, cause })
    }
  }

  /** Everything else on this connection is ours, ROLLBACK too: the authorizer is there for as long as foreign SQL is. */
  #within(kind: StatementKind, line: number, work: () => void): void {
    this.#opened.learn()
    this.confinement.begin(kind, line)
    this.#db.setAuthorizer(this.confinement.authorize)
    try {
      work()
    } finally {
      this.#db.setAuthorizer(null)
    }
  }

  #assertOpensOwn(sql: string, kind: StatementKind, at: At): void {
    const table = this.#opened.foreign(sql, kind)
    if (table !== undefined) throw refused(at, `reads or writes ${table}, which is not this plugin’s own`)
  }

  #known(cause: unknown, at: At): CatalystError {
    if (cause instanceof CatalystError) return cause
    const { refused: why } = this.confinement
    if (why) return refused(at, `${why}, which is not for this plugin`, cause)
    return new CatalystError('MIGRATION_FAILED', `${at.file}:${at.line}: ${(cause as Error).message}`, { place: at, cause })
  }
}

function refused(at: At, what: string, cause?: unknown): CatalystError {
  return new CatalystError('MIGRATION_REFUSED', `${at.file}:${at.line} ${what}`, { place: at, ...(cause === undefined ? {} : { cause }) })
}
