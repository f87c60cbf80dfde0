import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bootId } from '../reconciler/state/boot.ts'
import { replaceFile } from '../reconciler/state/disk.ts'
import { hexOf, sha256 } from '../schemas/digest.ts'

/*
 * Where the database of a store is, remembered by the digest of plugins.yaml: a rollback then need not read YAML. It is
 * a shortcut and nothing more: another byte in plugins.yaml, or another start of the machine (a checkout could bring a
 * file of this name), and it does not answer.
 */

interface Remembered {
  readonly boot: string
  readonly plugins: string
  readonly database: string
}

/** The database that this very plugins.yaml named the last time it was read; undefined when it was not remembered. */
export function rememberedDatabase(root: string, pluginsPath: string): string | undefined {
  try {
    const { boot, plugins, database } = JSON.parse(readFileSync(join(root, 'database.json'), 'utf8')) as Remembered
    return boot === bootId() && plugins === hexOf(sha256(readFileSync(pluginsPath))) ? database : undefined
  } catch {
    return undefined
  }
}

/** Remembers for the next time which database the plugins.yaml with this sha256 (hexadecimal) names. Failing to is no error. */
export function rememberDatabase(root: string, plugins: string, database: string): void {
  try {
    replaceFile(join(root, 'database.json'), JSON.stringify({ boot: bootId(), plugins, database } satisfies Remembered))
  } catch {
    // Then plugins.yaml is read the next time.
  }
}
