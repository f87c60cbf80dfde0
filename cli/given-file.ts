import { readFile } from 'node:fs/promises'
import { CatalystError } from '../schemas/errors.ts'

/** What to do about a path that cannot be read, by the system's reason. */
const HINTS: Readonly<Record<string, string>> = {
  EISDIR: 'It is a folder: name a file.',
  ENOTDIR: 'A part of this path is a file, not a folder: correct the path.',
  ELOOP: 'Its links lead in a circle: name the file itself.',
}

/**
 * Reads a file that a person named, or that belongs to their store. `shown` is the path as they would type it, `missing`
 * the next step where there is none. @throws CatalystError FILE_NOT_FOUND, FILE_UNREADABLE
 */
export async function readGivenFile(path: string, { shown = path, missing }: { readonly shown?: string; readonly missing?: string | undefined } = {}): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new CatalystError('FILE_NOT_FOUND', `there is no ${shown}`, { cause: error, hint: missing })
    throw new CatalystError('FILE_UNREADABLE', `${shown} cannot be read (${code})`, { cause: error, hint: HINTS[code] })
  }
}
