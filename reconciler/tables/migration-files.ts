import { isUtf8 } from 'node:buffer'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { MigrationRef } from '../../schemas/common.ts'
import { CatalystError } from '../../schemas/errors.ts'
import { downPathOf, MIGRATION_DIALECTS, migrationChecksum, migrationHead } from '../../schemas/migrations.ts'
import type { Dialect, Migration } from '../data-ports.ts'

/** A migration is text for people to review; data belongs into the data folder. */
export const MIGRATION_MAX_BYTES = 4 * 1024 * 1024

/**
 * Reads the migrations of an unpacked package for one kind of database, in the order of the lock's references.
 * @param tree the folder that holds `manifest.json`
 * @throws CatalystError TREE_MISMATCH (not what the lock names), NOT_UTF8, FILE_TOO_LARGE, FILE_UNREADABLE,
 * MIGRATION_REFUSED when a migration has no file for this database
 */
export async function readMigrations(tree: string, refs: readonly MigrationRef[], dialect: Dialect): Promise<readonly Migration[]> {
  return Promise.all(refs.map((ref) => readMigration(tree, ref, dialect)))
}

async function readMigration(tree: string, ref: MigrationRef, dialect: Dialect): Promise<Migration> {
  const ups = await filesOf(tree, ref.id)
  const mine = ups.find((file) => file.dialect === undefined || file.dialect === dialect)
  if (migrationChecksum(ups) !== ref.checksum) throw mismatch(tree, ref, ups.length === 0 ? 'is missing' : `is not what plugins.lock.yaml names (${ref.checksum})`)
  if (!mine) throw lacking(ref, dialect)
  const up = textOf(mine.bytes, mine.path)
  const { kind } = migrationHead(up)
  if (kind !== ref.kind && ups.length === 1) throw mismatch(tree, ref, `says ${kind}, plugins.lock.yaml says ${ref.kind}`)
  const down = await bytesOf(tree, downPathOf(mine.path))
  return { id: ref.id, kind: ref.kind, checksum: ref.checksum, up, down: down && textOf(down, downPathOf(mine.path)) }
}

interface UpFile {
  readonly path: string
  readonly dialect: Dialect | undefined
  readonly bytes: Uint8Array
}

async function filesOf(tree: string, id: string): Promise<readonly UpFile[]> {
  const places = [undefined, ...MIGRATION_DIALECTS].map((dialect) => ({ dialect, path: `migrations/${dialect ? `${dialect}/` : ''}${id}.sql` }))
  const files = await Promise.all(places.map(async (place) => ({ ...place, bytes: await bytesOf(tree, place.path) })))
  return files.flatMap(({ bytes, ...place }) => (bytes ? [{ ...place, bytes }] : []))
}

/** The bytes of a file, undefined where there is none. A link is not followed: a package holds files only. */
async function bytesOf(tree: string, path: string): Promise<Uint8Array | undefined> {
  try {
    await using file = await open(join(tree, path), constants.O_RDONLY | constants.O_NOFOLLOW)
    const { size } = await file.stat()
    if (size > MIGRATION_MAX_BYTES) throw new CatalystError('FILE_TOO_LARGE', `${path} has ${size} bytes, at most ${MIGRATION_MAX_BYTES} are read`, { place: { file: path } })
    return await file.readFile()
  } catch (cause) {
    if (cause instanceof CatalystError) throw cause
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new CatalystError('FILE_UNREADABLE', `${join(tree, path)} cannot be read: ${code ?? String(cause)}`, { cause, place: { file: path } })
  }
}

function textOf(bytes: Uint8Array, path: string): string {
  const nul = bytes.indexOf(0)
  if (!isUtf8(bytes)) throw new CatalystError('NOT_UTF8', `${path} is not a text in UTF-8`, { place: { file: path } })
  if (nul >= 0) throw new CatalystError('NOT_UTF8', `${path} has a NUL character at byte ${nul}`, { place: { file: path } })
  return new TextDecoder('utf-8').decode(bytes)
}

function mismatch(tree: string, { id }: MigrationRef, what: string): CatalystError {
  return new CatalystError('TREE_MISMATCH', `Migration ${id} in ${tree} ${what}`)
}

function lacking({ id }: MigrationRef, dialect: Dialect): CatalystError {
  return new CatalystError('MIGRATION_REFUSED', `Migration ${id} has no file for ${dialect}, the kind of database of this store`, {
    hint: `Ask the publisher for migrations/${dialect}/${id}.sql, or do not install the plugin on this store.`,
  })
}
