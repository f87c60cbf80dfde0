import { CatalystError } from '../../schemas/errors.ts'
import type { Inventory } from '../data-ports.ts'
import { forgetMigrationSql, markQuarantinedSql, recordDefinitionSql, recordOwnedSql } from '../store-db/fence-sql.ts'
import { transaction } from '../store-db/sqlite-connection.ts'
import { dropOrder, inventoryOf } from './sqlite-inventory.ts'
import type { MigrationRun } from './sqlite-migration.ts'
import { quarantinedPlugins, recordedNames, runOwn, underFence } from './sqlite-records.ts'
import { ownedOf, readSchema } from './sqlite-schema.ts'
import { usesOf } from './sqlite-uses.ts'

/**
 * Drops what a plugin owns and forgets its migrations, in one transaction; tells what it was. The connection must not
 * enforce foreign keys: they are looked at here, and dropping would delete row by row.
 * @throws CatalystError TABLE_IN_USE for what others refer to, and for what lies under the name but no migration made; LEASE_LOST
 */
export function drop({ db, path, plugin, fence, check }: MigrationRun): Inventory {
  return transaction(db, path, 'write', () => {
    underFence(db, fence)
    const schema = readSchema(db)
    assertUnused(plugin, (usesOf(db, schema, [plugin]).get(plugin) ?? []).map(({ kind, by, table }) => `the ${kind} of ${by} needs ${table}`))
    const recorded = recordedNames(db, plugin)
    assertUnused(plugin, ownedOf(schema, plugin).filter(({ kind, name }) => kind !== 'index' && !recorded.has(name)).map(({ kind, name }) => `no migration made the ${kind} ${name}`))
    const inventory = inventoryOf(db, schema, [plugin], { rows: 'exact', quarantined: quarantinedPlugins(db) }).get(plugin)
    for (const sql of dropOrder(schema, plugin)) {
      check()
      db.exec(sql)
    }
    runOwn(db, [...forgetMigrationSql('sqlite', plugin), ...recordOwnedSql('sqlite', plugin, []), ...recordDefinitionSql('sqlite', plugin, undefined), ...markQuarantinedSql('sqlite', plugin, undefined)])
    return inventory ?? { plugin, tables: [], others: [], quarantined: false }
  })
}

function assertUnused(plugin: string, reasons: readonly string[]): void {
  if (reasons.length > 0) throw new CatalystError('TABLE_IN_USE', `The tables of ${plugin} stay: ${reasons.join('; ')}`)
}
