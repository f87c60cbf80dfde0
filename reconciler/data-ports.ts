import type { Digest } from '../schemas/digest.ts'
import type { SealedPolicy } from '../schemas/common.ts'
import type { InstallRecord } from './ports.ts'

/*
 * What outlives code: the tables that a plugin's migrations made, its data folder, and backups of both. The reconciler
 * declares what it needs; `reconciler/tables` and `reconciler/backup` provide it for SQLite and PostgreSQL.
 */

export type Dialect = 'sqlite' | 'postgres'

/** Under whose lease something is written. A token that is not the newest one any more is refused inside the transaction. */
export interface Fence {
  readonly token: number
  readonly now: string
}

/** How long one statement of foreign SQL, and the whole migration, may take. */
export interface SqlLimits {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

// ---- migrations ----------------------------------------------------------------------------------------------

/** A migration as a package holds it, for one kind of database. `checksum` is the lock's: over all its files. */
export interface Migration {
  readonly id: string
  readonly kind: 'expand' | 'contract' | 'breaking'
  readonly checksum: Digest
  readonly up: string
  readonly down: string | undefined
}

/** A migration that has run. Its texts are kept with it, so that it can be undone when the package is gone. */
export interface AppliedMigration extends Migration {
  readonly plugin: string
  readonly appliedAt: string
  /** Order over all plugins, from 1. */
  readonly sequence: number
}

// ---- ownership -----------------------------------------------------------------------------------------------

export interface OwnedTable {
  /** As the database names it: `plg_loyalty_points__accounts`, or `accounts` in schema `plg_loyalty_points`. */
  readonly name: string
  readonly rows: number
  readonly bytes: number
  /** Serial columns and identity included. */
  readonly sequences: readonly string[]
  readonly indexes: readonly string[]
}

/** What a plugin owns, as the database itself says. Everything made under its name, and nothing else. */
export interface Inventory {
  readonly plugin: string
  readonly tables: readonly OwnedTable[]
  /** Views and other things under its name that hold no rows. */
  readonly others: readonly string[]
  /** Moved out of the way by `quarantine`. */
  readonly quarantined: boolean
}

/** How a plugin's tables are defined (columns, keys, indexes, views, …; not their rows): after its newest migration, and now. */
export interface TableDefinitions {
  readonly recorded: Digest
  readonly now: Digest
}

/** Something of others that would break when a plugin's tables go. */
export interface TableUse {
  readonly table: string
  readonly kind: 'foreign key' | 'view' | 'trigger'
  /** Name of what uses it. */
  readonly by: string
}

/**
 * The plugins' tables in the store's database. Foreign SQL runs confined to the plugin's own names, in a process that is
 * stopped at its time limit, with our record of it in the same transaction.
 */
export interface PluginTables {
  readonly dialect: Dialect
  /** In the order in which they were applied; of one plugin, or of all. */
  applied(plugin?: string): Promise<readonly AppliedMigration[]>
  /** `exact` counts rows; `estimate` may ask the database's statistics. @throws CatalystError STATE_UNAVAILABLE */
  inventory(plugins: readonly string[], rows: 'exact' | 'estimate'): Promise<ReadonlyMap<string, Inventory>>
  /**
   * Runs one migration and records it, or changes nothing.
   * @throws CatalystError MIGRATION_REFUSED (what it may not do, with line), MIGRATION_FAILED (what the database said),
   * MIGRATION_TIMEOUT, MIGRATION_CHANGED (it has run already), DATABASE_RIGHTS (what the store's role may not do, with the
   * statement that grants it), LEASE_LOST, STATE_UNAVAILABLE
   */
  migrate(plugin: string, migration: Migration, fence: Fence, limits: SqlLimits): Promise<void>
  /** Undoes the newest applied migration of a plugin by its down. @throws as `migrate`, and MIGRATION_IRREVERSIBLE when it has none */
  revert(plugin: string, migration: string, fence: Fence, limits: SqlLimits): Promise<void>
  /** Who else needs the tables of each of these plugins. Empty: they can go. */
  uses(plugins: readonly string[]): Promise<ReadonlyMap<string, readonly TableUse[]>>
  /** Moves all tables of a plugin out of the way (PostgreSQL: schema renamed; SQLite: marked), and back. */
  quarantine(plugin: string, fence: Fence): Promise<void>
  restoreFromQuarantine(plugin: string, fence: Fence): Promise<void>
  /** Drops everything that the inventory of the plugin names and forgets its migrations. @throws CatalystError TABLE_IN_USE with the names */
  drop(plugin: string, fence: Fence): Promise<Inventory>
  /**
   * Everything of one plugin goes on under another id: tables, what hangs on them, and the record of what ran, which takes the
   * texts of `migrations` (the same ids, as the new package has them). Does nothing where there is nothing.
   * @throws CatalystError CONTRADICTION when the other id owns something already, LEASE_LOST
   */
  rename(from: string, to: string, migrations: readonly Migration[], fence: Fence): Promise<void>
  /** sha256 over the schema and all rows of the owned tables, in a fixed order: has anything changed? Streams. */
  digest(plugin: string): Promise<Digest>
  /** Of those plugins of which it is known what their newest migration, or a restore, left. Reads no rows. @throws CatalystError STATE_UNAVAILABLE */
  definitions(plugins: readonly string[]): Promise<ReadonlyMap<string, TableDefinitions>>
  close(): Promise<void>
}

// ---- backups -------------------------------------------------------------------------------------------------

/** One backup of one plugin, written, checksummed and read back. */
export interface BackupRef {
  /** `<plugin>-<UTC time>-<8 hex>`: a folder under `<dataDir>/.backups` by that name. */
  readonly name: string
  readonly plugin: string
  readonly version: string
  readonly store: string
  readonly dialect: Dialect
  readonly at: string
  readonly reason: string
  readonly rows: number
  readonly bytes: number
  /** sha256 of the backup's manifest, which holds the digests of all its parts. */
  readonly digest: Digest
}

export interface BackupRequest {
  readonly record: InstallRecord
  readonly store: string
  readonly reason: string
  /** References as written in plugins.yaml, never values. */
  readonly config: Readonly<Record<string, unknown>>
  readonly at: string
  readonly signal?: AbortSignal | undefined
}

/** What is in a restored backup, for the plan and the record. */
export interface RestoreResult {
  readonly tables: number
  readonly rows: number
  readonly files: number
}

/** Backups of plugins: code reference, config, data folder, owned tables with schema, sequences and indexes. */
export interface Backups {
  /** Written, fsynced and read back, or nothing. @throws CatalystError BACKUP_FAILED, DISK_FULL, READ_ONLY */
  write(request: BackupRequest): Promise<BackupRef>
  /** Newest first; one that cannot be read is listed with its problem by `verify`. */
  list(plugin?: string): Promise<readonly BackupRef[]>
  /** Reads every byte. @throws CatalystError BACKUP_DAMAGED, BACKUP_NEWER, NOT_FOUND */
  verify(name: string): Promise<BackupRef>
  /**
   * Puts tables, sequences, migrations' record and data folder back as they were; whatever is there now of that plugin goes.
   * All in one transaction. A backup that the store's database does not know is taken only with its `digest`, said by a person.
   * @throws CatalystError BACKUP_DAMAGED, BACKUP_NEWER, BACKUP_FOREIGN (another store, or kind of database), TABLE_IN_USE, LEASE_LOST
   */
  restore(name: string, into: { readonly store: string; readonly digest?: Digest | undefined; readonly signal?: AbortSignal | undefined }, fence: Fence): Promise<RestoreResult>
  /**
   * Finishes or undoes restores that a crash broke off: before anything else of the plugins is looked at. Costs one look at
   * a folder when there is none. Returns their plugins. @throws CatalystError LEASE_LOST
   */
  settle(fence: Fence): Promise<readonly string[]>
  /** Removes all but those that the policy keeps. Returns the names removed. */
  prune(policy: { readonly keep: number; readonly keepDays: number; readonly now: string; readonly pinned: ReadonlySet<string> }): Promise<readonly string[]>
}

// ---- removal -------------------------------------------------------------------------------------------------

/** The classes of things that a removal decides about, each by its own policy. */
export const DATA_CLASSES = ['config', 'data', 'tables'] as const
export type DataClass = (typeof DATA_CLASSES)[number]

/** What became of one class of a removed plugin. */
export type ClassState =
  | { readonly state: 'retained'; readonly since: string }
  | { readonly state: 'awaiting'; readonly since: string }
  | { readonly state: 'quarantined'; readonly since: string; readonly purgeAt: string }
  | { readonly state: 'purged'; readonly at: string; readonly by: string }

/** Answers of a person to what a policy asks, given by flag or at a terminal. In git they stand as a tombstone. */
export type Answers = Readonly<Partial<Record<DataClass, 'keep' | 'remove'>>>

/** What is recorded of a removal besides the block: policy as sealed, and what became of each class. */
export interface Removal {
  /** Seal and the lock's removed block, the most conservative of both; tombstones and answers are not mixed in, so that they can be taken back. */
  readonly policy: SealedPolicy
  /** Answers that are not in git: they count as long as the policy asks and no tombstone says otherwise. */
  readonly answers?: Answers
  readonly code: 'kept' | 'removed'
  readonly classes: Readonly<Record<DataClass, ClassState>>
  readonly backup: BackupRef | undefined
  readonly inventory: Inventory | undefined
  /** Bytes and files of the data folder when it was removed. */
  readonly data: { readonly files: number; readonly bytes: number } | undefined
  readonly by: string
}

// ---- data folders --------------------------------------------------------------------------------------------

/** How much a data folder holds. */
export interface FolderSize {
  readonly files: number
  readonly bytes: number
}

/** The plugins' data folders, `<dataDir>/<id>`, and those that were moved out of the way. Each call may be made twice. */
export interface DataFolders {
  /** Undefined where there is no folder. A folder in quarantine is counted too. @throws CatalystError FILE_UNREADABLE */
  size(plugin: string): Promise<FolderSize | undefined>
  quarantine(plugin: string): Promise<void>
  /** Out of quarantine. A folder that was made in its place meanwhile is left alone. @throws CatalystError CONTRADICTION */
  restore(plugin: string): Promise<void>
  /** Removes the folder, wherever it is, for ever. */
  purge(plugin: string): Promise<void>
  /** Goes on under another id. @throws CatalystError CONTRADICTION when that has a folder of its own */
  rename(from: string, to: string): Promise<void>
}

/** Everything that outlives code, of one store. */
export interface PluginData {
  readonly tables: PluginTables
  readonly backups: Backups
  readonly folders: DataFolders
}
