import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { CatalystError } from '../../schemas/errors.ts'
import type { DataFolders, FolderSize } from '../data-ports.ts'
import { trying } from '../state/disk.ts'

/** Beside the folders, on the same file system, so that a rename is all it takes. A plugin's id never begins with a dot. */
const QUARANTINE = '.quarantine'

/** The data folders of the plugins of one store. */
export function openDataFolders(dataDir: string): DataFolders {
  const live = (plugin: string): string => join(dataDir, plugin)
  const aside = (plugin: string): string => join(dataDir, QUARANTINE, plugin)
  const move = (from: string, to: string, plugin: string): void => {
    if (!isFolder(from)) return
    if (isFolder(to)) throw new CatalystError('CONTRADICTION', `${plugin} has two data folders, ${from} and ${to}`, { hint: 'Look into both, take one away, and run the command again.' })
    trying(`rename ${from} to ${to}`, () => renameSync(from, to))
  }
  return {
    async size(plugin) {
      const folder = [live(plugin), aside(plugin)].find(isFolder)
      return folder === undefined ? undefined : trying(`read ${folder}`, () => sizeOf(folder))
    },
    async quarantine(plugin) {
      if (!isFolder(live(plugin))) return
      trying(`make ${join(dataDir, QUARANTINE)}`, () => mkdirSync(join(dataDir, QUARANTINE), { recursive: true, mode: 0o700 }))
      move(live(plugin), aside(plugin), plugin)
    },
    restore: async (plugin) => move(aside(plugin), live(plugin), plugin),
    async purge(plugin) {
      for (const folder of [live(plugin), aside(plugin)]) trying(`remove ${folder}`, () => rmSync(folder, { recursive: true, force: true }))
    },
    rename: async (from, to) => move(live(from), live(to), to),
  }
}

/** A link in a folder's place may lead anywhere: it is not followed, and not moved. */
function isFolder(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found && !found.isDirectory()) throw new CatalystError('FILE_UNREADABLE', `${path} is no folder`, { hint: 'A plugin’s data folder is a folder of its own; move away what stands in its place.' })
  return found !== undefined
}

function sizeOf(folder: string): FolderSize {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const bytes = entries.reduce((sum, { parentPath, name }) => sum + (lstatSync(join(parentPath, name), { throwIfNoEntry: false })?.size ?? 0), 0)
  return { files: entries.length, bytes }
}
