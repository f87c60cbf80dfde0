import { closeSync, fsyncSync, openSync, readdirSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { create, extract, type Pack, Parser, type ReadEntry } from 'tar'
import { CatalystError } from '../../schemas/errors.ts'

/*
 * A plugin's data folder as a tar stream, and back. The door to `tar`: its strict reader refuses `..`, absolute paths and
 * broken headers; we refuse everything besides files and folders, in both directions. A link in a data folder would
 * be lost or lead out of it: the backup says so instead.
 */

/** What a data folder holds. The folder itself is not counted. */
export interface FolderContent {
  readonly files: number
  readonly folders: number
}

/** The files and folders below `folder`, as tar. Tell what was in it when the stream has ended. */
export function packFolder(folder: string): { readonly stream: AsyncIterable<Buffer>; content(): FolderContent } {
  let files = 0
  let folders = 0
  const look = (path: string, stat: Stats): boolean => {
    if (stat.isFile()) files += 1
    else if (stat.isDirectory()) folders += path === '.' || path === './' ? 0 : 1
    else throw refused(`${join(folder, path)} is a ${kindOf(stat)}; only files and folders can be backed up`)
    return true
  }
  const pack: Pack = create({ cwd: folder, strict: true, linkCache: new Unlinked(), filter: (path, stat): boolean => guarded(pack, () => look(path, stat as Stats)) }, ['.'])
  // It walks on after a failure, and would tell of the next one when nobody listens any more.
  let failure: unknown
  pack.on('error', (error) => (failure ??= error))
  const content = (): FolderContent => {
    if (failure !== undefined) throw failure
    return { files, folders }
  }
  return { stream: pack as unknown as AsyncIterable<Buffer>, content }
}

/** Hard links become files of their own: what they shared is not ours to know. */
class Unlinked extends Map<`${number}:${number}`, string> {
  override get(): undefined {
    return undefined
  }
}

/** What throws in a callback of the stream ends the stream. */
function guarded(stream: { emit(event: 'error', error: unknown): unknown }, work: () => boolean): boolean {
  try {
    return work()
  } catch (error) {
    stream.emit('error', error)
    return false
  }
}

/** Reads a tar to its end and counts. @throws CatalystError BACKUP_DAMAGED for anything but files and folders below itself */
export async function countFolder(chunks: AsyncIterable<Buffer>): Promise<FolderContent> {
  const count = counting()
  const parser = new Parser({
    strict: true,
    brotli: false,
    onReadEntry: (entry) => {
      count.see(entry)
      entry.resume()
    },
  })
  await finished(chunks, parser)
  count.assert()
  return count.content()
}

/** Unpacks a tar into an empty folder, with modes and times. @throws CatalystError BACKUP_DAMAGED, DISK_FULL */
export async function unpackFolder(chunks: AsyncIterable<Buffer>, folder: string): Promise<FolderContent> {
  const count = counting()
  const unpack = extract({ cwd: folder, strict: true, brotli: false, chmod: true, processUmask: 0, preserveOwner: process.getuid?.() === 0, filter: (_path, entry) => count.see(entry as ReadEntry) })
  await finished(chunks, unpack)
  count.assert()
  return count.content()
}

async function finished(chunks: AsyncIterable<Buffer>, reader: Parser): Promise<void> {
  const done = new Promise<void>((resolve, reject) => reader.once('error', reject).once('close', resolve))
  done.catch(() => undefined)
  await pipeline(chunks, async (source: AsyncIterable<Buffer>) => {
    for await (const chunk of source) if (!reader.write(chunk)) await Promise.race([done, new Promise((next) => reader.once('drain', next))])
    reader.end()
  })
  await done
}

/** Looks at each entry: files and folders once each, below the folder, nothing else. */
function counting(): { see(entry: ReadEntry): boolean; assert(): void; content(): FolderContent } {
  const seen = new Set<string>()
  let problem: string | undefined
  let files = 0
  let folders = 0
  return {
    see(entry) {
      const path = entry.path.replace(/\/+$/, '').replace(/^(\.\/)+/, '')
      const name = path === '' ? '.' : path
      if (entry.type !== 'File' && entry.type !== 'Directory') problem ??= `${entry.path} is a ${entry.type}`
      else if (name.startsWith('/') || name.split('/').includes('..') || name.includes('\0')) problem ??= `${entry.path} leads out of it`
      else if (seen.has(name)) problem ??= `${entry.path} stands in it twice`
      seen.add(name)
      entry.mode = (entry.mode ?? 0o600) & 0o777
      if (entry.type === 'File') files += 1
      else if (name !== '.') folders += 1
      return problem === undefined
    },
    assert() {
      if (problem !== undefined) throw new CatalystError('BACKUP_DAMAGED', `The data folder in the backup cannot be used: ${problem}`)
    },
    content: () => ({ files, folders }),
  }
}

/** Brings everything below a folder, and the folder itself, to the disk. */
export function fsyncTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) fsyncTree(path)
    else if (entry.isFile()) fsyncPath(path)
  }
  fsyncPath(folder)
}

/** Brings a file, or the names in a folder, to the disk. */
export function fsyncPath(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function kindOf(stat: Stats): string {
  if (stat.isSymbolicLink()) return 'link'
  return stat.isSocket() ? 'socket' : stat.isFIFO() ? 'pipe' : 'device'
}

function refused(what: string): CatalystError {
  return new CatalystError('BACKUP_FAILED', what, { hint: 'Nothing was removed. Replace it by a file, or take it out of the data folder, and run the command again.' })
}
