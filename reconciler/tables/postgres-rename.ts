import { CatalystError } from '../../schemas/errors.ts'
import type { Fence, Migration } from '../data-ports.ts'
import { recordOwnedSql, renamePluginSql } from '../store-db/fence-sql.ts'
import { schemaOf } from './names.ts'
import { recordDefinition } from './postgres-definition.ts'
import type { Host } from './postgres-host.ts'
import { quoted } from './postgres-names.ts'
import { survey } from './postgres-role.ts'

/**
 * Gives schema and role of one plugin the names of another; everything in them refers to each other by number, not by name.
 * Does nothing when there is neither. @throws CatalystError CONTRADICTION when the other id has a schema already, LEASE_LOST
 */
export async function rename(host: Host, from: string, to: string, migrations: readonly Migration[], fence: Fence): Promise<void> {
  await host.change(fence, async (query) => {
    const [old, fresh] = [await survey(query, from), await survey(query, to)]
    if (fresh.made.schema || fresh.quarantined) throw new CatalystError('CONTRADICTION', `${to} has tables of its own, so that ${from} cannot become ${to}`)
    if (old.quarantined) throw new CatalystError('CONTRADICTION', `The tables of ${from} are in quarantine`, { hint: 'Bring them back first: put the plugin back into plugins.yaml.' })
    if (old.made.schema) await query(`ALTER SCHEMA ${quoted(schemaOf(from))} RENAME TO ${quoted(schemaOf(to))}`)
    if (old.made.role && !fresh.made.role) await query(`ALTER ROLE ${quoted(old.role)} RENAME TO ${quoted(fresh.role)}`)
    const things = old.made.schema ? [{ kind: 'role', name: fresh.role }, { kind: 'schema', name: fresh.schema }] : []
    for (const { sql, params } of [...renamePluginSql('postgres', from, to, migrations), ...recordOwnedSql('postgres', from, []), ...recordOwnedSql('postgres', to, things)]) await query(sql, params)
    for (const plugin of [from, to]) await recordDefinition(query, plugin)
  })
}
