import { rmSync } from 'node:fs'
import { CatalystError } from '../../schemas/errors.ts'
import { trying } from '../state/disk.ts'
import type { BackupRef, BackupRequest, Backups, Fence, RestoreResult } from '../data-ports.ts'
import { backupPaths, exists, type BackupPaths } from './backup-paths.ts'
import { MANIFEST } from './manifest.ts'
import { damaged } from './part-file.ts'
import { readBack, readManifest } from './read-back.ts'
import { restoreBackup, settle, type RestoreInto } from './restore-backup.ts'
import { expired, newestFirst, type Retention } from './retention.ts'
import type { TableStore } from './table-store.ts'
import { writeBackup } from './write-backup.ts'

export interface BackupOptions {
  /** `store.dataDir`: holds the plugins' data folders, and the backups in `.backups`. */
  readonly dataDir: string
  readonly tables: TableStore
  /** Told each point at which a crash would leave something to finish; what it throws stands for a failure there. */
  readonly at?: (boundary: string) => void
}

/** The backups of one store. */
export function openBackups({ dataDir, tables, at = () => undefined }: BackupOptions): Backups {
  return new FolderBackups(backupPaths(dataDir), tables, at)
}

/** So long a backup may be in the making before it is taken for one that a crash left. */
const WRITING_MS = 86_400_000

class FolderBackups implements Backups {
  readonly #paths: BackupPaths
  readonly #tables: TableStore
  readonly #at: (boundary: string) => void

  constructor(paths: BackupPaths, tables: TableStore, at: (boundary: string) => void) {
    this.#paths = paths
    this.#tables = tables
    this.#at = at
  }

  async write(request: BackupRequest): Promise<BackupRef> {
    return writeBackup(this.#deps(), request)
  }

  async list(plugin?: string): Promise<readonly BackupRef[]> {
    const entries = await this.#tables.list.entries()
    const refs = entries.flatMap(({ state, ref }) => (state === 'whole' && ref ? [ref] : []))
    return newestFirst(refs.filter((ref) => plugin === undefined || ref.plugin === plugin))
  }

  async verify(name: string): Promise<BackupRef> {
    const known = (await this.#tables.list.entries()).find((entry) => entry.name === name)?.ref
    const folder = this.#paths.backup(name)
    if (!known && !exists(folder)) throw new CatalystError('NOT_FOUND', `There is no backup ${name}`, { hint: 'List them with `catalyst backups`.' })
    const { ref } = readManifest(folder, name)
    if (known && known.digest !== ref.digest) throw damaged({ file: MANIFEST }, `its digest is ${ref.digest}, the store recorded ${known.digest}`)
    return readBack(folder, name, this.#tables)
  }

  async restore(name: string, into: RestoreInto, fence: Fence): Promise<RestoreResult> {
    return restoreBackup(this.#deps(), name, into, fence)
  }

  async settle(fence: Fence): Promise<readonly string[]> {
    return settle(this.#deps(), fence)
  }

  async prune(policy: Retention): Promise<readonly string[]> {
    const entries = await this.#tables.list.entries()
    const begun = Date.parse(policy.now) - WRITING_MS
    const left = entries.filter(({ state, at }) => state === 'removing' || (state === 'writing' && Date.parse(at) < begun))
    for (const { name } of left) await this.#remove(name)
    const names = expired(await this.list(), policy).map(({ name }) => name)
    for (const name of names) {
      const entry = entries.find((one) => one.name === name)
      // First it does not count any more, then it goes: a crash in between leaves nothing that looks like a backup.
      if (entry) await this.#tables.list.put({ ...entry, state: 'removing' })
      await this.#remove(name)
    }
    return names
  }

  async #remove(name: string): Promise<void> {
    for (const folder of [this.#paths.backup(name), this.#paths.writing(name)]) {
      trying(`remove the backup ${name}`, () => rmSync(folder, { recursive: true, force: true }))
    }
    this.#at('folder removed')
    await this.#tables.list.forget(name)
  }

  #deps() {
    return { paths: this.#paths, tables: this.#tables, at: this.#at }
  }
}
