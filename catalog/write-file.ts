import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { temporaryPath } from '../registry/atomic-write.ts'
import { diskError, systemCode } from '../registry/disk-errors.ts'

/**
 * Gives a file its bytes so that readers see the old file or the new one, whole; makes its folder. A file that has these
 * bytes already is not touched. True when it was written. Nothing is left behind by a failure.
 * @throws CatalystError DISK_FULL, READ_ONLY, FILE_UNREADABLE
 */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<boolean> {
  if ((await bytesOf(path))?.equals(bytes)) return false
  const temporary = temporaryPath(path)
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeSynced(temporary, bytes)
    await rename(temporary, path)
    return true
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw diskError(error, path)
  }
}

/** Writes a new file that its owner alone may read. @throws CatalystError DISK_FULL, READ_ONLY, FILE_UNREADABLE when there is one */
export async function writeSecretFile(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await writeFile(path, text, { mode: 0o600, flag: 'wx', flush: true })
  } catch (error) {
    throw diskError(error, path)
  }
}

/** The bytes of a file; undefined when there is none. @throws CatalystError READ_ONLY, FILE_UNREADABLE */
export async function bytesOf(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw diskError(error, path)
  }
}

/** Readable by all: a web server of another user may serve the folder. */
async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o644)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}
