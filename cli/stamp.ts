import { writeStamp, type StampInput } from '../reconciler/state/stamp.ts'
import type { DesiredState } from '../reconciler/plan/desired.ts'
import type { Plan } from '../schemas/plan.ts'
import type { House } from './compose.ts'
import { rememberDatabase } from './remembered-database.ts'
import { toolVersion } from './version.ts'

/**
 * Records that nothing is left to do, when that is so and there is nothing a reader must see again: a hold, a kept
 * decision or an unsigned source is shown by every plan. The next pass then needs one look at a small file.
 */
export function recordNothingToDo(house: House, desired: DesiredState, decided: Plan, serial: number): void {
  const database = house.databasePath(desired)
  rememberDatabase(house.paths.root, house.files.pluginsPath, database)
  // A reference may change without a file changing: who has one is asked properly every time.
  if (decided.changes.length + decided.blocked.length + decided.notices.length > 0 || desired.store.database.includes('${')) return
  writeStamp(house.paths, { ...input(house), serial, now: house.now(), database, plugins: decided.unchanged })
}

function input({ files }: House): StampInput {
  return { tool: toolVersion(), files: [files.pluginsPath, files.lockPath] }
}
