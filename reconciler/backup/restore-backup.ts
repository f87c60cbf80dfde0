import { mkdirSync, rmSync } from 'node:fs'
import { sha256, type Digest } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { diskError } from '../state/disk.ts'
import type { Fence, RestoreResult } from '../data-ports.ts'
import { assertFolder, exists, newRestore, type BackupPaths, type Restore } from './backup-paths.ts'
import { fsyncTree, unpackFolder } from './data-folder.ts'
import { MANIFEST, parseManifest, type BackupManifest } from './manifest.ts'
import { damaged, readPart } from './part-file.ts'
import { readManifestFile, readParts } from './read-back.ts'
import { clear, stage, staged, swapBack, swapIn, unfinished } from './swap.ts'
import type { TableStore } from './table-store.ts'

export interface RestoreDeps {
  readonly paths: BackupPaths
  readonly tables: TableStore
  at(boundary: string): void
}

/** For which store a backup is restored. `digest` lets one in that the store's database does not know. */
export interface RestoreInto {
  readonly store: string
  readonly signal?: AbortSignal | undefined
  readonly digest?: Digest | undefined
}

/** Proves the whole backup, then puts it in place; see swap.ts for the order. @throws CatalystError as `Backups.restore` */
export async function restoreBackup(deps: RestoreDeps, name: string, into: RestoreInto, fence: Fence): Promise<RestoreResult> {
  const { paths, tables, at } = deps
  await settle(deps, fence)
  const folder = paths.backup(name)
  const manifest = await trusted(deps, name, into)
  await readParts(folder, manifest, tables, into.signal)
  at('proven')
  const restore = newRestore(manifest.plugin, manifest.data !== undefined)
  try {
    await stageData(deps, folder, manifest, restore, into.signal)
    at('staged')
    await tables.replace({
      plugin: manifest.plugin,
      schema: manifest.schema,
      migrations: manifest.migrations.map((m) => ({ ...m, down: m.down })),
      tables: manifest.tables.map((stored) => ({ ...stored, read: () => readPart(folder, stored, into.signal) })),
      restore: restore.id,
      fence,
      signal: into.signal,
      at,
      beforeCommit: async () => swapIn(paths, restore, at),
    })
    at('committed')
  } finally {
    await settle(deps, fence).catch(() => undefined) // what is left is finished before the next restore
  }
  return resultOf(manifest)
}

/** Finishes what a crash left: committed restores are cleared up, others undone. Under the fence. @returns plugins whose restore was finished or undone */
export async function settle({ paths, tables }: RestoreDeps, fence: Fence): Promise<readonly string[]> {
  const { restores, staging } = unfinished(paths)
  if (restores.length === 0 && staging.length === 0) return []
  return tables.exclusively(fence, async (committed) => {
    const done = await committed.names()
    for (const restore of restores) {
      if (!done.has(restore.id)) swapBack(paths, restore)
      clear(paths, restore)
    }
    for (const folder of staging) rmSync(folder, { recursive: true, force: true })
    for (const id of done) await committed.forget(id)
    return restores.map(({ plugin }) => plugin)
  })
}

/**
 * The manifest, if it is the one that was recorded when the backup was written. A folder proves nothing by itself: whoever
 * has the disk can write another manifest with fitting digests.
 */
async function trusted({ paths, tables }: RestoreDeps, name: string, { store, digest }: RestoreInto): Promise<BackupManifest> {
  const listed = (await tables.list.entries()).find((entry) => entry.name === name)
  if (!listed?.ref && !exists(paths.backup(name))) throw new CatalystError('NOT_FOUND', `There is no backup ${name}`, { hint: 'List them with `catalyst backups`.' })
  const bytes = readManifestFile(paths.backup(name))
  const found = sha256(bytes)
  const expected = digest ?? listed?.ref?.digest
  if (expected !== undefined && found !== expected) throw damaged({ file: MANIFEST }, `its digest is ${found}, ${digest ? 'you gave' : 'the store recorded'} ${expected}`)
  const manifest = parseManifest(bytes, name)
  assertOurs(manifest, store, tables)
  if (expected === undefined) throw foreign(`The database of store ${store} does not know the backup ${name}, whose digest is ${found}`, `If you know it to be sound: \`catalyst restore ${name} --digest ${found}\`.`)
  if (manifest.name !== name) throw damaged({ file: MANIFEST }, `it is the one of ${manifest.name}`)
  return manifest
}

function assertOurs(manifest: BackupManifest, store: string, { dialect }: TableStore): void {
  if (manifest.store !== store) throw foreign(`The backup ${manifest.name} was made of store ${manifest.store}, this is store ${store}`)
  if (manifest.dialect !== dialect) throw foreign(`The backup ${manifest.name} was made of ${manifest.engine}, this store's database is of the kind ${dialect}: types, defaults and checks of the one have no exact counterpart in the other`)
}

function foreign(what: string, hint?: string): CatalystError {
  return new CatalystError('BACKUP_FOREIGN', what, { hint })
}

async function stageData({ paths }: RestoreDeps, folder: string, { data, plugin }: BackupManifest, restore: Restore, signal: AbortSignal | undefined): Promise<void> {
  try {
    assertFolder(paths.data(plugin))
    mkdirSync(paths.dataDir, { recursive: true })
    const fresh = stage(paths, restore)
    if (data) {
      await unpackFolder(readPart(folder, data, signal), fresh)
      fsyncTree(fresh)
    }
    staged(paths, restore)
  } catch (error) {
    signal?.throwIfAborted()
    throw diskError(error, `unpack the data folder of ${plugin}`)
  }
}

function resultOf({ tables, data }: BackupManifest): RestoreResult {
  return { tables: tables.length, rows: tables.reduce((sum, { rows }) => sum + rows, 0), files: data?.files ?? 0 }
}
