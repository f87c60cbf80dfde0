import { resolve } from 'node:path'
import type { StoreState } from '../reconciler/ports.ts'
import { openSqlite } from '../reconciler/store-db/sqlite.ts'
import { CatalystError } from '../schemas/errors.ts'
import { substitute, type Reference } from '../schemas/references.ts'
import { secretsOf } from './secrets.ts'

/**
 * Where the database that `store.database` names is: the absolute path of a SQLite file, or the URL of a PostgreSQL
 * database. References, alone or inside the text, are looked up now. A URL may hold a password: it is written nowhere.
 * @throws CatalystError SECRET_MISSING, STATE_UNAVAILABLE for a kind of database that this version cannot open
 */
export function databaseAddress(database: string, storeDir: string, env: NodeJS.ProcessEnv): string {
  const secrets = secretsOf(storeDir, env)
  const lookUp = (reference: Reference): string => {
    const value = secrets.valueOf(reference)
    if (value !== undefined) return value.trim()
    throw new CatalystError('SECRET_MISSING', `store.database refers to ${reference.kind}:${reference.name}, which is not there`)
  }
  const url = String(substitute(database, lookUp))
  const path = /^sqlite:(.+)$/.exec(url)?.[1]
  if (path !== undefined) return resolve(storeDir, path)
  if (isPostgres(url)) return url
  const scheme = /^([a-z]+):/.exec(url)?.[1] ?? 'no scheme'
  throw new CatalystError('STATE_UNAVAILABLE', `store.database names a database of kind ${scheme}; this version keeps the state in SQLite or PostgreSQL`, { hint: 'Write `database: sqlite:./store.db` or `database: postgres://user@host/database` in plugins.yaml, or a reference such as ${env:DATABASE_URL} to one.' })
}

/** True for the address of a PostgreSQL database, false for the path of a SQLite file. */
export function isPostgres(address: string): boolean {
  return /^postgres(ql)?:\/\//.test(address)
}

/** Opens the state at an address of `databaseAddress`. What speaks to PostgreSQL is loaded by stores that use it. @throws CatalystError as `openSqlite`, `openPostgres` */
export async function openDatabase(address: string, options: { readonly readOnly: boolean }): Promise<StoreState> {
  if (!isPostgres(address)) return openSqlite(address, options)
  const { openPostgres } = await import('../reconciler/store-db/postgres.ts')
  return openPostgres(address, options)
}
