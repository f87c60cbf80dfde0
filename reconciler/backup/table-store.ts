import type { AppliedMigration, BackupRef, Dialect, Fence } from '../data-ports.ts'

/*
 * What a backup needs of a database, the same for SQLite and PostgreSQL. Rows travel as chunks of bytes that only the
 * same kind of database can read again; `encoding` says how they were written.
 */

/** Rows of one table, as they lie in a part of a backup. */
export interface StoredRows {
  readonly table: string
  readonly encoding: string
  readonly rows: number
}

/** One plugin's tables at one moment: nothing in it changes any more while it is read. */
export interface TablesSnapshot {
  /** Name and version of the database, for people. */
  readonly engine: string
  /** JSON: everything needed to make the tables again, without their rows. */
  readonly schema: object
  readonly tables: readonly string[]
  readonly migrations: readonly AppliedMigration[]
  /**
   * The rows of a table, in chunks. Encodings are tried in the order of `encodings`; one that cannot carry a value
   * exactly throws `NotExact`, and the next one is taken.
   */
  rows(table: string, encoding: string): AsyncIterable<Buffer>
  readonly encodings: readonly string[]
  /** How many rows the last complete reading of a table had. */
  rowsRead(table: string): number
}

/** Thrown by an encoding that would change a value. Never leaves this room. */
export class NotExact extends Error {}

/** What a restore puts in place of a plugin's tables. */
export interface Replacement {
  readonly plugin: string
  readonly schema: unknown
  readonly tables: readonly (StoredRows & { read(): AsyncIterable<Buffer> })[]
  readonly migrations: readonly AppliedMigration[]
  /** Recorded in the same transaction: that it stands there says that this restore was committed. */
  readonly restore: string
  readonly fence: Fence
  readonly signal: AbortSignal | undefined
  /** Told what is about to happen, for tests that fail there. */
  at(boundary: string): void
  /** Runs when all is written and nothing is committed. What it throws undoes everything. */
  beforeCommit(): Promise<void>
}

/** Where a backup stands: only `whole` ones count. */
export type BackupState = 'writing' | 'whole' | 'removing'

/** One line of the store's own list of backups. */
export interface BackupEntry {
  readonly name: string
  readonly state: BackupState
  readonly at: string
  /** Present once it is whole. */
  readonly ref: BackupRef | undefined
}

/** The store's own list of backups, in its database: what stands on a disk can be edited, this is what it is held against. */
export interface BackupList {
  entries(): Promise<readonly BackupEntry[]>
  put(entry: BackupEntry): Promise<void>
  forget(name: string): Promise<void>
}

/** The plugins' tables of a store as backups see them. */
export interface TableStore {
  readonly dialect: Dialect
  readonly list: BackupList
  /** @throws CatalystError BACKUP_FAILED for what a backup could not bring back, by name */
  snapshot<T>(plugin: string, work: (snapshot: TablesSnapshot) => Promise<T>): Promise<T>
  /** How many rows the chunks hold. @throws CatalystError BACKUP_DAMAGED */
  countRows(schema: unknown, stored: StoredRows, chunks: AsyncIterable<Buffer>): Promise<number>
  /** Drops what the plugin has and puts `replacement` there, in one transaction under its fence. @throws CatalystError LEASE_LOST, BACKUP_DAMAGED, TABLE_IN_USE */
  replace(replacement: Replacement): Promise<void>
  /** Runs `work` while no other restore can begin or commit: under the fence, holding the store's write lock. */
  exclusively<T>(fence: Fence, work: (restores: CommittedRestores) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** Restores whose transaction was committed and whose folders may not be cleared yet. */
export interface CommittedRestores {
  names(): Promise<ReadonlySet<string>>
  forget(restore: string): Promise<void>
}
