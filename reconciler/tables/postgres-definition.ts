import type { Digest } from '../../schemas/digest.ts'
import type { TableDefinitions } from '../data-ports.ts'
import { appliedFrom, appliedSql, definitionsSql, recordDefinitionSql } from '../store-db/fence-sql.ts'
import type { Query } from '../store-db/postgres-connection.ts'
import { definitionDigest } from './postgres-digest.ts'

/** Records how a plugin's tables are defined now that they were changed by us; forgets it where no migration has run. In a transaction of the caller. */
export async function recordDefinition(query: Query, plugin: string): Promise<void> {
  const applied = appliedSql('postgres', plugin)
  const newest = (await query(applied.sql, applied.params)).map(appliedFrom).at(-1)?.id
  const definition = newest === undefined ? undefined : { newest, digest: await definitionDigest(query, plugin) }
  for (const { sql, params } of recordDefinitionSql('postgres', plugin, definition)) await query(sql, params)
}

/** How the tables of these plugins were defined and are; only of those of which that is known. */
export async function definitionsOf(query: Query, plugins: readonly string[]): Promise<ReadonlyMap<string, TableDefinitions>> {
  const [there] = await query(`SELECT to_regclass('catalyst.definitions') IS NOT NULL AS yes`)
  if (there?.['yes'] !== true) return new Map()
  const { sql, params } = definitionsSql('postgres')
  const found = new Map<string, TableDefinitions>()
  for (const row of await query(sql, params)) {
    const plugin = String(row['plugin'])
    if (plugins.includes(plugin)) found.set(plugin, { recorded: row['digest'] as Digest, now: await definitionDigest(query, plugin) })
  }
  return found
}
