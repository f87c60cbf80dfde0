import { randomUUID } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { makePrivateFolder } from './paths.ts'
import { systemCode } from './disk-errors.ts'

/** The name under which a file is written before it is renamed to `path`; in the same folder, so that the rename is atomic. */
export function temporaryPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomUUID()}`)
}

/**
 * Writes a file (0600) so that readers see the old one or the new one, whole; makes its folder when it is missing.
 * Not synced to disk: what the cache holds is hashed when it is read. @throws the system's error; nothing is left behind then
 */
export function writeAtomically(path: string, bytes: Uint8Array | string): void {
  const temporary = temporaryPath(path)
  try {
    writeInFolder(temporary, bytes)
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

function writeInFolder(path: string, bytes: Uint8Array | string): void {
  try {
    writeFileSync(path, bytes, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    makePrivateFolder(dirname(path))
    writeFileSync(path, bytes, { mode: 0o600, flag: 'wx' })
  }
}
