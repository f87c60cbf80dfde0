import { CatalystError } from '../../schemas/errors.ts'
import type { DataClass, Migration, PluginData, SqlLimits } from '../data-ports.ts'
import { migrationPath } from '../plan/migration-path.ts'
import type { InstallRecord } from '../ports.ts'
import { readMigrations } from '../tables/migration-files.ts'
import { bringBack, putAside } from './class-effects.ts'
import type { Pass } from './pass.ts'

/** A migration that takes longer is stopped, and nothing of it stands. */
const MIGRATION_TIMEOUT_MS = 5 * 60_000

/** One thing that was done, and its way back. */
interface Done {
  readonly plugin: string
  /** The code of before runs whether this goes back or not. */
  readonly mayStay?: boolean
  undo(data: PluginData): Promise<void>
}

/**
 * Changes to what outlives code, made one by one with the plugins off or with code that does not mind, and taken back
 * newest first when one of them fails. Each may be made twice: what an interrupted pass had done is found done.
 */
export class DataWork {
  readonly #pass: Pass
  readonly #done: Done[] = []
  /** Plugins of which nothing stood before: what was made for them goes whole. */
  readonly #fresh = new Set<string>()
  readonly #begun = new Set<string>()
  readonly #back = new Set<string>()
  /** The newest backup of each plugin, made in this pass with the plugin off. */
  readonly #backups = new Map<string, string>()

  constructor(pass: Pass) {
    this.#pass = pass
  }

  /** Nothing of this plugin's tables stood before: they are not reverted but dropped. */
  startsAnew(plugin: string): void {
    this.#fresh.add(plugin)
  }

  /** The plugin is off, and this holds what is there. */
  backedUp(plugin: string, backup: string): void {
    this.#backups.set(plugin, backup)
  }

