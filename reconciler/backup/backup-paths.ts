import { randomBytes } from 'node:crypto'
import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { CatalystError } from '../../schemas/errors.ts'
import { ID_PATTERN } from '../../schemas/names.ts'

/*
 * Every path of backups: all below the store's data folder, so that each move is one rename on one file system. Plugin ids
 * never begin with a dot; what does is ours.
 */
export interface BackupPaths {
  /** The plugins' data folders lie here. */
  readonly dataDir: string
  readonly root: string
  /** A backup that counts, or is about to. */
  backup(name: string): string
  /** The same while it is written. */
  writing(name: string): string
  /** A plugin's data folder. */
  data(plugin: string): string
  /** Where a data folder is unpacked before anything is changed. Worth nothing after a crash. */
  staging(restore: Restore): string
  /** Where it lies, complete, until the restore is finished: `new` the one to come, `old` the one that went. */
  restoring(restore: Restore): string
}

/** One run of `restore`. Its name tells all that finishing it after a crash needs. */
export interface Restore {
  readonly plugin: string
  /** Sixteen hexadecimal digits, never given twice. */
  readonly id: string
  /** False when the backup has no data folder: then there is no `new`. */
  readonly hasData: boolean
}

export function backupPaths(dataDir: string): BackupPaths {
  const root = join(dataDir, '.backups')
  return {
    dataDir,
    root,
    backup: (name) => join(root, assertName(name)),
    writing: (name) => join(root, `.writing-${assertName(name)}`),
    data: (plugin) => join(dataDir, plugin),
    staging: ({ id }) => join(dataDir, `.staging-${id}`),
    restoring: ({ plugin, id, hasData }) => join(dataDir, `.restoring-${plugin}.${id}.${hasData ? 'data' : 'none'}`),
  }
}

const NAME = /^[a-z][a-z0-9-]{0,39}-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}$/

/** `<plugin>-<UTC time>-<8 hex>`. `at` is ISO 8601. */
export function newBackupName(plugin: string, at: string): string {
  const time = new Date(at).toISOString().replaceAll(/[-:]|\.\d+/g, '')
  return `${plugin}-${time}-${randomBytes(4).toString('hex')}`
}

export function newRestore(plugin: string, hasData: boolean): Restore {
  return { plugin, id: randomBytes(8).toString('hex'), hasData }
}

/** The restore that a name in the data folder tells of; undefined for other names. */
export function restoreOf(name: string): Restore | undefined {
  const match = /^\.restoring-([^.]+)\.([0-9a-f]{16})\.(data|none)$/.exec(name)
  const [, plugin = '', id = '', kind] = match ?? []
  return match && new RegExp(ID_PATTERN).test(plugin) ? { plugin, id, hasData: kind === 'data' } : undefined
}

/** True for the names of folders that were being unpacked. */
export function isStaging(name: string): boolean {
  return /^\.staging-[0-9a-f]{16}$/.test(name)
}

/** A name is a part of a path: no other characters than ours. @throws CatalystError NOT_FOUND */
function assertName(name: string): string {
  if (NAME.test(name)) return name
  throw new CatalystError('NOT_FOUND', `${name} is not the name of a backup`, { hint: 'List them with `catalyst backups`.' })
}

/** Whether something is there, links not followed. */
export function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

/** @throws CatalystError BACKUP_FAILED when a link or a file stands where a folder of ours, or of a plugin, should */
export function assertFolder(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat && !stat.isDirectory()) throw new CatalystError('BACKUP_FAILED', `${path} is ${stat.isSymbolicLink() ? 'a link' : 'no folder'}`, { hint: 'Put a folder in its place; a larger disk can be mounted there.' })
}
