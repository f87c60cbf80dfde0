import { existsSync, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { changedFiles } from '../../registry/git-changes.ts'
import { openLocal } from '../../registry/git-local.ts'
import { gitFiles } from '../../registry/git-tree.ts'
import { gitObjects } from '../../registry/git.ts'
import { diskError, systemCode } from '../../registry/disk-errors.ts'
import { bytesOf } from '../write-file.ts'
import type { ReadFile } from './people.ts'

/** The files of an index that are to be published, as they stood at one moment. */
export interface IndexTree {
  /** The git commit; undefined for a folder, which has no history. */
  readonly head: string | undefined
  readonly read: ReadFile
  /** Paths that may differ from what `head` held, gone ones included; all paths when that is not known. */
  changedSince(head: string | undefined): Promise<{ readonly paths: readonly string[]; readonly all: boolean }>
}

const TOP = ['registry.yaml', 'entries', 'index', 'tuf']

/** What is committed at HEAD of a git repository (what lies uncommitted beside it is nobody's word yet), or what a plain folder holds. */
export async function openIndexTree(dir: string): Promise<IndexTree> {
  return existsSync(join(dir, '.git')) || existsSync(join(dir, 'HEAD')) ? committed(dir) : folder(dir)
}

async function committed(dir: string): Promise<IndexTree> {
  const { gitdir, head } = await openLocal(dir, undefined)
  const objects = gitObjects(gitdir, dir)
  const files = gitFiles(objects, head, dir)
  return {
    head,
    read: (path) => files.file(path),
    async changedSince(known) {
      // Another branch was published before, or the history was cut off here: look at everything.
      const changed = known === undefined ? undefined : await changedFiles(objects, known, head, TOP).catch(() => undefined)
      const list = changed ?? (await changedFiles(objects, undefined, head, TOP))
      return { paths: list.map(({ path }) => path), all: changed === undefined }
    },
  }
}

/** The working files of a folder, whether git keeps them or not: what a person signs before committing it. */
export function folder(dir: string): IndexTree {
  return { head: undefined, read: (path) => bytesOf(join(dir, path)), changedSince: async () => ({ paths: TOP.flatMap((name) => filesBelow(dir, name)).sort(), all: true }) }
}

/** Plain files only: what is reached by a link is not published. */
function filesBelow(dir: string, path: string): readonly string[] {
  if (path === 'registry.yaml') return lstatSync(join(dir, path), { throwIfNoEntry: false })?.isFile() ? [path] : []
  try {
    return readdirSync(join(dir, path), { recursive: true, withFileTypes: true }).flatMap((row) => (row.isFile() ? [join(row.parentPath, row.name).slice(dir.length + 1)] : []))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw diskError(error, join(dir, path))
  }
}