  /**
   * Takes over what a pass that was killed left of a plugin that it had switched off: all that the code of before does not
   * know goes back with the rest. @param record the plugin as it was before that pass
   */
  async takeOver({ id, block }: InstallRecord): Promise<void> {
    const { tables } = await this.#pass.data()
    const applied = await tables.applied(id)
    const path = migrationPath(applied.map((m) => ({ id: m.id, checksum: m.checksum, kind: m.kind, down: m.down !== undefined })), block.migrations)
    if (path.kind === 'back') for (const { id: migration, kind } of path.undo.toReversed()) this.#done.push(this.#applied(id, { id: migration, kind, down: applied.find((m) => m.id === migration)?.down }))
    if (path.kind === 'conflict') this.#done.push({ plugin: id, undo: () => Promise.reject(new CatalystError('MIGRATION_IRREVERSIBLE', `${id}: ${path.ran} has run where ${block.version} has ${path.brings}`)) })
    if (path.kind !== 'forward' || path.pending.length === 0) return
    const missing = await readMigrations(this.#pass.deps.paths.tree(block.tree), path.pending, tables.dialect)
    for (const migration of missing.toReversed()) this.#done.push(this.#undone(id, migration))
  }

  /** Runs a migration, unless it has run. */
  async migrate(plugin: string, migration: Migration): Promise<void> {
    const { tables } = await this.#pass.data()
    const stands = (await tables.applied(plugin)).find((m) => m.id === migration.id)
    if (this.#fresh.has(plugin) && !this.#begun.has(plugin)) this.#done.push(this.#made(plugin))
    this.#begun.add(plugin)
    if (stands?.checksum === migration.checksum) return
    await this.#pass.effect(`migrate:${plugin}:${migration.id}`, () => tables.migrate(plugin, migration, this.#pass.fence(), this.#limits()))
    if (!this.#fresh.has(plugin)) this.#done.push(this.#applied(plugin, migration))
  }

  /** Undoes the newest migration by its down, unless that was done. */
  async revert(plugin: string, migration: string): Promise<void> {
    const { tables } = await this.#pass.data()
    const known = (await tables.applied(plugin)).find((m) => m.id === migration)
    if (!known) return
    await this.#revert(plugin, migration)
    this.#done.push(this.#undone(plugin, known))
  }

  /** Out of quarantine, once. */
  async bringBack(plugin: string, key: DataClass): Promise<void> {
    if (this.#back.has(`${plugin} ${key}`)) return
    this.#back.add(`${plugin} ${key}`)
    await this.#pass.effect(`return:${plugin}:${key}`, () => bringBack(plugin, key, this.#pass))
    this.#done.push({ plugin, mayStay: true, undo: () => this.#pass.effect(`aside:${plugin}:${key}`, () => putAside(plugin, key, this.#pass)) })
  }

  /**
   * Puts a backup in the place of what is there. Undone by the backup that was made of that in this pass, and only as long as
   * nobody has written since.
   */
  async restore(plugin: string, backup: string): Promise<void> {
    const { tables } = await this.#pass.data()
    await this.#restore(plugin, backup)
    const digest = await tables.digest(plugin)
    const before = this.#backups.get(plugin)
    const undo = async (): Promise<void> => {
      if (before === undefined || (await tables.digest(plugin)) !== digest) throw new CatalystError('MIGRATION_IRREVERSIBLE', `${plugin} has the tables of ${backup} now, and they were written to`)
      await this.#restore(plugin, before)
    }
    this.#done.push({ plugin, undo })
  }

  /** Everything of one plugin goes on under another id; `migrations` are those that have run, as the new package has them. */
  async move(from: string, to: string, migrations: readonly Migration[]): Promise<void> {
    const { tables } = await this.#pass.data()
    const before = await tables.applied(from)
    await this.#move(from, to, migrations)
    this.#done.push({ plugin: to, undo: () => this.#move(to, from, before) })
  }

  /** Takes everything back, newest first. Gives the plugins of which something could not be: their old code does not fit their tables. */
  async undo(): Promise<ReadonlySet<string>> {
    const data = await this.#pass.data()
    const stuck = new Set<string>()
    for (const { plugin, mayStay, undo } of this.#done.splice(0).toReversed()) {
      if (stuck.has(plugin)) continue
      try {
        await undo(data)
      } catch (error) {
        this.#pass.signal.throwIfAborted()
        if (!(error instanceof CatalystError) || error.code === 'LEASE_LOST') throw error
        if (!mayStay) stuck.add(plugin)
      }
    }
    return stuck
  }

  #made(plugin: string): Done {
    return { plugin, mayStay: true, undo: async ({ tables }) => void (await this.#pass.effect(`drop:${plugin}`, () => tables.drop(plugin, this.#pass.fence()))) }
  }

  #applied(plugin: string, { id, kind, down }: Pick<Migration, 'id' | 'kind' | 'down'>): Done {
    const noWay = (): Promise<void> => Promise.reject(new CatalystError('MIGRATION_IRREVERSIBLE', `${plugin}: ${id} has no way back`))
    return { plugin, mayStay: kind === 'expand', undo: () => (down === undefined ? noWay() : this.#revert(plugin, id)) }
  }

  #undone(plugin: string, migration: Migration): Done {
    return { plugin, undo: ({ tables }) => this.#pass.effect(`again:${plugin}:${migration.id}`, () => tables.migrate(plugin, migration, this.#pass.fence(), this.#limits())) }
  }

  async #revert(plugin: string, id: string): Promise<void> {
    const { tables } = await this.#pass.data()
    await this.#pass.effect(`revert:${plugin}:${id}`, () => tables.revert(plugin, id, this.#pass.fence(), this.#limits()))
  }

  async #restore(plugin: string, backup: string): Promise<void> {
    const { backups } = await this.#pass.data()
    const into = { store: this.#pass.storeId, signal: this.#pass.signal }
    await this.#pass.effect(`restore:${plugin}`, () => backups.restore(backup, into, this.#pass.fence()))
  }

  async #move(from: string, to: string, migrations: readonly Migration[]): Promise<void> {
    const { tables, folders } = await this.#pass.data()
    await this.#pass.effect(`move:${from}:${to}`, () => tables.rename(from, to, migrations, this.#pass.fence()))
    await this.#pass.effect(`move-data:${from}:${to}`, () => folders.rename(from, to))
  }

  #limits(): SqlLimits {
    return { timeoutMs: MIGRATION_TIMEOUT_MS, signal: this.#pass.signal }
  }
}
