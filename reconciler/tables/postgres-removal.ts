import { CatalystError } from '../../schemas/errors.ts'
import type { Fence, Inventory } from '../data-ports.ts'
import { forgetMigrationSql, markQuarantinedSql, recordDefinitionSql, recordOwnedSql } from '../store-db/fence-sql.ts'
import type { Query } from '../store-db/postgres-connection.ts'
import { sqlState } from '../store-db/postgres-errors.ts'
import type { Host } from './postgres-host.ts'
import { schemaOf } from './names.ts'
import { inventories, thingsOf, type Found } from './postgres-inventory.ts'
import { quarantineOf, quoted } from './postgres-names.ts'
import { putOut, survey, type Grounds } from './postgres-role.ts'
import { usesIn } from './postgres-uses.ts'

/*
 * Out of the way, back, and gone. Nothing here uses CASCADE: what somebody else made stays, and what needs a plugin's
 * tables stops their removal by name.
 */

/** Renames the schema of a plugin, so that nothing finds its tables by name. Does nothing when it has none, or when they are out of the way. */
export async function quarantine(host: Host, plugin: string, fence: Fence): Promise<void> {
  await move(host, plugin, fence, schemaOf(plugin), quarantineOf(plugin), fence.now)
}

/** Undoes `quarantine`. Does nothing when the tables are where they belong. */
export async function restoreFromQuarantine(host: Host, plugin: string, fence: Fence): Promise<void> {
  await move(host, plugin, fence, quarantineOf(plugin), schemaOf(plugin), undefined)
}

async function move(host: Host, plugin: string, fence: Fence, from: string, to: string, since: string | undefined): Promise<void> {
  await host.change(fence, async (query) => {
    const [there] = await query('SELECT to_regnamespace($1) IS NOT NULL AS "from", to_regnamespace($2) IS NOT NULL AS "to"', [from, to])
    if (!there?.['from']) return
    if (there['to']) throw new CatalystError('STATE_INVALID', `The schema ${from} cannot become ${to}: both are there`, { hint: `Look which of the two holds the plugin’s tables, and drop or rename the other.` })
    await query(`ALTER SCHEMA ${quoted(from)} RENAME TO ${quoted(to)}`)
    for (const { sql, params } of markQuarantinedSql('postgres', plugin, since)) await query(sql, params)
  })
}

/** Counts rows, on another connection. */
export type Count = (things: readonly Found[]) => Promise<readonly Found[]>

/**
 * Drops schema and role of a plugin with all that is theirs, and forgets its migrations.
 * @throws CatalystError TABLE_IN_USE with the names of what needs them, LEASE_LOST
 */
export async function drop(host: Host, plugin: string, fence: Fence, count: Count): Promise<Inventory> {
  return host.change(fence, async (query) => {
    const grounds = await survey(query, plugin)
    const found = await lockedInventory(query, grounds, count)
    const uses = (await usesIn(query, [plugin])).get(plugin) ?? []
    if (uses.length > 0) throw inUse(plugin, uses.map(({ table, kind, by }) => `${kind} ${by} on ${table}`))
    await naming(plugin, () => dropGrounds(query, grounds))
    for (const { sql, params } of [...forgetMigrationSql('postgres', plugin), ...recordDefinitionSql('postgres', plugin, undefined), ...markQuarantinedSql('postgres', plugin, undefined)]) await query(sql, params)
    return found
  })
}

/** What is dropped is what was counted: from here on nobody writes to the tables, or makes anything that needs them. */
async function lockedInventory(query: Query, grounds: Grounds, count: Count): Promise<Inventory> {
  await putOut(query, grounds.role)
  const tables = await query(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ($1, $2) AND c.relkind IN ('r', 'p') AND pg_get_userbyid(c.relowner) = $3 ORDER BY 1`,
    [grounds.schema, quarantineOf(grounds.plugin), grounds.role])
  // In a mode in which others, and our other connection, may still read.
  if (tables.length > 0) await query(`LOCK TABLE ${tables.map((row) => `ONLY ${row['name']}`).join(', ')} IN SHARE ROW EXCLUSIVE MODE`)
  const found = inventories([grounds.plugin], await count(await thingsOf(query, [grounds.plugin], true))).get(grounds.plugin)
  return found ?? { plugin: grounds.plugin, tables: [], others: [], quarantined: false }
}

/** True when a plugin has neither migrations nor anything in its schema. */
export async function isEmpty(query: Query, { plugin, schema }: Grounds): Promise<boolean> {
  const [row] = await query(
    `SELECT EXISTS (SELECT FROM catalyst.migrations WHERE plugin = $1)
       OR EXISTS (SELECT FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass AND refobjid IN (to_regnamespace($2), to_regnamespace($3))) AS anything`,
    [plugin, schema, quarantineOf(plugin)])
  return row?.['anything'] === false
}

/** Everything that is the role's, its rights, its schema and itself. RESTRICT: what others made upon it stops this. */
export async function dropGrounds(query: Query, { plugin, role, schema }: Grounds): Promise<void> {
  const [there] = await query('SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS role', [role])
  if (there?.['role']) await query(`DROP OWNED BY ${quoted(role)} RESTRICT`)
  for (const name of [schema, quarantineOf(plugin)]) await query(`DROP SCHEMA IF EXISTS ${quoted(name)} RESTRICT`)
  if (there?.['role']) await query(`DROP ROLE ${quoted(role)}`)
  for (const { sql, params } of recordOwnedSql('postgres', plugin, [])) await query(sql, params)
}

const DEPENDENTS_EXIST = '2BP01'

async function naming(plugin: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const said = error instanceof CatalystError ? error.cause : error
    if (sqlState(said) !== DEPENDENTS_EXIST) throw error
    throw inUse(plugin, String((said as { detail?: string }).detail ?? (said as Error).message).split('\n'), error)
  }
}

function inUse(plugin: string, by: readonly string[], cause?: unknown): CatalystError {
  return new CatalystError('TABLE_IN_USE', `The tables of ${plugin} are needed by others: ${by.join('; ')}`, { cause })
}
