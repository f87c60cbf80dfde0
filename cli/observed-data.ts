import type { ObservedState } from '../reconciler/plan/observed.ts'
import type { AppliedMigration, PluginData } from '../reconciler/data-ports.ts'
import type { MigrationRef } from '../schemas/common.ts'

/**
 * Looks at the tables, data folders and backups of these plugins; who else needs the tables is asked for those that are
 * `going`. Changes nothing.
 */
export async function observeData(ids: readonly string[], going: readonly string[], { tables, backups, folders }: PluginData): Promise<Partial<ObservedState>> {
  const [inventories, applied, listed, uses] = await Promise.all([tables.inventory(ids, 'estimate'), tables.applied(), backups.list(), tables.uses(going)])
  const sizes = await Promise.all(ids.map(async (id) => [id, (await folders.size(id)) ?? { files: 0, bytes: 0 }] as const))
  const ran = Map.groupBy(applied, (migration) => migration.plugin)
  return {
    inventories,
    dataFolders: new Map(sizes),
    uses,
    applied: new Map(ids.map((id) => [id, (ran.get(id) ?? []).map(refOf)])),
    backups: Map.groupBy(listed, (ref) => ref.plugin),
  }
}

function refOf({ id, checksum, kind, down }: AppliedMigration): MigrationRef {
  return { id, checksum, kind, down: down !== undefined }
}
