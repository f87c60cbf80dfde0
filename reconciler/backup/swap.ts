import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { exists, isStaging, restoreOf, type BackupPaths, type Restore } from './backup-paths.ts'
import { fsyncPath } from './data-folder.ts'

/*
 * A data folder and a database cannot be committed together. So the folders are moved last within the transaction, the
 * transaction records the restore's id, and after a crash that record decides:
 *
 *   1  `.staging-<id>/new` is unpacked and synced        nothing changed yet
 *   2  renamed to `.restoring-<plugin>.<id>.<data|none>`  from here on its name tells what to do
 *   3  transaction: tables, records, the restore's id
 *   4    <plugin> -> .restoring…/old
 *   5    .restoring…/new -> <plugin>
 *   6  COMMIT
 *   7  `.restoring…` is removed, the id forgotten
 *
 * Found after a crash: id recorded = it was committed, only 7 is left. Not recorded = 5 and 4 are undone.
 */

/** Steps 4 and 5. What fails in between is undone at once. */
export function swapIn(paths: BackupPaths, restore: Restore, at: (boundary: string) => void): void {
  const folder = paths.restoring(restore)
  const live = paths.data(restore.plugin)
  try {
    if (exists(live)) renameSync(live, join(folder, 'old'))
    at('old aside')
    if (restore.hasData) renameSync(join(folder, 'new'), live)
    fsyncPath(folder)
    fsyncPath(paths.dataDir)
    at('new live')
  } catch (error) {
    swapBack(paths, restore)
    throw error
  }
}

/** Undoes 5 and 4, whichever were done; can itself be broken off and repeated. */
export function swapBack(paths: BackupPaths, restore: Restore): void {
  const folder = paths.restoring(restore)
  const live = paths.data(restore.plugin)
  const [fresh, old] = [join(folder, 'new'), join(folder, 'old')]
  if (restore.hasData && !exists(fresh) && exists(live)) renameSync(live, fresh)
  if (exists(old)) renameSync(old, live)
  fsyncPath(folder)
  fsyncPath(paths.dataDir)
}

/** Step 7 for the folder. */
export function clear(paths: BackupPaths, restore: Restore): void {
  rmSync(paths.restoring(restore), { recursive: true, force: true })
}

/** Makes the folder of step 1, empty. @returns where to unpack */
export function stage(paths: BackupPaths, restore: Restore): string {
  mkdirSync(paths.staging(restore), { mode: 0o700 })
  const fresh = join(paths.staging(restore), 'new')
  if (restore.hasData) mkdirSync(fresh, { mode: 0o700 })
  return fresh
}

/** Step 2. */
export function staged(paths: BackupPaths, restore: Restore): void {
  renameSync(paths.staging(restore), paths.restoring(restore))
  fsyncPath(paths.dataDir)
}

/** Restores that were begun and not finished, and folders that were being unpacked. */
export function unfinished(paths: BackupPaths): { readonly restores: readonly Restore[]; readonly staging: readonly string[] } {
  const names = exists(paths.dataDir) ? readdirSync(paths.dataDir) : []
  return {
    restores: names.map(restoreOf).filter((restore) => restore !== undefined),
    staging: names.filter(isStaging).map((name) => join(paths.dataDir, name)),
  }
}
