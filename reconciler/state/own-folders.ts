import { lstatSync, readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { CatalystError } from '../../schemas/errors.ts'
import type { StorePaths } from './paths.ts'

/**
 * Refuses links in place of the folders that we write to and clear. A checkout may bring them (git keeps links, and
 * ignores no file that is tracked), and through them code would go live that nobody proved, or somebody else's files go.
 * `.catalyst` itself may be a link to another disk, as long as nothing lies there but what is ours.
 * @throws CatalystError FILE_UNREADABLE
 */
export function assertOwnFolders(paths: StorePaths): void {
  for (const folder of [paths.trees, paths.generations, paths.quarantine, paths.hosts, paths.tmp]) {
    if (isLink(folder)) throw refused(`${folder} is a link`, 'Remove the link: the folder is made again. Where the disk is too small, make `.catalyst` itself a link to an empty folder.')
  }
  const foreign = isLink(paths.root) ? namesAt(paths.root).find((name) => !isOurs(name, paths)) : undefined
  if (foreign !== undefined) throw refused(`${paths.root} is a link to a folder that holds ${foreign}, which is not ours`, 'Make it a link to an empty folder, or remove it.')
}

/** The compile cache and `database.json` are made by the command line; the rest are its temporary names, and what mkfs leaves. */
function isOurs(name: string, paths: StorePaths): boolean {
  const { trees, generations, current, journal, stamp, proven, quarantine, hosts, tmp } = paths
  const ours = [trees, generations, current, journal, stamp, proven, quarantine, hosts, tmp].map((path) => basename(path))
  return [...ours, 'compile-cache', 'database.json', 'lost+found'].includes(name) || name.endsWith('.next')
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false
}

function namesAt(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // it leads nowhere: writing to it will say so
  }
}

function refused(what: string, hint: string): CatalystError {
  return new CatalystError('FILE_UNREADABLE', what, { hint })
}
