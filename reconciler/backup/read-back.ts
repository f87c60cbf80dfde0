import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../../schemas/digest.ts'
import { CatalystError } from '../../schemas/errors.ts'
import type { BackupRef } from '../data-ports.ts'
import { countFolder } from './data-folder.ts'
import { MANIFEST, parseManifest, type BackupManifest } from './manifest.ts'
import { damaged, readPart, type Part } from './part-file.ts'
import type { TableStore } from './table-store.ts'

/** A manifest with what is known of its file. */
export interface ReadManifest {
  readonly manifest: BackupManifest
  readonly ref: BackupRef
}

/** Reads only the manifest. @throws CatalystError BACKUP_DAMAGED, BACKUP_NEWER */
export function readManifest(folder: string, name: string): ReadManifest {
  const bytes = readManifestFile(folder)
  const manifest = parseManifest(bytes, name)
  if (manifest.name !== name) throw damaged({ file: MANIFEST }, `it is the one of ${manifest.name}`)
  return { manifest, ref: refOf(manifest, bytes) }
}

/** The bytes of the manifest. @throws CatalystError BACKUP_DAMAGED when they cannot be read */
export function readManifestFile(folder: string): Buffer {
  try {
    return readFileSync(join(folder, MANIFEST))
  } catch (cause) {
    throw damaged({ file: MANIFEST }, (cause as Error).message, cause)
  }
}

function refOf(manifest: BackupManifest, bytes: Buffer): BackupRef {
  const { name, plugin, version, store, dialect, at, reason, tables, data } = manifest
  const parts: readonly Part[] = data ? [...tables, data] : tables
  return {
    name,
    plugin,
    version,
    store,
    dialect,
    at,
    reason,
    rows: tables.reduce((sum, { rows }) => sum + rows, 0),
    bytes: parts.reduce((sum, { size }) => sum + size, bytes.length),
    digest: sha256(bytes),
  }
}

/**
 * Reads a whole backup: every byte of every part, every row, every entry of the data folder, and that nothing else lies
 * there. @throws CatalystError BACKUP_DAMAGED naming the part, BACKUP_NEWER
 */
export async function readBack(folder: string, name: string, tables: TableStore, signal?: AbortSignal): Promise<BackupRef> {
  const { manifest, ref } = readManifest(folder, name)
  assertFiles(folder, manifest)
  await readParts(folder, manifest, tables, signal)
  return ref
}

/** Reads the parts of a backup whose manifest is known. */
export async function readParts(folder: string, { tables, schema, data, dialect }: BackupManifest, store: TableStore, signal?: AbortSignal): Promise<void> {
  for (const stored of tables) {
    // Another kind of database cannot count these rows; their bytes can be proven all the same.
    const rows = dialect === store.dialect ? await store.countRows(schema, stored, readPart(folder, stored, signal)) : await drained(readPart(folder, stored, signal), stored.rows)
    if (rows !== stored.rows) throw damaged(stored, `it holds ${rows} rows of ${stored.table}, the manifest names ${stored.rows}`)
  }
  if (!data) return
  const found = await countFolder(readPart(folder, data, signal))
  if (found.files !== data.files || found.folders !== data.folders) throw damaged(data, `it holds ${found.files} files and ${found.folders} folders, the manifest names ${data.files} and ${data.folders}`)
}

async function drained(chunks: AsyncIterable<Buffer>, rows: number): Promise<number> {
  for await (const _ of chunks) continue
  return rows
}

function assertFiles(folder: string, { tables, data }: BackupManifest): void {
  const named = new Set([MANIFEST, ...tables.map(({ file }) => file), ...(data ? [data.file] : [])])
  if (named.size !== tables.length + (data ? 2 : 1)) throw damaged({ file: MANIFEST }, 'it names a part twice')
  const odd = readdirSync(folder).find((file) => !named.has(file))
  if (odd !== undefined) throw new CatalystError('BACKUP_DAMAGED', `The backup holds ${odd}, which its manifest does not name`)
}
