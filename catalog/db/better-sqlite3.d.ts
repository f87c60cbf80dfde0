/** The part of better-sqlite3 that we use; the package brings no types. */
declare module 'better-sqlite3' {
  import type { SqliteDatabase } from 'kysely'

  export default class Database implements SqliteDatabase {
    constructor(path: string, options?: { readonly timeout?: number; readonly readonly?: boolean })
    pragma(text: string): unknown
    prepare: SqliteDatabase['prepare']
    close(): void
  }
}
