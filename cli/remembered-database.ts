import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../schemas/digest.ts'

/*
 * Where the database of a store is, remembered by the digest of plugins.yaml: a rollback then need not read YAML. It is
 * a shortcut and nothing more: another byte in plugins.yaml and it does not answer.
 */

interface Remembered {
  readonly plugins: string
  readonly database: string
}

/** The database that this very plugins.yaml named the last time it was read; undefined when it was not remembered. */
export function rememberedDatabase(root: string, pluginsPath: string): string | undefined {
  try {
    const { plugins, database } = JSON.parse(readFileSync(join(root, 'database.json'), 'utf8')) as Remembered
    return plugins === sha256(readFileSync(pluginsPath)) ? database : undefined
  } catch {
    return undefined
  }
}

/** Remembers for the next time. Failing to is no error. */
export function rememberDatabase(root: string, pluginsPath: string, database: string): void {
  try {
    writeFileSync(join(root, 'database.json'), JSON.stringify({ plugins: sha256(readFileSync(pluginsPath)), database } satisfies Remembered))
  } catch {
    // Then plugins.yaml is read the next time.
  }
}
