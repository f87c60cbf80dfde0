import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { CatalystError } from '../schemas/errors.ts'
import { isReference } from '../schemas/references.ts'

/**
 * The SQLite file that `store.database` names, absolute. References are looked up now; their values go nowhere else.
 * @throws CatalystError SECRET_MISSING, STATE_UNAVAILABLE for a kind of database that this version cannot open
 */
export function databaseFile(database: string, storeDir: string, env: NodeJS.ProcessEnv): string {
  const url = isReference(database) ? lookUp(database, storeDir, env) : database
  const path = /^sqlite:(.+)$/.exec(url)?.[1]
  if (path !== undefined) return resolve(storeDir, path)
  const scheme = /^([a-z]+):/.exec(url)?.[1] ?? 'no scheme'
  throw new CatalystError('STATE_UNAVAILABLE', `store.database names a database of kind ${scheme}; this version keeps the state in SQLite`, { hint: 'Write `database: sqlite:./store.db` in plugins.yaml.' })
}

function lookUp(reference: string, storeDir: string, env: NodeJS.ProcessEnv): string {
  const [, kind, name = ''] = /^\$\{(env|file):([^}]+)\}$/.exec(reference) ?? []
  const value = kind === 'env' ? env[name] : fileText(resolve(storeDir, name))
  if (value) return value.trim()
  throw new CatalystError('SECRET_MISSING', `store.database refers to ${kind}:${name}, which is not there`)
}

function fileText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
