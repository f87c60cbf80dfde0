import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { canonicalJson } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { diskError } from '../state/disk.ts'
import type { BackupRef, BackupRequest } from '../data-ports.ts'
import { assertFolder, exists, newBackupName, type BackupPaths } from './backup-paths.ts'
import { fsyncPath, packFolder } from './data-folder.ts'
import { FORMAT_VERSION, MANIFEST, type BackupManifest } from './manifest.ts'
import { writePart } from './part-file.ts'
import { readBack } from './read-back.ts'
import { NotExact, type TablesSnapshot, type TableStore } from './table-store.ts'

export interface WriteDeps {
  readonly paths: BackupPaths
  readonly tables: TableStore
  /** Told what has just been done; what it throws stands for a failure at that point. */
  at(boundary: string): void
}

/** Writes a backup, reads it back and lists it; when any of that fails there is none. @throws CatalystError BACKUP_FAILED, DISK_FULL, READ_ONLY */
export async function writeBackup(deps: WriteDeps, request: BackupRequest): Promise<BackupRef> {
  const { paths, tables, at } = deps
  const name = newBackupName(request.record.id, request.at)
  assertFolder(paths.root)
  await tables.list.put({ name, state: 'writing', at: request.at, ref: undefined })
  try {
    at('listed')
    await writeFolder(deps, request, name)
    const ref = await readBack(paths.backup(name), name, tables, request.signal)
    at('read back')
    await tables.list.put({ name, state: 'whole', at: request.at, ref })
    return ref
  } catch (error) {
    await withdraw(deps, name)
    request.signal?.throwIfAborted()
    throw asFailure(request.record.id, error)
  }
}

async function writeFolder({ paths, tables, at }: WriteDeps, request: BackupRequest, name: string): Promise<void> {
  const folder = paths.writing(name)
  // Customers' data: for this user alone.
  mkdirSync(paths.root, { recursive: true, mode: 0o700 })
  mkdirSync(folder, { mode: 0o700 })
  const data = await writeData(paths.data(request.record.id), folder, request.signal)
  at('data written')
  const manifest = await tables.snapshot(request.record.id, async (snapshot): Promise<BackupManifest> => {
    const parts: BackupManifest['tables'] = []
    for (const [i, table] of snapshot.tables.entries()) parts.push(await writeTable(snapshot, table, folder, i, request.signal))
    return { ...head(request, name, tables), ...bodyOf(snapshot), tables: parts, ...(data && { data }) }
  })
  at('tables written')
  writeSynced(join(folder, MANIFEST), canonicalJson(manifest))
  fsyncPath(folder)
  renameSync(folder, paths.backup(name))
  fsyncPath(paths.root)
  fsyncPath(paths.dataDir)
  at('renamed')
}

function head({ record, store, reason, config, at }: BackupRequest, name: string, { dialect }: TableStore) {
  return { formatVersion: FORMAT_VERSION, name, store, dialect, plugin: record.id, version: record.block.version, at, reason, record, config } as const
}

function bodyOf({ engine, schema, migrations }: TablesSnapshot) {
  return { engine, schema, migrations: migrations.map(withoutAbsent) }
}

/** JSON has no undefined. */
function withoutAbsent({ down, ...rest }: TablesSnapshot['migrations'][number]): BackupManifest['migrations'][number] {
  return down === undefined ? rest : { ...rest, down }
}

async function writeData(source: string, folder: string, signal: AbortSignal | undefined): Promise<BackupManifest['data']> {
  if (!exists(source)) return undefined
  assertFolder(source)
  const packed = packFolder(source)
  const part = await writePart(folder, 'data.tar.zst', packed.stream, signal)
  return { ...part, ...packed.content() }
}

/** In the first encoding that carries every value as it is. */
async function writeTable(snapshot: TablesSnapshot, table: string, folder: string, index: number, signal: AbortSignal | undefined): Promise<BackupManifest['tables'][number]> {
  const file = `tables-${String(index + 1).padStart(4, '0')}.rows.zst`
  for (const encoding of snapshot.encodings) {
    try {
      const part = await writePart(folder, file, snapshot.rows(table, encoding), signal)
      return { table, encoding, rows: snapshot.rowsRead(table), ...part }
    } catch (error) {
      if (!(error instanceof NotExact)) throw error
      rmSync(join(folder, file))
    }
  }
  throw new CatalystError('BACKUP_FAILED', `${table} holds values that cannot be written down exactly`)
}

function writeSynced(path: string, text: string): void {
  const file = openSync(path, 'wx', 0o600)
  try {
    const bytes = Buffer.from(text)
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Takes away what was written. When even that fails the list still says that it does not count, and `prune` comes by later. */
async function withdraw({ paths, tables }: WriteDeps, name: string): Promise<void> {
  try {
    rmSync(paths.writing(name), { recursive: true, force: true })
    rmSync(paths.backup(name), { recursive: true, force: true })
    await tables.list.forget(name)
  } catch {
    // The failure that led here is the one to tell.
  }
}

function asFailure(plugin: string, error: unknown): unknown {
  if (error instanceof CatalystError && error.code !== 'BACKUP_DAMAGED') return error
  if (error instanceof CatalystError) return new CatalystError('BACKUP_FAILED', `The backup of ${plugin} could not be read back: ${error.message}`, { cause: error })
  const onDisk = diskError(error, `back up ${plugin}`)
  return onDisk.code === 'INTERNAL' ? new CatalystError('BACKUP_FAILED', onDisk.message, { cause: error }) : onDisk
}
