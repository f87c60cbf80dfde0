import type { ObservedState } from '../reconciler/plan/observed.ts'
import type { AppliedMigration, PluginData } from '../reconciler/data-ports.ts'
import type { MigrationRef } from '../schemas/common.ts'
import type { LockBlock } from '../schemas/lock.ts'

/** Plugins whose data is looked at. */
export interface Looked {
  readonly ids: readonly string[]
  /** Those of them that leave or have left: who else needs their tables is asked. */
  readonly going: readonly string[]
  /** Installed ones that the lock leaves as they are: where all their migrations have run, nothing happens to their data, and it is not measured. */
  readonly staying: ReadonlyMap<string, LockBlock>
}

/** Looks at tables, data folders and backups. Changes nothing. */
export async function observeData({ ids, going, staying }: Looked, { tables, backups, folders }: PluginData): Promise<Partial<ObservedState>> {
  const [applied, listed, uses] = await Promise.all([tables.applied(), backups.list(), tables.uses(going)])
  const ran = Map.groupBy(applied, (migration) => migration.plugin)
  const leaving = new Set(going)
  const measured = ids.filter((id) => leaving.has(id) || staying.get(id)?.migrations.length !== ran.get(id)?.length)
  const inventories = await tables.inventory(measured, 'estimate')
  const sizes = await Promise.all(measured.map(async (id) => [id, (await folders.size(id)) ?? { files: 0, bytes: 0 }] as const))
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
