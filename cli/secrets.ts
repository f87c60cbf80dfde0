import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Reference } from '../schemas/references.ts'

/** What references lead to on this machine. Never write a value anywhere (law 8). */
export interface Secrets {
  /** The value, or undefined when there is none: an empty one counts as none. */
  valueOf(reference: Reference): string | undefined
}

/** A secret is a key or a certificate, not a database. */
const MAX_BYTES = 64 * 1024

/** Variables of `env`, and files: relative ones from the store's folder. The line end that editors and `echo` leave behind a secret in a file is not part of it. */
export function secretsOf(storeDir: string, env: NodeJS.ProcessEnv): Secrets {
  return {
    valueOf({ kind, name }) {
      const value = kind === 'env' ? env[name] : fileText(resolve(storeDir, name))
      return value === '' ? undefined : value
    },
  }
}

function fileText(path: string): string | undefined {
  try {
    const found = statSync(path)
    if (!found.isFile() || found.size > MAX_BYTES) return undefined
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch {
    return undefined
  }
}
