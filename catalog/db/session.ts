import type { Kysely, Transaction } from 'kysely'
import { CatalystError, redact } from '../../schemas/errors.ts'
import type { CursorKey, Cursors } from './cursors.ts'
import type { CatalogDatabase } from './open.ts'
import type { CatalogTables } from './tables.ts'
import type { Page, PageRequest } from '../ports.ts'

export type Reading = Kysely<CatalogTables>
export type Writing = Transaction<CatalogTables>

const DEFAULT_LIMIT = 50
const MAX_LIMIT = 100

/** What of a list is asked for: the sort key after which it goes on, and one row more than is shown, to know whether more follow. */
export interface Slice {
  readonly after: CursorKey | undefined
  readonly rows: number
}

/** Reads, writes and pages of one open database; what the driver throws becomes an error of ours here. */
export class Session {
  readonly #database: CatalogDatabase
  readonly #cursors: Cursors

  constructor(database: CatalogDatabase, cursors: Cursors) {
    this.#database = database
    this.#cursors = cursors
  }

  /** @throws CatalystError STATE_UNAVAILABLE, and what `work` throws */
  read<T>(work: (db: Reading) => Promise<T>): Promise<T> {
    return this.#guarded(() => work(this.#database.db))
  }

  /**
   * One transaction. Its first statement locks one row, so that writers follow one another in both databases: what is read
   * after it is the newest, and stays so until the end. @throws CatalystError STATE_UNAVAILABLE, BUSY, and what `work` throws
   */
  write<T>(work: (db: Writing) => Promise<T>): Promise<T> {
    return this.#guarded(() =>
      this.#database.db.transaction().execute(async (db) => {
        await db.updateTable('catalog_notes').set({ value: '' }).where('name', '=', 'writer').execute()
        return work(db)
      }),
    )
  }

  /**
   * A page of a list. `list` names it with its filters, `rows` reads a slice of it, `keyOf` is a row's sort key.
   * @throws CatalystError CURSOR_INVALID, INVALID_VALUE for a limit that is none
   */
  async page<R, T>(list: unknown, request: PageRequest, read: { readonly rows: (db: Reading, slice: Slice) => Promise<readonly R[]>; readonly keyOf: (row: R) => CursorKey; readonly item: (row: R) => T }): Promise<Page<T>> {
    const limit = request.limit ?? DEFAULT_LIMIT
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) throw new CatalystError('INVALID_VALUE', `a page has 1 to ${MAX_LIMIT} items, not ${limit}`)
    const after = request.cursor === undefined ? undefined : this.#cursors.open(list, request.cursor)
    const rows = await this.read((db) => read.rows(db, { after, rows: limit + 1 }))
    const last = rows.length > limit ? rows[limit - 1] : undefined
    return { items: rows.slice(0, limit).map(read.item), next: last && this.#cursors.seal(list, read.keyOf(last)) }
  }

  async close(): Promise<void> {
    await this.#database.db.destroy()
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof CatalystError) throw error
      const { code, message } = error as { code?: string; message?: string }
      const busy = /^(SQLITE_BUSY|SQLITE_LOCKED|40001|40P01|55P03)/.test(code ?? '')
      throw new CatalystError(busy ? 'BUSY' : 'STATE_UNAVAILABLE', `The catalog database ${this.#database.name}: ${redact(message ?? String(error))}`, { cause: error, hint: busy ? 'Another process writes to it; run the command again.' : 'Check that the database runs and that its disk is not full.' })
    }
  }
}
